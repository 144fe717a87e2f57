#include "nmcx/fem/facet_mates.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "nmcx/core/error.hpp"
#include "nmcx/core/parallel.hpp"

namespace nmcx {
namespace {

[[noreturn]] void refuse(std::size_t cell, std::int64_t node, const std::string& why) {
  throw InvalidArgument("cells[" + std::to_string(cell) + "] names node " + std::to_string(node) +
                        why);
}

template <std::size_t D>
void require_cells(const ArrayView<std::int64_t, 2>& cells, std::size_t n_node) {
  for (std::size_t c = 0; c < cells.shape[0]; ++c) {
    for (std::size_t i = 0; i <= D; ++i) {
      const std::int64_t node = cells(c, i);
      if (node < 0 || std::cmp_greater_equal(node, n_node)) {
        refuse(c, node, ", but nodes are 0 to " + std::to_string(n_node) + " - 1");
      }
      for (std::size_t j = 0; j < i; ++j) {
        if (cells(c, j) == node) refuse(c, node, " twice; remove collapsed cells from the mesh");
      }
    }
  }
}

template <std::size_t D>
std::array<std::int64_t, D> sorted(std::array<std::int64_t, D> facet) {
  std::sort(facet.begin(), facet.end());
  return facet;
}

/// Whether two orders of the same nodes turn the same way.
template <std::size_t D>
bool same_turn(const std::array<std::int64_t, D>& a, const std::array<std::int64_t, D>& b) {
  const auto at = static_cast<std::size_t>(std::find(b.begin(), b.end(), a[0]) - b.begin());
  return D == 2 ? at == 0 : b[(at + 1) % D] == a[1];
}

}  // namespace

template <std::size_t D>
FacetMates<D>::FacetMates(const ArrayView<std::int64_t, 2>& cells, std::size_t n_node,
                          const std::function<bool()>& poll)
    : cells_(cells), mates_(cells.shape[0] * (D + 1), no_mate) {
  Poll stop(poll);
  require_cells<D>(cells, n_node);
  stop();
  sort_by_lowest_node(n_node);
  std::vector<Keyed> keyed;
  for (std::size_t node = 0; node < n_node; ++node) {
    stop.every_4096(node);
    pair_within_node(node, keyed);
  }
}

template <std::size_t D>
void FacetMates<D>::sort_by_lowest_node(std::size_t n_node) {
  const auto lowest = [&](std::size_t half) {
    const Facet facet = nodes(half);
    return static_cast<std::size_t>(*std::min_element(facet.begin(), facet.end()));
  };
  start_.assign(n_node + 1, 0);
  for (std::size_t half = 0; half < size(); ++half) ++start_[lowest(half) + 1];
  for (std::size_t node = 0; node < n_node; ++node) start_[node + 1] += start_[node];
  halves_.resize(size());
  std::vector<std::size_t> next(start_.begin(), start_.end() - 1);
  for (std::size_t half = 0; half < size(); ++half) halves_[next[lowest(half)]++] = half;
}

template <std::size_t D>
void FacetMates<D>::pair_within_node(std::size_t node, std::vector<Keyed>& keyed) {
  // A node is the lowest of a few dozen facets, however large the mesh is.
  keyed.clear();
  for (std::size_t i = start_[node]; i < start_[node + 1]; ++i) {
    keyed.push_back({sorted<D>(nodes(halves_[i])), halves_[i]});
  }
  std::sort(keyed.begin(), keyed.end());
  for (std::size_t i = 0; i + 1 < keyed.size(); ++i) {
    if (keyed[i].first != keyed[i + 1].first) continue;
    const std::size_t one = keyed[i].second;
    const std::size_t other = keyed[i + 1].second;
    if (mates_[one] == no_mate && !same_turn<D>(nodes(one), nodes(other))) {
      mates_[one] = other;
      mates_[other] = one;
      continue;
    }
    const std::string both =
        "cells " + std::to_string(one / (D + 1)) + " and " + std::to_string(other / (D + 1));
    throw InvalidArgument(
        mates_[one] != no_mate
            ? both + " share a facet that has two cells already; remove cells that overlap"
            : both + " lie on the same side of a facet: they overlap, or one has negative volume");
  }
}

template <std::size_t D>
std::array<std::size_t, 2> FacetMates<D>::find(const Facet& facet) const {
  std::array<std::size_t, 2> found{no_mate, no_mate};
  const Facet key = sorted<D>(facet);
  if (key[0] < 0 || static_cast<std::size_t>(key[0]) + 1 >= start_.size()) return found;
  const auto node = static_cast<std::size_t>(key[0]);
  for (std::size_t i = start_[node]; i < start_[node + 1]; ++i) {
    const Facet other = nodes(halves_[i]);
    if (sorted<D>(other) == key) found[same_turn<D>(facet, other) ? 0 : 1] = halves_[i];
  }
  return found;
}

template class FacetMates<2>;
template class FacetMates<3>;

}  // namespace nmcx
