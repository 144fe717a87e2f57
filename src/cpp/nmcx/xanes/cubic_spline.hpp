// Smooth curve through the points of a spectrum.
#pragma once

#include <vector>

namespace nmcx::xanes {

/// Natural cubic spline; constant beyond its ends.
class CubicSpline {
 public:
  /// @param x  (n,) increasing, n >= 2
  /// @param y  (n,)
  CubicSpline(std::vector<double> x, std::vector<double> y);

  [[nodiscard]] double value(double x) const;
  [[nodiscard]] double slope(double x) const;

 private:
  [[nodiscard]] std::size_t interval(double x) const;

  std::vector<double> x_, y_, bend_;  // bend_: second derivatives at the points
};

}  // namespace nmcx::xanes
