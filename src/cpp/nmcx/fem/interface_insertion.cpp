#include "nmcx/fem/interface_insertion.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/disjoint_sets.hpp"
#include "nmcx/fem/facet_mates.hpp"

namespace nmcx {
namespace {

using Walls = std::vector<bool>;  // of half-facets, both sides alike

void require_grains(const ArrayView<std::int64_t, 1>& grain) {
  const auto n = grain.shape[0];
  std::vector<bool> occurs;
  for (std::size_t c = 0; c < n; ++c) {
    if (grain[c] < 0) {
      throw InvalidArgument("grain[" + std::to_string(c) + "] = " + std::to_string(grain[c]) +
                            "; grains are numbered from 0, leave out cells of no grain");
    }
    const auto label = static_cast<std::size_t>(grain[c]);
    // Without gaps no label reaches the number of cells: nothing larger is set aside for it.
    if (label < n && label >= occurs.size()) occurs.resize(label + 1, false);
    if (label < n) occurs[label] = true;
  }
  const auto highest = static_cast<std::size_t>(*std::max_element(grain.begin(), grain.end()));
  const auto gap =
      static_cast<std::size_t>(std::find(occurs.begin(), occurs.end(), false) - occurs.begin());
  require(gap > highest, "grain " + std::to_string(gap) +
                             " has no cell; number the grains 0 to n - 1 without gaps");
}

template <std::size_t D>
Walls between_grains(const FacetMates<D>& facets, const ArrayView<std::int64_t, 1>& grain) {
  Walls is_wall(facets.size(), false);
  for (std::size_t half = 0; half < facets.size(); ++half) {
    const std::size_t mate = facets.mate(half);
    is_wall[half] = mate != no_mate && grain[half / (D + 1)] != grain[mate / (D + 1)];
  }
  return is_wall;
}

template <std::size_t D>
void add_listed(const FacetMates<D>& facets, const ArrayView<std::int64_t, 2>& walls,
                Walls& is_wall) {
  require(walls.shape[1] == D, "walls must have one column per corner of a facet, " +
                                   std::to_string(D) + ", not " + std::to_string(walls.shape[1]));
  for (std::size_t w = 0; w < walls.shape[0]; ++w) {
    std::array<std::int64_t, D> nodes;
    std::copy_n(&walls(w, 0), D, nodes.begin());
    const auto [one, other] = facets.find(nodes);
    if (one == no_mate || other == no_mate) {
      throw InvalidArgument("walls[" + std::to_string(w) + "] is no facet between two cells");
    }
    is_wall[one] = is_wall[other] = true;
  }
}

/// Corners, numbered (D + 1) cell + corner, in groups that share a copy of their node.
template <std::size_t D>
DisjointSets grouped_corners(const FacetMates<D>& facets, const Walls& is_wall, Poll& stop) {
  DisjointSets groups(facets.size());
  for (std::size_t half = 0; half < facets.size(); ++half) {
    const std::size_t mate = facets.mate(half);
    stop.every_4096(half);
    if (mate == no_mate || mate < half || is_wall[half]) continue;
    const std::size_t cell = half / (D + 1);
    const std::size_t other = mate / (D + 1);
    for (const std::int64_t node : facets.nodes(half)) {
      groups.unite((cell * (D + 1)) + facets.corner(cell, node),
                   (other * (D + 1)) + facets.corner(other, node));
    }
  }
  return groups;
}

/// New nodes in the order of the old ones, the copies of one in the order of their first cells.
template <std::size_t D>
void number_nodes(const ArrayView<std::int64_t, 2>& cells, std::size_t n_node, DisjointSets& groups,
                  InsertedInterfaces& result) {
  std::vector<std::size_t> next(n_node + 1, 0);
  for (std::size_t corner = 0; corner < groups.size(); ++corner) {
    if (groups.find(corner) == corner) ++next[static_cast<std::size_t>(cells[corner]) + 1];
  }
  for (std::size_t node = 0; node < n_node; ++node) next[node + 1] += next[node];
  result.source = Array<std::int64_t, 1>({next[n_node]});
  result.cells = Array<std::int64_t, 2>(cells.shape);
  for (std::size_t corner = 0; corner < groups.size(); ++corner) {
    const std::size_t first = groups.find(corner);  // never later than this corner
    if (first == corner) {
      const std::size_t node = next[static_cast<std::size_t>(cells[corner])]++;
      result.source[node] = cells[corner];
      result.cells[corner] = static_cast<std::int64_t>(node);
    } else {
      result.cells[corner] = result.cells[first];
    }
  }
}

template <std::size_t D>
void list_facets(const FacetMates<D>& facets, const ArrayView<std::int64_t, 1>& grain,
                 const Walls& is_wall, InsertedInterfaces& result) {
  std::vector<std::size_t> first_sides;
  std::vector<std::size_t> outside;
  for (std::size_t half = 0; half < facets.size(); ++half) {
    const std::size_t mate = facets.mate(half);
    if (mate == no_mate) {
      outside.push_back(half);
    } else if (is_wall[half]) {
      const std::int64_t own = grain[half / (D + 1)];
      const std::int64_t other = grain[mate / (D + 1)];
      if (own < other || (own == other && half < mate)) first_sides.push_back(half);
    }
  }
  const auto copy_of = [&](std::size_t half, std::int64_t node) {
    const std::size_t cell = half / (D + 1);
    return result.cells[(cell * (D + 1)) + facets.corner(cell, node)];
  };
  result.interfaces = Array<std::int64_t, 2>({first_sides.size(), 2 * D});
  result.interface_grains = Array<std::int64_t, 2>({first_sides.size(), 2});
  for (std::size_t k = 0; k < first_sides.size(); ++k) {
    const std::size_t half = first_sides[k];
    const std::size_t mate = facets.mate(half);
    const auto nodes = facets.nodes(half);
    for (std::size_t i = 0; i < D; ++i) {
      result.interfaces[(2 * D * k) + i] = copy_of(half, nodes[i]);
      result.interfaces[(2 * D * k) + D + i] = copy_of(mate, nodes[i]);
    }
    result.interface_grains[2 * k] = grain[half / (D + 1)];
    result.interface_grains[(2 * k) + 1] = grain[mate / (D + 1)];
  }
  result.surface = Array<std::int64_t, 2>({outside.size(), D});
  for (std::size_t s = 0; s < outside.size(); ++s) {
    const auto nodes = facets.nodes(outside[s]);
    for (std::size_t i = 0; i < D; ++i) result.surface[(D * s) + i] = copy_of(outside[s], nodes[i]);
  }
}

template <std::size_t D>
InsertedInterfaces insert(const ArrayView<std::int64_t, 2>& cells,
                          const ArrayView<std::int64_t, 1>& grain, std::size_t n_node,
                          const std::optional<ArrayView<std::int64_t, 2>>& walls,
                          const std::function<bool()>& poll) {
  Poll stop(poll);
  const FacetMates<D> facets(cells, n_node, poll);
  Walls is_wall = between_grains(facets, grain);
  if (walls) add_listed(facets, *walls, is_wall);
  stop();
  DisjointSets groups = grouped_corners(facets, is_wall, stop);
  stop();
  InsertedInterfaces result;
  number_nodes<D>(cells, n_node, groups, result);
  stop();
  list_facets(facets, grain, is_wall, result);
  return result;
}

}  // namespace

InsertedInterfaces insert_interfaces(const ArrayView<std::int64_t, 2>& cells,
                                     const ArrayView<std::int64_t, 1>& grain, std::size_t n_node,
                                     const std::optional<ArrayView<std::int64_t, 2>>& walls,
                                     const std::function<bool()>& poll) {
  require(cells.shape[1] == 3 || cells.shape[1] == 4,
          "cells must have 3 nodes (triangles) or 4 (tetrahedra), not " +
              std::to_string(cells.shape[1]));
  require(cells.shape[0] > 0, "cells is empty; a mesh has at least one");
  require(grain.shape[0] == cells.shape[0], "grain must have one label per cell, " +
                                                std::to_string(cells.shape[0]) + ", not " +
                                                std::to_string(grain.shape[0]));
  require_grains(grain);
  return cells.shape[1] == 3 ? insert<2>(cells, grain, n_node, walls, poll)
                             : insert<3>(cells, grain, n_node, walls, poll);
}

}  // namespace nmcx
