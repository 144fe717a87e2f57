#include "nmcx/fem/block_matrix.hpp"

namespace nmcx {
namespace {

template <std::size_t d>
void multiply_blocks(const BlockMatrix& matrix, const double* x, double* y, Team& team) {
  const SparsePattern& pattern = *matrix.pattern;
  const double* values = matrix.values.data();
  team.loop(pattern.size(), rows_of_chunk / d,
            [&](std::size_t begin, std::size_t end, std::size_t) {
              for (std::size_t i = begin; i < end; ++i) {
                double sum[d] = {};
                const auto last = static_cast<std::size_t>(pattern.row_start[i + 1]);
                for (auto k = static_cast<std::size_t>(pattern.row_start[i]); k < last; ++k) {
                  const double* block = values + (k * d * d);
                  const double* at = x + (static_cast<std::size_t>(pattern.column[k]) * d);
                  for (std::size_t a = 0; a < d; ++a) {
                    for (std::size_t b = 0; b < d; ++b) sum[a] += block[(a * d) + b] * at[b];
                  }
                }
                for (std::size_t a = 0; a < d; ++a) y[(i * d) + a] = sum[a];
              }
            });
}

}  // namespace

void multiply(const BlockMatrix& matrix, std::span<const double> x, std::span<double> y,
              Team& team) {
  if (matrix.dimension == 2) {
    multiply_blocks<2>(matrix, x.data(), y.data(), team);
  } else {
    multiply_blocks<3>(matrix, x.data(), y.data(), team);
  }
  const std::size_t n = matrix.inner();
  const std::size_t n_border = matrix.n_border();
  for (std::size_t c = 0; c < n_border; ++c) {
    const double* column = matrix.border.data() + (c * n);
    const double along = x[n + c];
    team.loop(n, rows_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t) {
      for (std::size_t i = begin; i < end; ++i) y[i] += along * column[i];
    });
    double sum = chunked_sum(n, team, [&](std::size_t i) { return column[i] * x[i]; });
    for (std::size_t b = 0; b < n_border; ++b) sum += matrix.corner[(c * n_border) + b] * x[n + b];
    y[n + c] = sum;
  }
}

}  // namespace nmcx
