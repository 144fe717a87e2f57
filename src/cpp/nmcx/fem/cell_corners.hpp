// Corners of cells on unknowns, and the order in which a matrix is filled by them.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/element.hpp"
#include "nmcx/fem/unknowns.hpp"

namespace nmcx {

template <std::size_t d>
Vector<d> position(const Unknowns& unknowns, Index i) {
  Vector<d> x;
  std::copy_n(unknowns.positions.data() + (static_cast<std::size_t>(i) * d), d, x.begin());
  return x;
}

/// Positions of n unknowns, the corners of a cell or facet.
template <std::size_t d, std::size_t n = d + 1>
std::array<Vector<d>, n> cell_corners(const Unknowns& unknowns, const Index* rows) {
  std::array<Vector<d>, n> result;
  for (std::size_t i = 0; i < n; ++i) result[i] = position<d>(unknowns, rows[i]);
  return result;
}

/// @throws InvalidArgument if a cell has no positive volume; the message names it
template <std::size_t d>
void check_shape(const std::array<Vector<d>, d + 1>& corner, double volume, std::size_t cell) {
  double longest = 0;
  for (std::size_t i = 0; i <= d; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      Vector<d> edge{};
      for (std::size_t k = 0; k < d; ++k) edge[k] = corner[i][k] - corner[j][k];
      longest = std::max(longest, std::sqrt(dot<d>(edge, edge)));
    }
  }
  // A billionth of a regular cell: gradients would lose all their digits.
  double regular = 1;
  for (std::size_t k = 0; k < d; ++k) regular *= longest;
  if (volume > 1e-9 * regular) return;
  throw InvalidArgument("cell " + std::to_string(cell) +
                        (volume < -1e-9 * regular
                             ? " has a negative volume: swap two of its corners"
                             : " is flat: leave it out"));
}

/// Order of cells by their first unknown, in which cells and rows of a matrix are walked together.
inline std::vector<std::size_t> order_by_first_unknown(const Connectivity& cells) {
  std::vector<std::size_t> order(cells.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto first = [&](std::size_t cell) { return std::ranges::min(cells.group(cell)); };
  // Cells of the same first unknown stay in their order: all machines add in the same one.
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return std::pair(first(a), a) < std::pair(first(b), b);
  });
  return order;
}

}  // namespace nmcx
