// The curve of a cohesive law at one share of sliding: onset, softening, what damage has spent.
#pragma once

#include <algorithm>
#include <cmath>

#include "nmcx/fem/cohesive.hpp"

namespace nmcx {

/// Steepness of the exponential shape, cut off where it has fallen to e^-5 of its height and
/// shifted down to end at zero; the area is made up by a longer opening.
inline constexpr double softening_steepness = 5;

/// Traction q(s) between onset (s = 0, q = 1) and the end (s = 1, q = 0), its slope and area.
struct Softening {
  double value;
  double slope;
  double area;  ///< from 0 to s
};

inline Softening softening(SofteningShape shape, double s) {
  if (shape == SofteningShape::bilinear) {
    return {.value = 1 - s, .slope = -1, .area = s * (1 - (0.5 * s))};
  }
  const double tail = std::exp(-softening_steepness);
  const double scale = 1 / (1 - tail);
  const double e = std::exp(-softening_steepness * s);
  // expm1 keeps the digits of a value near the end.
  return {
      .value = tail * std::expm1(softening_steepness * (1 - s)) * scale,
      .slope = -softening_steepness * e * scale,
      .area = ((-std::expm1(-softening_steepness * s) / softening_steepness) - (s * tail)) * scale};
}

/// A constant of the law and its derivative with respect to the share of sliding.
struct Sloped {
  double value;
  double slope;
};

/// Onset at a share of sliding. The quadratic criterion of Camanho and Dávila, NASA/TM-2002-211737
/// (2002), with β² = B/(1 - B), is 1/δ_0² = (1 - B)/δ_n0² + B/δ_s0². That of Turon et al.,
/// Mechanics of Materials 38 (2006) 1072, takes the energy ½ K δ_0² between the modes as the
/// fracture energy.
inline Sloped onset_at(const CohesiveLaw& law, double share) {
  const double normal = law.strength / law.stiffness;
  if (law.shear_strength == law.strength) return {.value = normal, .slope = 0};
  const double shear = law.shear_strength / law.stiffness;
  if (law.onset_criterion == OnsetCriterion::energy) {
    const double slope = ((shear * shear) - (normal * normal)) * std::pow(share, law.exponent - 1);
    const double value = std::sqrt((normal * normal) + (slope * share));
    return {.value = value, .slope = 0.5 * law.exponent * slope / value};
  }
  const double n = 1 / (normal * normal);
  const double s = 1 / (shear * shear);
  const double value = 1 / std::sqrt(((1 - share) * n) + (share * s));
  return {.value = value, .slope = -0.5 * value * value * value * (s - n)};
}

inline Sloped fracture_energy_at(const CohesiveLaw& law, double share) {
  const double normal = law.fracture_energy;
  const double shear = law.shear_fracture_energy;
  if (law.mixed_mode == MixedMode::benzeggagh_kenane) {
    if (shear == normal) return {.value = normal, .slope = 0};
    const double slope = (shear - normal) * std::pow(share, law.exponent - 1);
    return {.value = normal + (slope * share), .slope = law.exponent * slope};
  }
  if (law.exponent == 1 && shear == normal) return {.value = normal, .slope = 0};
  const double a = (1 - share) / normal;
  const double b = share / shear;
  const double sum = std::pow(a, law.exponent) + std::pow(b, law.exponent);
  const double value = std::pow(sum, -1 / law.exponent);
  const double by_share =
      (std::pow(b, law.exponent - 1) / shear) - (std::pow(a, law.exponent - 1) / normal);
  return {.value = value, .slope = -value / sum * by_share};
}

/// The curve at one share of sliding; δ = onset + s · length in softening.
struct CohesiveCurve {
  SofteningShape shape;
  double stiffness;
  Sloped onset;
  Sloped length;

  /// ½ K δ_0².
  [[nodiscard]] double elastic() const { return 0.5 * stiffness * onset.value * onset.value; }
  [[nodiscard]] double opening(double s) const { return onset.value + (s * length.value); }
  [[nodiscard]] double progress(double separation) const {
    return std::clamp((separation - onset.value) / length.value, 0.0, 1.0);
  }
  /// Damage at a progress of softening.
  [[nodiscard]] double damage(double s) const {
    if (s <= 0) return 0;
    // 1 - δ_0 q / δ in a form that keeps its digits just after onset.
    const double q = softening(shape, s).value;
    return ((s * length.value) + (onset.value * (1 - q))) / opening(s);
  }
  /// Work of separation spent when softening has come to s.
  [[nodiscard]] double dissipated(double s) const {
    const Softening at = softening(shape, s);
    return elastic() + (stiffness * onset.value * length.value * at.area) -
           (0.5 * stiffness * onset.value * opening(s) * at.value);
  }
  /// Progress that has a damage.
  [[nodiscard]] double progress_of(double damage_value) const {
    const double integrity = 1 - damage_value;
    if (integrity <= 0) return 1;
    if (damage_value <= 0) return 0;
    if (shape == SofteningShape::bilinear) {
      return onset.value * damage_value / (onset.value + (integrity * length.value));
    }
    // δ_0 q(s) - (1 - D) δ(s) is convex and falls: Newton from the left never steps too far.
    double s = 0;
    for (int i = 0; i < 100; ++i) {
      const Softening at = softening(shape, s);
      const double value = (onset.value * at.value) - (integrity * opening(s));
      const double slope = (onset.value * at.slope) - (integrity * length.value);
      const double step = -value / slope;
      s = std::min(1.0, s + step);
      if (!(step > 1e-15 * s)) break;
    }
    return s;
  }
  /// ½ K δ² that damage has to overcome to grow beyond a progress.
  [[nodiscard]] double threshold(double s) const {
    return 0.5 * stiffness * opening(s) * opening(s);
  }
};

inline CohesiveCurve cohesive_curve(const CohesiveLaw& law, double share) {
  const Sloped start = onset_at(law, share);
  const Sloped energy = fracture_energy_at(law, share);
  const double whole = softening(law.shape, 1).area;
  const double strength = law.stiffness * start.value;
  const double length = (energy.value - (0.5 * strength * start.value)) / (strength * whole);
  const double slope = ((energy.slope - (strength * start.slope)) / (strength * whole)) -
                       (length * start.slope / start.value);
  return {.shape = law.shape,
          .stiffness = law.stiffness,
          .onset = start,
          .length = {.value = length, .slope = slope}};
}

}  // namespace nmcx
