#include "nmcx/xanes/template_tables.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>

#include "nmcx/xanes/edge_curve.hpp"
#include "nmcx/xanes/template_kernel.hpp"

namespace nmcx::xanes {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

// Grid spacings in units of the rise, the jump over the steepest slope. A Gauss-Newton step from
// the nearest of the fine shifts errs by less than 1e-4 rises; the basin of a minimum of chi² is
// about two rises wide.
constexpr double fine_per_rise = 32.0;
constexpr std::size_t fine_per_coarse = 32;
constexpr std::size_t most_shifts = 4096;

/// Columns x^0 .. x^degree times `factor`, each row times the root of its weight.
MatrixXd powers(const EdgePlan& plan, int degree, const Eigen::VectorXd& factor) {
  MatrixXd columns(static_cast<Index>(plan.size()), degree + 1);
  for (Index k = 0; k < columns.rows(); ++k) {
    double power = factor[k];
    for (Index j = 0; j <= degree; ++j) {
      columns(k, j) = power;
      power *= plan.x(static_cast<std::size_t>(k));
    }
  }
  return columns;
}

}  // namespace

ShiftedTemplates shift_template(const EdgePlan& plan, const EstimatorModel& model) {
  const EdgeCurve shape(plan, model.template_ev, model.template_mu, "template");
  const double low = plan.relative_ev[plan.n_pre];
  const double high = plan.relative_ev[plan.n_pre + plan.n_scan - 1];
  ShiftedTemplates out;
  const double finest = (high - low) / static_cast<double>(most_shifts - 1);
  const auto n_step = std::ceil((high - low) / std::max(shape.rise / fine_per_rise, finest));
  out.n_shift = static_cast<std::size_t>(n_step) + 1;
  out.spacing = (high - low) / n_step;
  out.first_edge = low;
  out.coarse = std::clamp<std::size_t>(fine_per_coarse, 1, out.n_shift);
  const auto n = static_cast<Index>(plan.size());
  out.value.resize(n, static_cast<Index>(out.n_shift));
  out.slope.resize(n, static_cast<Index>(out.n_shift));
  for (Index g = 0; g < out.value.cols(); ++g) {
    const double shift = out.edge(static_cast<std::size_t>(g)) - shape.edge;
    for (Index k = 0; k < n; ++k) {
      const double at = plan.relative_ev[static_cast<std::size_t>(k)] - shift;
      out.value(k, g) = shape.curve.value(at);
      out.slope(k, g) = shape.curve.slope(at);
    }
  }
  return out;
}

TemplateTables make_template_tables(const EdgePlan& plan, const ShiftedTemplates& shifted,
                                    const std::vector<double>& weight) {
  const auto n = static_cast<Index>(plan.size());
  const Index n_pre = plan.model.pre_degree + 1;
  const Index n_post = plan.model.post_degree + 1;
  Eigen::VectorXd root = Eigen::VectorXd::Ones(n);
  for (std::size_t k = 0; k < weight.size(); ++k) {
    root[static_cast<Index>(k)] = std::sqrt(weight[k]);
  }
  TemplateTables out;
  out.n_scan_row = static_cast<std::size_t>(n_post);
  out.n_coarse = (shifted.n_shift + shifted.coarse - 1) / shifted.coarse;
  out.n_padded = (plan.size() + template_unroll - 1) / template_unroll * template_unroll;
  out.step.assign(shifted.n_shift * out.n_padded * TemplateTables::row, 0.0F);
  out.bend.assign(shifted.n_shift * 6, 0.0F);
  out.scan.reserve(out.n_coarse * plan.size() * out.n_scan_row);

  MatrixXd basis(n, n_pre + n_post);
  basis.leftCols(n_pre) = powers(plan, plan.model.pre_degree, root);
  for (std::size_t g = 0; g < shifted.n_shift; ++g) {
    const auto column = static_cast<Index>(g);
    basis.rightCols(n_post) =
        powers(plan, plan.model.post_degree, root.cwiseProduct(shifted.value.col(column)));
    const MatrixXd derivative =
        powers(plan, plan.model.post_degree, root.cwiseProduct(shifted.slope.col(column)));
    const Eigen::HouseholderQR<MatrixXd> qr(basis);
    const MatrixXd q = qr.householderQ() * MatrixXd::Identity(n, basis.cols());
    const auto r = qr.matrixQR().topRows(basis.cols()).triangularView<Eigen::Upper>();
    const MatrixXd rest = derivative - q * (q.transpose() * derivative);
    const MatrixXd solve = r.solve(q.transpose() * root.asDiagonal());
    const MatrixXd bend = rest.transpose() * rest;

    float* step = out.step.data() + (g * out.n_padded * TemplateTables::row);
    for (Index k = 0; k < n; ++k) {
      for (Index j = 0; j < n_post; ++j) {
        const auto energy = static_cast<std::size_t>(k);
        const auto number = static_cast<std::size_t>(j);
        step[TemplateTables::place(energy, number)] = static_cast<float>(solve(n_pre + j, k));
        step[TemplateTables::place(energy, 4 + number)] = static_cast<float>(rest(k, j) * root[k]);
      }
    }
    float* m = out.bend.data() + (g * 6);
    for (Index i = 0; i < n_post; ++i) {
      for (Index j = i; j < n_post; ++j) {
        m[(i * (5 - i) / 2) + j] = static_cast<float>(bend(i, j));
      }
    }
    if (g % shifted.coarse != 0) continue;
    for (Index k = 0; k < n; ++k) {
      for (Index j = 0; j < n_post; ++j) {
        out.scan.push_back(static_cast<float>(q(k, n_pre + j) * root[k]));
      }
    }
  }
  return out;
}

}  // namespace nmcx::xanes
