#include "nmcx/fem/equilibrium_search.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "nmcx/core/dense_matrix.hpp"

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

void symmetrise(WallResponse& walls) {
  const std::size_t n = walls.matrices.shape[1];
  for (std::size_t f = 0; f < walls.matrices.shape[0]; ++f) {
    double* a = walls.matrices.data() + (f * n * n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const double mean = 0.5 * (a[(i * n) + j] + a[(j * n) + i]);
        a[(i * n) + j] = mean;
        a[(j * n) + i] = mean;
      }
    }
  }
}

/// Takes the negative eigenvalues out of the matrices of facets whose damage grows.
void keep_positive_part(WallResponse& walls, const Execution& execution) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto n = static_cast<Eigen::Index>(walls.matrices.shape[1]);
  const std::size_t q = walls.is_loading.shape[1];
  parallel_for(
      walls.matrices.shape[0], 64, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
        for (std::size_t f = begin; f < end; ++f) {
          const bool* loading = walls.is_loading.data() + (f * q);
          if (std::none_of(loading, loading + q, [](bool b) { return b; })) continue;
          Eigen::Map<Matrix> a(walls.matrices.data() + (f * static_cast<std::size_t>(n * n)), n, n);
          const SymmetricModes modes = symmetric_modes(a);
          a = modes.vectors * modes.values.cwiseMax(0.0).asDiagonal() * modes.vectors.transpose();
        }
      });
}

}  // namespace

EquilibriumSearch::EquilibriumSearch(const FractureSystem& system, std::span<const double> load,
                                     const CohesiveState& before, const FractureOptions& options,
                                     const Execution& execution)
    : system_(system), load_(load), before_(before), options_(options), execution_(execution) {}

void EquilibriumSearch::run(std::vector<double> x) {
  now_.x = std::move(x);
  now_.stiff.resize(now_.x.size());
  Team team(execution_);
  multiply(system_.elasticity.matrix(), now_.x, now_.stiff, team);
  evaluate(now_);
  measure();
  while (!is_done() && report_.newton + report_.secant < options_.max_iterations) {
    if (!step()) break;
    measure();
  }
  report_.converged = is_done();
}

/// Walls and residual for x and K x.
void EquilibriumSearch::evaluate(Place& place) const {
  const std::size_t n_inner = system_.elasticity.pattern().size() * system_.elasticity.dimension();
  place.walls = system_.walls.evaluate({place.x.data(), {n_inner}}, before_,
                                       {.tangent = TangentKind::none,
                                        .time_step = options_.time_step,
                                        .residual_integrity = options_.residual_integrity},
                                       execution_);
  place.r.resize(place.x.size());
  for (std::size_t i = 0; i < place.r.size(); ++i) {
    place.r[i] = load_[i] - place.stiff[i] - (i < n_inner ? place.walls.force[i] : 0);
  }
  const auto is_fixed = system_.solver.is_fixed();
  for (std::size_t i = 0; i < n_inner; ++i) {
    if (is_fixed[i]) place.r[i] = 0;
  }
  Team team(execution_);
  system_.solver.rigid_modes().project(place.r, team);
}

double EquilibriumSearch::norm(std::span<const double> force) const {
  const std::size_t n_inner = system_.elasticity.pattern().size() * system_.elasticity.dimension();
  Team team(execution_);
  double sum = chunked_sum(n_inner, team, [&](std::size_t i) { return force[i] * force[i]; });
  for (std::size_t i = n_inner; i < force.size(); ++i) {
    sum += force[i] * force[i] / (system_.extent * system_.extent);
  }
  return std::sqrt(sum);
}

double EquilibriumSearch::wall_potential(const Place& place) const {
  const WallEnergies& e = place.walls.energies;
  return e.stored + e.dissipated_step + e.viscous_step;
}

void EquilibriumSearch::measure() {
  report_.residual = norm(now_.r);
  report_.reference =
      std::max(norm({now_.walls.force.data(), now_.walls.force.size()}), system_.least_force);
}

bool EquilibriumSearch::is_done() const {
  const WallEnergies& e = now_.walls.energies;
  return report_.residual <= options_.tolerance * report_.reference &&
         gained_ <= energy_tolerance * (e.stored + e.dissipated);
}

void EquilibriumSearch::assemble(Kind kind) {
  const Elasticity& elasticity = system_.elasticity;
  const std::size_t n_inner = elasticity.pattern().size() * elasticity.dimension();
  WallResponse walls = system_.walls.evaluate(
      {now_.x.data(), {n_inner}}, before_,
      {.tangent = kind == Kind::secant ? TangentKind::secant : TangentKind::consistent,
       .time_step = options_.time_step,
       .residual_integrity = options_.residual_integrity},
      execution_);
  if (!system_.has_potential && kind != Kind::secant) symmetrise(walls);
  if (kind == Kind::positive_part) keep_positive_part(walls, execution_);
  BlockMatrix matrix = elasticity.matrix();
  system_.values.assign(matrix.values.begin(), matrix.values.end());
  elasticity.add_wall_matrices(walls.matrices.view(), system_.values, execution_);
  matrix.values = system_.values;
  system_.solver.set_matrix(matrix);
}

void EquilibriumSearch::prepare(Kind kind) {
  MechanicalSolver& solver = system_.solver;
  const bool takes_another = kind == Kind::consistent && solver.needs_positive_definite();
  if (takes_another) assemble(Kind::positive_part);
  solver.prepare(execution_);
  ++report_.factorisations;
  if (takes_another) assemble(kind);
}

/// Residual of a direction: what Newton's method makes of the present one, or the search needs.
double EquilibriumSearch::linear_tolerance() const {
  const double residual = report_.residual / report_.reference;
  const double wanted = safety * options_.tolerance / residual;
  return std::clamp(std::max(residual, wanted), tightest, loosest);
}

bool EquilibriumSearch::find_direction(Kind kind) {
  assemble(kind);
  MechanicalSolver& solver = system_.solver;
  const MechanicalOptions options{.tolerance = linear_tolerance(),
                                  .max_iterations = solver.most_iterations()};
  const bool leaves_saddles = solver.needs_positive_definite();
  const auto solve = [&] {
    p_.assign(now_.x.size(), 0.0);
    const MechanicalReport found = solver.solve(now_.r, p_, options, execution_);
    report_.linear += found.iterations;
    report_.was_unstable |= found.indefinite;
    return found.indefinite ? leaves_saddles : found.converged;
  };
  if (solver.is_prepared() && solver.n_negative() == 0 && !solver.is_worn() && solve()) return true;
  prepare(kind);
  return solver.n_negative() == 0 && solve();
}

bool EquilibriumSearch::go() {
  Team team(execution_);
  const std::size_t n = now_.x.size();
  const auto dot = [&](std::span<const double> a, std::span<const double> b) {
    return chunked_sum(n, team, [&](std::size_t i) { return a[i] * b[i]; });
  };
  std::vector<double> stiff_p(n);
  multiply(system_.elasticity.matrix(), p_, stiff_p, team);
  const double slope = -dot(now_.r, p_);
  if (!(slope < 0)) return false;
  const double bulk_slope = dot(now_.stiff, p_) - dot(load_, p_);
  const double bulk_curvature = dot(stiff_p, p_);
  const double start = wall_potential(now_);

  const auto at = [&](double alpha) {
    Place place{.x = now_.x, .stiff = now_.stiff, .r = {}, .walls = {}};
    for (std::size_t i = 0; i < n; ++i) {
      place.x[i] += alpha * p_[i];
      place.stiff[i] += alpha * stiff_p[i];
    }
    evaluate(place);
    return place;
  };
  // The slope is followed to where it has become small; what potential says comes first.
  Place best;
  double best_change = std::numeric_limits<double>::infinity();
  double best_slope = 0;
  double low = 0;
  double low_slope = slope;
  double high = 0;
  double alpha = 1;
  for (int trial = 0; trial < 12; ++trial) {
    Place place = at(alpha);
    const double here = -dot(place.r, p_);
    const double change = (alpha * bulk_slope) + (0.5 * alpha * alpha * bulk_curvature) +
                          wall_potential(place) - start;
    const bool is_less = system_.has_potential
                             ? change <= (sufficient * alpha * slope) + (rounding * start)
                             : std::abs(here) <= 0.8 * std::abs(slope);
    const double merit = system_.has_potential ? change : std::abs(here);
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
    const bool has_direction = find_direction(Kind::consistent);
    report_.was_unstable |= !has_direction;
    if (options_.stops_if_unstable && report_.was_unstable) return false;
    if (has_direction && go()) {
      ++report_.newton;
      return true;
    }
    n_unstable_ = patience;
  }
  for (const Kind kind : {Kind::positive_part, Kind::secant}) {
    if (find_direction(kind) && go()) {
      ++report_.secant;
      return true;
    }
  }
  return false;
}

}  // namespace nmcx
