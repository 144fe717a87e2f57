// Sparse LDLᵀ of a block matrix, as the preconditioner of conjugate gradients on a slightly other
// one.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/block_matrix.hpp"
#include "nmcx/fem/rigid_modes.hpp"

namespace nmcx {

struct DirectOptions {
  double tolerance = 1e-12;  ///< of the residual, relative to the right-hand side
  std::size_t max_iterations = 50;
};

struct DirectReport {
  std::size_t iterations = 0;
  double residual = 0;  ///< relative, in the norm of the inverse diagonal
  bool converged = false;
  bool indefinite = false;  ///< a direction of no positive curvature was met
};

/// Solves with the current matrix by the factor of the last one that was factorised.
///
/// The pattern is analysed once. As long as the matrix has not changed since `factorise` two to
/// four iterations are needed; a factor of another matrix serves while they stay few. Rigid motions
/// are not pinned: a tiny multiple of the diagonal makes the factor regular, and the iteration runs
/// on what is orthogonal to them. If the factor has negative pivots, refinement by it takes the
/// place of conjugate gradients.
class DirectSolver {
 public:
  /// @param pattern   of nodes; must live on
  /// @param positions (n × d) of the nodes [m]
  /// @param is_fixed  (n d) unknowns that keep their values
  DirectSolver(const SparsePattern& pattern, std::span<const double> positions,
               std::size_t dimension, std::span<const bool> is_fixed);
  ~DirectSolver();
  DirectSolver(const DirectSolver&) = delete;
  DirectSolver& operator=(const DirectSolver&) = delete;

  /// Takes another matrix of the same pattern, whose arrays must live on; the factor stays.
  void set_matrix(const BlockMatrix& matrix);

  /// Factorises the matrix last set.
  /// @throws ConvergenceError if a pivot is zero or not a number
  void factorise(const Execution& execution);
  [[nodiscard]] bool is_factorised() const { return is_factorised_; }

  /// Negative pivots of the last factor, border included: 0 of a positive definite matrix.
  [[nodiscard]] std::size_t n_negative() const { return n_negative_; }

  /// Solves A x = b for the unknowns that are not fixed, from where x is; x has no rigid part then.
  ///
  /// The residual is relative to b less what the fixed unknowns contribute. What b holds of rigid
  /// motions is left out; whether it should is for `rigid_modes().imbalance` to say.
  ///
  /// @throws InvalidArgument if nothing has been factorised
  DirectReport solve(std::span<const double> b, std::span<double> x, const DirectOptions& options,
                     const Execution& execution) const;

  [[nodiscard]] const RigidModes& rigid_modes() const { return rigid_modes_; }
  [[nodiscard]] std::span<const bool> is_fixed() const { return {is_fixed_.get(), n_inner_}; }

 private:
  struct Factor;

  void apply_factor(std::span<const double> r, std::span<double> z) const;
  void residual_of(std::span<const double> b, std::span<const double> x, std::span<double> r,
                   Team& team) const;
  void clear_fixed(std::span<double> r) const;
  void factorise_border();

  std::size_t dimension_;
  std::size_t n_inner_;
  std::unique_ptr<bool[]> is_fixed_;
  std::vector<double> positions_;
  RigidModes rigid_modes_;
  BlockMatrix matrix_;
  std::vector<double> inverse_diagonal_;  ///< (size) 0 where fixed
  std::unique_ptr<Factor> factor_;
  bool is_factorised_ = false;
  std::size_t n_negative_ = 0;
};

}  // namespace nmcx
