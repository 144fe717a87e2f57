// Solves symmetric positive definite systems: conjugate gradients or a direct factorisation.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/half_matrix.hpp"
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

/// What a solver has learned of its matrices; by it the method for the next one is chosen.
struct SolverExperience {
  double last_iterations = 0;  ///< of the last iterative solution
  double n_solution = 0;       ///< of the matrix last set
  int n_unasked = 0;           ///< matrices factorised since the last iterative solution
};

/// A solver that whoever uses this one brings along.
class OutsideSolver {
 public:
  OutsideSolver() = default;
  OutsideSolver(const OutsideSolver&) = delete;
  OutsideSolver& operator=(const OutsideSolver&) = delete;
  virtual ~OutsideSolver() = default;

  /// Takes a symmetric positive definite matrix whose diagonal is one.
  /// @param smooth  (n) what diffusion hardly hinders, zero where nothing is sought
  virtual void set_matrix(const SparsePattern& pattern, std::span<const double> values,
                          std::span<const double> smooth) = 0;

  /// Solution of A x = r, to a residual relative to r.
  /// @returns iterations
  virtual std::size_t solve(std::span<const double> r, double tolerance, std::span<double> x) = 0;
};

/// Corrects x by the solution of A x' = r on the free unknowns; on return r is the residual left.
///
/// Preconditioned by the diagonal; an unknown whose inverse diagonal is 0 keeps its value.
///
/// @param reference  norm that the residual is relative to, in that of the inverse diagonal
/// @throws ConvergenceError with iterations, residual and tolerance
SolveReport conjugate_gradients(HalfMatrix& matrix, std::span<const double> inverse_diagonal,
                                std::span<double> r, std::span<double> x, double reference,
                                const SolveOptions& options, Team& team);

/// Root of Σ r² / diagonal: independent of the sizes of the cells around a node.
double diagonal_norm(std::span<const double> r, std::span<const double> inverse_diagonal,
                     Team& team);

/// One pattern, many matrices: each solved by the method that is expected to be quicker.
///
/// A factorisation costs as much as a number of iterations that grows with the size of the system
/// alone (measured: docs/explanation/transport.md). It is made when the last matrix took more, all
/// its right-hand sides together, or when this one already has. No clock is asked, so that results
/// keep their bits.
class LinearSolver {
 public:
  /// @param dimension of the mesh: factorisations fill in less in two dimensions
  LinearSolver(const SparsePattern& pattern, std::size_t dimension, SolverKind kind);
  ~LinearSolver();
  LinearSolver(const LinearSolver&) = delete;
  LinearSolver& operator=(const LinearSolver&) = delete;

  /// Takes a new matrix, whose arrays must live on; rows and columns of unknowns that are not free
  /// are left out.
  /// @throws InvalidArgument if it is found not to be positive definite
  void set_matrix(const SparseMatrix& matrix, std::span<const bool> is_free, Team& team);

  /// As `conjugate_gradients`, for the matrix last set.
  SolveReport solve(std::span<double> r, std::span<double> x, double reference,
                    const SolveOptions& options, Team& team);

  /// From the next matrix on an outside solver takes the place of both methods.
  void use(std::shared_ptr<OutsideSolver> outside) { outside_ = std::move(outside); }

  /// With it another solver goes on to the next matrix as this one would, to the bit.
  [[nodiscard]] SolverExperience experience() const;
  void set_experience(const SolverExperience& experience);

  /// (n) 0 where an unknown is not free.
  [[nodiscard]] std::span<const double> inverse_diagonal() const { return inverse_diagonal_; }

 private:
  struct Direct;

  [[nodiscard]] bool wants_factor() const;
  void factorise();
  SolveReport solve_directly(std::span<double> r, std::span<double> x, double reference,
                             Team& team) const;
  void hand_out_matrix();
  SolveReport solve_outside(std::span<double> r, std::span<double> x, double reference,
                            const SolveOptions& options, Team& team);

  SolverKind kind_;
  double price_;  ///< of a factorisation, in iterations; infinite if it is never worth it
  SparseMatrix matrix_;
  std::vector<double> inverse_diagonal_;
  std::unique_ptr<HalfMatrix> half_;  ///< for the iterations
  bool half_is_set_ = false;          ///< to the matrix last set
  std::unique_ptr<Direct> direct_;
  std::shared_ptr<OutsideSolver> outside_;
  bool outside_is_set_ = false;  ///< to the matrix last set
  bool is_factorised_ = false;   ///< the matrix last set
  double last_iterations_ = 0;   ///< of the last iterative solution
  double iterations_spent_ = 0;  ///< on this matrix
  double n_solution_ = 0;        ///< of this matrix
  double n_expected_ = 1;        ///< solutions of the matrix before it
  int n_unasked_ = 0;            ///< matrices factorised since the last iterative solution
};

}  // namespace nmcx
