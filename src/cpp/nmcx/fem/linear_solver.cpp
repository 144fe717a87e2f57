#include "nmcx/fem/linear_solver.hpp"

#include <Eigen/SparseCholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "nmcx/core/error.hpp"

namespace nmcx {
namespace {

constexpr const char* not_positive_definite =
    "the system is not positive definite: check diffusivities, exchange coefficients and the "
    "shapes "
    "of the cells";

// A factorisation takes as long as 2.4 √n iterations in two dimensions and 0.4 n in three; measured
// on discs and balls of 300 to 150,000 nodes, see docs/explanation/transport.md.
double price_of_factor(std::size_t n, std::size_t dimension) {
  constexpr std::size_t most_2d = 400'000;  // beyond, the factor's memory is the limit
  constexpr std::size_t most_3d = 20'000;
  const auto size = static_cast<double>(n);
  if (n > (dimension == 2 ? most_2d : most_3d)) return std::numeric_limits<double>::infinity();
  return dimension == 2 ? 2.4 * std::sqrt(size) : 0.4 * size;
}

// An outside solver knows a residual no better than its recurrence: what is left is solved for
// again.
constexpr int most_refinements = 4;

constexpr int most_unasked = 8;  // after so many matrices the iterations are counted afresh

std::string not_converged(const char* method, const SolveReport& report, double tolerance) {
  std::ostringstream text;
  text << method << " stopped after " << report.iterations
       << " iterations at a relative residual of " << report.residual << ", tolerance "
       << tolerance;
  return text.str();
}

}  // namespace

double diagonal_norm(std::span<const double> r, std::span<const double> inverse_diagonal,
                     Team& team) {
  return std::sqrt(chunked_sum(r.size(), team,
                               [&](std::size_t i) { return r[i] * r[i] * inverse_diagonal[i]; }));
}

SolveReport conjugate_gradients(HalfMatrix& matrix, std::span<const double> inverse_diagonal,
                                std::span<double> r, std::span<double> x, double reference,
                                const SolveOptions& options, Team& team) {
  const std::size_t n = r.size();
  double rz = diagonal_norm(r, inverse_diagonal, team);
  rz *= rz;
  SolveReport report{.iterations = 0, .residual = reference > 0 ? std::sqrt(rz) / reference : 0};
  if (report.residual <= options.tolerance) return report;
  std::vector<double> p(n);
  std::vector<double> next_p(n);
  std::vector<double> q(n);
  std::vector<double> partial(matrix.n_block());
  const auto for_each_block = [&](const auto& call) {
    team.loop(matrix.n_block(), 1,
              [&](std::size_t block, std::size_t, std::size_t) { partial[block] = call(block); });
    double sum = 0;
    for (const double each : partial) sum += each;
    return sum;
  };
  double beta = 0;
  while (report.iterations < options.max_iterations) {
    // Each block works out the direction on its fringe for itself: one pause less.
    const double curvature = for_each_block([&](std::size_t block) {
      return matrix.multiply_block(block, [&](std::size_t i, bool is_own) {
        const double direction = (inverse_diagonal[i] * r[i]) + (beta * p[i]);
        if (is_own) next_p[i] = direction;
        return direction;
      });
    });
    p.swap(next_p);
    if (!(curvature > 0)) break;  // not positive definite, or not a number
    const double alpha = rz / curvature;
    const double before = rz;
    rz = for_each_block([&](std::size_t block) {
      matrix.collect_block(block, q.data());
      double sum = 0;
      for (std::size_t i = matrix.begin(block); i < matrix.begin(block + 1); ++i) {
        x[i] += alpha * p[i];
        r[i] -= alpha * q[i];
        sum += r[i] * r[i] * inverse_diagonal[i];
      }
      return sum;
    });
    beta = rz / before;
    ++report.iterations;
    report.residual = std::sqrt(rz) / reference;
    if (report.residual <= options.tolerance) return report;
  }
  throw ConvergenceError(not_converged("conjugate gradients", report, options.tolerance));
}

struct LinearSolver::Direct {
  Eigen::SparseMatrix<double, Eigen::ColMajor, Index> matrix;
  Eigen::SimplicialLDLT<Eigen::SparseMatrix<double, Eigen::ColMajor, Index>, Eigen::Lower> factor;
};

LinearSolver::LinearSolver(const SparsePattern& pattern, std::size_t dimension, SolverKind kind)
    : kind_(kind),
      price_(price_of_factor(pattern.size(), dimension)),
      inverse_diagonal_(pattern.size(), 0.0) {}

LinearSolver::~LinearSolver() = default;

void LinearSolver::set_matrix(const SparseMatrix& matrix, std::span<const bool> is_free,
                              Team& team) {
  matrix_ = matrix;
  is_factorised_ = false;
  half_is_set_ = false;
  outside_is_set_ = false;
  n_expected_ = std::max(1.0, n_solution_);
  n_solution_ = 0;
  iterations_spent_ = 0;
  team.loop(is_free.size(), rows_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t i = begin; i < end; ++i) {
      const double diagonal = matrix.diagonal_at(i);
      require(!is_free[i] || diagonal > 0, not_positive_definite);
      inverse_diagonal_[i] = is_free[i] ? 1 / diagonal : 0;
    }
  });
}

SolverExperience LinearSolver::experience() const {
  return {.last_iterations = last_iterations_, .n_solution = n_solution_, .n_unasked = n_unasked_};
}

void LinearSolver::set_experience(const SolverExperience& experience) {
  last_iterations_ = experience.last_iterations;
  n_solution_ = experience.n_solution;
  n_unasked_ = experience.n_unasked;
}

bool LinearSolver::wants_factor() const {
  if (kind_ != SolverKind::automatic) return kind_ == SolverKind::direct;
  const double expected = n_unasked_ < most_unasked ? n_expected_ * last_iterations_ : 0;
  return std::max(expected, iterations_spent_) > price_;
}

void LinearSolver::factorise() {
  const SparsePattern& pattern = *matrix_.pattern;
  const std::size_t n = pattern.size();
  const bool is_first = direct_ == nullptr;
  if (is_first) {
    direct_ = std::make_unique<Direct>();
    direct_->matrix.resize(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(n));
    direct_->matrix.resizeNonZeros(static_cast<Eigen::Index>(pattern.column.size()));
    // Rows of the pattern become columns: the matrix is symmetric.
    std::copy(pattern.row_start.begin(), pattern.row_start.end(), direct_->matrix.outerIndexPtr());
    std::copy(pattern.column.begin(), pattern.column.end(), direct_->matrix.innerIndexPtr());
  }
  double* values = direct_->matrix.valuePtr();
  const auto is_free = [&](std::size_t i) { return inverse_diagonal_[i] > 0; };
  for (std::size_t i = 0; i < n; ++i) {
    for (Index k = pattern.row_start[i]; k < pattern.row_start[i + 1]; ++k) {
      const auto j = static_cast<std::size_t>(pattern.column[static_cast<std::size_t>(k)]);
      const double value = matrix_.values[static_cast<std::size_t>(k)];
      if (i == j) {
        values[k] = is_free(i) ? value + matrix_.diagonal[i] : 1;
      } else {
        values[k] = is_free(i) && is_free(j) ? value : 0;
      }
    }
  }
  if (is_first) direct_->factor.analyzePattern(direct_->matrix);
  direct_->factor.factorize(direct_->matrix);
  require(direct_->factor.info() == Eigen::Success && direct_->factor.vectorD().minCoeff() > 0,
          not_positive_definite);
  is_factorised_ = true;
  ++n_unasked_;
}

SolveReport LinearSolver::solve(std::span<double> r, std::span<double> x, double reference,
                                const SolveOptions& options, Team& team) {
  if (outside_ != nullptr) return solve_outside(r, x, reference, options, team);
  if (!is_factorised_ && wants_factor()) factorise();
  ++n_solution_;
  if (is_factorised_) return solve_directly(r, x, reference, team);
  if (half_ == nullptr) half_ = std::make_unique<HalfMatrix>(*matrix_.pattern, team);
  if (!half_is_set_) half_->set_values(matrix_, team);
  half_is_set_ = true;
  const SolveReport report =
      conjugate_gradients(*half_, inverse_diagonal_, r, x, reference, options, team);
  n_unasked_ = 0;
  last_iterations_ = static_cast<double>(report.iterations);
  iterations_spent_ += last_iterations_;
  return report;
}

SolveReport LinearSolver::solve_directly(std::span<double> r, std::span<double> x, double reference,
                                         Team& team) const {
  const std::size_t n = r.size();
  Eigen::VectorXd right(static_cast<Eigen::Index>(n));
  for (std::size_t i = 0; i < n; ++i) {
    right[static_cast<Eigen::Index>(i)] = inverse_diagonal_[i] > 0 ? r[i] : 0;
  }
  const Eigen::VectorXd correction = direct_->factor.solve(right);
  for (std::size_t i = 0; i < n; ++i) x[i] += correction[static_cast<Eigen::Index>(i)];
  std::vector<double> product(n);
  multiply(matrix_, {correction.data(), n}, product, team);
  for (std::size_t i = 0; i < n; ++i) r[i] -= product[i];
  const double left = diagonal_norm(r, inverse_diagonal_, team);
  return {.iterations = 0, .residual = reference > 0 ? left / reference : 0};
}

// In unknowns x / √(1 / diagonal) the matrix has ones on its diagonal, and the residual's norm is
// that of `diagonal_norm`.
void LinearSolver::hand_out_matrix() {
  const SparsePattern& pattern = *matrix_.pattern;
  const std::size_t n = pattern.size();
  std::vector<double> values(pattern.column.size(), 0.0);
  std::vector<double> smooth(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    values[static_cast<std::size_t>(pattern.diagonal[i])] = 1;
    if (inverse_diagonal_[i] == 0) continue;
    smooth[i] = 1 / std::sqrt(inverse_diagonal_[i]);
    const auto end = static_cast<std::size_t>(pattern.row_start[i + 1]);
    for (auto k = static_cast<std::size_t>(pattern.row_start[i]); k < end; ++k) {
      const auto j = static_cast<std::size_t>(pattern.column[k]);
      if (j != i) {
        values[k] = matrix_.values[k] * std::sqrt(inverse_diagonal_[i] * inverse_diagonal_[j]);
      }
    }
  }
  outside_->set_matrix(pattern, values, smooth);
  outside_is_set_ = true;
}

SolveReport LinearSolver::solve_outside(std::span<double> r, std::span<double> x, double reference,
                                        const SolveOptions& options, Team& team) {
  const std::size_t n = r.size();
  if (!outside_is_set_) hand_out_matrix();
  std::vector<double> right(n);
  std::vector<double> change(n);
  std::vector<double> product(n);
  SolveReport report;
  for (int refinement = 0;; ++refinement) {
    const double left = diagonal_norm(r, inverse_diagonal_, team);
    report.residual = reference > 0 ? left / reference : 0;
    if (report.residual <= options.tolerance) return report;
    if (refinement == most_refinements) break;
    for (std::size_t i = 0; i < n; ++i) right[i] = std::sqrt(inverse_diagonal_[i]) * r[i];
    report.iterations += outside_->solve(right, 0.5 * options.tolerance / report.residual, change);
    for (std::size_t i = 0; i < n; ++i) {
      change[i] *= std::sqrt(inverse_diagonal_[i]);
      x[i] += change[i];
    }
    multiply(matrix_, change, product, team);
    for (std::size_t i = 0; i < n; ++i) r[i] -= product[i];
  }
  throw ConvergenceError(not_converged("the outside solver", report, options.tolerance));
}

}  // namespace nmcx
