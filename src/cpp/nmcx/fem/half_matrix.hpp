// A symmetric sparse matrix read once per product: entries above the diagonal serve both rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/sparse.hpp"

namespace nmcx {

/// Half of a symmetric matrix in blocks of rows, for solvers that wait for memory.
///
/// A block multiplies its entries with the unknowns it meets, gathered one after another: its own
/// rows and those of later blocks, its fringe. Its rows come by falling length and its entries in
/// layers, the first of each row, then the second: long loops, in which no entry waits for the one
/// before. What a block adds to its fringe is kept apart and summed by the owner in the order of
/// the blocks, so that products have the same bits for every number of threads.
class HalfMatrix {
 public:
  /// Takes the places of the entries; values follow with `set_values`.
  /// @throws InvalidArgument if unknowns that meet are numbered too far from each other
  HalfMatrix(const SparsePattern& pattern, Team& team);

  /// Takes the values of a matrix of this pattern.
  void set_values(const SparseMatrix& matrix, Team& team);

  [[nodiscard]] std::size_t n_block() const { return first_.size() - 1; }
  /// First row of a block; with `n_block()` the number of rows.
  [[nodiscard]] std::size_t begin(std::size_t block) const {
    return block == n_block() ? n_row_ : block * rows_of_block;
  }

  /// A block's share of A x, kept here, and of x · A x, which it returns.
  ///
  /// @param x  called with an unknown and whether it is a row of this block, returns its value
  template <class Value>
  double multiply_block(std::size_t block, const Value& x) {
    const std::size_t n_own = begin(block + 1) - begin(block);
    const Index* unknown = unknown_.data() + first_[block];
    double* local = x_.data() + first_[block];
    for (std::size_t i = 0; i < n_own; ++i) {
      local[i] = x(static_cast<std::size_t>(unknown[i]), true);
    }
    for (std::size_t i = n_own; i < first_[block + 1] - first_[block]; ++i) {
      local[i] = x(static_cast<std::size_t>(unknown[i]), false);
    }
    return multiply_gathered(block);
  }

  /// Writes A x on the rows of a block, once all blocks have been multiplied.
  void collect_block(std::size_t block, double* product) const;

 private:
  static constexpr std::size_t rows_of_block = 1024;  // what they meet stays in the first cache

  double multiply_gathered(std::size_t block);
  void list_unknowns(std::size_t block, std::vector<Index>& unknowns) const;
  void place_entries(std::size_t block);
  void list_arrivals();
  template <class Call>
  void for_each_entry(std::size_t block, const Call& call) const;

  const SparsePattern* pattern_;
  std::size_t n_row_;
  std::vector<std::size_t> first_;        ///< (n_block + 1) in the arrays of the blocks' unknowns
  std::vector<Index> unknown_;            ///< of each block: its rows by falling length, its fringe
  std::vector<double> x_, y_;             ///< of each block's unknowns
  std::vector<std::size_t> layers_;       ///< (n_block + 1) in layer_start_
  std::vector<std::size_t> layer_start_;  ///< entries of each layer; it belongs to rows 0, 1, …
  std::vector<std::uint16_t> place_;      ///< of each entry's column among the block's unknowns
  std::vector<double> values_;
  std::vector<double> diagonal_;  ///< (n_row), in the order of the blocks

  struct Arrival {
    std::uint32_t from;  ///< in y_, a fringe
    Index to;            ///< row
  };
  std::vector<std::size_t> arrival_start_;  ///< (n_block + 1)
  std::vector<Arrival> arrivals_;  ///< by block, then in the order of the blocks they leave
};

}  // namespace nmcx
