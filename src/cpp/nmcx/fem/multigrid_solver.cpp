#include "nmcx/fem/multigrid_solver.hpp"

#include <vector>

namespace nmcx {
namespace {

// How many times the iterations old aggregates may cost.
constexpr double most_expensive = 1.5;
// Coarse matrices take as long as this many iterations (docs/explanation/elasticity.md).
constexpr double iterations_of_refresh = 12;

}  // namespace

MultigridSolver::MultigridSolver(const SparsePattern& pattern, std::span<const double> positions,
                                 std::span<const bool> is_fixed, std::span<const Index> grain)
    : MechanicalSolver(pattern, positions, 3, is_fixed),
      grain_(grain.begin(), grain.end()),
      multigrid_(pattern, this->positions(), this->is_fixed()) {}

void MultigridSolver::prepare_matrix(const Execution& execution) {
  Team team(execution);
  if (!is_refreshed_ && iterations_per_digit() > 0) digit_price_ = iterations_per_digit();
  is_refreshed_ = digit_price_ > 0 && iterations_per_digit() <= most_expensive * digit_price_;
  if (is_refreshed_) {
    multigrid_.refresh(matrix().values, team);
  } else {
    multigrid_.build(matrix().values, team);
  }
  follow_matrix(team);
}

void MultigridSolver::forget_earlier() {
  is_refreshed_ = false;
  digit_price_ = 0;
}

/// Deflation is exact only with the forces of the very matrix; walls that fail set pieces loose.
bool MultigridSolver::follow_matrix(Team& team) {
  loose_pieces_ =
      std::make_unique<LoosePieces>(matrix(), grain_, positions(), is_fixed(), rigid_modes(), team);
  return !loose_pieces_->is_indefinite();
}

bool MultigridSolver::is_worn() const {
  return excess_iterations() > iterations_of_refresh;
}

void MultigridSolver::precondition(std::span<const double> r, std::span<double> z, Team& team) {
  multigrid_.cycle(r, z, team);
  loose_pieces_->correct(r, z, team);
}

bool MultigridSolver::improve_start(std::span<const double> r, std::span<double> x, Team& team) {
  if (loose_pieces_->size() == 0) return false;
  std::vector<double> motion(x.size(), 0.0);
  loose_pieces_->correct(r, motion, team);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += motion[i];
  return true;
}

}  // namespace nmcx
