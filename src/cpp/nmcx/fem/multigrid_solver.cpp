#include "nmcx/fem/multigrid_solver.hpp"

namespace nmcx {

MultigridSolver::MultigridSolver(const SparsePattern& pattern, std::span<const double> positions,
                                 std::span<const bool> is_fixed)
    : MechanicalSolver(pattern, positions, 3, is_fixed),
      multigrid_(pattern, this->positions(), this->is_fixed()) {}

void MultigridSolver::prepare_matrix(const Execution& execution) {
  Team team(execution);
  if (is_built_) {
    multigrid_.refresh(matrix().values, team);
  } else {
    multigrid_.build(matrix().values, team);
  }
  is_built_ = true;
}

void MultigridSolver::precondition(std::span<const double> r, std::span<double> z, Team& team) {
  multigrid_.cycle(r, z, team);
}

}  // namespace nmcx
