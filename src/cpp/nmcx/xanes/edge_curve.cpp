#include "nmcx/xanes/edge_curve.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "nmcx/core/error.hpp"

namespace nmcx::xanes {
namespace {

constexpr int n_sample = 4096;  // of the scan range: far finer than any spectrum

CubicSpline checked_spline(const EdgePlan& plan, const std::vector<double>& energy_ev,
                           const std::vector<double>& mu, const std::string& name) {
  require(energy_ev.size() == mu.size() && energy_ev.size() >= 8,
          name + " must have one value per energy and at least 8 of them");
  std::vector<double> relative;
  for (std::size_t i = 0; i < energy_ev.size(); ++i) {
    require(std::isfinite(energy_ev[i]) && std::isfinite(mu[i]) &&
                (i == 0 || energy_ev[i] > energy_ev[i - 1]),
            name + " must have increasing energies and finite values");
    relative.push_back(energy_ev[i] - plan.reference_ev);
  }
  require(relative.front() <= plan.relative_ev[plan.n_pre] &&
              relative.back() >= plan.relative_ev[plan.n_pre + plan.n_scan - 1],
          name + " must cover all energies between pre_edge and post_edge: give a longer one or " +
              "move the windows together");
  return {relative, mu};
}

}  // namespace

EdgeCurve::EdgeCurve(const EdgePlan& plan, const std::vector<double>& energy_ev,
                     const std::vector<double>& mu, const std::string& name)
    : curve(checked_spline(plan, energy_ev, mu, name)) {
  const double low = plan.relative_ev[plan.n_pre];
  const double step = (plan.relative_ev[plan.n_pre + plan.n_scan - 1] - low) / n_sample;
  const auto value = [&](int i) { return curve.value(low + i * step); };
  const double level = plan.model.level;
  int top = 0;
  double steepest = 0.0;
  for (int i = 0; i <= n_sample; ++i) {
    if (value(i) > value(top)) top = i;
    steepest = std::max(steepest, curve.slope(low + i * step));
  }
  const bool reached = value(top) >= level;
  while (top > 0 && !(value(top - 1) < level)) --top;
  require(reached && top > 0,
          name + " does not rise through level between pre_edge and post_edge: check the windows " +
              "and that it is an absorption spectrum of this edge");
  double below = low + (top - 1) * step;
  double above = low + top * step;
  for (int i = 0; i < 50; ++i) {
    const double middle = 0.5 * (below + above);
    (curve.value(middle) < level ? below : above) = middle;
  }
  edge = 0.5 * (below + above);
  rise = 1.0 / steepest;
}

}  // namespace nmcx::xanes
