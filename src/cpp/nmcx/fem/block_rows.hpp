// Rows of small blocks in single precision, times vectors: what a multigrid cycle spends its time
// on.
//
// GCC and Clang vector types of four lanes, which every processor has. Blocks have 3 or 6 rows:
// columns of 6 are read as two vectors that overlap, those of 3 with one value of what follows,
// which is never used. Arrays of blocks therefore end with one value more.
#pragma once

#include <cstddef>
#include <cstring>

namespace nmcx {

using Lanes __attribute__((vector_size(16))) = float;

inline Lanes load_lanes(const float* p) {
  Lanes result;
  std::memcpy(&result, p, sizeof result);
  return result;
}

/// Values more than blocks that an array of blocks holds.
inline constexpr std::size_t block_padding = 1;

/// Sum of columns of n rows, each times a number.
template <std::size_t n>
struct ColumnSum {
  static_assert(n == 3 || n == 6);
  Lanes low{};   ///< rows 0 … 3
  Lanes high{};  ///< rows 2 … 5

  void add(const float* column, float factor) {
    low += load_lanes(column) * factor;
    if constexpr (n == 6) high += load_lanes(column + 2) * factor;
  }
  /// Adds m columns, one after another, times the values at x.
  template <std::size_t m>
  void add_block(const float* columns, const float* x) {
    for (std::size_t k = 0; k < m; ++k) add(columns + (k * n), x[k]);
  }
  void store(float* y) const {
    if constexpr (n == 3) {
      std::memcpy(y, &low, 3 * sizeof(float));
    } else {
      std::memcpy(y, &low, 4 * sizeof(float));
      y[4] = high[2];
      y[5] = high[3];
    }
  }
};

/// n sums of six products each: blocks by rows of 6, times vectors.
template <std::size_t n>
struct RowSums {
  Lanes sum[n] = {};

  void add_block(const float* rows, const float* x) {
    const Lanes low = load_lanes(x);
    const Lanes high = {0, 0, x[4], x[5]};
    for (std::size_t k = 0; k < n; ++k) {
      sum[k] += load_lanes(rows + (k * 6)) * low + load_lanes(rows + (k * 6) + 2) * high;
    }
  }
  /// Adds the sums to y.
  void add_to(float* y) const {
    for (std::size_t k = 0; k < n; ++k) y[k] += (sum[k][0] + sum[k][1]) + (sum[k][2] + sum[k][3]);
  }
};

}  // namespace nmcx
