#include "nmcx/fem/mechanical_solver.hpp"

#include <algorithm>
#include <cmath>

#include "nmcx/core/error.hpp"

namespace nmcx {
namespace {

double dot(std::span<const double> a, std::span<const double> b, Team& team) {
  return chunked_sum(a.size(), team, [&](std::size_t i) { return a[i] * b[i]; });
}

/// Calls body(i) for all i < n.
template <class Body>
void for_each(std::size_t n, Team& team, const Body& body) {
  team.loop(n, rows_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t i = begin; i < end; ++i) body(i);
  });
}

/// Largest entry of an unknown's row along itself. On the diagonal walls that soften may cancel the
/// stiffness of the cells; a residual there would outweigh all others.
double stiffness_at(const BlockMatrix& matrix, std::size_t i) {
  const SparsePattern& pattern = *matrix.pattern;
  const std::size_t d = matrix.dimension;
  const std::size_t node = i / d;
  const std::size_t own = (i % d) * (d + 1);
  double largest = 0;
  const auto end = static_cast<std::size_t>(pattern.row_start[node + 1]);
  for (auto k = static_cast<std::size_t>(pattern.row_start[node]); k < end; ++k) {
    largest = std::max(largest, std::abs(matrix.values[(k * d * d) + own]));
  }
  return largest;
}

}  // namespace

MechanicalSolver::MechanicalSolver(const SparsePattern& pattern, std::span<const double> positions,
                                   std::size_t dimension, std::span<const bool> is_fixed)
    : n_inner_(pattern.size() * dimension),
      is_fixed_(std::make_unique<bool[]>(n_inner_)),
      positions_(positions.begin(), positions.end()),
      rigid_modes_(pattern, positions, dimension, is_fixed) {
  std::copy(is_fixed.begin(), is_fixed.end(), is_fixed_.get());
  matrix_.pattern = &pattern;
  matrix_.dimension = dimension;
}

MechanicalSolver::~MechanicalSolver() = default;

void MechanicalSolver::set_matrix(const BlockMatrix& matrix) {
  require(matrix.pattern == matrix_.pattern && matrix.dimension == matrix_.dimension,
          "the matrix must have the pattern of its solver");
  matrix_ = matrix;
  has_changed_ = true;
  inverse_stiffness_.resize(matrix.size());
  for (std::size_t i = 0; i < matrix.size(); ++i) {
    const double stiffness =
        i < n_inner_ ? stiffness_at(matrix, i) : std::abs(matrix.diagonal_at(i));
    const bool is_out = i < n_inner_ && is_fixed_[i];
    inverse_stiffness_[i] = is_out || !(stiffness > 0) ? 0 : 1 / stiffness;
  }
}

void MechanicalSolver::prepare(const Execution& execution) {
  require(!inverse_stiffness_.empty(), "set a matrix before a solver is prepared");
  execution.stop_if_asked();
  is_prepared_ = false;
  prepare_matrix(execution);
  has_changed_ = false;
  is_known_indefinite_ = false;
  iterations_per_digit_ = 0;
  excess_iterations_ = 0;
  is_prepared_ = true;
}

void MechanicalSolver::forget() {
  is_prepared_ = false;
  iterations_per_digit_ = 0;
  excess_iterations_ = 0;
  forget_earlier();
}

void MechanicalSolver::clear_fixed(std::span<double> r, Team& team) const {
  for_each(n_inner_, team, [&](std::size_t i) {
    if (is_fixed_[i]) r[i] = 0;
  });
}

bool MechanicalSolver::follow_matrix(Team& /*team*/) {
  return true;
}

bool MechanicalSolver::improve_start(std::span<const double> /*r*/, std::span<double> /*x*/,
                                     Team& /*team*/) {
  return false;
}

double MechanicalSolver::norm(std::span<const double> r, Team& team) const {
  return std::sqrt(chunked_sum(r.size(), team,
                               [&](std::size_t i) { return r[i] * r[i] * inverse_stiffness_[i]; }));
}

/// r = b − A x on what is free and strains.
void MechanicalSolver::residual_of(std::span<const double> b, std::span<const double> x,
                                   std::span<double> r, Team& team) const {
  multiply(matrix_, x, r, team);
  for_each(r.size(), team, [&](std::size_t i) { r[i] = b[i] - r[i]; });
  clear_fixed(r, team);
  rigid_modes_.project(r, team);
}

MechanicalReport MechanicalSolver::solve(std::span<const double> b, std::span<double> x,
                                         const MechanicalOptions& options,
                                         const Execution& execution) {
  Team team(execution);
  require(is_prepared_, "prepare a solver before solving");
  const std::size_t n = matrix_.size();
  require(b.size() == n && x.size() == n, "vectors must have one value per unknown");
  std::vector<double> r(n);
  std::vector<double> held(n, 0.0);
  for (std::size_t i = 0; i < n_inner_; ++i) held[i] = is_fixed_[i] ? x[i] : 0;
  residual_of(b, held, r, team);
  const double reference = norm(r, team);
  MechanicalReport report{.converged = true};
  if (!(reference > 0)) {
    std::copy(held.begin(), held.end(), x.begin());
    report.converged = reference == 0;
    report.residual = reference;
    return report;
  }
  rigid_modes_.project(x, team);
  residual_of(b, x, r, team);
  if (has_changed_) is_known_indefinite_ = !follow_matrix(team);
  has_changed_ = false;
  if (is_known_indefinite_) {
    report = {.residual = norm(r, team) / reference, .converged = false, .indefinite = true};
    return report;
  }
  if (improve_start(r, x, team)) residual_of(b, x, r, team);
  const double before = norm(r, team) / reference;
  report.residual = before;
  iterate(x, r, reference, options, report, team);
  const double digits = report.residual < before ? std::log10(before / report.residual) : 0;
  const auto iterations = static_cast<double>(report.iterations);
  if (iterations_per_digit_ > 0) {
    excess_iterations_ += std::max(iterations - (iterations_per_digit_ * digits), 0.0);
  } else if (iterations > 0 && digits > 0) {
    iterations_per_digit_ = iterations / digits;
  }
  report.converged = report.residual <= options.tolerance;
  rigid_modes_.project(x, team);
  // What is left in truth: the recurrence of r goes on falling below the rounding of A x.
  residual_of(b, x, r, team);
  report.residual = norm(r, team) / reference;
  return report;
}

void MechanicalSolver::iterate(std::span<double> x, std::span<double> r, double reference,
                               const MechanicalOptions& options, MechanicalReport& report,
                               Team& team) {
  // An indefinite matrix is no preconditioner of conjugate gradients: steps of length one then.
  const bool is_refinement = n_negative() > 0;
  const std::size_t n = r.size();
  std::vector<double> z(n);
  std::vector<double> q(n);
  std::vector<double> p(n, 0.0);
  double before = 0;
  while (report.residual > options.tolerance && report.iterations < options.max_iterations) {
    precondition(r, z, team);
    rigid_modes_.project(z, team);
    const double rz = dot(r, z, team);
    const double beta = is_refinement || report.iterations == 0 ? 0 : rz / before;
    for_each(n, team, [&](std::size_t i) { p[i] = z[i] + (beta * p[i]); });
    multiply(matrix_, p, q, team);
    clear_fixed(q, team);
    rigid_modes_.project(q, team);
    const double curvature = dot(p, q, team);
    // A preconditioner that is not positive has nothing to say of the matrix.
    if (!is_refinement && !(rz > 0)) break;
    if (!is_refinement && !(curvature > 0)) {
      report.indefinite = true;
      const double along = rz / -curvature;
      if (std::isfinite(along)) {
        for_each(n, team, [&](std::size_t i) { x[i] += along * p[i]; });
      }
      break;
    }
    const double alpha = is_refinement ? 1 : rz / curvature;
    for_each(n, team, [&](std::size_t i) {
      x[i] += alpha * p[i];
      r[i] -= alpha * q[i];
    });
    before = rz;
    ++report.iterations;
    report.residual = norm(r, team) / reference;
    if (!std::isfinite(report.residual)) break;
  }
}

}  // namespace nmcx
