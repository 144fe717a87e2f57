#include "nmcx/fem/unknowns.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "nmcx/fem/disjoint_sets.hpp"

namespace nmcx {
namespace {

struct Box {
  std::array<double, 3> low{};
  double extent = 0;  ///< longest side
};

Box bounding_box(const ArrayView<double, 2>& points) {
  const std::size_t d = points.shape[1];
  Box box;
  for (std::size_t k = 0; k < d; ++k) {
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for (std::size_t i = 0; i < points.shape[0]; ++i) {
      low = std::min(low, points(i, k));
      high = std::max(high, points(i, k));
    }
    box.low[k] = low;
    box.extent = std::max(box.extent, high - low);
  }
  return box;
}

/// Bits of the coordinates, 20 of each, one after another.
std::uint64_t morton_key(const ArrayView<double, 2>& points, std::size_t i, const Box& box) {
  constexpr double cells = 1U << 20U;
  const std::size_t d = points.shape[1];
  std::uint64_t key = 0;
  for (std::size_t k = 0; k < d; ++k) {
    const double place = (points(i, k) - box.low[k]) / box.extent * (cells - 1);
    const auto number = static_cast<std::uint64_t>(place);
    for (std::size_t bit = 0; bit < 20; ++bit) {
      key |= ((number >> bit) & 1U) << ((bit * d) + k);
    }
  }
  return key;
}

std::size_t checked_node(std::int64_t node, std::size_t n_node, const char* what) {
  if (node >= 0 && std::cmp_less(node, n_node)) return static_cast<std::size_t>(node);
  throw InvalidArgument(std::string(what) + " names node " + std::to_string(node) + " of " +
                        std::to_string(n_node));
}

}  // namespace

Unknowns tie_nodes(const ArrayView<double, 2>& points, const ArrayView<std::int64_t, 2>& interfaces,
                   const std::vector<bool>& is_tied) {
  const std::size_t n_node = points.shape[0];
  const std::size_t d = points.shape[1];
  require(n_node > 0, "the mesh has no points");
  for (const double x : points) require(std::isfinite(x), "points must be finite");
  const Box box = bounding_box(points);
  require(box.extent > 0, "all points of the mesh are one");

  DisjointSets merged(n_node);
  const std::size_t n_side = interfaces.shape[1] / 2;
  for (std::size_t f = 0; f < interfaces.shape[0]; ++f) {
    for (std::size_t corner = 0; corner < n_side; ++corner) {
      const std::size_t a = checked_node(interfaces(f, corner), n_node, "interfaces");
      const std::size_t b = checked_node(interfaces(f, n_side + corner), n_node, "interfaces");
      double apart = 0;
      for (std::size_t k = 0; k < d; ++k)
        apart = std::max(apart, std::abs(points(a, k) - points(b, k)));
      if (!(apart <= 1e-9 * box.extent)) {
        throw InvalidArgument("the two sides of interface facet " + std::to_string(f) +
                              " must have the same points, corner by corner");
      }
      if (is_tied[f]) merged.unite(a, b);
    }
  }

  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (std::size_t i = 0; i < n_node; ++i) {
    if (merged.find(i) == i) order.emplace_back(morton_key(points, i, box), i);
  }
  std::sort(order.begin(), order.end());
  Unknowns unknowns{.of_node = std::vector<Index>(n_node),
                    .positions = std::vector<double>(order.size() * d)};
  for (std::size_t row = 0; row < order.size(); ++row) {
    const std::size_t node = order[row].second;
    unknowns.of_node[node] = static_cast<Index>(row);
    for (std::size_t k = 0; k < d; ++k) unknowns.positions[(row * d) + k] = points(node, k);
  }
  for (std::size_t i = 0; i < n_node; ++i) unknowns.of_node[i] = unknowns.of_node[merged.find(i)];
  return unknowns;
}

Connectivity unknowns_of(const ArrayView<std::int64_t, 2>& nodes, const Unknowns& unknowns,
                         const char* what) {
  Connectivity result{.members = std::vector<Index>(nodes.size()), .n_member = nodes.shape[1]};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    result.members[i] = unknowns.of_node[checked_node(nodes[i], unknowns.of_node.size(), what)];
  }
  return result;
}

}  // namespace nmcx
