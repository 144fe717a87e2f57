#include "nmcx/fem/aggregation.hpp"

#include <algorithm>

namespace nmcx {
namespace {

double squared_norm(const double* block, std::size_t m) {
  double sum = 0;
  for (std::size_t k = 0; k < m * m; ++k) sum += block[k] * block[k];
  return sum;
}

/// The strong neighbours of nodes.
class Neighbours {
 public:
  Neighbours(const SparsePattern& pattern, std::span<const unsigned char> is_strong,
             std::span<const unsigned char> takes_part)
      : pattern_(&pattern), is_strong_(is_strong), takes_part_(takes_part) {}

  template <class Call>
  void of(std::size_t node, const Call& call) const {
    const auto end = static_cast<std::size_t>(pattern_->row_start[node + 1]);
    for (auto k = static_cast<std::size_t>(pattern_->row_start[node]); k < end; ++k) {
      const auto other = static_cast<std::size_t>(pattern_->column[k]);
      if (is_strong_[k] != 0 && takes_part_[other] != 0) call(other);
    }
  }

 private:
  const SparsePattern* pattern_;
  std::span<const unsigned char> is_strong_;
  std::span<const unsigned char> takes_part_;
};

}  // namespace

std::vector<unsigned char> strong_couplings(const SparsePattern& pattern,
                                            std::span<const double> values, std::size_t m,
                                            double threshold, Team& team) {
  const std::size_t n = pattern.size();
  std::vector<double> diagonal(n);
  std::vector<unsigned char> result(pattern.column.size());
  team.loop(n, rows_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t i = begin; i < end; ++i) {
      const auto k = static_cast<std::size_t>(pattern.diagonal[i]);
      diagonal[i] = squared_norm(values.data() + (k * m * m), m);
    }
  });
  const double limit = threshold * threshold * threshold * threshold;
  team.loop(n, rows_of_chunk / m, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t i = begin; i < end; ++i) {
      const auto last = static_cast<std::size_t>(pattern.row_start[i + 1]);
      for (auto k = static_cast<std::size_t>(pattern.row_start[i]); k < last; ++k) {
        const auto j = static_cast<std::size_t>(pattern.column[k]);
        const double square = squared_norm(values.data() + (k * m * m), m);
        result[k] = i != j && square * square > limit * diagonal[i] * diagonal[j] ? 1 : 0;
      }
    }
  });
  return result;
}

Aggregation aggregate(const SparsePattern& pattern, std::span<const unsigned char> is_strong,
                      std::span<const unsigned char> takes_part) {
  const std::size_t n = pattern.size();
  const Neighbours neighbours(pattern, is_strong, takes_part);
  Aggregation result{.of_node = std::vector<Index>(n, no_aggregate)};
  std::vector<Index>& of = result.of_node;
  const auto start_aggregate = [&](std::size_t node) {
    const auto mine = static_cast<Index>(result.n_aggregate++);
    of[node] = mine;
    neighbours.of(node, [&](std::size_t other) {
      if (of[other] == no_aggregate) of[other] = mine;
    });
  };
  for (std::size_t i = 0; i < n; ++i) {
    if (takes_part[i] == 0 || of[i] != no_aggregate) continue;
    bool is_free = true;
    bool is_alone = true;
    neighbours.of(i, [&](std::size_t other) {
      is_free = is_free && of[other] == no_aggregate;
      is_alone = false;
    });
    if (is_free && !is_alone) start_aggregate(i);
  }
  // To the aggregate that holds most of a node's neighbours; not to one that itself has just grown.
  std::vector<std::size_t> joined;
  std::vector<Index> where;
  std::vector<Index> seen;
  for (std::size_t i = 0; i < n; ++i) {
    if (takes_part[i] == 0 || of[i] != no_aggregate) continue;
    seen.clear();
    neighbours.of(i, [&](std::size_t other) {
      if (of[other] != no_aggregate) seen.push_back(of[other]);
    });
    if (seen.empty()) continue;
    std::sort(seen.begin(), seen.end());
    Index best = seen.front();
    std::ptrdiff_t most = 0;
    for (auto at = seen.begin(); at != seen.end();) {
      const auto next = std::upper_bound(at, seen.end(), *at);
      if (next - at > most) {
        most = next - at;
        best = *at;
      }
      at = next;
    }
    joined.push_back(i);
    where.push_back(best);
  }
  for (std::size_t k = 0; k < joined.size(); ++k) of[joined[k]] = where[k];
  for (std::size_t i = 0; i < n; ++i) {
    if (takes_part[i] != 0 && of[i] == no_aggregate) start_aggregate(i);
  }
  return result;
}

}  // namespace nmcx
