#include "nmcx/geometry/distance_classes.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "nmcx/geometry/voxel_grid.hpp"

namespace nmcx {

namespace {

Vector3 place(const ArrayView<double, 2>& directions, std::size_t i) {
  return {directions(i, 0), directions(i, 1), directions(i, 2)};
}

double angle_between(const Vector3& a, const Vector3& b) {
  return std::acos(std::clamp(dot(a, b), -1.0, 1.0));
}

}  // namespace

DistanceClasses distance_classes(const ArrayView<double, 2>& directions,
                                 const ArrayView<double, 2>& values, int n_class,
                                 const Execution& execution) {
  const auto [n_place, n_column] = values.shape;
  require(directions.shape == std::array{n_place, std::size_t{3}},
          "directions must have shape (n, 3), one for each row of values");
  require(n_class >= 2, "n_class must be at least 2");
  const auto n = static_cast<std::size_t>(n_class);

  constexpr std::size_t grain = 32;
  const std::size_t n_chunk = (n_place + grain - 1) / grain;
  std::vector<double> farthest(n_chunk, 0);
  parallel_for(n_place, grain, execution,
               [&](std::size_t begin, std::size_t end, std::size_t chunk) {
                 double least = 1;
                 for (std::size_t i = begin; i < end; ++i) {
                   for (std::size_t j = 0; j < i; ++j) {
                     least = std::min(least, dot(place(directions, i), place(directions, j)));
                   }
                 }
                 farthest[chunk] = std::acos(std::clamp(least, -1.0, 1.0));
               });
  const double largest = n_chunk == 0 ? 0 : *std::max_element(farthest.begin(), farthest.end());
  const double per_angle = largest > 0 ? static_cast<double>(n - 1) / largest : 0;

  DistanceClasses result{.covariance = Array<double, 2>({n, n_column}, 0),
                         .n_pair = Array<double, 1>({n}, 0),
                         .neighbours = Array<double, 2>({n_place, n}, 0),
                         .angle = Array<double, 1>({n}, 0)};
  // One sum per chunk, added in their order: the same bits for any number of threads.
  std::vector<std::vector<double>> sums(n_chunk);
  const std::size_t width = n_column + 1;
  parallel_for(n_place, grain, execution,
               [&](std::size_t begin, std::size_t end, std::size_t chunk) {
                 std::vector<double>& sum = sums[chunk];
                 sum.assign(n * width, 0);
                 for (std::size_t i = begin; i < end; ++i) {
                   const Vector3 here = place(directions, i);
                   for (std::size_t j = 0; j < n_place; ++j) {
                     const double angle = i == j ? 0 : angle_between(here, place(directions, j));
                     const auto step = static_cast<std::size_t>(angle * per_angle);
                     const std::size_t c = i == j ? 0 : 1 + std::min(step, n - 2);
                     result.neighbours[(i * n) + c] += 1;
                     double* row = &sum[c * width];
                     for (std::size_t k = 0; k < n_column; ++k) {
                       row[k] += values(i, k) * values(j, k);
                     }
                     row[n_column] += angle;
                   }
                 }
               });
  for (std::size_t i = 0; i < n_place; ++i) {
    for (std::size_t c = 0; c < n; ++c) result.n_pair[c] += result.neighbours[(i * n) + c];
  }
  for (std::size_t c = 0; c < n; ++c) {
    for (const std::vector<double>& sum : sums) {
      for (std::size_t k = 0; k < n_column; ++k) {
        result.covariance[(c * n_column) + k] += sum[(c * width) + k];
      }
      result.angle[c] += sum[(c * width) + n_column];
    }
    if (!(result.n_pair[c] > 0)) continue;
    for (std::size_t k = 0; k < n_column; ++k) {
      result.covariance[(c * n_column) + k] /= result.n_pair[c];
    }
    result.angle[c] /= result.n_pair[c];
  }
  return result;
}

}  // namespace nmcx
