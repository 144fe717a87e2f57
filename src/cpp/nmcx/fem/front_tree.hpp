// How a sparse symmetric matrix falls into dense ones that are eliminated one after another.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nmcx/fem/sparse.hpp"

namespace nmcx {

/// Nodes that are eliminated together, and those that hear of it.
struct Front {
  std::size_t first = 0;         ///< of its nodes, by place in the order
  std::size_t last = 0;          ///< one beyond
  std::vector<Index> below;      ///< places of the nodes whose rows its columns reach, ascending
  Index parent = -1;             ///< front that takes over what it leaves; −1: it leaves nothing
  std::vector<Index> in_parent;  ///< where the parent has those rows, counted in nodes
  std::vector<Index> children;

  [[nodiscard]] std::size_t n_own() const { return last - first; }
  [[nodiscard]] std::size_t n_node() const { return n_own() + below.size(); }
};

/// The fronts of a pattern, children before parents: nodes whose columns of the factor have the
/// same rows, or nearly so, share one (I. S. Duff, J. K. Reid, ACM Trans. Math. Softw. 9 (1983)
/// 302; C. Ashcraft, R. Grimes, ACM Trans. Math. Softw. 15 (1989) 291).
struct FrontTree {
  /// A block of the matrix in the column of one of a front's own nodes.
  struct Block {
    Index entry;  ///< of the pattern, in the column's row: the matrix is symmetric
    Index row;    ///< of the front, counted in nodes
  };

  std::vector<Index> order;  ///< node at each place; fills in as little as the order given does
  std::vector<Front> fronts;
  std::vector<Block> blocks;             ///< column by column, on the diagonal and below
  std::vector<std::size_t> block_start;  ///< of each place

  FrontTree(const SparsePattern& pattern, std::span<const Index> elimination,
            std::size_t dimension);
};

}  // namespace nmcx
