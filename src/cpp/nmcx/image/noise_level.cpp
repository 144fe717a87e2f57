#include "nmcx/image/noise_level.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace nmcx::image {
namespace {

using Point = std::pair<double, double>;  // brightness, squared second difference

constexpr std::size_t n_bin = 8;
constexpr std::size_t least_per_bin = 16;
constexpr double median_of_chi_square = 0.4549;  // one degree of freedom

std::vector<Point> second_differences(ArrayView<double, 2> image, ArrayView<double, 2> smooth) {
  const auto [ny, nx] = image.shape;
  std::vector<Point> points;
  points.reserve(image.size());
  for (std::size_t y = 1; y + 1 < ny; ++y) {
    for (std::size_t x = 1; x + 1 < nx; ++x) {
      const double* p = &image[(y * nx) + x];
      const double d = p[-1] - (2.0 * p[0]) + p[1];
      const double above = *(p - nx - 1) - (2.0 * *(p - nx)) + *(p - nx + 1);
      const double below = p[nx - 1] - (2.0 * p[nx]) + p[nx + 1];
      const double square = (above - (2.0 * d) + below) * (above - (2.0 * d) + below) / 36.0;
      if (std::isfinite(square)) points.emplace_back(smooth[(y * nx) + x], square);
    }
  }
  return points;
}

/// Points of like brightness.
struct Bin {
  std::vector<double> squares;
  double brightness = 0.0;  ///< sum
};

double nth_brightness(std::vector<Point>& points, std::size_t n) {
  const auto nth = points.begin() + static_cast<std::ptrdiff_t>(n);
  std::ranges::nth_element(points, nth, {}, &Point::first);
  return nth->first;
}

}  // namespace

double NoiseLevel::variance(double value) const {
  return std::exp(intercept + (slope * std::clamp(value, low, high)));
}

NoiseLevel noise_level(ArrayView<double, 2> image, ArrayView<double, 2> smooth) {
  std::vector<Point> points = second_differences(image, smooth);
  NoiseLevel level{
      .intercept = -std::numeric_limits<double>::infinity(), .slope = 0.0, .low = 0.0, .high = 0.0};
  if (points.size() < n_bin * least_per_bin) return level;
  // Bins of equal width, so that a large background does not outvote the rest.
  const std::size_t margin = points.size() / 50;
  level.low = nth_brightness(points, margin);
  level.high = nth_brightness(points, points.size() - 1 - margin);
  const double per_bin = (level.high - level.low) / static_cast<double>(n_bin);
  std::array<Bin, n_bin> bins;
  for (const Point& point : points) {
    if (point.first > level.high) continue;
    const double place = per_bin > 0.0 ? (point.first - level.low) / per_bin : 0.0;
    Bin& bin = bins[std::min(n_bin - 1, static_cast<std::size_t>(std::max(0.0, place)))];
    bin.squares.push_back(point.second);
    bin.brightness += point.first;
  }
  double n = 0.0;
  double s_x = 0.0;
  double s_y = 0.0;
  double s_xx = 0.0;
  double s_xy = 0.0;
  for (auto& [squares, x] : bins) {
    if (squares.size() < least_per_bin) continue;
    const auto middle = squares.begin() + static_cast<std::ptrdiff_t>(squares.size() / 2);
    std::ranges::nth_element(squares, middle);
    if (!(*middle > 0.0)) continue;  // no noise to weigh by
    // The logarithm of a median of n squares is known to about 1 / n.
    const auto w = static_cast<double>(squares.size());
    const double y = std::log(*middle / median_of_chi_square);
    x /= w;
    n += w;
    s_x += w * x;
    s_y += w * y;
    s_xx += w * x * x;
    s_xy += w * x * y;
  }
  const double spread = (n * s_xx) - (s_x * s_x);
  if (!(n > 0.0)) return level;
  level.slope = spread > 1e-9 * n * s_xx ? ((n * s_xy) - (s_x * s_y)) / spread : 0.0;
  level.intercept = (s_y - (level.slope * s_x)) / n;
  return level;
}

}  // namespace nmcx::image
