// Symmetric sparse matrices whose pattern is known before any value: assembled straight into it.
#pragma once

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
/// Rows are cut into fixed ranges; each range goes through its groups in ascending order and adds to
/// its own rows only, so that every thread count gives the same bits. Groups at a border are visited
/// by both ranges.
class Assembly {
 public:
  Assembly(const SparsePattern& pattern, const Connectivity& connectivity,
           const Execution& execution);

  /// Calls add(group, is_mine, entries) for each group of every range: entries of the group's
  /// pairs, row after row; is_mine[i] tells whether row i belongs to the range.
  template <class Add>
  void for_each_group(const Execution& execution, const Add& add) const;

 private:
  static constexpr std::size_t rows_of_range = 16384;

  const SparsePattern* pattern_;
  const Connectivity* connectivity_;
  std::vector<std::uint16_t> offset_;     ///< of each pair within its row
  std::vector<std::size_t> range_start_;  ///< into range_group_
  std::vector<Index> range_group_;
};

template <class Add>
void Assembly::for_each_group(const Execution& execution, const Add& add) const {
  const std::size_t n_member = connectivity_->n_member;
  parallel_for(range_start_.size() - 1, 1, execution, [&](std::size_t range, std::size_t, std::size_t) {
    const auto low = static_cast<Index>(range * rows_of_range);
    const auto high = static_cast<Index>(
        std::min((range + 1) * rows_of_range, pattern_->size()));
    for (std::size_t k = range_start_[range]; k < range_start_[range + 1]; ++k) {
      const auto group = static_cast<std::size_t>(range_group_[k]);
      const Index* rows = connectivity_->members.data() + (group * n_member);
      const std::uint16_t* offsets = offset_.data() + (group * n_member * n_member);
      add(group, [&](std::size_t i) { return rows[i] >= low && rows[i] < high; },
          [&](std::size_t i, std::size_t j) {
            return static_cast<std::size_t>(pattern_->row_start[static_cast<std::size_t>(rows[i])]) +
                   offsets[(i * n_member) + j];
          });
    }
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
inline constexpr std::size_t rows_of_chunk = 8192;

/// y = A x.
void multiply(const SparseMatrix& matrix, std::span<const double> x, std::span<double> y,
              const Execution& execution);

/// Sum of term(i) over i < n, in fixed chunks: the same bits for every number of threads.
template <class Term>
double chunked_sum(std::size_t n, const Execution& execution, const Term& term) {
  std::vector<double> partial((n / rows_of_chunk) + 1, 0.0);
  parallel_for(n, rows_of_chunk, execution,
               [&](std::size_t begin, std::size_t end, std::size_t chunk) {
                 double sum = 0;
                 for (std::size_t i = begin; i < end; ++i) sum += term(i);
                 partial[chunk] = sum;
               });
  double total = 0;
  for (const double sum : partial) total += sum;
  return total;
}

}  // namespace nmcx
