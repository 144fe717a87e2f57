#include "nmcx/fem/force_balance.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "nmcx/core/dense_matrix.hpp"

namespace nmcx {
namespace {

void symmetrise(WallResponse& walls) {
  const std::size_t n = walls.matrices.shape[1];
  for (std::size_t f = 0; f < walls.matrices.shape[0]; ++f) {
    double* a = walls.matrices.data() + (f * n * n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const double mean = 0.5 * (a[(i * n) + j] + a[(j * n) + i]);
        a[(i * n) + j] = mean;
        a[(j * n) + i] = mean;
      }
    }
  }
}

/// Takes the negative eigenvalues out of the matrices of facets whose damage grows.
void keep_positive_part(WallResponse& walls, const Execution& execution) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto n = static_cast<Eigen::Index>(walls.matrices.shape[1]);
  const std::size_t q = walls.is_loading.shape[1];
  parallel_for(
      walls.matrices.shape[0], 64, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
        for (std::size_t f = begin; f < end; ++f) {
          const bool* loading = walls.is_loading.data() + (f * q);
          if (std::none_of(loading, loading + q, [](bool b) { return b; })) continue;
          Eigen::Map<Matrix> a(walls.matrices.data() + (f * static_cast<std::size_t>(n * n)), n, n);
          const SymmetricModes modes = symmetric_modes(a);
          a = modes.vectors * modes.values.cwiseMax(0.0).asDiagonal() * modes.vectors.transpose();
        }
      });
}

}  // namespace

ForceBalance::ForceBalance(const FractureSystem& system, const CohesiveState& before,
                           const FractureOptions& options, const Execution& execution)
    : system_(system), before_(before), options_(options), execution_(execution) {}

std::size_t ForceBalance::n_inner() const {
  return system_.elasticity.pattern().size() * system_.elasticity.dimension();
}

void ForceBalance::stretch(BodyForces& body) const {
  body.stiff.resize(body.x.size());
  Team team(execution_);
  multiply(system_.elasticity.matrix(), body.x, body.stiff, team);
}

void ForceBalance::evaluate(BodyForces& body, std::span<const double> load) const {
  body.walls = system_.walls.evaluate({body.x.data(), {n_inner()}}, before_,
                                      {.tangent = TangentKind::none,
                                       .time_step = options_.time_step,
                                       .residual_integrity = options_.residual_integrity},
                                      execution_);
  body.r.resize(body.x.size());
  const std::size_t n = n_inner();
  for (std::size_t i = 0; i < body.r.size(); ++i) {
    body.r[i] = load[i] - body.stiff[i] - (i < n ? body.walls.force[i] : 0);
  }
  const auto is_fixed = system_.solver.is_fixed();
  for (std::size_t i = 0; i < n; ++i) {
    if (is_fixed[i]) body.r[i] = 0;
  }
  Team team(execution_);
  system_.solver.rigid_modes().project(body.r, team);
}

double ForceBalance::norm(std::span<const double> force) const {
  const std::size_t n = n_inner();
  Team team(execution_);
  double sum = chunked_sum(n, team, [&](std::size_t i) { return force[i] * force[i]; });
  for (std::size_t i = n; i < force.size(); ++i) {
    sum += force[i] * force[i] / (system_.extent * system_.extent);
  }
  return std::sqrt(sum);
}

void ForceBalance::measure(const BodyForces& body, FractureReport& report) const {
  report.residual = norm(body.r);
  report.reference =
      std::max(norm({body.walls.force.data(), body.walls.force.size()}), system_.least_force);
}

void ForceBalance::assemble(const BodyForces& body, WallMatrix kind) const {
  const Elasticity& elasticity = system_.elasticity;
  WallResponse walls = system_.walls.evaluate(
      {body.x.data(), {n_inner()}}, before_,
      {.tangent = kind == WallMatrix::secant ? TangentKind::secant : TangentKind::consistent,
       .time_step = options_.time_step,
       .residual_integrity = options_.residual_integrity},
      execution_);
  if (!system_.has_potential && kind != WallMatrix::secant) symmetrise(walls);
  if (kind == WallMatrix::positive_part) keep_positive_part(walls, execution_);
  BlockMatrix matrix = elasticity.matrix();
  system_.values.assign(matrix.values.begin(), matrix.values.end());
  elasticity.add_wall_matrices(walls.matrices.view(), system_.values, execution_);
  matrix.values = system_.values;
  system_.solver.set_matrix(matrix);
}

}  // namespace nmcx
