#include "nmcx/xanes/white_line_estimator.hpp"

#include <cmath>

#include "nmcx/xanes/edge_fit.hpp"

namespace nmcx::xanes {

std::vector<LocalPolynomial> white_line_parabolas(const EdgePlan& plan) {
  std::vector<LocalPolynomial> out;
  const double* energy = plan.relative_ev.data() + plan.n_pre;
  for (std::size_t j = 0; j < plan.n_scan; ++j) {
    // The windows of the kernel: at least the nearest neighbours.
    const auto [begin, end] =
        samples_around(energy, plan.n_scan, energy[j], plan.model.peak_half_width_ev, 2);
    out.push_back(fit_local_polynomial(energy, begin, end, energy[j], 2));
  }
  return out;
}

WhiteLineEstimator::WhiteLineEstimator(const EdgePlan& plan)
    : SpectrumEstimator(plan), parabolas_(white_line_parabolas(plan)) {}

void WhiteLineEstimator::find(const VoxelSpectrum& spectrum, FoundEdge& found) const {
  const LocalPolynomial& parabola = parabolas_[spectrum.peak];
  const double c0 = parabola.coefficient(0, spectrum.rest);
  const double c1 = parabola.coefficient(1, spectrum.rest);
  const double c2 = parabola.coefficient(2, spectrum.rest);
  found.energy = spectrum.white_line;
  const double s = found.energy - parabola.centre;
  const double x = found.energy / scale_ev();
  const auto& q = spectrum.curve;
  const double post = q[0] + x * (q[1] + x * q[2]);
  const double tilt = (q[1] + 2.0 * x * q[2]) / (scale_ev() * post);
  const double top = c0 + s * (c1 + s * c2);
  // Zero of m' - m post' / post, whose derivative is 2 c2 but for the small curvature of post.
  const double factor = -0.5 / c2;
  for (std::size_t k = parabola.begin; k < parabola.end; ++k) {
    const double value =
        parabola.weight(0, k) + s * (parabola.weight(1, k) + s * parabola.weight(2, k));
    found.by_rest[k] =
        factor * (parabola.weight(1, k) + 2.0 * s * parabola.weight(2, k) - tilt * value);
  }
  double power = 1.0;
  double slope = 0.0;
  for (std::size_t i = 0; i < 3; ++i) {
    found.by_post[i] = -factor * top * (slope / scale_ev() - tilt * power) / post;
    slope = static_cast<double>(i + 1) * power;
    power *= x;
  }
}

HalfWhiteLineEstimator::HalfWhiteLineEstimator(const EdgePlan& plan)
    : SpectrumEstimator(plan),
      parabolas_(white_line_parabolas(plan)),
      crossings_(scan_ev(), n_scan(), plan.model.peak_half_width_ev) {}

void HalfWhiteLineEstimator::find(const VoxelSpectrum& spectrum, FoundEdge& found) const {
  const LocalPolynomial& parabola = parabolas_[spectrum.peak];
  const double c0 = parabola.coefficient(0, spectrum.rest);
  const double c1 = parabola.coefficient(1, spectrum.rest);
  const double c2 = parabola.coefficient(2, spectrum.rest);
  const double vertex = -0.5 * c1 / c2;
  const double level = 0.5 * (c0 + 0.5 * vertex * c1);
  std::vector<double> f(spectrum.rest, spectrum.rest + n_scan());
  for (double& value : f) value -= level;
  const CrossingSample crossing = last_crossing(f.data(), spectrum.peak);
  if (crossing.count != 1) found.status |= several_crossings;
  if (crossing.upper <= 1 || !(c2 < 0.0)) found.status |= window_border;
  if (crossing.upper == 0) return;
  const CrossingPoint point = crossings_.refine(f.data(), crossing.upper);
  found.energy = point.energy;
  for (std::size_t k = 0; k < 4; ++k)
    found.by_rest[point.first + k] -= point.weight[k] / point.slope;
  // At the vertex the height does not depend on where the vertex is.
  for (std::size_t k = parabola.begin; k < parabola.end; ++k) {
    const double height =
        parabola.weight(0, k) + vertex * (parabola.weight(1, k) + vertex * parabola.weight(2, k));
    found.by_rest[k] += 0.5 * height / point.slope;
  }
}

}  // namespace nmcx::xanes
