#include "nmcx/xanes/derivative_estimator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "nmcx/core/error.hpp"
#include "nmcx/xanes/edge_fit.hpp"

namespace nmcx::xanes {
namespace {

constexpr double width_factor = 1.5;
constexpr double wide_factor = 1.5;
constexpr std::size_t least_samples = 3;  // on either side, the middle counting for both
constexpr double comparable = 0.8;
constexpr double far_fraction = 0.67;  // of the narrow half-width

}  // namespace

DerivativeEstimator::DerivativeEstimator(const EdgePlan& plan)
    : SpectrumEstimator(plan), half_width_ev_(width_factor * plan.model.peak_half_width_ev) {
  require(n_scan() >= 2 * least_samples,
          "estimator 'derivative' needs six energies between the windows: widen the gap between "
          "pre_edge and post_edge, or use half_jump");
  first_ = least_samples - 1;
  last_ = n_scan() - least_samples;
  const auto cubic = [&](double centre, double half_width_ev) {
    const auto [begin, end] =
        samples_around(scan_ev(), n_scan(), centre, half_width_ev, least_samples);
    return fit_local_polynomial(scan_ev(), begin, end, centre, 3);
  };
  for (std::size_t j = 0; j < n_scan(); ++j) {
    narrow_.push_back(cubic(scan_ev()[j], half_width_ev_));
    wide_.push_back(cubic(scan_ev()[j], wide_factor * half_width_ev_));
  }
}

std::size_t DerivativeEstimator::steepest(const VoxelSpectrum& spectrum, std::size_t last) const {
  std::size_t at = first_;
  double highest = -std::numeric_limits<double>::infinity();
  for (std::size_t j = first_; j <= last; ++j) {
    const double slope = wide_[j].coefficient(1, spectrum.rest);
    if (slope > highest) at = j;
    highest = std::max(highest, slope);
  }
  const double c2 = wide_[at].coefficient(2, spectrum.rest);
  const double c3 = wide_[at].coefficient(3, spectrum.rest);
  if (!(c3 < 0.0)) return at;
  const double target =
      scan_ev()[at] + std::clamp(-c2 / (3.0 * c3), -half_width_ev_, half_width_ev_);
  while (at < last && scan_ev()[at] + scan_ev()[at + 1] < 2.0 * target) ++at;
  while (at > first_ && scan_ev()[at] + scan_ev()[at - 1] > 2.0 * target) --at;
  return at;
}

void DerivativeEstimator::find(const VoxelSpectrum& spectrum, FoundEdge& found) const {
  const std::size_t last = std::min(spectrum.peak, last_);
  if (last <= first_) {
    found.status |= window_border;
    return;
  }
  std::vector<double> slope(n_scan());
  std::size_t highest = first_;
  for (std::size_t j = first_; j <= last; ++j) {
    slope[j] = narrow_[j].coefficient(1, spectrum.rest);
    if (slope[j] > slope[highest]) highest = j;
  }
  const auto vertex = [&](std::size_t j) {
    const double c3 = narrow_[j].coefficient(3, spectrum.rest);
    const double shift = -narrow_[j].coefficient(2, spectrum.rest) / (3.0 * c3);
    return c3 < 0.0 ? shift : std::numeric_limits<double>::infinity();
  };
  std::size_t at = steepest(spectrum, last);
  double shift = vertex(at);
  if (std::abs(shift) > far_fraction * half_width_ev_) {
    at = highest;
    shift = vertex(at);
  }
  if (!(std::abs(shift) <= half_width_ev_) || at == first_ || at == last) {
    found.status |= window_border;
  }
  if (!std::isfinite(shift)) return;
  const LocalPolynomial& cubic = narrow_[at];
  const double c3 = cubic.coefficient(3, spectrum.rest);
  found.energy = cubic.centre + shift;
  for (std::size_t k = cubic.begin; k < cubic.end; ++k) {
    found.by_rest[k] = -(cubic.weight(2, k) + 3.0 * shift * cubic.weight(3, k)) / (3.0 * c3);
  }
  for (std::size_t j = first_ + 1; j < last; ++j) {
    const bool is_maximum = slope[j] > slope[j - 1] && slope[j] >= slope[j + 1];
    const bool is_other = std::abs(scan_ev()[j] - found.energy) > half_width_ev_;
    if (is_maximum && is_other && slope[j] >= comparable * slope[highest]) {
      found.status |= several_crossings;
    }
  }
}

}  // namespace nmcx::xanes
