// Symmetric sparse matrices whose pattern is known before any value: assembled straight into it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

namespace nmcx {

/// Index of an unknown or of an entry of a matrix; 32 bits, since reading them is what costs.
using Index = std::int32_t;

/// Groups of unknowns that all meet one another, such as the corners of the cells, by rows.
struct Connectivity {
  std::vector<Index> members;  ///< (n_group × n_member)
  std::size_t n_member = 1;

  [[nodiscard]] std::size_t size() const { return members.size() / n_member; }
  [[nodiscard]] std::span<const Index> group(std::size_t i) const {
    return {members.data() + (i * n_member), n_member};
  }
};

/// Where a square matrix of symmetric pattern has entries (CSR); columns of a row ascend.
struct SparsePattern {
  std::vector<Index> row_start;  ///< (n + 1)
  std::vector<Index> column;     ///< (n_entry)
  std::vector<Index> diagonal;   ///< (n) entry of each row's own column

  [[nodiscard]] std::size_t size() const { return diagonal.size(); }

  /// Entry of a row and column.
  /// @throws InvalidArgument if the pattern has none
  [[nodiscard]] std::size_t entry(Index row, Index col) const;
};

/// Pattern of all pairs that meet in a group of any of the connectivities.
/// @throws InvalidArgument if an unknown below `n_row` is in no group
SparsePattern sparse_pattern(std::size_t n_row, std::span<const Connectivity* const> connectivities,
                             const Execution& execution);

/// Which entries the groups of one connectivity add to, and who adds when.
///
/// Rows are cut into fixed ranges; each range goes through its groups in a fixed order and adds to
/// its own rows only, so that every thread count gives the same bits. Groups at a border are
/// visited by every range they touch.
class Assembly {
 public:
  Assembly(const SparsePattern& pattern, const Connectivity& connectivity,
           const Execution& execution);

  /// What a group of n unknowns needs to add to its rows.
  template <std::size_t n, bool inside>
  struct Place {
    std::size_t group;
    const Index* rows;  ///< (n)
    Index low, high;    ///< rows of the range
    const Index* row_start;
    const std::uint16_t* offset;

    /// Whether a row belongs to the range that asks; the others belong to another's.
    [[nodiscard]] bool is_mine(std::size_t i) const {
      return inside || (rows[i] >= low && rows[i] < high);
    }
    [[nodiscard]] std::size_t row(std::size_t i) const { return static_cast<std::size_t>(rows[i]); }
    /// Entries of the group's pairs (i, j), j = 0 … n - 1, are row_begin(i) + in_row(i, j).
    [[nodiscard]] std::size_t row_begin(std::size_t i) const {
      return static_cast<std::size_t>(row_start[row(i)]);
    }
    [[nodiscard]] std::size_t in_row(std::size_t i, std::size_t j) const {
      return offset[(i * n) + j];
    }
  };

  /// Calls add(place) for each group of every range.
  template <std::size_t n, class Add>
  void for_each_group(const Execution& execution, const Add& add) const;

 private:
  // Up to four of these a matrix is cut in halves: borders would cost more than balance gains.
  static constexpr std::size_t most_rows_of_range = 8192;

  const SparsePattern* pattern_;
  const Connectivity* connectivity_;
  std::size_t rows_of_range_;
  std::vector<std::uint16_t> offset_;       ///< of each pair within its row
  std::vector<std::vector<Index>> inside_;  ///< of each range, groups all of whose rows it owns
  std::vector<std::vector<Index>> border_;  ///< of each range, groups it shares with others
};

template <std::size_t n, class Add>
void Assembly::for_each_group(const Execution& execution, const Add& add) const {
  const auto add_all = [&]<bool inside>(const std::vector<Index>& groups, std::size_t range) {
    const std::size_t end = std::min((range + 1) * rows_of_range_, pattern_->size());
    for (const Index each : groups) {
      const auto group = static_cast<std::size_t>(each);
      add(Place<n, inside>{.group = group,
                           .rows = connectivity_->members.data() + (group * n),
                           .low = static_cast<Index>(range * rows_of_range_),
                           .high = static_cast<Index>(end),
                           .row_start = pattern_->row_start.data(),
                           .offset = offset_.data() + (group * n * n)});
    }
  };
  parallel_for(inside_.size(), 1, execution, [&](std::size_t range, std::size_t, std::size_t) {
    add_all.template operator()<true>(inside_[range], range);
    add_all.template operator()<false>(border_[range], range);
  });
}

/// A matrix as a product needs it: entries of a pattern and an extra diagonal.
struct SparseMatrix {
  const SparsePattern* pattern = nullptr;
  std::span<const double> values;    ///< (n_entry)
  std::span<const double> diagonal;  ///< (n), added to that of the values

  [[nodiscard]] double diagonal_at(std::size_t i) const {
    return values[static_cast<std::size_t>(pattern->diagonal[i])] + diagonal[i];
  }
  /// Row i times x.
  [[nodiscard]] double row_product(std::size_t i, const double* x) const {
    double sum = diagonal[i] * x[i];
    const auto end = static_cast<std::size_t>(pattern->row_start[i + 1]);
    for (auto k = static_cast<std::size_t>(pattern->row_start[i]); k < end; ++k) {
      sum += values[k] * x[pattern->column[k]];
    }
    return sum;
  }
};

/// Rows that a thread takes at a time in products and sums; fixed, so that sums keep their bits.
inline constexpr std::size_t rows_of_chunk = 2048;

/// y = A x.
void multiply(const SparseMatrix& matrix, std::span<const double> x, std::span<double> y,
              Team& team);

/// Sum of term(i) over i < n, in fixed chunks: the same bits for every number of threads.
template <class Term>
double chunked_sum(std::size_t n, Team& team, const Term& term) {
  std::vector<double> partial((n / rows_of_chunk) + 1, 0.0);
  team.loop(n, rows_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t chunk) {
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += term(i);
    partial[chunk] = sum;
  });
  double total = 0;
  for (const double sum : partial) total += sum;
  return total;
}

}  // namespace nmcx
