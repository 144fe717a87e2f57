#include "nmcx/fem/butler_volmer.hpp"

#include <algorithm>
#include <cmath>

#include "nmcx/core/error.hpp"

namespace nmcx {
namespace {

/// A function and its slope.
struct Sloped {
  double value;
  double slope;
};

/// exp, continued by its tangent where it would overflow on the way of a Newton iteration.
Sloped bounded_exp(double x) {
  constexpr double limit = 60;
  if (x <= limit) {
    const double e = std::exp(x);
    return {.value = e, .slope = e};
  }
  const double e = std::exp(limit);
  return {.value = e * (1 + x - limit), .slope = e};
}

/// x to a power that mostly is one half.
double power(double x, double exponent) {
  return exponent == 0.5 ? std::sqrt(x) : std::pow(x, exponent);
}

/// U and dU/dx by cubic Hermite interpolation; straight on outside 0 … 1.
Sloped equilibrium(const ElectrodeKinetics& kinetics, double x) {
  const std::size_t n_interval = kinetics.equilibrium.shape[0] - 1;
  const double h = 1 / static_cast<double>(n_interval);
  if (x <= 0 || x >= 1) {
    const std::size_t end = x <= 0 ? 0 : n_interval;
    return {.value = kinetics.equilibrium[end] + (kinetics.slope[end] * (x - (x <= 0 ? 0 : 1))),
            .slope = kinetics.slope[end]};
  }
  const std::size_t i = std::min(n_interval - 1, static_cast<std::size_t>(x / h));
  const double t = (x / h) - static_cast<double>(i);
  const double a = kinetics.equilibrium[i];
  const double b = kinetics.equilibrium[i + 1];
  const double da = h * kinetics.slope[i];
  const double db = h * kinetics.slope[i + 1];
  const double second = (3 * (b - a)) - (2 * da) - db;
  const double third = (2 * (a - b)) + da + db;
  return {.value = a + (t * (da + (t * (second + (t * third))))),
          .slope = (da + (t * ((2 * second) + (3 * t * third)))) / h};
}

/// Concentration just behind the layer; between empty and full, where the exchange current ends.
double outer_concentration(const ElectrodeKinetics& kinetics, double concentration,
                           double potential, double conductance) {
  double low = 0;
  double high = kinetics.max_concentration;
  double c = std::clamp(concentration, 1e-6 * high, (1 - 1e-6) * high);
  const double close = 1e-14 * kinetics.max_concentration;
  for (int i = 0; i < 200 && high - low > close; ++i) {
    const SurfaceFlux s = butler_volmer(kinetics, c, potential);
    const double excess = (conductance * (concentration - c)) - s.flux;
    (excess > 0 ? low : high) = c;
    const double next = c + (excess / (conductance + s.per_concentration));
    const double step = std::abs(next - c);
    // Newton as long as it stays in the bracket, else the middle.
    c = next > low && next < high ? next : 0.5 * (low + high);
    if (c == next && step <= close) break;
  }
  return c;
}

}  // namespace

void check_kinetics(const ElectrodeKinetics& kinetics) {
  require(kinetics.max_concentration > 0 && kinetics.prefactor > 0 && kinetics.thermal > 0,
          "max_concentration, exchange_current_prefactor and temperature must be positive");
  require(kinetics.transfer_anodic > 0 && kinetics.transfer_cathodic > 0,
          "transfer coefficients must be positive");
  require(kinetics.equilibrium.shape[0] >= 2 &&
              kinetics.equilibrium.shape[0] == kinetics.slope.shape[0],
          "the table of the open-circuit potential needs two rows, each with a slope");
}

SurfaceFlux butler_volmer(const ElectrodeKinetics& kinetics, double concentration,
                          double potential) {
  const double full = kinetics.max_concentration;
  // The exchange current ends at empty and full with a slope that has no bound.
  const double c = std::clamp(concentration, 1e-12 * full, (1 - 1e-12) * full);
  const Sloped u = equilibrium(kinetics, concentration / full);
  const double eta = potential - u.value;
  const double a = kinetics.transfer_anodic * kinetics.thermal;
  const double b = kinetics.transfer_cathodic * kinetics.thermal;
  const double exchange = kinetics.prefactor * power(full - c, kinetics.transfer_anodic) *
                          power(c, kinetics.transfer_cathodic) / faraday;
  const double exchange_slope =
      exchange * ((kinetics.transfer_cathodic / c) - (kinetics.transfer_anodic / (full - c)));
  const Sloped anodic = bounded_exp(a * eta);
  const Sloped cathodic = bounded_exp(-b * eta);
  SurfaceFlux result;
  result.flux = exchange * (anodic.value - cathodic.value);
  result.per_potential = exchange * ((a * anodic.slope) + (b * cathodic.slope));
  result.per_concentration =
      (exchange_slope * (anodic.value - cathodic.value)) - (result.per_potential * u.slope / full);
  return result;
}

SurfaceFlux covered_surface(const ElectrodeKinetics& kinetics, double concentration,
                            double potential, double conductance, double coverage) {
  SurfaceFlux bare{};
  if (coverage < 1 || std::isinf(conductance)) {
    bare = butler_volmer(kinetics, concentration, potential);
    if (coverage <= 0 || std::isinf(conductance)) return bare;
  }
  const double outer = outer_concentration(kinetics, concentration, potential, conductance);
  const SurfaceFlux s = butler_volmer(kinetics, outer, potential);
  // In series: 1 / (dJ/dc) = 1/k + 1 / (dJ_outer/dc).
  const double share = conductance / (conductance + s.per_concentration);
  const double free = 1 - coverage;
  return {.flux = (coverage * conductance * (concentration - outer)) + (free * bare.flux),
          .per_concentration =
              (coverage * s.per_concentration * share) + (free * bare.per_concentration),
          .per_potential = (coverage * s.per_potential * share) + (free * bare.per_potential)};
}

}  // namespace nmcx
