#include "nmcx/xanes/normalise.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "nmcx/core/dense_matrix.hpp"
#include "nmcx/xanes/edge_fit_kernel.hpp"

namespace nmcx::xanes {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

/// Voxels of one energy that are written at once.
constexpr std::size_t voxels_of_block = std::size_t{1} << 15U;

std::size_t index_of_first(ArrayView<double, 1> energy_ev, double limit, bool above) {
  const double* found = above ? std::upper_bound(energy_ev.begin(), energy_ev.end(), limit)
                              : std::lower_bound(energy_ev.begin(), energy_ev.end(), limit);
  return static_cast<std::size_t>(found - energy_ev.begin());
}

void check_window(const std::array<double, 2>& window, const std::string& name) {
  require(std::isfinite(window[0]) && std::isfinite(window[1]) && window[0] <= window[1],
          name + " must be two finite energies in eV, the lower one first");
}

void check_points(std::size_t n_point, int degree, const std::string& name) {
  require(std::cmp_greater(n_point, degree),
          name + "_edge holds " + std::to_string(n_point) + " energies, too few for " + name +
              "_degree " + std::to_string(degree) + ": widen the window or lower the degree");
}

MatrixXd vandermonde(const EdgePlan& plan, std::size_t begin, std::size_t n_row, int degree) {
  MatrixXd basis(static_cast<Index>(n_row), degree + 1);
  for (Index i = 0; i < basis.rows(); ++i) {
    for (Index power = 0; power <= degree; ++power) {
      basis(i, power) =
          std::pow(plan.x(begin + static_cast<std::size_t>(i)), static_cast<double>(power));
    }
  }
  return basis;
}

/// Rows give the polynomial's coefficients, padded with zeros to `n_row` rows.
MatrixXd least_squares(const MatrixXd& basis, Index n_row) {
  MatrixXd weights = MatrixXd::Zero(n_row, basis.rows());
  weights.topRows(basis.cols()) = least_squares_weights(basis);
  return weights;
}

std::vector<double> row_major(const MatrixXd& matrix) {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(matrix.size()));
  for (Index i = 0; i < matrix.rows(); ++i) {
    for (Index j = 0; j < matrix.cols(); ++j) values.push_back(matrix(i, j));
  }
  return values;
}

EdgePlan find_windows(ArrayView<double, 1> energy_ev, const EdgeModel& model) {
  for (std::size_t i = 0; i < energy_ev.size(); ++i) {
    require(std::isfinite(energy_ev[i]) && (i == 0 || energy_ev[i] > energy_ev[i - 1]),
            "energy_ev must be finite and increase strictly (failed at index " + std::to_string(i) +
                "): sort energies and mu together and average duplicates");
  }
  check_window(model.pre_edge, "pre_edge");
  check_window(model.post_edge, "post_edge");
  require(model.pre_edge[1] < model.post_edge[0],
          "pre_edge must end below the start of post_edge: the edge lies between them");
  require(model.pre_degree == 0 || model.pre_degree == 1, "pre_degree must be 0 or 1");
  require(model.post_degree >= 0 && model.post_degree <= 2, "post_degree must be 0, 1 or 2");
  require(model.level > 0.0 && model.level < 1.0, "level must lie between 0 and 1");
  require(model.peak_half_width_ev > 0.0, "the half-width of the white line must be positive");

  require(model.shape_mu.empty() || model.shape_mu.size() == energy_ev.size(),
          "the mean spectrum must have one value per energy");

  EdgePlan plan;
  plan.model = model;
  plan.first = index_of_first(energy_ev, model.pre_edge[0], false);
  const std::size_t scan = index_of_first(energy_ev, model.pre_edge[1], true);
  const std::size_t post = index_of_first(energy_ev, model.post_edge[0], false);
  plan.n_pre = scan - plan.first;
  plan.n_scan = post - scan;
  plan.n_post = index_of_first(energy_ev, model.post_edge[1], true) - post;
  const std::string hint = energy_ev.size() > 0 && energy_ev[energy_ev.size() - 1] < 100.0
                               ? "; energy_ev looks like keV: multiply it by 1000"
                               : ": move or widen the window";
  require(plan.n_pre > 0, "pre_edge holds none of the energies" + hint);
  require(plan.n_post > 0, "post_edge holds none of the energies" + hint);
  check_points(plan.n_pre, model.pre_degree, "pre");
  check_points(plan.n_post, model.post_degree, "post");
  require(plan.n_scan >= 4,
          "fewer than four energies lie between pre_edge and post_edge: move "
          "the windows away from the edge");
  require(plan.n_scan <= most_scan_energies,
          "more than " + std::to_string(most_scan_energies) +
              " energies lie between pre_edge and post_edge: rebin the spectra");
  const int n_coefficient = model.shape_mu.empty() ? model.pre_degree + model.post_degree + 2 : 2;
  plan.n_freedom = plan.n_pre + plan.n_post - static_cast<std::size_t>(n_coefficient);
  return plan;
}

/// Sums over each window and how they mix into the five coefficients.
struct Projection {
  MatrixXd pre;   // (2, n_pre)
  MatrixXd post;  // (3, n_post)
  Eigen::Matrix<double, 5, 5> mix = Eigen::Matrix<double, 5, 5>::Identity();

  [[nodiscard]] MatrixXd coefficients() const {
    MatrixXd sums = MatrixXd::Zero(5, pre.cols() + post.cols());
    sums.topLeftCorner(2, pre.cols()) = pre;
    sums.bottomRightCorner(3, post.cols()) = post;
    return mix * sums;
  }
};

Projection free_polynomials(const EdgePlan& plan) {
  const std::size_t first_post = plan.n_pre + plan.n_scan;
  Projection out;
  out.pre = least_squares(vandermonde(plan, 0, plan.n_pre, plan.model.pre_degree), 2);
  out.post = least_squares(vandermonde(plan, first_post, plan.n_post, plan.model.post_degree), 3);
  // The post-edge is fitted to mu - pre: fitting is linear, so the pre-edge enters by constants.
  out.mix.bottomLeftCorner(3, 2) = -out.post * vandermonde(plan, first_post, plan.n_post, 1);
  return out;
}

/// Offset and jump only; slopes and curvature in proportion to the jump as in
/// `plan.model.shape_mu`.
Projection global_shape(const EdgePlan& plan) {
  Eigen::VectorXd mean(static_cast<Index>(plan.n_pre + plan.n_post));
  for (std::size_t k = 0; k < plan.n_pre + plan.n_post; ++k) {
    const std::size_t row = k < plan.n_pre ? k : plan.n_scan + k;
    mean(static_cast<Index>(k)) = plan.model.shape_mu[plan.first + row];
  }
  const Eigen::VectorXd shape = free_polynomials(plan).coefficients() * mean;
  const double jump = shape(2);
  require(std::isfinite(jump) && jump > 0.0,
          "the mean spectrum has no edge whose shape could be imposed: mask what is not the "
          "sample, or use normalisation \"window\"");
  const double slope = shape(1) / jump;
  const std::array<double, 2> curve{shape(3) / jump, shape(4) / jump};

  MatrixXd basis(mean.size(), 2);
  for (Index k = 0; k < basis.rows(); ++k) {
    const bool is_pre = std::cmp_less(k, plan.n_pre);
    const double x = plan.x(static_cast<std::size_t>(k) + (is_pre ? 0 : plan.n_scan));
    basis.row(k) << 1.0, (slope * x) + (is_pre ? 0.0 : 1.0 + (x * (curve[0] + x * curve[1])));
  }
  const MatrixXd weights = least_squares(basis, 2);
  Projection out;
  out.pre = weights.leftCols(static_cast<Index>(plan.n_pre));
  out.post = MatrixXd::Zero(3, static_cast<Index>(plan.n_post));
  out.post.topRows(2) = weights.rightCols(out.post.cols());
  // Sums 0 and 2 make the offset, 1 and 3 the jump.
  out.mix.setZero();
  const std::array<double, 5> of_jump{0.0, slope, 1.0, curve[0], curve[1]};
  for (Index i = 0; i < 5; ++i) {
    out.mix(i, 1) = of_jump[static_cast<std::size_t>(i)];
    out.mix(i, 3) = of_jump[static_cast<std::size_t>(i)];
  }
  out.mix(0, 0) = 1.0;
  out.mix(0, 2) = 1.0;
  return out;
}

}  // namespace

EdgePlan make_edge_plan(ArrayView<double, 1> energy_ev, const EdgeModel& model) {
  EdgePlan plan = find_windows(energy_ev, model);
  const std::size_t scan = plan.first + plan.n_pre;
  plan.reference_ev = 0.5 * (energy_ev[scan] + energy_ev[scan + plan.n_scan - 1]);
  for (std::size_t i = 0; i < plan.size(); ++i) {
    plan.relative_ev.push_back(energy_ev[plan.first + i] - plan.reference_ev);
  }
  plan.scale_ev = std::max(-plan.relative_ev.front(), plan.relative_ev.back());

  const Projection projection =
      model.shape_mu.empty() ? free_polynomials(plan) : global_shape(plan);
  const MatrixXd weights = projection.coefficients();
  MatrixXd level = model.level * weights.bottomRows(3);
  level.topRows(2) += weights.topRows(2);
  const Eigen::Matrix3d covariance = level * level.transpose();

  plan.pre_weights = row_major(projection.pre);
  plan.post_weights = row_major(projection.post);
  for (std::size_t i = 0; i < 25; ++i) {
    plan.mix[i] = projection.mix(static_cast<Index>(i / 5), static_cast<Index>(i % 5));
  }
  plan.coefficient_weights = row_major(weights);
  plan.level_weights = row_major(level);
  plan.level_variance = {covariance(0, 0), 2.0 * covariance(0, 1),
                         covariance(1, 1) + 2.0 * covariance(0, 2), 2.0 * covariance(1, 2),
                         covariance(2, 2)};
  plan.pre_slope_variance = weights.row(1).squaredNorm() / (plan.scale_ev * plan.scale_ev);
  return plan;
}

Normalised normalise(ArrayView<double, 1> energy_ev, ArrayView<double, 2> mu,
                     const EdgeModel& model, double edge_ev, const Execution& execution) {
  require(mu.shape[0] == energy_ev.size(), "mu must have one row per energy");
  require(std::isfinite(edge_ev), "edge_ev must be finite");
  const EdgePlan plan = make_edge_plan(energy_ev, model);
  const std::size_t n_voxel = mu.shape[1];
  Normalised out{Array<double, 2>(mu.shape), Array<double, 2>(mu.shape),
                 Array<double, 1>({n_voxel})};
  const std::size_t post = plan.first + plan.n_pre + plan.n_scan;
  const auto scaled = [&](double energy) { return (energy - plan.reference_ev) / plan.scale_ev; };
  const double x_edge = scaled(edge_ev);
  const std::size_t n_fit = plan.n_pre + plan.n_post;

  Array<double, 2> coefficients({5, n_voxel}, 0.0);
  Team team(execution);
  team.loop(n_voxel, 1024, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t i = 0; i < 5; ++i) {
      const double* weights = plan.coefficient_weights.data() + (i * n_fit);
      double* c = coefficients.data() + (i * n_voxel);
      for (std::size_t k = 0; k < n_fit; ++k) {
        const double* row = &mu(k < plan.n_pre ? plan.first + k : post + k - plan.n_pre, 0);
        for (std::size_t v = begin; v < end; ++v) c[v] += weights[k] * row[v];
      }
    }
  });
  const auto post_at = [&](double x, std::size_t v) {
    const double* c = coefficients.data() + v;
    return c[2 * n_voxel] + x * (c[3 * n_voxel] + x * c[4 * n_voxel]);
  };
  for (std::size_t v = 0; v < n_voxel; ++v) out.edge_jump[v] = post_at(x_edge, v);
  // Row by row: columns of a large stack would touch all of its memory for the first few voxels.
  const std::size_t n_block = (n_voxel + voxels_of_block - 1) / voxels_of_block;
  team.loop(energy_ev.size() * n_block, 1, [&](std::size_t, std::size_t, std::size_t chunk) {
    const std::size_t e = chunk / n_block;
    const std::size_t begin = chunk % n_block * voxels_of_block;
    const double x = scaled(energy_ev[e]);
    const double* offset = coefficients.data();
    for (std::size_t v = begin; v < std::min(n_voxel, begin + voxels_of_block); ++v) {
      const double jump = out.edge_jump[v];
      const double norm = (mu(e, v) - offset[v] - x * offset[n_voxel + v]) / jump;
      out.norm.data()[(e * n_voxel) + v] = norm;
      out.flat.data()[(e * n_voxel) + v] =
          energy_ev[e] > edge_ev ? norm - (post_at(x, v) / jump - 1.0) : norm;
    }
  });
  return out;
}

}  // namespace nmcx::xanes
