// The order of elimination that keeps the factor of a mesh's matrix small.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nmcx/fem/sparse.hpp"

namespace nmcx {

/// Nodes in the order in which they are to be eliminated: nested dissection or minimum degree (P.
/// R. Amestoy, T. A. Davis, I. S. Duff, SIAM J. Matrix Anal. Appl. 17 (1996) 886), whichever takes
/// fewer operations. The former wins on linear cells, the latter on small meshes of quadratic ones.
///
/// @param positions (n × d) [m]
std::vector<Index> elimination_order(const SparsePattern& pattern,
                                     std::span<const double> positions, std::size_t dimension);

/// What eliminating the nodes of a pattern one after another leads to, node by node in their order.
struct EliminationTree {
  std::vector<Index> parent;         ///< the first of the nodes that a node's elimination reaches
  std::vector<std::size_t> n_entry;  ///< of each column of the factor, diagonal included

  static constexpr Index none = -1;  ///< parent of a root
};

EliminationTree elimination_tree(const SparsePattern& pattern, std::span<const Index> order);

/// Multiplications that a Cholesky factorisation takes in an order, up to a factor: the sum of the
/// squares of its columns' entries.
double factorisation_cost(const SparsePattern& pattern, std::span<const Index> order);

}  // namespace nmcx
