#include "nmcx/xanes/reference_tables.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "nmcx/core/dense_matrix.hpp"
#include "nmcx/core/error.hpp"
#include "nmcx/xanes/edge_curve.hpp"

namespace nmcx::xanes {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr double fine_per_rise = 32.0;
constexpr std::size_t fine_per_coarse = 16;
constexpr double most_shifts = 2048.0;
// Of the correlation matrix: two references whose difference is 0.1 % of either.
constexpr double least_eigenvalue = 1e-6;

std::vector<EdgeCurve> make_curves(const EdgePlan& plan, const ReferenceModel& model) {
  const std::size_t n = model.reference_ev.size();
  require(n > 0 && n <= most_references && n == model.reference_mu.size(),
          "references must be 1 to " + std::to_string(most_references) + " spectra");
  std::vector<EdgeCurve> curves;
  curves.reserve(n);
  for (std::size_t k = 0; k < n; ++k) {
    curves.emplace_back(plan, model.reference_ev[k], model.reference_mu[k],
                        "references[" + std::to_string(k) + "]");
  }
  return curves;
}

std::vector<std::size_t> fitted_rows(const EdgePlan& plan, const ReferenceModel& model) {
  require(model.window[0] < model.window[1], "window must be two energies in eV, the lower first");
  std::vector<std::size_t> rows;
  for (std::size_t k = 0; k < plan.size(); ++k) {
    const double energy = plan.relative_ev[k] + plan.reference_ev;
    const bool in_scan = k >= plan.n_pre && k < plan.n_pre + plan.n_scan;
    if (!in_scan || (energy >= model.window[0] && energy <= model.window[1])) rows.push_back(k);
  }
  return rows;
}

/// Weights of all used energies that give the post-edge curve at x.
std::vector<double> jump_weights(const EdgePlan& plan, double x) {
  std::vector<double> weights(plan.size(), 0.0);
  const std::size_t n_fit = plan.n_pre + plan.n_post;
  for (std::size_t k = 0; k < n_fit; ++k) {
    const double* w = plan.coefficient_weights.data() + (2 * n_fit) + k;
    weights[k < plan.n_pre ? k : plan.n_scan + k] = w[0] + x * (w[n_fit] + x * w[2 * n_fit]);
  }
  return weights;
}

ShiftedReferences shift_references(const ReferenceTables& tables,
                                   const std::vector<EdgeCurve>& curves, double shift) {
  const EdgePlan& plan = tables.plan;
  const auto n = static_cast<Index>(tables.rows.size());
  const Index n_ref = tables.n_reference;
  const bool has_shift = tables.spacing > 0.0;
  MatrixXd values(n, n_ref);
  MatrixXd slopes(n, n_ref);
  for (Index i = 0; i < n; ++i) {
    const double at = plan.relative_ev[tables.rows[static_cast<std::size_t>(i)]] - shift;
    for (Index k = 0; k < n_ref; ++k) {
      const CubicSpline& curve = curves[static_cast<std::size_t>(k)].curve;
      values(i, k) = curve.value(at);
      slopes(i, k) = -curve.slope(at);
    }
  }
  const Index n_pre = plan.model.pre_degree + 1;
  MatrixXd free(n, n_pre + plan.model.post_degree);
  for (Index i = 0; i < n; ++i) {
    const double x = plan.x(tables.rows[static_cast<std::size_t>(i)]);
    for (Index p = 0; p < n_pre; ++p) free(i, p) = std::pow(x, static_cast<double>(p));
    for (Index q = 1; q <= plan.model.post_degree; ++q) {
      free(i, n_pre + q - 1) = std::pow(x, static_cast<double>(q)) * values.row(i).mean();
    }
  }
  ShiftedReferences out;
  out.background = orthonormal_columns(tables.root_weight.asDiagonal() * free, 0);
  out.columns.resize(n, has_shift ? 2 * n_ref : n_ref);
  out.columns.leftCols(n_ref) = tables.root_weight.asDiagonal() * values;
  if (has_shift) out.columns.rightCols(n_ref) = tables.root_weight.asDiagonal() * slopes;
  out.columns -= out.background * (out.background.transpose() * out.columns);
  out.gram = out.columns.transpose() * out.columns;
  return out;
}

void check_independent(const MatrixXd& gram) {
  const Eigen::VectorXd scale = gram.diagonal().cwiseSqrt().cwiseInverse();
  const MatrixXd correlation = scale.asDiagonal() * gram * scale.asDiagonal();
  const SymmetricModes modes = symmetric_modes(correlation);
  if (modes.values[0] >= least_eigenvalue) return;
  Index first = 0;
  Index second = 0;
  modes.vectors.col(0).cwiseAbs().maxCoeff(&first);
  Eigen::VectorXd others = modes.vectors.col(0).cwiseAbs();
  others[first] = -1.0;
  others.maxCoeff(&second);
  throw InvalidArgument("references[" + std::to_string(first) + "] is nearly a mixture of the " +
                        "others (most like references[" + std::to_string(second) +
                        "]): leave one of them out");
}

}  // namespace

ReferenceTables make_reference_tables(ArrayView<double, 1> energy_ev, const ReferenceModel& model,
                                      const std::vector<double>& variance) {
  ReferenceTables tables;
  tables.plan = make_edge_plan(energy_ev, model.edge);
  const EdgePlan& plan = tables.plan;
  const std::vector<EdgeCurve> curves = make_curves(plan, model);
  tables.n_reference = static_cast<Index>(curves.size());
  tables.rows = fitted_rows(plan, model);

  double edge = 0.0;
  double rise = curves.front().rise;
  for (const EdgeCurve& curve : curves) {
    edge += curve.edge / static_cast<double>(curves.size());
    rise = std::min(rise, curve.rise);
  }
  const auto n = static_cast<Index>(tables.rows.size());
  const std::vector<double> jump = jump_weights(plan, edge / plan.scale_ev);
  tables.root_weight = Eigen::VectorXd::Ones(n);
  tables.jump.resize(n);
  for (Index i = 0; i < n; ++i) {
    const std::size_t row = tables.rows[static_cast<std::size_t>(i)];
    tables.jump[i] = jump[row];
    if (variance.empty()) continue;
    const double value = variance[plan.first + row];
    require(std::isfinite(value) && value > 0.0,
            "variance must be positive and finite at every energy that is used");
    tables.root_weight[i] = 1.0 / std::sqrt(value);
  }

  const double range = model.shift[1] - model.shift[0];
  require(std::isfinite(range) && range >= 0.0,
          "energy_shift must be two finite energies in eV, the lower first");
  double n_step = 0.0;
  if (range > 0.0) n_step = std::min(most_shifts, std::ceil(range / rise * fine_per_rise));
  tables.first_shift = model.shift[0];
  tables.spacing = range > 0.0 ? range / n_step : 0.0;
  tables.coarse = fine_per_coarse;
  const Index n_parameter = plan.model.pre_degree + plan.model.post_degree + 1 +
                            tables.n_reference + (range > 0.0 ? 1 : 0);
  require(n > n_parameter,
          "too few energies for this many references: widen window, or leave out "
          "references or energy_shift");
  for (std::size_t g = 0; g <= static_cast<std::size_t>(n_step); ++g) {
    const double shift = tables.first_shift + static_cast<double>(g) * tables.spacing;
    tables.shifted.push_back(shift_references(tables, curves, shift));
  }
  check_independent(
      tables.shifted.front().gram.topLeftCorner(tables.n_reference, tables.n_reference));
  return tables;
}

}  // namespace nmcx::xanes
