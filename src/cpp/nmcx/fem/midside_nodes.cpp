#include "nmcx/fem/midside_nodes.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/disjoint_sets.hpp"
#include "nmcx/fem/facet_mates.hpp"

namespace nmcx {
namespace {

[[noreturn]] void refuse(const char* list, std::size_t row, const char* why) {
  throw InvalidArgument(std::string(list) + "[" + std::to_string(row) + "] " + why);
}

template <std::size_t D>
class Builder {
 public:
  Builder(const ArrayView<std::int64_t, 2>& cells, std::size_t n_node,
          const ArrayView<std::int64_t, 2>& interfaces, const ArrayView<std::int64_t, 2>& surface,
          const std::function<bool()>& poll)
      : cells_(cells),
        n_node_(n_node),
        interfaces_(interfaces),
        surface_(surface),
        poll_(poll),
        facets_(cells, n_node, poll) {}

  MidsideNodes build() {
    find_sides();
    number_edges();
    MidsideNodes result;
    result.ends = ends();
    poll_();
    result.cells = quadratic_cells();
    poll_();
    result.interfaces = Array<std::int64_t, 2>({interfaces_.shape[0], 2 * facet_nodes});
    for (std::size_t side = 0; side < sides_.size(); ++side) {
      write_facet(&interfaces_[D * side], sides_[side],
                  result.interfaces.data() + (facet_nodes * side));
    }
    result.surface = Array<std::int64_t, 2>({surface_.shape[0], facet_nodes});
    for (std::size_t s = 0; s < surface_.shape[0]; ++s) {
      const std::size_t half = facets_.find(facet(&surface_(s, 0)))[0];
      if (half == no_mate || facets_.mate(half) != no_mate) {
        refuse("surface", s, "is no facet that turns outwards from one cell");
      }
      write_facet(&surface_(s, 0), half, result.surface.data() + (facet_nodes * s));
    }
    return result;
  }

 private:
  using Local = SimplexTopology<D>;
  static constexpr std::size_t n_edge = Local::edges.size();
  static constexpr std::size_t facet_nodes = D + Local::edges_of_facet.size();

  static std::array<std::int64_t, D> facet(const std::int64_t* nodes) {
    std::array<std::int64_t, D> result;
    std::copy_n(nodes, D, result.begin());
    return result;
  }

  /// Both half-facets of every wall. Where a wall ends its sides may have all nodes in common; then
  /// the direction in which they turn tells them apart.
  void find_sides() {
    is_wall_.assign(facets_.size(), false);
    for (std::size_t k = 0; k < interfaces_.shape[0]; ++k) {
      const std::array<std::size_t, 2> pair{facets_.find(facet(&interfaces_(k, 0)))[0],
                                            facets_.find(facet(&interfaces_(k, D)))[1]};
      if (pair[0] == no_mate || pair[1] == no_mate) {
        refuse("interfaces", k, "does not name the facets of two cells");
      }
      for (const std::size_t half : pair) {
        const std::size_t mate = facets_.mate(half);
        if (mate != no_mate && mate != pair[0] && mate != pair[1]) {
          refuse("interfaces", k, "pairs a facet that joins two other cells");
        }
        is_wall_[half] = true;
        sides_.push_back(half);
      }
    }
  }

  [[nodiscard]] std::size_t slot(std::size_t cell, std::int64_t one, std::int64_t other) const {
    const std::size_t i = facets_.corner(cell, one);
    const std::size_t j = facets_.corner(cell, other);
    std::size_t e = 0;
    while (Local::edges[e] != std::array{i, j} && Local::edges[e] != std::array{j, i}) ++e;
    return (cell * n_edge) + e;
  }

  /// A number for each group of edges of cells, in the order of their first cells.
  void number_edges() {
    DisjointSets groups(cells_.shape[0] * n_edge);
    for (std::size_t half = 0; half < facets_.size(); ++half) {
      poll_.every_4096(half);
      const std::size_t mate = facets_.mate(half);
      if (mate == no_mate || mate < half || is_wall_[half]) continue;
      const auto nodes = facets_.nodes(half);
      for (const auto& [i, j] : Local::edges_of_facet) {
        groups.unite(slot(half / (D + 1), nodes[i], nodes[j]),
                     slot(mate / (D + 1), nodes[i], nodes[j]));
      }
    }
    number_.resize(groups.size());
    for (std::size_t s = 0; s < groups.size(); ++s) {
      poll_.every_4096(s);
      const std::size_t first = groups.find(s);
      if (first == s) first_slots_.push_back(s);
      number_[s] = first == s ? first_slots_.size() - 1 : number_[first];
    }
  }

  [[nodiscard]] std::int64_t midside(std::size_t s) const {
    return static_cast<std::int64_t>(n_node_ + number_[s]);
  }

  [[nodiscard]] Array<std::int64_t, 2> ends() const {
    Array<std::int64_t, 2> result({first_slots_.size(), 2});
    for (std::size_t e = 0; e < first_slots_.size(); ++e) {
      const auto& local = Local::edges[first_slots_[e] % n_edge];
      for (std::size_t i = 0; i < 2; ++i) {
        result[(2 * e) + i] = cells_(first_slots_[e] / n_edge, local[i]);
      }
    }
    return result;
  }

  [[nodiscard]] Array<std::int64_t, 2> quadratic_cells() const {
    Array<std::int64_t, 2> result({cells_.shape[0], D + 1 + n_edge});
    std::int64_t* row = result.data();
    for (std::size_t c = 0; c < cells_.shape[0]; ++c) {
      row = std::copy_n(&cells_(c, 0), D + 1, row);
      for (std::size_t e = 0; e < n_edge; ++e) *row++ = midside((c * n_edge) + e);
    }
    return result;
  }

  void write_facet(const std::int64_t* nodes, std::size_t half, std::int64_t* row) const {
    row = std::copy_n(nodes, D, row);
    for (const auto& [i, j] : Local::edges_of_facet) {
      *row++ = midside(slot(half / (D + 1), nodes[i], nodes[j]));
    }
  }

  ArrayView<std::int64_t, 2> cells_;
  std::size_t n_node_;
  ArrayView<std::int64_t, 2> interfaces_;
  ArrayView<std::int64_t, 2> surface_;
  Poll poll_;
  FacetMates<D> facets_;
  std::vector<bool> is_wall_;
  std::vector<std::size_t> sides_;        // half-facets, first and second side of each wall
  std::vector<std::size_t> number_;       // of the midside node of each edge of each cell
  std::vector<std::size_t> first_slots_;  // first edge of a cell that a midside node lies on
};

}  // namespace

MidsideNodes midside_nodes(const ArrayView<std::int64_t, 2>& cells, std::size_t n_node,
                           const ArrayView<std::int64_t, 2>& interfaces,
                           const ArrayView<std::int64_t, 2>& surface,
                           const std::function<bool()>& poll) {
  const std::size_t d = cells.shape[1] - 1;
  require(d == 2 || d == 3, "cells must have 3 nodes (triangles) or 4 (tetrahedra), not " +
                                std::to_string(cells.shape[1]));
  require(interfaces.shape[1] == 2 * d,
          "interfaces must have " + std::to_string(2 * d) + " columns, two facets side by side");
  require(surface.shape[1] == d, "surface must have " + std::to_string(d) + " columns");
  return d == 2 ? Builder<2>(cells, n_node, interfaces, surface, poll).build()
                : Builder<3>(cells, n_node, interfaces, surface, poll).build();
}

}  // namespace nmcx
