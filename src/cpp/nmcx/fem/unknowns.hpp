// From the nodes of a polycrystal to unknowns: grains in perfect contact share theirs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nmcx/core/views.hpp"
#include "nmcx/fem/sparse.hpp"

namespace nmcx {

/// Unknown of every node, numbered along a curve that keeps neighbours together.
struct Unknowns {
  std::vector<Index> of_node;     ///< (n_node)
  std::vector<double> positions;  ///< (n × d) [m]

  [[nodiscard]] std::size_t size(std::size_t dimension) const {
    return positions.size() / dimension;
  }
};

/// Merges the nodes that face each other across a tied wall facet, and numbers what is left by
/// Morton's curve: neighbours in space are neighbours in memory, whatever the order of the mesh.
///
/// @param points     (n_node, d) [m], finite
/// @param interfaces (k, 2 f) nodes of wall facets, first one side, then the other; f is d, or more
///        with midside nodes
/// @param is_tied    (k)
/// @throws InvalidArgument if a node of an interface does not exist, or tied nodes lie apart
Unknowns tie_nodes(const ArrayView<double, 2>& points, const ArrayView<std::int64_t, 2>& interfaces,
                   const std::vector<bool>& is_tied);

/// Rows of nodes as rows of unknowns.
/// @throws InvalidArgument if a node does not exist; the message names `what`
Connectivity unknowns_of(const ArrayView<std::int64_t, 2>& nodes, const Unknowns& unknowns,
                         const char* what);

}  // namespace nmcx
