#include "nmcx/fem/nested_dissection.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

namespace nmcx {
namespace {

constexpr std::size_t few = 12;  // so many nodes are all neighbours of each other

class Dissection {
 public:
  Dissection(const SparsePattern& pattern, std::span<const double> positions, std::size_t dimension)
      : pattern_(pattern),
        positions_(positions),
        dimension_(dimension),
        order_(pattern.size()),
        side_(pattern.size(), none) {
    std::iota(order_.begin(), order_.end(), Index{0});
  }

  std::vector<Index> order() && {
    // Ranges still to be halved; a list in place of recursion, as deep as there are halvings.
    std::vector<std::pair<std::size_t, std::size_t>> ranges{{0, order_.size()}};
    while (!ranges.empty()) {
      const auto [begin, end] = ranges.back();
      ranges.pop_back();
      if (end - begin <= few) continue;
      const auto [middle, separator] = halve(begin, end);
      ranges.emplace_back(begin, middle);
      ranges.emplace_back(middle, separator);
    }
    return std::move(order_);
  }

 private:
  enum Side : std::uint8_t { none, left, right };

  /// Orders a range as one half, the other, and what lies between; gives where the latter two
  /// begin.
  std::pair<std::size_t, std::size_t> halve(std::size_t begin, std::size_t end) {
    std::vector<Index> best;
    std::vector<Index> between;
    for (std::size_t axis = 0; axis < dimension_; ++axis) {
      const std::size_t middle = cut(begin, end, axis);
      for (const Side side : {left, right}) {
        const std::vector<Index> nodes = touching(begin, middle, end, side);
        if (axis > 0 || side == right) {
          if (nodes.size() >= between.size()) continue;
        }
        between = nodes;
        best.assign(order_.begin() + at(begin), order_.begin() + at(end));
      }
      for (std::size_t i = begin; i < end; ++i) side_[node(i)] = none;
    }
    // The best cut again: its first half first, without what lies between.
    for (const Index each : between) side_[static_cast<std::size_t>(each)] = left;
    const std::size_t half = (end - begin) / 2;
    std::size_t next = begin;
    std::size_t middle = begin;
    for (std::size_t i = 0; i < best.size(); ++i) {
      if (i == half) middle = next;
      if (side_[static_cast<std::size_t>(best[i])] == none) order_[next++] = best[i];
    }
    for (const Index each : between) side_[static_cast<std::size_t>(each)] = none;
    std::copy(between.begin(), between.end(), order_.begin() + at(next));
    return {middle, next};
  }

  /// Puts the lower half along an axis first and marks both.
  std::size_t cut(std::size_t begin, std::size_t end, std::size_t axis) {
    const std::size_t middle = begin + ((end - begin) / 2);
    const auto place = [&](Index i) {
      return std::pair(positions_[(static_cast<std::size_t>(i) * dimension_) + axis], i);
    };
    std::nth_element(order_.begin() + at(begin), order_.begin() + at(middle),
                     order_.begin() + at(end),
                     [&](Index a, Index b) { return place(a) < place(b); });
    for (std::size_t i = begin; i < end; ++i) side_[node(i)] = i < middle ? left : right;
    return middle;
  }

  /// Nodes of a side that have a neighbour on the other.
  [[nodiscard]] std::vector<Index> touching(std::size_t begin, std::size_t middle, std::size_t end,
                                            Side side) const {
    std::vector<Index> result;
    const Side other = side == left ? right : left;
    const std::size_t first = side == left ? begin : middle;
    const std::size_t last = side == left ? middle : end;
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t row = node(i);
      const auto neighbours = std::span(pattern_.column)
                                  .subspan(static_cast<std::size_t>(pattern_.row_start[row]),
                                           static_cast<std::size_t>(pattern_.row_start[row + 1] -
                                                                    pattern_.row_start[row]));
      if (std::ranges::any_of(
              neighbours, [&](Index k) { return side_[static_cast<std::size_t>(k)] == other; })) {
        result.push_back(order_[i]);
      }
    }
    return result;
  }

  [[nodiscard]] std::size_t node(std::size_t i) const {
    return static_cast<std::size_t>(order_[i]);
  }
  static std::ptrdiff_t at(std::size_t i) { return static_cast<std::ptrdiff_t>(i); }

  const SparsePattern& pattern_;
  std::span<const double> positions_;
  std::size_t dimension_;
  std::vector<Index> order_;
  std::vector<Side> side_;
};

}  // namespace

std::vector<Index> nested_dissection(const SparsePattern& pattern,
                                     std::span<const double> positions, std::size_t dimension) {
  return Dissection(pattern, positions, dimension).order();
}

}  // namespace nmcx
