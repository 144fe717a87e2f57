#include "nmcx/fem/mechanical_solver_choice.hpp"

#include "nmcx/fem/direct_solver.hpp"
#include "nmcx/fem/multigrid_solver.hpp"

namespace nmcx {
namespace {

constexpr std::size_t crossover = 3000;

}  // namespace

std::unique_ptr<MechanicalSolver> quicker_mechanical_solver(const SparsePattern& pattern,
                                                            std::span<const double> positions,
                                                            std::size_t dimension,
                                                            std::span<const bool> is_fixed,
                                                            std::span<const Index> grain) {
  if (dimension == 3 && 3 * pattern.size() >= crossover) {
    return std::make_unique<MultigridSolver>(pattern, positions, is_fixed, grain);
  }
  return std::make_unique<DirectSolver>(pattern, positions, dimension, is_fixed);
}

}  // namespace nmcx
