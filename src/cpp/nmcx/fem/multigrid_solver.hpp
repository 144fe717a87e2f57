// Conjugate gradients preconditioned by multigrid, for the equilibrium of large bodies in space.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/loose_pieces.hpp"
#include "nmcx/fem/mechanical_solver.hpp"
#include "nmcx/fem/multigrid.hpp"

namespace nmcx {

/// Solves with the current matrix by the levels of the last one that was prepared.
///
/// The first `prepare` makes aggregates and prolongations; later ones keep them and compute the
/// coarse matrices anew, which takes two thirds of the time, until that has made a solve take half
/// as many iterations again as new levels did: the next `prepare` then makes all anew.
/// In the plane a factorisation is quicker at any size that fits: three dimensions only.
class MultigridSolver final : public MechanicalSolver {
 public:
  /// @param pattern   of nodes; must live on
  /// @param positions (n × 3) of the nodes [m]
  /// @param is_fixed  (3 n) unknowns that keep their values
  /// @param grain     (n) of each node; rigid motions of grains are deflated. Empty: those only of
  ///                  pieces that have come loose
  MultigridSolver(const SparsePattern& pattern, std::span<const double> positions,
                  std::span<const bool> is_fixed, std::span<const Index> grain = {});

  [[nodiscard]] bool needs_positive_definite() const override { return true; }
  [[nodiscard]] std::size_t most_iterations() const override { return 60; }
  [[nodiscard]] bool is_worn() const override;

  [[nodiscard]] const Multigrid& multigrid() const { return multigrid_; }
  /// Pieces whose rigid motions are deflated in the matrix last prepared or solved with; 0 if none.
  [[nodiscard]] std::size_t n_loose_piece() const { return loose_pieces_->size(); }

 private:
  void prepare_matrix(const Execution& execution) override;
  void forget_earlier() override;
  bool follow_matrix(Team& team) override;
  void precondition(std::span<const double> r, std::span<double> z, Team& team) override;

  bool improve_start(std::span<const double> r, std::span<double> x, Team& team) override;

  std::vector<Index> grain_;
  Multigrid multigrid_;
  std::unique_ptr<LoosePieces> loose_pieces_;
  bool is_refreshed_ = false;
  double digit_price_ = 0;  ///< iterations per digit after levels were made anew; 0 before
};

}  // namespace nmcx
