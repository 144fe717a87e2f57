// Sparse LDLᵀ of a block matrix, as the preconditioner of conjugate gradients on a slightly other
// one.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/mechanical_solver.hpp"

namespace nmcx {

/// Solves with the current matrix by the factor of the last one that was prepared.
///
/// The pattern is analysed once. As long as the matrix has not changed since `prepare` two to four
/// iterations are needed; a factor of another matrix serves while they stay few. Where rigid
/// motions are free a tiny multiple of the diagonal makes the factor regular. If it has negative
/// pivots, refinement by it takes the place of conjugate gradients.
class DirectSolver final : public MechanicalSolver {
 public:
  /// @param pattern   of nodes; must live on
  /// @param positions (n × d) of the nodes [m]
  /// @param is_fixed  (n d) unknowns that keep their values
  DirectSolver(const SparsePattern& pattern, std::span<const double> positions,
               std::size_t dimension, std::span<const bool> is_fixed);
  ~DirectSolver() override;

  /// Negative pivots of the last factor, border included.
  [[nodiscard]] std::size_t n_negative() const override { return n_negative_; }

 private:
  struct Factor;

  void prepare_matrix(const Execution& execution) override;
  /// The border by block elimination.
  void precondition(std::span<const double> r, std::span<double> z, Team& team) override;
  void factorise_border(Team& team);

  std::unique_ptr<Factor> factor_;
  std::size_t n_negative_ = 0;
};

}  // namespace nmcx
