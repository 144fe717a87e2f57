// Quadratic cells: a node on every edge, twice where a wall lets its sides come apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "nmcx/core/views.hpp"

namespace nmcx {

/// A mesh of quadratic cells, with dimension d; f is 3 for d = 2 and 6 for d = 3. Corners come
/// first, then midside nodes of the edges 01, 12, 20 (, 03, 13, 23) in that order.
struct MidsideNodes {
  Array<std::int64_t, 2> ends;        ///< (n_midside, 2) corners that node n_node + i lies between
  Array<std::int64_t, 2> cells;       ///< (m, 6) or (m, 10)
  Array<std::int64_t, 2> interfaces;  ///< (k, 2 f) both sides, node by node
  Array<std::int64_t, 2> surface;     ///< (s, f)
};

/// Adds midside nodes to a mesh whose walls are cut.
///
/// The cells around an edge fall into groups that hang together by facets which are no walls; each
/// has its own midside node, also where the ends of the edge are shared: at the front of a wall
/// that ends within a grain.
///
/// @param cells       nodes of triangles (m, 3) or tetrahedra (m, 4) of positive volume
/// @param n_node      nodes are 0 … n_node - 1
/// @param interfaces  pairs of facets as `InsertedInterfaces` has them, (k, 2 d)
/// @param surface     facets of one cell, (s, d)
/// @param poll        true stops it
/// @throws InvalidArgument if sizes disagree, a row of `interfaces` or `surface` is no such facet
/// of
///         the cells, or for what FacetMates refuses
MidsideNodes midside_nodes(const ArrayView<std::int64_t, 2>& cells, std::size_t n_node,
                           const ArrayView<std::int64_t, 2>& interfaces,
                           const ArrayView<std::int64_t, 2>& surface,
                           const std::function<bool()>& poll = {});

}  // namespace nmcx
