#include "nmcx/fem/galerkin.hpp"

#include <algorithm>
#include <utility>

namespace nmcx {
namespace {

constexpr std::size_t rows_at_a_time = 256;
constexpr Index nowhere = -1;

/// Rows of a product of two patterns; columns ascend.
template <class Columns>
void product_pattern(std::size_t n_row, std::size_t n_column, const Columns& columns_of_row,
                     std::vector<Index>& start, std::vector<Index>& column, Team& team) {
  struct Chunk {
    std::vector<Index> n_entry, column;
  };
  std::vector<Chunk> chunks((n_row / rows_of_chunk) + 1);
  team.loop(n_row, rows_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t c) {
    std::vector<Index> last_row(n_column, nowhere);
    Chunk& mine = chunks[c];
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t before = mine.column.size();
      columns_of_row(i, [&](Index j) {
        Index& seen = last_row[static_cast<std::size_t>(j)];
        if (std::cmp_equal(seen, i)) return;
        seen = static_cast<Index>(i);
        mine.column.push_back(j);
      });
      std::sort(mine.column.begin() + static_cast<std::ptrdiff_t>(before), mine.column.end());
      mine.n_entry.push_back(static_cast<Index>(mine.column.size() - before));
    }
  });
  start.assign(1, 0);
  start.reserve(n_row + 1);
  column.clear();
  for (const Chunk& chunk : chunks) {
    for (const Index count : chunk.n_entry) start.push_back(start.back() + count);
    column.insert(column.end(), chunk.column.begin(), chunk.column.end());
  }
}

/// Entries of a row of the pattern.
struct Range {
  std::size_t begin, end;
  Range(const std::vector<Index>& start, std::size_t row)
      : begin(static_cast<std::size_t>(start[row])),
        end(static_cast<std::size_t>(start[row + 1])) {}
};

}  // namespace

GalerkinProduct::GalerkinProduct(const SparsePattern& pattern, const Prolongation& prolongation,
                                 Team& team)
    : fine_(&pattern), prolongation_(&prolongation) {
  const Prolongation& p = prolongation;
  const std::size_t n_coarse = p.n_coarse();
  product_pattern(
      pattern.size(), n_coarse,
      [&](std::size_t i, const auto& add) {
        // A row whose own part is empty is of no use to anybody.
        if (p.row_start[i] == p.row_start[i + 1]) return;
        const Range row(pattern.row_start, i);
        for (std::size_t k = row.begin; k < row.end; ++k) {
          const Range of_p(p.row_start, static_cast<std::size_t>(pattern.column[k]));
          for (std::size_t e = of_p.begin; e < of_p.end; ++e) add(p.column[e]);
        }
      },
      half_start_, half_column_, team);
  product_pattern(
      n_coarse, n_coarse,
      [&](std::size_t c, const auto& add) {
        const Range row(p.transposed_start, c);
        for (std::size_t k = row.begin; k < row.end; ++k) {
          const Range half(half_start_, static_cast<std::size_t>(p.transposed_row[k]));
          for (std::size_t e = half.begin; e < half.end; ++e) add(half_column_[e]);
        }
      },
      coarse_.row_start, coarse_.column, team);
  coarse_.diagonal.resize(n_coarse);
  for (std::size_t c = 0; c < n_coarse; ++c) {
    coarse_.diagonal[c] =
        static_cast<Index>(coarse_.entry(static_cast<Index>(c), static_cast<Index>(c)));
  }
}

template <std::size_t m>
void GalerkinProduct::multiply_left(std::span<const double> values, std::vector<double>& half,
                                    Team& team) const {
  const Prolongation& p = *prolongation_;
  team.loop(fine_->size(), rows_at_a_time, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t i = begin; i < end; ++i) {
      const Range row(fine_->row_start, i);
      const Range mine(half_start_, i);
      if (mine.begin == mine.end) continue;
      std::fill_n(half.data() + (mine.begin * 6 * m), (mine.end - mine.begin) * 6 * m, 0.0);
      for (std::size_t k = row.begin; k < row.end; ++k) {
        const double* a = values.data() + (k * m * m);
        const Range of_p(p.row_start, static_cast<std::size_t>(fine_->column[k]));
        std::size_t at = mine.begin;
        for (std::size_t e = of_p.begin; e < of_p.end; ++e) {
          while (half_column_[at] != p.column[e]) ++at;
          const float* b = p.values.data() + (e * 6 * m);
          double* sum = half.data() + (at * 6 * m);
          for (std::size_t r = 0; r < m; ++r) {
            for (std::size_t t = 0; t < m; ++t) {
              const double factor = a[(r * m) + t];
              for (std::size_t c = 0; c < 6; ++c) {
                sum[(r * 6) + c] += factor * static_cast<double>(b[(t * 6) + c]);
              }
            }
          }
        }
      }
    }
  });
}

template <std::size_t m>
std::vector<double> GalerkinProduct::multiply_blocks(std::span<const double> values,
                                                     Team& team) const {
  const Prolongation& p = *prolongation_;
  std::vector<double> half(half_column_.size() * 6 * m);
  multiply_left<m>(values, half, team);
  std::vector<double> result(coarse_.column.size() * 36, 0.0);
  team.loop(coarse_.size(), rows_at_a_time, [&](std::size_t begin, std::size_t end, std::size_t) {
    std::vector<Index> place(coarse_.size(), nowhere);
    for (std::size_t c = begin; c < end; ++c) {
      const Range row(coarse_.row_start, c);
      for (std::size_t k = row.begin; k < row.end; ++k) {
        place[static_cast<std::size_t>(coarse_.column[k])] = static_cast<Index>(k);
      }
      const Range of_p(p.transposed_start, c);
      for (std::size_t k = of_p.begin; k < of_p.end; ++k) {
        const float* a = p.transposed_values.data() + (k * 6 * m);
        const Range from(half_start_, static_cast<std::size_t>(p.transposed_row[k]));
        for (std::size_t e = from.begin; e < from.end; ++e) {
          const double* b = half.data() + (e * 6 * m);
          const auto to =
              static_cast<std::size_t>(place[static_cast<std::size_t>(half_column_[e])]);
          double* sum = result.data() + (to * 36);
          for (std::size_t t = 0; t < m; ++t) {
            for (std::size_t r = 0; r < 6; ++r) {
              const auto factor = static_cast<double>(a[(t * 6) + r]);
              for (std::size_t s = 0; s < 6; ++s) sum[(r * 6) + s] += factor * b[(t * 6) + s];
            }
          }
        }
      }
    }
  });
  return result;
}

std::vector<double> GalerkinProduct::multiply(std::span<const double> values, std::size_t m,
                                              Team& team) const {
  return m == 3 ? multiply_blocks<3>(values, team) : multiply_blocks<6>(values, team);
}

}  // namespace nmcx
