#include "nmcx/fem/linear_solver.hpp"

#include <Eigen/SparseCholesky>
#include <cmath>
#include <sstream>

#include "nmcx/core/error.hpp"

namespace nmcx {
namespace {

// Largest systems that a factorisation and one solution take no longer than conjugate gradients at
// a time step of h²/D … 100 h²/D; measured, see docs/explanation/transport.md.
constexpr std::size_t most_direct_2d = 200'000;
constexpr std::size_t most_direct_3d = 3'000;

std::string not_converged(const SolveReport& report, double tolerance) {
  std::ostringstream text;
  text << "conjugate gradients stopped after " << report.iterations
       << " iterations at a relative residual of " << report.residual << ", tolerance "
       << tolerance;
  return text.str();
}

}  // namespace

double diagonal_norm(std::span<const double> r, std::span<const double> inverse_diagonal,
                     const Execution& execution) {
  return std::sqrt(chunked_sum(r.size(), execution, [&](std::size_t i) {
    return r[i] * r[i] * inverse_diagonal[i];
  }));
}

SolveReport conjugate_gradients(const SparseMatrix& matrix,
                                std::span<const double> inverse_diagonal, std::span<double> r,
                                std::span<double> x, double reference, const SolveOptions& options,
                                const Execution& execution) {
  const std::size_t n = r.size();
  double rz = diagonal_norm(r, inverse_diagonal, execution);
  rz *= rz;
  SolveReport report{.iterations = 0, .residual = reference > 0 ? std::sqrt(rz) / reference : 0};
  if (report.residual <= options.tolerance) return report;
  std::vector<double> p(n);
  std::vector<double> q(n);
  std::vector<double> partial((n / rows_of_chunk) + 1, 0.0);
  const auto total = [&] {
    double sum = 0;
    for (const double each : partial) sum += each;
    return sum;
  };
  double beta = 0;
  while (report.iterations < options.max_iterations) {
    parallel_for(n, rows_of_chunk, execution,
                 [&](std::size_t begin, std::size_t end, std::size_t) {
                   for (std::size_t i = begin; i < end; ++i) {
                     p[i] = (inverse_diagonal[i] * r[i]) + (beta * p[i]);
                   }
                 });
    parallel_for(n, rows_of_chunk, execution,
                 [&](std::size_t begin, std::size_t end, std::size_t chunk) {
                   double sum = 0;
                   for (std::size_t i = begin; i < end; ++i) {
                     q[i] = matrix.row_product(i, p.data());
                     sum += p[i] * q[i];
                   }
                   partial[chunk] = sum;
                 });
    const double curvature = total();
    if (!(curvature > 0)) break;  // not positive definite, or not a number
    const double alpha = rz / curvature;
    parallel_for(n, rows_of_chunk, execution,
                 [&](std::size_t begin, std::size_t end, std::size_t chunk) {
                   double sum = 0;
                   for (std::size_t i = begin; i < end; ++i) {
                     x[i] += alpha * p[i];
                     r[i] -= alpha * q[i];
                     sum += r[i] * r[i] * inverse_diagonal[i];
                   }
                   partial[chunk] = sum;
                 });
    const double before = rz;
    rz = total();
    beta = rz / before;
    ++report.iterations;
    report.residual = std::sqrt(rz) / reference;
    if (report.residual <= options.tolerance) return report;
  }
  throw ConvergenceError(not_converged(report, options.tolerance));
}

struct LinearSolver::Direct {
  Eigen::SparseMatrix<double, Eigen::ColMajor, Index> matrix;
  Eigen::SimplicialLDLT<Eigen::SparseMatrix<double, Eigen::ColMajor, Index>, Eigen::Lower> factor;
};

LinearSolver::LinearSolver(const SparsePattern& pattern, std::size_t dimension, SolverKind kind)
    : inverse_diagonal_(pattern.size(), 0.0) {
  if (kind == SolverKind::automatic) {
    const std::size_t most = dimension == 2 ? most_direct_2d : most_direct_3d;
    kind = pattern.size() <= most ? SolverKind::direct : SolverKind::iterative;
  }
  if (kind == SolverKind::iterative) return;
  direct_ = std::make_unique<Direct>();
  const auto n = static_cast<Eigen::Index>(pattern.size());
  direct_->matrix.resize(n, n);
  direct_->matrix.resizeNonZeros(static_cast<Eigen::Index>(pattern.column.size()));
  // Rows of the pattern become columns: the matrix is symmetric.
  std::copy(pattern.row_start.begin(), pattern.row_start.end(), direct_->matrix.outerIndexPtr());
  std::copy(pattern.column.begin(), pattern.column.end(), direct_->matrix.innerIndexPtr());
  direct_->factor.analyzePattern(direct_->matrix);
}

LinearSolver::~LinearSolver() = default;

void LinearSolver::set_matrix(const SparseMatrix& matrix, std::span<const bool> is_free,
                              const Execution& execution) {
  matrix_ = matrix;
  parallel_for(is_free.size(), rows_of_chunk, execution,
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t i = begin; i < end; ++i) {
                   const double diagonal = matrix.diagonal_at(i);
                   require(!is_free[i] || diagonal > 0,
                           "the system is not positive definite: check diffusivities, exchange "
                           "coefficients and the shapes of the cells");
                   inverse_diagonal_[i] = is_free[i] ? 1 / diagonal : 0;
                 }
               });
  if (!direct_) return;
  double* values = direct_->matrix.valuePtr();
  const SparsePattern& pattern = *matrix.pattern;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    for (auto k = pattern.row_start[i]; k < pattern.row_start[i + 1]; ++k) {
      const auto j = static_cast<std::size_t>(pattern.column[static_cast<std::size_t>(k)]);
      const double value = matrix.values[static_cast<std::size_t>(k)];
      if (i == j) {
        values[k] = is_free[i] ? value + matrix.diagonal[i] : 1;
      } else {
        values[k] = is_free[i] && is_free[j] ? value : 0;
      }
    }
  }
  direct_->factor.factorize(direct_->matrix);
  require(direct_->factor.info() == Eigen::Success && direct_->factor.vectorD().minCoeff() > 0,
          "the system is not positive definite: check diffusivities, exchange coefficients and the "
          "shapes of the cells");
}

SolveReport LinearSolver::solve(std::span<double> r, std::span<double> x, double reference,
                                const SolveOptions& options, const Execution& execution) const {
  if (!direct_) {
    return conjugate_gradients(matrix_, inverse_diagonal_, r, x, reference, options, execution);
  }
  const std::size_t n = r.size();
  Eigen::VectorXd right(static_cast<Eigen::Index>(n));
  for (std::size_t i = 0; i < n; ++i) {
    right[static_cast<Eigen::Index>(i)] = inverse_diagonal_[i] > 0 ? r[i] : 0;
  }
  const Eigen::VectorXd correction = direct_->factor.solve(right);
  for (std::size_t i = 0; i < n; ++i) x[i] += correction[static_cast<Eigen::Index>(i)];
  std::vector<double> product(n);
  multiply(matrix_, {correction.data(), n}, product, execution);
  for (std::size_t i = 0; i < n; ++i) r[i] -= product[i];
  const double left = diagonal_norm(r, inverse_diagonal_, execution);
  return {.iterations = 0, .residual = reference > 0 ? left / reference : 0};
}

}  // namespace nmcx
