// Which two cells share a facet. A half-facet is one cell's side of a facet, numbered
// (D + 1) cell + the corner it lies opposite.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "nmcx/core/views.hpp"
#include "nmcx/fem/simplex_topology.hpp"

namespace nmcx {

inline constexpr std::size_t no_mate = std::numeric_limits<std::size_t>::max();

/// The half-facets of a mesh of triangles (D = 2) or tetrahedra (D = 3) of positive volume.
template <std::size_t D>
class FacetMates {
 public:
  using Facet = std::array<std::int64_t, D>;

  /// @param cells   nodes of each cell, (m, D + 1); must outlive this
  /// @param n_node  nodes are 0 … n_node - 1
  /// @param poll    true stops it
  /// @throws InvalidArgument if a node is out of range or repeated within a cell, a facet belongs
  /// to
  ///         more than two cells, or two cells lie on the same side of a facet
  FacetMates(const ArrayView<std::int64_t, 2>& cells, std::size_t n_node,
             const std::function<bool()>& poll);

  [[nodiscard]] std::size_t size() const { return mates_.size(); }

  /// The half-facet on the other side, or `no_mate`.
  [[nodiscard]] std::size_t mate(std::size_t half) const { return mates_[half]; }

  /// Nodes of a half-facet, turning about the outward normal of its cell.
  [[nodiscard]] Facet nodes(std::size_t half) const {
    Facet result;
    for (std::size_t i = 0; i < D; ++i) {
      result[i] = cells_(half / (D + 1), SimplexTopology<D>::facets[half % (D + 1)][i]);
    }
    return result;
  }

  /// The half-facet that turns as `facet` does, then the one that turns the other way; `no_mate`
  /// for one that is not there.
  [[nodiscard]] std::array<std::size_t, 2> find(const Facet& facet) const;

  /// Local corner of a cell that is this node; the cell must have it.
  [[nodiscard]] std::size_t corner(std::size_t cell, std::int64_t node) const {
    std::size_t i = 0;
    while (cells_(cell, i) != node) ++i;
    return i;
  }

 private:
  using Keyed = std::pair<Facet, std::size_t>;  // nodes in order, half-facet

  void sort_by_lowest_node(std::size_t n_node);
  void pair_within_node(std::size_t node, std::vector<Keyed>& keyed);

  ArrayView<std::int64_t, 2> cells_;
  std::vector<std::size_t> start_;   // (n_node + 1) into halves_
  std::vector<std::size_t> halves_;  // ordered by the lowest node of the facet
  std::vector<std::size_t> mates_;
};

extern template class FacetMates<2>;
extern template class FacetMates<3>;

}  // namespace nmcx
