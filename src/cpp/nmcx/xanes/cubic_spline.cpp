#include "nmcx/xanes/cubic_spline.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace nmcx::xanes {

CubicSpline::CubicSpline(std::vector<double> x, std::vector<double> y)
    : x_(std::move(x)), y_(std::move(y)), bend_(x_.size(), 0.0) {
  // Tridiagonal system of continuous slopes, by forward elimination and back substitution.
  const std::size_t n = x_.size();
  std::vector<double> upper(n, 0.0);
  for (std::size_t i = 1; i + 1 < n; ++i) {
    const double left = x_[i] - x_[i - 1];
    const double right = x_[i + 1] - x_[i];
    const double jump = (y_[i + 1] - y_[i]) / right - (y_[i] - y_[i - 1]) / left;
    const double pivot = 2.0 * (left + right) - left * upper[i - 1];
    upper[i] = right / pivot;
    bend_[i] = (6.0 * jump - left * bend_[i - 1]) / pivot;
  }
  for (std::size_t i = n - 1; i-- > 1;) bend_[i] -= upper[i] * bend_[i + 1];
}

std::size_t CubicSpline::interval(double x) const {
  const auto above = std::upper_bound(x_.begin() + 1, x_.end() - 1, x);
  return static_cast<std::size_t>(above - x_.begin()) - 1;
}

double CubicSpline::value(double x) const {
  if (x <= x_.front()) return y_.front();
  if (x >= x_.back()) return y_.back();
  const std::size_t i = interval(x);
  const double h = x_[i + 1] - x_[i];
  const double b = (x - x_[i]) / h;
  const double a = 1.0 - b;
  return a * y_[i] + b * y_[i + 1] +
         (a * (a * a - 1.0) * bend_[i] + b * (b * b - 1.0) * bend_[i + 1]) * h * h / 6.0;
}

double CubicSpline::slope(double x) const {
  if (x <= x_.front() || x >= x_.back()) return 0.0;
  const std::size_t i = interval(x);
  const double h = x_[i + 1] - x_[i];
  const double b = (x - x_[i]) / h;
  const double a = 1.0 - b;
  return (y_[i + 1] - y_[i]) / h +
         ((1.0 - 3.0 * a * a) * bend_[i] + (3.0 * b * b - 1.0) * bend_[i + 1]) * h / 6.0;
}

}  // namespace nmcx::xanes
