// Inverses of a block matrix's diagonal blocks, singular ones included.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/sparse.hpp"

namespace nmcx {

/// (n × m × m), m = 3 or 6. Rows and columns of unknowns that are held are 0, as are directions
/// that cost no energy: the turn of a single node, or of two about their axis.
/// @param values   (n_entry × m × m)
/// @param is_fixed (n m), or empty
/// @throws ConvergenceError if a block has negative energy or is not a number
std::vector<double> inverse_diagonal_blocks(const SparsePattern& pattern,
                                            std::span<const double> values, std::size_t m,
                                            std::span<const bool> is_fixed, Team& team);

}  // namespace nmcx
