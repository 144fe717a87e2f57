// Nodes of their own for every grain: a wall becomes a pair of facets that may come apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "nmcx/core/views.hpp"

namespace nmcx {

/// A mesh whose walls are cut, with dimension d.
struct InsertedInterfaces {
  Array<std::int64_t, 1> source;  ///< (n_new,) old node of each new one, ascending
  Array<std::int64_t, 2> cells;   ///< (m, d + 1) new nodes, corner by corner as they were
  /// (k, 2 d) new nodes of each wall facet from both sides, corner by corner; the first half turns
  /// about the outward normal of its cell, which is of the lower grain (the lower cell if equal)
  Array<std::int64_t, 2> interfaces;
  Array<std::int64_t, 2> interface_grains;  ///< (k, 2) grains of both sides
  Array<std::int64_t, 2> surface;  ///< (s, d) new nodes of facets of one cell, turning outwards
};

/// Cuts a conforming mesh along walls.
///
/// The cells around a node fall into groups that hang together by facets which are no walls; each
/// group gets a copy of the node. Triple lines, quadruple points, junctions with the surface and
/// walls that end within a grain need no case of their own. Time grows as the number of cells.
///
/// @param cells   nodes of triangles (m, 3) or tetrahedra (m, 4) of positive volume
/// @param grain   grain of each cell, (m,), 0 … n_grain - 1 without gaps
/// @param n_node  nodes are 0 … n_node - 1; those of no cell are dropped
/// @param walls   nodes of further facets to cut, such as a notch within a grain, (q, d) in any
/// order;
///                those between grains are cut always
/// @param poll    true stops it
/// @throws InvalidArgument if sizes disagree, a grain is empty or negative, a wall is no facet
///         between two cells, or for what FacetMates refuses
InsertedInterfaces insert_interfaces(const ArrayView<std::int64_t, 2>& cells,
                                     const ArrayView<std::int64_t, 1>& grain, std::size_t n_node,
                                     const std::optional<ArrayView<std::int64_t, 2>>& walls,
                                     const std::function<bool()>& poll = {});

}  // namespace nmcx
