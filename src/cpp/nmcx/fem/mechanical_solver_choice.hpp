// Which solver of equilibrium is the quicker one.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "nmcx/fem/mechanical_solver.hpp"

namespace nmcx {

/// Multigrid in space from three thousand unknowns on, a factorisation for less and in the plane
/// (measured: docs/explanation/elasticity.md). Some milliseconds that multigrid would save on
/// smaller bodies are not worth that a factorisation always ends at rounding. No clock is asked, so
/// that results keep their bits.
///
/// Multigrid is prepared with positive definite matrices; of a softening tangent it may see that it
/// is not one (`MechanicalSolver::needs_positive_definite`).
/// @param pattern   of nodes; must live on
/// @param positions (n × d) of the nodes [m]
/// @param is_fixed  (n d) unknowns that keep their values
/// @param grain     (n) of each node, where walls couple grains; may be empty
std::unique_ptr<MechanicalSolver> quicker_mechanical_solver(const SparsePattern& pattern,
                                                            std::span<const double> positions,
                                                            std::size_t dimension,
                                                            std::span<const bool> is_fixed,
                                                            std::span<const Index> grain = {});

}  // namespace nmcx
