#include "nmcx/fem/equilibrium_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace nmcx {
namespace {

/// |r · Δx| at the end, relative to the energy of the walls.
constexpr double energy_tolerance = 1e-10;
/// Share of the slope that a step must gain at least (Armijo).
constexpr double sufficient = 1e-4;
/// Rounding of energies, relative to them.
constexpr double rounding = 1e-13;
/// Residuals that a direction is asked for: no tighter than a last step of Newton's method needs,
/// no looser than the walls that crack on the way leave of it anyway; and what norms may differ by.
constexpr double tightest = 1e-4;
constexpr double loosest = 0.03;
constexpr double safety = 0.1;
/// Steps without the consistent tangent after it was found indefinite.
constexpr std::size_t patience = 2;

}  // namespace

EquilibriumSearch::EquilibriumSearch(const FractureSystem& system, std::span<const double> load,
                                     const CohesiveState& before, const FractureOptions& options,
                                     const Execution& execution)
    : balance_(system, before, options, execution),
      solver_(system.solver),
      load_(load),
      options_(options),
      execution_(execution) {}

void EquilibriumSearch::run(std::vector<double> x) {
  now_.x = std::move(x);
  balance_.stretch(now_);
  balance_.evaluate(now_, load_);
  balance_.measure(now_, report_);
  while (!is_done() && report_.newton + report_.secant < options_.max_iterations) {
    if (!step()) break;
    balance_.measure(now_, report_);
  }
  report_.converged = is_done();
}

double EquilibriumSearch::wall_potential(const BodyForces& body) const {
  const WallEnergies& e = body.walls.energies;
  return e.stored + e.dissipated_step + e.viscous_step;
}

bool EquilibriumSearch::is_done() const {
  const WallEnergies& e = now_.walls.energies;
  return report_.residual <= options_.tolerance * report_.reference &&
         gained_ <= energy_tolerance * (e.stored + e.dissipated);
}

void EquilibriumSearch::prepare(WallMatrix kind) {
  const bool takes_another = kind == WallMatrix::consistent && solver_.needs_positive_definite();
  if (takes_another) balance_.assemble(now_, WallMatrix::positive_part);
  solver_.prepare(execution_);
  ++report_.factorisations;
  if (takes_another) balance_.assemble(now_, kind);
}

/// Residual of a direction: what Newton's method makes of the present one, or the search needs.
double EquilibriumSearch::linear_tolerance() const {
  const double residual = report_.residual / report_.reference;
  const double wanted = safety * options_.tolerance / residual;
  return std::clamp(std::max(residual, wanted), tightest, loosest);
}

bool EquilibriumSearch::find_direction(WallMatrix kind) {
  balance_.assemble(now_, kind);
  const MechanicalOptions options{.tolerance = linear_tolerance(),
                                  .max_iterations = solver_.most_iterations()};
  const bool leaves_saddles = solver_.needs_positive_definite();
  const auto solve = [&] {
    p_.assign(now_.x.size(), 0.0);
    const MechanicalReport found = solver_.solve(now_.r, p_, options, execution_);
    report_.linear += found.iterations;
    report_.was_unstable |= found.indefinite;
    return found.indefinite ? leaves_saddles : found.converged;
  };
  if (solver_.is_prepared() && solver_.n_negative() == 0 && !solver_.is_worn() && solve())
    return true;
  prepare(kind);
  return solver_.n_negative() == 0 && solve();
}

bool EquilibriumSearch::go() {
  Team team(execution_);
  const std::size_t n = now_.x.size();
  const auto dot = [&](std::span<const double> a, std::span<const double> b) {
    return chunked_sum(n, team, [&](std::size_t i) { return a[i] * b[i]; });
  };
  std::vector<double> stiff_p(n);
  multiply(balance_.system().elasticity.matrix(), p_, stiff_p, team);
  const double slope = -dot(now_.r, p_);
  if (!(slope < 0)) return false;
  const double bulk_slope = dot(now_.stiff, p_) - dot(load_, p_);
  const double bulk_curvature = dot(stiff_p, p_);
  const double start = wall_potential(now_);

  const auto at = [&](double alpha) {
    BodyForces place{.x = now_.x, .stiff = now_.stiff, .r = {}, .walls = {}};
    for (std::size_t i = 0; i < n; ++i) {
      place.x[i] += alpha * p_[i];
      place.stiff[i] += alpha * stiff_p[i];
    }
    balance_.evaluate(place, load_);
    return place;
  };
  // The slope is followed to where it has become small; what potential says comes first.
  BodyForces best;
  double best_change = std::numeric_limits<double>::infinity();
  double best_slope = 0;
  double low = 0;
  double low_slope = slope;
  double high = 0;
  double alpha = 1;
  for (int trial = 0; trial < 12; ++trial) {
    BodyForces place = at(alpha);
    const double here = -dot(place.r, p_);
    const double change = (alpha * bulk_slope) + (0.5 * alpha * alpha * bulk_curvature) +
                          wall_potential(place) - start;
    const bool is_less = balance_.system().has_potential
                             ? change <= (sufficient * alpha * slope) + (rounding * start)
                             : std::abs(here) <= 0.8 * std::abs(slope);
    const double merit = balance_.system().has_potential ? change : std::abs(here);
    if (is_less && merit < best_change) {
      best_change = merit;
      best_slope = alpha * here;
      best = std::move(place);
    }
    if (is_less && std::abs(here) <= 0.5 * std::abs(slope)) break;
    if (trial >= 5 && !best.x.empty()) break;
    if (is_less && here < 0) {
      low = alpha;
      low_slope = here;
      if (high == 0 && alpha >= 8) break;
    } else {
      high = alpha;
    }
    if (high == 0) {
      alpha *= 2;
    } else {
      const double regula =
          here > 0 ? low + ((alpha - low) * low_slope / (low_slope - here)) : 0.5 * (low + high);
      alpha = std::clamp(regula, low + (0.1 * (high - low)), high - (0.1 * (high - low)));
    }
  }
  if (best.x.empty()) return false;
  gained_ = std::abs(best_slope);
  now_ = std::move(best);
  return true;
}

bool EquilibriumSearch::step() {
  if (n_unstable_ > 0) {
    --n_unstable_;
  } else {
    const bool has_direction = find_direction(WallMatrix::consistent);
    report_.was_unstable |= !has_direction;
    if (options_.stops_if_unstable && report_.was_unstable) return false;
    if (has_direction && go()) {
      ++report_.newton;
      return true;
    }
    n_unstable_ = patience;
  }
  for (const WallMatrix kind : {WallMatrix::positive_part, WallMatrix::secant}) {
    if (find_direction(kind) && go()) {
      ++report_.secant;
      return true;
    }
  }
  return false;
}

}  // namespace nmcx
