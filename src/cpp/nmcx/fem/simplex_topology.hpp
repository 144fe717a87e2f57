// Local numbering of triangles (D = 2) and tetrahedra (D = 3) of positive volume.
#pragma once

#include <array>
#include <cstddef>

namespace nmcx {

/// Facet i lies opposite corner i; its corners turn about the outward normal. Edges are in the
/// order in which quadratic cells list their midside nodes.
template <std::size_t D>
struct SimplexTopology;

template <>
struct SimplexTopology<2> {
  static constexpr std::array<std::array<std::size_t, 2>, 3> facets{{{1, 2}, {2, 0}, {0, 1}}};
  static constexpr std::array<std::array<std::size_t, 2>, 3> edges{{{0, 1}, {1, 2}, {2, 0}}};
  static constexpr std::array<std::array<std::size_t, 2>, 1> edges_of_facet{{{0, 1}}};
};

template <>
struct SimplexTopology<3> {
  static constexpr std::array<std::array<std::size_t, 3>, 4> facets{
      {{1, 2, 3}, {0, 3, 2}, {0, 1, 3}, {0, 2, 1}}};
  static constexpr std::array<std::array<std::size_t, 2>, 6> edges{
      {{0, 1}, {1, 2}, {2, 0}, {0, 3}, {1, 3}, {2, 3}}};
  static constexpr std::array<std::array<std::size_t, 2>, 3> edges_of_facet{
      {{0, 1}, {1, 2}, {2, 0}}};
};

}  // namespace nmcx
