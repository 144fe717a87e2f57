// Solves symmetric positive definite systems: conjugate gradients or a direct factorisation.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/sparse.hpp"

namespace nmcx {

enum class SolverKind { automatic, iterative, direct };

struct SolveOptions {
  double tolerance = 1e-10;  ///< of the residual, relative to the right-hand side
  std::size_t max_iterations = 5000;
};

struct SolveReport {
  std::size_t iterations = 0;  ///< 0 of a direct solver
  double residual = 0;         ///< relative, in the norm of the inverse diagonal
};

/// Corrects x by the solution of A x' = r on the free unknowns; on return r is the residual left.
///
/// Preconditioned by the diagonal; an unknown whose inverse diagonal is 0 keeps its value.
///
/// @param reference  norm that the residual is relative to, in that of the inverse diagonal
/// @throws ConvergenceError with iterations, residual and tolerance
SolveReport conjugate_gradients(const SparseMatrix& matrix,
                                std::span<const double> inverse_diagonal, std::span<double> r,
                                std::span<double> x, double reference, const SolveOptions& options,
                                const Execution& execution);

/// Root of Σ r² / diagonal: independent of the sizes of the cells around a node.
double diagonal_norm(std::span<const double> r, std::span<const double> inverse_diagonal,
                     const Execution& execution);

/// One pattern, many matrices: whichever method is quicker, its set-up done once.
class LinearSolver {
 public:
  /// @param dimension of the mesh: direct solvers fill in less in two dimensions
  LinearSolver(const SparsePattern& pattern, std::size_t dimension, SolverKind kind);
  ~LinearSolver();
  LinearSolver(const LinearSolver&) = delete;
  LinearSolver& operator=(const LinearSolver&) = delete;

  /// Takes a new matrix; rows and columns of unknowns that are not free are left out.
  /// @throws InvalidArgument if it is found not to be positive definite
  void set_matrix(const SparseMatrix& matrix, std::span<const bool> is_free,
                  const Execution& execution);

  /// As `conjugate_gradients`, for the matrix last set.
  SolveReport solve(std::span<double> r, std::span<double> x, double reference,
                    const SolveOptions& options, const Execution& execution) const;

  [[nodiscard]] bool is_direct() const { return direct_ != nullptr; }
  /// (n) 0 where an unknown is not free.
  [[nodiscard]] std::span<const double> inverse_diagonal() const { return inverse_diagonal_; }

 private:
  struct Direct;

  SparseMatrix matrix_;
  std::vector<double> inverse_diagonal_;
  std::unique_ptr<Direct> direct_;
};

}  // namespace nmcx
