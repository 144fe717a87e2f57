#include "nmcx/xanes/crossing.hpp"

#include <algorithm>
#include <cmath>

namespace nmcx::xanes {
namespace {

constexpr double slope_factor = 0.75;
constexpr std::size_t slope_samples = 2;  // on either side
constexpr int most_steps = 60;            // bisection of a double
constexpr double precision_ev = 1e-9;

}  // namespace

CrossingSample last_crossing(const double* f, std::size_t last) {
  CrossingSample found;
  for (std::size_t k = 1; k <= last; ++k) {
    if (f[k - 1] < 0.0 && f[k] >= 0.0) {
      found.upper = k;
      ++found.count;
    }
  }
  return found;
}

CrossingTables::CrossingTables(const double* energy, std::size_t n, double half_width_ev)
    : energy_(energy, energy + n) {
  for (std::size_t i = 0; i + 4 <= n; ++i) {
    std::array<double, 4> divisor{1.0, 1.0, 1.0, 1.0};
    for (std::size_t k = 0; k < 4; ++k) {
      for (std::size_t j = 0; j < 4; ++j) {
        if (j != k) divisor[k] /= energy[i + k] - energy[i + j];
      }
    }
    divisor_.push_back(divisor);
  }
  slopes_.resize(n);
  for (std::size_t u = 1; u < n; ++u) {
    const double middle = 0.5 * (energy[u - 1] + energy[u]);
    const auto [begin, end] =
        samples_around(energy, n, middle, slope_factor * half_width_ev, slope_samples);
    slopes_[u] = fit_local_polynomial(energy, begin, end, middle, 3);
  }
}

std::size_t CrossingTables::first_of(std::size_t upper) const {
  return std::min(upper < 2 ? 0 : upper - 2, energy_.size() - 4);
}

std::array<double, 4> CrossingTables::weights(std::size_t first, double energy) const {
  std::array<double, 4> u{};
  for (std::size_t k = 0; k < 4; ++k) u[k] = energy - energy_[first + k];
  std::array<double, 4> w = divisor_[first];
  w[0] *= u[1] * u[2] * u[3];
  w[1] *= u[0] * u[2] * u[3];
  w[2] *= u[0] * u[1] * u[3];
  w[3] *= u[0] * u[1] * u[2];
  return w;
}

CrossingPoint CrossingTables::refine(const double* f, std::size_t upper) const {
  CrossingPoint out;
  out.first = first_of(upper);
  const double* y = f + out.first;
  double low = energy_[upper - 1];
  double high = energy_[upper];
  double f_low = f[upper - 1];
  double f_high = f[upper];
  const double chord = (f_high - f_low) / (high - low);
  // Secants between the ends of a shrinking bracket; halving it when they get stuck.
  double t = low;
  for (int step = 0; step < most_steps && high - low > precision_ev; ++step) {
    t = step % 3 == 2 ? 0.5 * (low + high) : low - f_low * (high - low) / (f_high - f_low);
    out.weight = weights(out.first, t);
    double value = 0.0;
    for (std::size_t k = 0; k < 4; ++k) value += out.weight[k] * y[k];
    if (std::abs(value) <= precision_ev * chord) break;
    (value < 0.0 ? low : high) = t;
    (value < 0.0 ? f_low : f_high) = value;
  }
  out.energy = t;
  out.weight = weights(out.first, t);
  const LocalPolynomial& cubic = slopes_[upper];
  const double s = t - cubic.centre;
  out.slope = cubic.coefficient(1, f) +
              s * (2.0 * cubic.coefficient(2, f) + 3.0 * s * cubic.coefficient(3, f));
  if (!(out.slope > 0.0)) out.slope = chord;
  return out;
}

}  // namespace nmcx::xanes
