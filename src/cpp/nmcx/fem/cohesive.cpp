#include "nmcx/fem/cohesive.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "nmcx/core/error.hpp"
#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/cohesive_curve.hpp"

namespace nmcx {
namespace {

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
Vector<d> damage_gradient(const CohesiveCurve& c, const Effective<d>& e,
                          const Vector<d>& separation, double progress) {
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
  CohesiveCurve mode;
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
  const CohesiveCurve& mode = evaluation.mode;
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

/// How hard a separation strains a boundary of some damage.
struct Strain {
  CohesiveCurve mode;
  double share;  ///< traction over the one that the boundary bears
};

template <std::size_t d>
Strain strain(const CohesiveLaw& law, const Vector<d>& separation, double damage) {
  const double opening = std::max(0.0, separation[0]);
  double sliding = 0;
  for (std::size_t k = 1; k < d; ++k) sliding += separation[k] * separation[k];
  const double square = (opening * opening) + sliding;
  const CohesiveCurve mode = cohesive_curve(law, square > 0 ? sliding / square : 0);
  const double limit = mode.opening(mode.progress_of(damage));
  return {.mode = mode, .share = std::min(1.0, std::sqrt(square) / limit)};
}

void check_energy(const CohesiveLaw& law) {
  // Between the modes too: the energy of a mixed mode can fall below what its strength stores.
  constexpr int n_share = 64;
  for (int i = 0; i <= n_share; ++i) {
    const double share = static_cast<double>(i) / n_share;
    const double start = onset_at(law, share).value;
    const double stored = 0.5 * law.stiffness * start * start;
    const double energy = fracture_energy_at(law, share).value;
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
  require(law.fatigue_cycles > 0, "fatigue_cycles must be positive; infinite: no fatigue");
  require(law.endurance >= 0 && law.endurance < 1, "endurance must be 0 or more, and below 1");
  require(law.viscosity == 0 || std::isinf(law.fatigue_cycles),
          "fatigue_cycles need a law without viscosity");
  check_energy(law);
}

CohesiveMode cohesive_mode(const CohesiveLaw& law, double sliding_share) {
  const CohesiveCurve mode = cohesive_curve(law, sliding_share);
  return {.onset = mode.onset.value,
          .final_opening = mode.opening(1),
          .fracture_energy = fracture_energy_at(law, sliding_share).value};
}

double cohesive_damage(const CohesiveLaw& law, double separation, double sliding_share) {
  const CohesiveCurve mode = cohesive_curve(law, sliding_share);
  return mode.damage(mode.progress(separation));
}

template <std::size_t d>
CohesivePoint<d> cohesive_response(const CohesiveLaw& law, const Vector<d>& separation,
                                   const CohesiveHistory& history, const CohesiveOptions& options) {
  const double depth = contact_depth * law.strength / law.stiffness;
  Evaluation<d> evaluation{
      .law = &law, .separation = &separation, .at = effective(separation, depth), .mode = {}};
  evaluation.mode = cohesive_curve(law, evaluation.at.share);
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

template <std::size_t d>
CohesiveHistory fatigued(const CohesiveLaw& law, const Vector<d>& from, const Vector<d>& to,
                         double damage_before, const CohesiveHistory& history, double most) {
  const Strain first = strain(law, from, history.damage);
  const Strain last = strain(law, to, history.damage);
  const auto beyond = [&law](double share) {
    const double tires = std::max(0.0, share - law.endurance) / (1 - law.endurance);
    return tires * tires;
  };
  const double lost = 0.5 * std::abs(beyond(last.share) - beyond(first.share)) / law.fatigue_cycles;
  const CohesiveCurve& mode = last.share > first.share ? last.mode : first.mode;
  const double progress = std::min(1.0, mode.progress_of(damage_before) + lost);
  const double damage = std::min(mode.damage(progress), most);
  if (!(lost > 0) || damage <= history.damage) return history;

  const double depth = contact_depth * law.strength / law.stiffness;
  const double separation = effective(to, depth).separation;
  CohesiveHistory next = history;
  next.dissipated += 0.5 * law.stiffness * separation * separation * (damage - history.damage);
  next.damage = damage;
  next.viscous_damage = damage;
  return next;
}

TractionSeparation traction_separation(const CohesiveLaw& law, const ArrayView<double, 1>& opening,
                                       const ArrayView<double, 1>& sliding,
                                       const ArrayView<double, 1>& largest,
                                       const std::function<bool()>& poll) {
  const std::size_t n = opening.shape[0];
  require(sliding.shape[0] == n && largest.shape[0] == n,
          "opening, sliding and largest must have one length");
  check(law);
  CohesiveLaw at_rest = law;
  at_rest.viscosity = 0;
  const double depth = contact_depth * law.strength / law.stiffness;
  TractionSeparation result{.traction = Array<double, 1>({n}), .damage = Array<double, 1>({n})};
  Poll stop(poll);
  for (std::size_t i = 0; i < n; ++i) {
    stop.every_4096(i);
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
template CohesiveHistory fatigued<2>(const CohesiveLaw&, const Vector<2>&, const Vector<2>&, double,
                                     const CohesiveHistory&, double);
template CohesiveHistory fatigued<3>(const CohesiveLaw&, const Vector<3>&, const Vector<3>&, double,
                                     const CohesiveHistory&, double);

}  // namespace nmcx
