#include "nmcx/geometry/cap_means.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "nmcx/geometry/voxel_grid.hpp"

namespace nmcx {

CapMeans cap_means(const ArrayView<double, 2>& points, const ArrayView<double, 2>& values,
                   const ArrayView<double, 1>& weights, const ArrayView<double, 2>& directions,
                   const ArrayView<double, 1>& cos_half_angle, const Execution& execution) {
  const std::size_t n_point = points.shape[0];
  const std::size_t n_quantity = values.shape[0];
  const std::size_t n_direction = directions.shape[0];
  const std::size_t n_angle = cos_half_angle.size();
  require(points.shape[1] == 3 && directions.shape[1] == 3,
          "points and directions must have shape (n, 3), each (z, y, x)");
  require(values.shape[1] == n_point && weights.size() == n_point,
          "values and weights must have one entry per point");
  std::vector<std::size_t> order(n_angle);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return cos_half_angle[a] > cos_half_angle[b]; });
  const double widest = n_angle == 0 ? 2 : cos_half_angle[order.back()];

  const double nan = std::numeric_limits<double>::quiet_NaN();
  CapMeans result{.mean = Array<double, 3>({n_quantity, n_direction, n_angle}, nan),
                  .weight = Array<double, 2>({n_direction, n_angle}, 0),
                  .n_point = Array<std::int64_t, 2>({n_direction, n_angle}, 0)};
  parallel_for(n_direction, 16, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
    // Shell k lies within cap k and outside the next narrower one.
    std::vector<double> sums((n_quantity + 2) * n_angle);
    for (std::size_t d = begin; d < end; ++d) {
      std::fill(sums.begin(), sums.end(), 0);
      const Vector3 axis{directions(d, 0), directions(d, 1), directions(d, 2)};
      for (std::size_t p = 0; p < n_point; ++p) {
        const double cosine = dot(axis, {points(p, 0), points(p, 1), points(p, 2)});
        if (cosine < widest) continue;
        std::size_t shell = 0;
        while (cosine < cos_half_angle[order[shell]]) ++shell;
        double* sum = &sums[shell * (n_quantity + 2)];
        sum[0] += 1;
        sum[1] += weights[p];
        for (std::size_t q = 0; q < n_quantity; ++q) sum[q + 2] += weights[p] * values(q, p);
      }
      for (std::size_t shell = 0; shell < n_angle; ++shell) {
        double* sum = &sums[shell * (n_quantity + 2)];
        if (shell > 0) {
          for (std::size_t q = 0; q < n_quantity + 2; ++q) sum[q] += sum[q - (n_quantity + 2)];
        }
        const std::size_t at = (d * n_angle) + order[shell];
        result.n_point[at] = static_cast<std::int64_t>(sum[0]);
        result.weight[at] = sum[1];
        if (!(sum[1] > 0)) continue;
        for (std::size_t q = 0; q < n_quantity; ++q) {
          result.mean[(q * n_direction * n_angle) + at] = sum[q + 2] / sum[1];
        }
      }
    }
  });
  return result;
}

}  // namespace nmcx
