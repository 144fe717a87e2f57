// An order of elimination that keeps the factor of a mesh's matrix sparse.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nmcx/fem/sparse.hpp"

namespace nmcx {

/// Nodes in the order in which they are to be eliminated.
///
/// The nodes are halved at the median of that coordinate which cuts the fewest connections, again
/// and again; those between two halves come after both (A. George, SIAM J. Numer. Anal. 10 (1973)
/// 345). In space that fills in several times less than minimum degree.
///
/// @param positions (n × d) [m]
std::vector<Index> nested_dissection(const SparsePattern& pattern,
                                     std::span<const double> positions, std::size_t dimension);

}  // namespace nmcx
