#include "nmcx/xanes/integral_estimator.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "nmcx/xanes/edge_fit.hpp"

namespace nmcx::xanes {
namespace {

constexpr double lower_level = 0.15;
// Two-point Gauss-Legendre is exact for cubics.
constexpr double gauss = std::numbers::inv_sqrt3;

/// Adds to `out` the weights that integrate the cubic of a stencil from `low` to `high`.
void add_integral(const CrossingTables& tables, std::size_t first, double low, double high,
                  double* out) {
  const double half = 0.5 * (high - low);
  for (const double sign : {-1.0, 1.0}) {
    const auto w = tables.weights(first, low + half * (1.0 + sign * gauss));
    for (std::size_t k = 0; k < 4; ++k) out[first + k] += half * w[k];
  }
}

}  // namespace

IntegralEstimator::IntegralEstimator(const EdgePlan& plan)
    : SpectrumEstimator(plan),
      crossings_(scan_ev(), n_scan(), plan.model.peak_half_width_ev),
      weights_(n_scan() * n_scan()) {
  const std::size_t n = n_scan();
  for (std::size_t j = 1; j < n; ++j) {
    double* row = weights_.data() + (j * n);
    std::copy_n(row - n, n, row);
    add_integral(crossings_, crossings_.first_of(j), scan_ev()[j - 1], scan_ev()[j], row);
  }
}

void IntegralEstimator::find(const VoxelSpectrum& spectrum, FoundEdge& found) const {
  const std::size_t n = n_scan();
  std::vector<double> f(n);
  std::vector<double> g(n);
  for (std::size_t k = 0; k < n; ++k) {
    f[k] = spectrum.rest[k] - spectrum.post[k];
    g[k] = spectrum.rest[k] - lower_level * spectrum.post[k];
  }
  const CrossingSample upper = last_crossing(f.data(), spectrum.peak);
  const CrossingSample lower = last_crossing(g.data(), upper.upper);
  if (upper.count != 1) found.status |= several_crossings;
  if (lower.upper <= 1) found.status |= window_border;
  if (lower.upper == 0) return;
  const double begin = crossings_.refine(g.data(), lower.upper).energy;
  const double end = crossings_.refine(f.data(), upper.upper).energy;
  // From scan energy to scan energy, and what is left over at both ends.
  std::vector<double> weight(n);
  const double* to_end = weights_.data() + ((upper.upper - 1) * n);
  const double* to_begin = weights_.data() + (lower.upper * n);
  const std::size_t first = crossings_.first_of(lower.upper);
  const std::size_t beyond = crossings_.first_of(upper.upper) + 4;
  for (std::size_t k = first; k < beyond; ++k) weight[k] = to_end[k] - to_begin[k];
  add_integral(crossings_, first, begin, scan_ev()[lower.upper], weight.data());
  add_integral(crossings_, beyond - 4, scan_ev()[upper.upper - 1], end, weight.data());
  found.energy = begin;
  for (std::size_t k = first; k < beyond; ++k) {
    const double x = scan_ev()[k] / scale_ev();
    const double factor = weight[k] / ((1.0 - lower_level) * spectrum.post[k]);
    found.energy -= factor * f[k];
    found.by_rest[k] = -factor;
    const double by_post = factor * spectrum.rest[k] / spectrum.post[k];
    found.by_post[0] += by_post;
    found.by_post[1] += by_post * x;
    found.by_post[2] += by_post * x * x;
  }
}

}  // namespace nmcx::xanes
