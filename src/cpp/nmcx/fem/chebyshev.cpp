#include "nmcx/fem/chebyshev.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "nmcx/fem/block_rows.hpp"

namespace nmcx {
namespace {

// Steps of a polynomial, and the part of the spectrum below which the coarse level is at work. By
// measurement: docs/explanation/elasticity.md.
constexpr int degree = 2;
static_assert(degree >= 2, "the first step leaves the solution to the second");
constexpr double smallest_share = 0.1;
// Power iterations reach the largest eigenvalue from below: within a tenth after ten, if the
// largest component is what is looked at and walls are sound. Where a few nodes at a stiff wall
// move alone, the mean of all hardly shows them, and among walls that have failed they come up
// late. A polynomial of too small a value is not positive there, and conjugate gradients stop, so
// they go on for longer, and on while the value still grows.
constexpr int least_power = 40;
constexpr int most_power = 100;
constexpr double has_grown = 1.002;  // in one iteration
constexpr double margin = 1.1;
constexpr std::size_t rows_at_a_time = 512;

/// Row i of A x.
template <std::size_t m>
ColumnSum<m> row_product(const SparsePattern& pattern, const float* matrix, std::size_t i,
                         const float* x) {
  ColumnSum<m> sum;
  const auto end = static_cast<std::size_t>(pattern.row_start[i + 1]);
  for (auto k = static_cast<std::size_t>(pattern.row_start[i]); k < end; ++k) {
    sum.template add_block<m>(matrix + (k * m * m),
                              x + (static_cast<std::size_t>(pattern.column[k]) * m));
  }
  return sum;
}

template <std::size_t m>
void times_inverse(const float* inverse, std::size_t i, const float* r, float* z) {
  ColumnSum<m> sum;
  sum.template add_block<m>(inverse + (i * m * m), r);
  sum.store(z);
}

/// Blocks by rows in double precision -> by columns in single.
template <std::size_t m>
void copy_blocks(std::span<const double> from, std::vector<float>& to, Team& team) {
  to.resize(from.size() + block_padding);
  team.loop(from.size() / (m * m), rows_of_chunk,
            [&](std::size_t begin, std::size_t end, std::size_t) {
              for (std::size_t k = begin * m * m; k < end * m * m; k += m * m) {
                for (std::size_t r = 0; r < m; ++r) {
                  for (std::size_t c = 0; c < m; ++c) {
                    to[k + (c * m) + r] = static_cast<float>(from[k + (r * m) + c]);
                  }
                }
              }
            });
}

}  // namespace

void BlockSmoother::set(const SparsePattern& pattern, std::span<const double> values,
                        std::span<const double> inverse, std::size_t m, Team& team) {
  pattern_ = &pattern;
  m_ = m;
  for (std::vector<float>* each : {&right_, &solution_, &residual_, &direction_, &next_}) {
    each->resize(pattern.size() * m);
  }
  with_size([&]<std::size_t size>() {
    copy_blocks<size>(values, matrix_, team);
    copy_blocks<size>(inverse, inverse_, team);
    estimate_largest<size>(team);
  });
}

template <std::size_t m>
void BlockSmoother::estimate_largest(Team& team) {
  const std::size_t n = pattern_->size();
  // Neighbours in numbering differ: mostly of high frequency, and the same numbers always.
  std::uint32_t state = 1;
  for (float& each : direction_) {
    state = (state * 1664525U) + 1013904223U;
    each = (static_cast<float>(state >> 8U) / 8388608.0F) - 1.0F;
  }
  const auto size_of = [](const std::vector<float>& x) {
    float largest = 0;
    for (const float each : x) largest = std::max(largest, std::abs(each));
    return static_cast<double>(largest);
  };
  double size = size_of(direction_);
  double before = 0;
  for (int k = 0; k < most_power && size > 0; ++k) {
    if (k >= least_power && size <= has_grown * before) break;
    before = size;
    const auto scale = static_cast<float>(1 / size);
    team.loop(n, rows_at_a_time, [&](std::size_t begin, std::size_t end, std::size_t) {
      for (std::size_t i = begin; i < end; ++i) {
        float product[m];
        row_product<m>(*pattern_, matrix_.data(), i, direction_.data()).store(product);
        for (float& each : product) each *= scale;
        times_inverse<m>(inverse_.data(), i, product, next_.data() + (i * m));
      }
    });
    std::swap(direction_, next_);
    size = size_of(direction_);
  }
  largest_ = size > 0 ? margin * std::max(size, before) : 1;
}

template <std::size_t m>
void BlockSmoother::smooth_blocks(bool is_from_zero, Team& team) {
  const std::size_t n = pattern_->size();
  const double middle = 0.5 * largest_ * (1 + smallest_share);
  const double half_width = 0.5 * largest_ * (1 - smallest_share);
  const double sigma = middle / half_width;
  double rho = 1 / sigma;
  const auto first = static_cast<float>(1 / middle);
  team.loop(n, rows_at_a_time, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t i = begin; i < end; ++i) {
      float* r = residual_.data() + (i * m);
      float* p = direction_.data() + (i * m);
      const float* b = right_.data() + (i * m);
      if (is_from_zero) {
        std::copy_n(b, m, r);
      } else {
        float product[m];
        row_product<m>(*pattern_, matrix_.data(), i, solution_.data()).store(product);
        for (std::size_t k = 0; k < m; ++k) r[k] = b[k] - product[k];
      }
      times_inverse<m>(inverse_.data(), i, r, p);
      for (std::size_t k = 0; k < m; ++k) p[k] *= first;
      if (is_from_zero) std::copy_n(p, m, solution_.data() + (i * m));
    }
  });
  for (int step = 1; step < degree; ++step) {
    const double next_rho = 1 / ((2 * sigma) - rho);
    const auto along = static_cast<float>(next_rho * rho);
    const auto across = static_cast<float>(2 * next_rho / half_width);
    rho = next_rho;
    // In its first step a solution that others still read has not been changed yet.
    const float owed = step == 1 && !is_from_zero ? 1 : 0;
    team.loop(n, rows_at_a_time, [&](std::size_t begin, std::size_t end, std::size_t) {
      for (std::size_t i = begin; i < end; ++i) {
        float product[m];
        float z[m];
        row_product<m>(*pattern_, matrix_.data(), i, direction_.data()).store(product);
        float* r = residual_.data() + (i * m);
        for (std::size_t k = 0; k < m; ++k) r[k] -= product[k];
        times_inverse<m>(inverse_.data(), i, r, z);
        for (std::size_t k = 0; k < m; ++k) {
          const float before = direction_[(i * m) + k];
          const float p = (along * before) + (across * z[k]);
          next_[(i * m) + k] = p;
          solution_[(i * m) + k] += p + (owed * before);
        }
      }
    });
    std::swap(direction_, next_);
  }
  if (!is_from_zero) return;
  team.loop(n, rows_at_a_time, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t i = begin; i < end; ++i) {
      float product[m];
      row_product<m>(*pattern_, matrix_.data(), i, direction_.data()).store(product);
      for (std::size_t k = 0; k < m; ++k) residual_[(i * m) + k] -= product[k];
    }
  });
}

void BlockSmoother::smooth_from_zero(Team& team) {
  with_size([&]<std::size_t m>() { smooth_blocks<m>(true, team); });
}

void BlockSmoother::smooth(Team& team) {
  with_size([&]<std::size_t m>() { smooth_blocks<m>(false, team); });
}

void BlockSmoother::restrict_residual(const Prolongation& prolongation, float* coarse,
                                      Team& team) const {
  with_size([&]<std::size_t m>() {
    const Prolongation& p = prolongation;
    team.loop(p.n_coarse(), rows_at_a_time / 8,
              [&](std::size_t begin, std::size_t end, std::size_t) {
                for (std::size_t c = begin; c < end; ++c) {
                  ColumnSum<6> sum;
                  const auto last = static_cast<std::size_t>(p.transposed_start[c + 1]);
                  for (auto k = static_cast<std::size_t>(p.transposed_start[c]); k < last; ++k) {
                    const auto row = static_cast<std::size_t>(p.transposed_row[k]);
                    sum.template add_block<m>(p.transposed_values.data() + (k * 6 * m),
                                              residual_.data() + (row * m));
                  }
                  sum.store(coarse + (6 * c));
                }
              });
  });
}

void BlockSmoother::correct(const Prolongation& prolongation, const float* coarse, Team& team) {
  with_size([&]<std::size_t m>() {
    const Prolongation& p = prolongation;
    team.loop(pattern_->size(), rows_at_a_time,
              [&](std::size_t begin, std::size_t end, std::size_t) {
                for (std::size_t i = begin; i < end; ++i) {
                  RowSums<m> sums;
                  const auto last = static_cast<std::size_t>(p.row_start[i + 1]);
                  for (auto k = static_cast<std::size_t>(p.row_start[i]); k < last; ++k) {
                    sums.add_block(p.values.data() + (k * 6 * m),
                                   coarse + (6 * static_cast<std::size_t>(p.column[k])));
                  }
                  sums.add_to(solution_.data() + (i * m));
                }
              });
  });
}

}  // namespace nmcx
