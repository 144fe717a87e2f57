// How a grain boundary resists being pulled apart: traction against separation at one point.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>

#include "nmcx/core/views.hpp"
#include "nmcx/fem/element.hpp"

namespace nmcx {

/// How traction falls between onset and final opening.
enum class SofteningShape : std::uint8_t {
  bilinear,     ///< straight down to zero
  exponential,  ///< (e^(-α s) - e^(-α)) / (1 - e^(-α)), α = 5, s from 0 at onset to 1 at the end
};

/// How the work of separation depends on the share of sliding.
enum class MixedMode : std::uint8_t {
  benzeggagh_kenane,  ///< G = G_I + (G_II - G_I) B^η
  power_law,          ///< ((1 - B) G / G_I)^η + (B G / G_II)^η = 1
};

/// Which tractions start damage in mixed mode.
enum class OnsetCriterion : std::uint8_t {
  quadratic,  ///< (t_n / strength)² + (t_s / shear_strength)² = 1
  energy,     ///< δ_0² = δ_n0² + (δ_s0² - δ_n0²) B^η, which goes with the energy at onset
};

/// Constants of a boundary. Traction that opens starts damage; compression alone does none.
struct CohesiveLaw {
  double stiffness = 0;              ///< K, before damage and in contact [Pa/m]
  double strength = 0;               ///< largest normal traction [Pa]
  double fracture_energy = 0;        ///< G_I, work of opening [J/m²]
  double shear_strength = 0;         ///< largest tangential traction [Pa]
  double shear_fracture_energy = 0;  ///< G_II, work of sliding [J/m²]
  double exponent = 1.45;            ///< η of the mixed mode
  SofteningShape shape = SofteningShape::bilinear;
  MixedMode mixed_mode = MixedMode::benzeggagh_kenane;
  OnsetCriterion onset_criterion = OnsetCriterion::quadratic;
  double viscosity = 0;  ///< μ, time in which damage follows its law [s]
  /// N, cycles between nothing and all that a boundary bears at the time, after which it bears
  /// nothing; infinite: it does not tire
  double fatigue_cycles = std::numeric_limits<double>::infinity();
  double endurance = 0.25;  ///< C, share of what it bears at the time up to which nothing tires it
};

/// The law at one share B of sliding in the squared separation.
struct CohesiveMode {
  double onset = 0;            ///< separation at which damage starts [m]
  double final_opening = 0;    ///< separation that leaves no traction [m]
  double fracture_energy = 0;  ///< area below the curve [J/m²]
};

/// Depth of the penetration over which contact stiffens again where a boundary is damaged, as a
/// part of the opening at onset, strength / K.
inline constexpr double contact_depth = 0.1;

/// What a point remembers.
///
/// Damage is the memory, not the largest separation: onset and final opening change with the mode,
/// and the largest separation would let damage heal when the mode does. With equal modes both are
/// the same.
struct CohesiveHistory {
  double damage = 0;          ///< largest damage that the law has asked for
  double viscous_damage = 0;  ///< that traction follows; equal to `damage` without viscosity
  double dissipated = 0;      ///< work of separation spent so far [J/m²]
  /// Spent beyond it because damage lags behind its law [J/m²]; falls again where a boundary that
  /// was let go catches up at less separation than its damage needs.
  double viscous_work = 0;
  double excess = 0;  ///< driving force beyond the one that damage needs at rest [J/m²]
};

enum class TangentKind : std::uint8_t {
  none,
  secant,      ///< traction = secant · separation; symmetric, not negative
  consistent,  ///< derivative of the traction; symmetric with equal modes, indefinite in softening
};

/// Which branch the consistent tangent takes; the traction takes its own in any case.
enum class LoadingBranch : std::int8_t { unloading = 0, loading = 1, automatic = -1 };

struct CohesiveOptions {
  TangentKind tangent = TangentKind::none;
  LoadingBranch branch = LoadingBranch::automatic;
  double time_step = 0;           ///< since the history; matters with viscosity only [s]
  double residual_integrity = 0;  ///< new damage ends at 1 - residual_integrity
};

/// Separations, tractions and their rows: normal first, then the d - 1 directions of sliding.
template <std::size_t d>
struct CohesivePoint {
  Vector<d> traction{};     ///< [Pa]
  Tensor<d> tangent{};      ///< [Pa/m], by rows; zero if none was asked for
  CohesiveHistory history;  ///< at the end of the step
  bool is_loading = false;  ///< damage has grown
  double stored = 0;        ///< elastic energy, contact included [J/m²]
};

/// @throws InvalidArgument for constants that are not finite or not positive, an exponent below 1,
///         a negative viscosity, fatigue with one, an endurance outside 0 … 1, or a fracture energy
///         that the elastic part alone exceeds
void check(const CohesiveLaw& law);

/// Onset, final opening and fracture energy for B = sliding² / separation² of 0 (opening) to 1.
CohesiveMode cohesive_mode(const CohesiveLaw& law, double sliding_share);

/// Damage of a boundary loaded for the first time to a separation of the given share of sliding.
double cohesive_damage(const CohesiveLaw& law, double separation, double sliding_share);

/// Response to a separation (opening, sliding …) [m] after a history.
///
/// Traction is the derivative of the stored energy at constant damage D,
///   ψ = ½ (1 - D) K δ² + ½ K (δ_n² - P),  δ² = P + |δ_s|²,
/// where P is δ_n² in opening and tends to a constant within `contact_depth` of penetration, so
/// that t_n = (1 - D h) K δ_n with h = 1 in opening and 0 in deeper contact, its slope continuous.
/// With any path work = stored + dissipated + viscous work; steps that grow damage at changing mode
/// charge it at the mode they end in.
///
/// The law is taken as checked, the history as one of this law.
template <std::size_t d>
CohesivePoint<d> cohesive_response(const CohesiveLaw& law, const Vector<d>& separation,
                                   const CohesiveHistory& history, const CohesiveOptions& options);

/// What a way between two separations has done to a boundary once fatigue has its share.
///
/// With r the traction over the one that the boundary bears at the time, and s the progress of
/// softening, the part of its strength that it has lost if that is bilinear,
///   ds = ⟨r - C⟩ |dr| / (N (1 - C)²),
/// after Roe and Siegmund, Eng. Fract. Mech. 70 (2003) 209, with their accumulated separation
/// counted in separations at which the boundary gives way. Of fatigue and of what the law itself
/// asked for on the way only the larger counts. The boundary stays where it is, so damage D spends
/// ½ K δ² dD.
///
/// @param from, to      separations at both ends of a way along which r rises or falls [m]
/// @param damage_before at its begin
/// @param history       at its end
/// @param most          damage that fatigue may reach
/// @pre no viscosity
template <std::size_t d>
CohesiveHistory fatigued(const CohesiveLaw& law, const Vector<d>& from, const Vector<d>& to,
                         double damage_before, const CohesiveHistory& history, double most);

/// Normal tractions and damage of a series of separations.
struct TractionSeparation {
  Array<double, 1> traction;  ///< (n) [Pa]
  Array<double, 1> damage;    ///< (n)
};

/// The law at rest (without viscosity), each separation by itself.
///
/// @param opening (n) normal separation, negative in contact [m]
/// @param sliding (n) tangential separation [m]
/// @param largest (n) separation reached before at the same share of sliding, ≥ 0 [m]
/// @param poll    true stops it
/// @throws InvalidArgument for lengths that differ, values that are not finite, a negative largest
TractionSeparation traction_separation(const CohesiveLaw& law, const ArrayView<double, 1>& opening,
                                       const ArrayView<double, 1>& sliding,
                                       const ArrayView<double, 1>& largest,
                                       const std::function<bool()>& poll = {});

extern template CohesivePoint<2> cohesive_response<2>(const CohesiveLaw&, const Vector<2>&,
                                                      const CohesiveHistory&,
                                                      const CohesiveOptions&);
extern template CohesivePoint<3> cohesive_response<3>(const CohesiveLaw&, const Vector<3>&,
                                                      const CohesiveHistory&,
                                                      const CohesiveOptions&);
extern template CohesiveHistory fatigued<2>(const CohesiveLaw&, const Vector<2>&, const Vector<2>&,
                                            double, const CohesiveHistory&, double);
extern template CohesiveHistory fatigued<3>(const CohesiveLaw&, const Vector<3>&, const Vector<3>&,
                                            double, const CohesiveHistory&, double);

}  // namespace nmcx
