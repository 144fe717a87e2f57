// Groups of nodes that hold on to each other strongly, for the coarser level of a multigrid method.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/sparse.hpp"

namespace nmcx {

inline constexpr Index no_aggregate = -1;

struct Aggregation {
  std::vector<Index> of_node;  ///< (n) aggregate, `no_aggregate` of a node that takes no part
  std::size_t n_aggregate = 0;
};

/// (n_entry) 1 where two nodes are coupled strongly, ‖Aᵢⱼ‖² > threshold² ‖Aᵢᵢ‖ ‖Aⱼⱼ‖ (Frobenius
/// norms), 0 elsewhere and on the diagonal.
/// @param values (n_entry × m × m)
std::vector<unsigned char> strong_couplings(const SparsePattern& pattern,
                                            std::span<const double> values, std::size_t m,
                                            double threshold, Team& team);

/// Aggregates of a node and all its strong neighbours, where these are all free; nodes left over
/// join the aggregate next to them.
///
/// Vaněk, Mandel & Brezina, Computing 56 (1996) 179–196, algorithm 2. One thread, nodes in turn:
/// the same aggregates always.
/// @param takes_part (n) nodes left out belong to no aggregate
Aggregation aggregate(const SparsePattern& pattern, std::span<const unsigned char> is_strong,
                      std::span<const unsigned char> takes_part);

}  // namespace nmcx
