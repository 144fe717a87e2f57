#include "nmcx/fem/cohesive.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "nmcx/core/error.hpp"

namespace nmcx {
namespace {

/// Steepness of the exponential shape, cut off where it has fallen to e^-5 of its height and
/// shifted down to end at zero; the area is made up by a longer opening.
constexpr double steepness = 5;

/// Traction q(s) between onset (s = 0, q = 1) and the end (s = 1, q = 0), its slope and area.
struct Softening {
  double value;
  double slope;
  double area;  ///< from 0 to s
};

Softening softening(SofteningShape shape, double s) {
  if (shape == SofteningShape::bilinear) {
    return {.value = 1 - s, .slope = -1, .area = s * (1 - (0.5 * s))};
  }
  const double tail = std::exp(-steepness);
  const double scale = 1 / (1 - tail);
  const double e = std::exp(-steepness * s);
  // expm1 keeps the digits of a value near the end.
  return {.value = tail * std::expm1(steepness * (1 - s)) * scale,
          .slope = -steepness * e * scale,
          .area = ((-std::expm1(-steepness * s) / steepness) - (s * tail)) * scale};
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
Sloped onset(const CohesiveLaw& law, double share) {
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

Sloped fracture_energy(const CohesiveLaw& law, double share) {
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
struct Curve {
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

Curve curve(const CohesiveLaw& law, double share) {
  const Sloped start = onset(law, share);
  const Sloped energy = fracture_energy(law, share);
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

/// The part of the normal separation that damage weakens, p = h δ_n, its slope, and P = 2 ∫ p.
struct OpeningPart {
  double share;   ///< h, 1 in opening, 0 in contact deeper than `depth`
  double value;   ///< p
  double slope;   ///< dp/dδ_n
  double square;  ///< P
};

/// The turn lies on the side of contact, or a broken boundary would pull when it opens.
OpeningPart opening_part(double normal, double depth) {
  if (normal >= 0) return {.share = 1, .value = normal, .slope = 1, .square = normal * normal};
  const double s = std::max(0.0, (normal / depth) + 1);
  const double square = depth * depth * (1 - (s * s * s * (4 - (3 * s)))) / 6;
  return {.share = s * s, .value = normal * s * s, .slope = s * ((3 * s) - 2), .square = square};
}

/// Separation as the law sees it.
template <std::size_t d>
struct Effective {
  OpeningPart opening;
  double separation = 0;  ///< δ
  double share = 0;       ///< B
};

template <std::size_t d>
Effective<d> effective(const Vector<d>& separation, double depth) {
  Effective<d> e{.opening = opening_part(separation[0], depth)};
  double sliding = 0;
  for (std::size_t k = 1; k < d; ++k) sliding += separation[k] * separation[k];
  const double square = e.opening.square + sliding;
  e.separation = std::sqrt(square);
  e.share = square > 0 ? sliding / square : 0;
  return e;
}

/// Derivative of the damage at a separation of `opening` by the components of the separation.
template <std::size_t d>
Vector<d> damage_gradient(const Curve& c, const Effective<d>& e, const Vector<d>& separation,
                          double progress) {
  const Softening at = softening(c.shape, progress);
  const double opening = c.opening(progress);
  const double ratio = c.onset.value / opening;
  const double by_opening = ratio * ((at.value / opening) - (at.slope / c.length.value));
  const double moved = -(c.onset.slope + (progress * c.length.slope)) / c.length.value;
  const double by_share = -((at.value * c.onset.slope / opening) + (ratio * at.slope * moved));
  // ∂δ/∂δ_n = p/δ, ∂B/∂δ_n = -2 B p/δ², ∂δ/∂δ_s = δ_s/δ, ∂B/∂δ_s = 2 (1 - B) δ_s/δ².
  const double turn = 2 * by_share / e.separation;
  Vector<d> gradient{};
  gradient[0] = e.opening.value / e.separation * (by_opening - (turn * e.share));
  for (std::size_t k = 1; k < d; ++k) {
    gradient[k] = separation[k] / e.separation * (by_opening + (turn * (1 - e.share)));
  }
  return gradient;
}

/// What the response of one point shares between its parts.
template <std::size_t d>
struct Evaluation {
  const CohesiveLaw* law;
  const Vector<d>* separation;
  Effective<d> at;
  Curve mode;
  double lag = 1;  ///< part of new damage that traction follows within the step
};

template <std::size_t d>
Tensor<d> secant(const Evaluation<d>& evaluation, double damage) {
  const double k = evaluation.law->stiffness;
  Tensor<d> tangent{};
  tangent[0] = k * (1 - (damage * evaluation.at.opening.share));
  for (std::size_t i = 1; i < d; ++i) tangent[(i * d) + i] = k * (1 - damage);
  return tangent;
}

template <std::size_t d>
Tensor<d> consistent(const Evaluation<d>& evaluation, const CohesiveHistory& history, double damage,
                     bool loading) {
  const double k = evaluation.law->stiffness;
  const Effective<d>& e = evaluation.at;
  Tensor<d> tangent = secant(evaluation, damage);
  tangent[0] = k * (1 - (damage * e.opening.slope));
  if (!loading || !(e.separation > 0)) return tangent;
  // A branch that the caller has frozen may not be the one the point is on: the law's slope is
  // taken where damage would start to grow.
  const double progress =
      std::max(evaluation.mode.progress(e.separation), evaluation.mode.progress_of(history.damage));
  if (progress >= 1) return tangent;
  const Vector<d> gradient = damage_gradient(evaluation.mode, e, *evaluation.separation, progress);
  for (std::size_t i = 0; i < d; ++i) {
    const double weakened = i == 0 ? e.opening.value : (*evaluation.separation)[i];
    for (std::size_t j = 0; j < d; ++j) {
      tangent[(i * d) + j] -= evaluation.lag * k * weakened * gradient[j];
    }
  }
  return tangent;
}

/// Damage and energies at the end of the step.
template <std::size_t d>
CohesiveHistory advance(const Evaluation<d>& evaluation, const CohesiveHistory& history,
                        double largest) {
  const Curve& mode = evaluation.mode;
  CohesiveHistory next = history;
  next.damage = std::max(history.damage,
                         std::min(mode.damage(mode.progress(evaluation.at.separation)), largest));
  next.viscous_damage =
      evaluation.lag == 1
          ? next.damage
          : history.viscous_damage + (evaluation.lag * (next.damage - history.viscous_damage));
  const double grown = next.viscous_damage - history.viscous_damage;
  const double reached = mode.progress_of(next.viscous_damage);
  if (grown > 0) {
    const double from = mode.progress_of(history.viscous_damage);
    next.dissipated += std::max(0.0, mode.dissipated(reached) - mode.dissipated(from));
  }
  next.excess = 0;
  if (next.damage > next.viscous_damage) {
    const double square = evaluation.at.separation * evaluation.at.separation;
    next.excess = (0.5 * evaluation.law->stiffness * square) - mode.threshold(reached);
  }
  next.viscous_work += 0.5 * (history.excess + next.excess) * grown;
  return next;
}

void check_energy(const CohesiveLaw& law) {
  // Between the modes too: the energy of a mixed mode can fall below what its strength stores.
  constexpr int n_share = 64;
  for (int i = 0; i <= n_share; ++i) {
    const double share = static_cast<double>(i) / n_share;
    const double start = onset(law, share).value;
    const double stored = 0.5 * law.stiffness * start * start;
    const double energy = fracture_energy(law, share).value;
    if (energy > stored) continue;
    const char* which = i == 0         ? "fracture_energy"
                        : i == n_share ? "shear_fracture_energy"
                                       : "the mixed-mode fracture energy";
    throw InvalidArgument(std::string(which) +
                          " must exceed what is stored at onset, strength² / (2 "
                          "stiffness) = " +
                          std::to_string(stored) + " J/m², not " + std::to_string(energy) +
                          ": raise it or stiffness, or lower the strength");
  }
}

}  // namespace

void check(const CohesiveLaw& law) {
  const auto positive = [](double value) { return std::isfinite(value) && value > 0; };
  require(positive(law.stiffness), "stiffness must be positive and finite, in Pa/m");
  require(positive(law.strength), "strength must be positive and finite, in Pa");
  require(positive(law.fracture_energy), "fracture_energy must be positive and finite, in J/m²");
  require(positive(law.shear_strength), "shear_strength must be positive and finite, in Pa");
  require(positive(law.shear_fracture_energy),
          "shear_fracture_energy must be positive and finite, in J/m²");
  require(std::isfinite(law.exponent) && law.exponent >= 1,
          "exponent must be 1 or more, or damage jumps with the first sliding");
  require(std::isfinite(law.viscosity) && law.viscosity >= 0,
          "viscosity must be 0 or more, a time in s");
  check_energy(law);
}

CohesiveMode cohesive_mode(const CohesiveLaw& law, double sliding_share) {
  const Curve mode = curve(law, sliding_share);
  return {.onset = mode.onset.value,
          .final_opening = mode.opening(1),
          .fracture_energy = fracture_energy(law, sliding_share).value};
}

double cohesive_damage(const CohesiveLaw& law, double separation, double sliding_share) {
  const Curve mode = curve(law, sliding_share);
  return mode.damage(mode.progress(separation));
}

template <std::size_t d>
CohesivePoint<d> cohesive_response(const CohesiveLaw& law, const Vector<d>& separation,
                                   const CohesiveHistory& history, const CohesiveOptions& options) {
  const double depth = contact_depth * law.strength / law.stiffness;
  Evaluation<d> evaluation{
      .law = &law, .separation = &separation, .at = effective(separation, depth), .mode = {}};
  evaluation.mode = curve(law, evaluation.at.share);
  if (law.viscosity > 0) {
    evaluation.lag = options.time_step / (law.viscosity + options.time_step);
  }

  CohesivePoint<d> point;
  point.history = advance(evaluation, history, 1 - options.residual_integrity);
  point.is_loading = point.history.damage > history.damage;
  const double damage = point.history.viscous_damage;
  const Effective<d>& e = evaluation.at;
  const double normal = separation[0];
  point.traction[0] = law.stiffness * (1 - (damage * e.opening.share)) * normal;
  for (std::size_t k = 1; k < d; ++k) {
    point.traction[k] = law.stiffness * (1 - damage) * separation[k];
  }
  const double contact = (normal * normal) - e.opening.square;
  point.stored = 0.5 * law.stiffness * (((1 - damage) * e.separation * e.separation) + contact);

  if (options.tangent == TangentKind::secant) point.tangent = secant(evaluation, damage);
  if (options.tangent == TangentKind::consistent) {
    const bool loading = options.branch == LoadingBranch::automatic
                             ? point.is_loading
                             : options.branch == LoadingBranch::loading;
    point.tangent = consistent(evaluation, point.history, damage, loading);
  }
  return point;
}

TractionSeparation traction_separation(const CohesiveLaw& law, const ArrayView<double, 1>& opening,
                                       const ArrayView<double, 1>& sliding,
                                       const ArrayView<double, 1>& largest) {
  const std::size_t n = opening.shape[0];
  require(sliding.shape[0] == n && largest.shape[0] == n,
          "opening, sliding and largest must have one length");
  check(law);
  CohesiveLaw at_rest = law;
  at_rest.viscosity = 0;
  const double depth = contact_depth * law.strength / law.stiffness;
  TractionSeparation result{.traction = Array<double, 1>({n}), .damage = Array<double, 1>({n})};
  for (std::size_t i = 0; i < n; ++i) {
    require(std::isfinite(opening[i]) && std::isfinite(sliding[i]),
            "opening and sliding must be finite, in m");
    require(std::isfinite(largest[i]) && largest[i] >= 0,
            "largest must be 0 m or more, and finite");
    const Vector<2> separation{opening[i], sliding[i]};
    const double share = effective(separation, depth).share;
    const double before = cohesive_damage(law, largest[i], share);
    const CohesivePoint<2> point =
        cohesive_response<2>(at_rest, separation, {.damage = before, .viscous_damage = before}, {});
    result.traction[i] = point.traction[0];
    result.damage[i] = point.history.damage;
  }
  return result;
}

template CohesivePoint<2> cohesive_response<2>(const CohesiveLaw&, const Vector<2>&,
                                               const CohesiveHistory&, const CohesiveOptions&);
template CohesivePoint<3> cohesive_response<3>(const CohesiveLaw&, const Vector<3>&,
                                               const CohesiveHistory&, const CohesiveOptions&);

}  // namespace nmcx
