#include "nmcx/fem/sparse.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace nmcx {
namespace {

/// For every unknown the groups it is in, ascending.
struct Incidence {
  std::vector<std::size_t> start;
  std::vector<Index> group;
};

Incidence incidence(std::size_t n_row, const Connectivity& connectivity) {
  Incidence result{.start = std::vector<std::size_t>(n_row + 1, 0),
                   .group = std::vector<Index>(connectivity.members.size())};
  for (const Index row : connectivity.members) ++result.start[static_cast<std::size_t>(row) + 1];
  for (std::size_t i = 0; i < n_row; ++i) result.start[i + 1] += result.start[i];
  std::vector<std::size_t> next(result.start.begin(), result.start.end() - 1);
  for (std::size_t i = 0; i < connectivity.members.size(); ++i) {
    const auto row = static_cast<std::size_t>(connectivity.members[i]);
    result.group[next[row]++] = static_cast<Index>(i / connectivity.n_member);
  }
  return result;
}

void sort_and_drop_repeats(std::vector<Index>& columns) {
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
}

}  // namespace

std::size_t SparsePattern::entry(Index row, Index col) const {
  const auto i = static_cast<std::size_t>(row);
  const auto begin = column.begin() + row_start[i];
  const auto end = column.begin() + row_start[i + 1];
  const auto found = std::lower_bound(begin, end, col);
  require(found != end && *found == col, "two unknowns that never meet have no entry");
  return static_cast<std::size_t>(found - column.begin());
}

SparsePattern sparse_pattern(std::size_t n_row, std::span<const Connectivity* const> connectivities,
                             const Execution& execution) {
  require(n_row < static_cast<std::size_t>(std::numeric_limits<Index>::max()),
          "the mesh has too many nodes: 2^31 is the limit");
  std::vector<Incidence> incidences;
  incidences.reserve(connectivities.size());
  for (const Connectivity* each : connectivities) incidences.push_back(incidence(n_row, *each));

  // Once to count, once to fill: a list of columns per row would double the memory.
  const auto columns_of = [&](std::size_t row, std::vector<Index>& columns) {
    columns.clear();
    for (std::size_t c = 0; c < connectivities.size(); ++c) {
      const Incidence& inc = incidences[c];
      for (std::size_t k = inc.start[row]; k < inc.start[row + 1]; ++k) {
        const auto group = connectivities[c]->group(static_cast<std::size_t>(inc.group[k]));
        columns.insert(columns.end(), group.begin(), group.end());
      }
    }
    sort_and_drop_repeats(columns);
  };
  std::vector<std::size_t> start(n_row + 1, 0);
  parallel_for(n_row, rows_of_chunk, execution,
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 std::vector<Index> columns;
                 for (std::size_t row = begin; row < end; ++row) {
                   columns_of(row, columns);
                   start[row + 1] = columns.size();
                 }
               });
  for (std::size_t row = 0; row < n_row; ++row) {
    require(start[row + 1] > 0, "points holds a node that is a corner of no cell: drop it");
    start[row + 1] += start[row];
  }
  require(start[n_row] < static_cast<std::size_t>(std::numeric_limits<Index>::max()),
          "the mesh is too large: its matrix would have more than 2^31 entries");

  SparsePattern pattern{.row_start = std::vector<Index>(start.begin(), start.end()),
                        .column = std::vector<Index>(start[n_row]),
                        .diagonal = std::vector<Index>(n_row)};
  parallel_for(
      n_row, rows_of_chunk, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
        std::vector<Index> columns;
        for (std::size_t row = begin; row < end; ++row) {
          columns_of(row, columns);
          std::copy(columns.begin(), columns.end(),
                    pattern.column.begin() + pattern.row_start[row]);
          pattern.diagonal[row] =
              static_cast<Index>(pattern.entry(static_cast<Index>(row), static_cast<Index>(row)));
        }
      });
  return pattern;
}

Assembly::Assembly(const SparsePattern& pattern, const Connectivity& connectivity,
                   const Execution& execution)
    : pattern_(&pattern), connectivity_(&connectivity) {
  const std::size_t n_member = connectivity.n_member;
  offset_.resize(connectivity.members.size() * n_member);
  parallel_for(connectivity.size(), rows_of_chunk, execution,
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t g = begin; g < end; ++g) {
                   const auto group = connectivity.group(g);
                   std::uint16_t* offset = offset_.data() + (g * n_member * n_member);
                   for (const Index row : group) {
                     const auto first =
                         static_cast<std::size_t>(pattern.row_start[static_cast<std::size_t>(row)]);
                     for (const Index col : group) {
                       const std::size_t within = pattern.entry(row, col) - first;
                       require(within <= std::numeric_limits<std::uint16_t>::max(),
                               "more than 65536 nodes meet at one node of the mesh");
                       *offset++ = static_cast<std::uint16_t>(within);
                     }
                   }
                 }
               });

  // Ranges of one length, an even number of them: two threads have the same to do.
  const std::size_t n = pattern.size();
  const std::size_t n_pair =
      n <= 4 * most_rows_of_range ? 1 : ((n - 1) / (2 * most_rows_of_range)) + 1;
  const std::size_t n_range = n <= 2 * most_rows_of_range ? 1 : 2 * n_pair;
  rows_of_range_ = ((n - 1) / n_range) + 1;
  inside_.resize(n_range);
  border_.resize(n_range);
  const auto range_of = [this](Index row) {
    return static_cast<std::size_t>(row) / rows_of_range_;
  };
  for (std::size_t g = 0; g < connectivity.size(); ++g) {
    const auto group = connectivity.group(g);
    const std::size_t first = range_of(group[0]);
    const bool is_inside =
        std::ranges::all_of(group, [&](Index row) { return range_of(row) == first; });
    for (const Index row : group) {
      auto& groups = (is_inside ? inside_ : border_)[range_of(row)];
      if (groups.empty() || std::cmp_not_equal(groups.back(), g)) {
        groups.push_back(static_cast<Index>(g));
      }
    }
  }
}

void multiply(const SparseMatrix& matrix, std::span<const double> x, std::span<double> y,
              Team& team) {
  team.loop(x.size(), rows_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t i = begin; i < end; ++i) y[i] = matrix.row_product(i, x.data());
  });
}

}  // namespace nmcx
