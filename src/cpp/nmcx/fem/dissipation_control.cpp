#include "nmcx/fem/dissipation_control.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nmcx {
namespace {

/// By how much the dissipated energy may differ from the wanted one, relative to it.
constexpr double dissipation_tolerance = 1e-4;
/// Difference of t over which loads are differentiated.
constexpr double increment = 1e-5;
/// Iterations in which the residual must halve: Newton's method converges fast, or not at all.
constexpr std::size_t patience = 4;
/// Residual of the linear solver: a factor of the very matrix reaches it in a few refinements.
constexpr double linear_tolerance = 1e-8;

std::vector<double> forces_of(const FractureLoad& load) {
  std::vector<double> f(load.force.size());
  for (std::size_t i = 0; i < f.size(); ++i) f[i] = load.lattice[i] + load.force[i];
  return f;
}

}  // namespace

DissipationControl::DissipationControl(const FractureSystem& system, const FractureLoad& before,
                                       const FracturePoint& point, const LoadPath& load_at,
                                       const FractureOptions& options, const Execution& execution)
    : balance_(system, point.walls, options, execution),
      x_before_(point.x),
      load_at_(load_at),
      options_(options),
      execution_(execution),
      q_before_(forces_of(before)) {
  BodyForces start{.x = point.x, .stiff = {}, .r = {}, .walls = {}};
  balance_.stretch(start);
  balance_.evaluate(start, q_before_);
  const auto is_fixed = system.solver.is_fixed();
  for (std::size_t i = 0; i < is_fixed.size(); ++i) {
    if (is_fixed[i]) q_before_[i] = start.stiff[i] + start.walls.force[i];
  }
}

void DissipationControl::run(std::vector<double> x, double t, double dissipation) {
  now_.x = std::move(x);
  take_load(t);
  evaluate();
  std::vector<double> residuals;
  for (;;) {
    const double missing = dissipation - spent();
    report_.converged = report_.residual <= options_.tolerance * report_.reference &&
                        std::abs(missing) <= dissipation_tolerance * dissipation;
    if (report_.converged || report_.newton >= options_.max_iterations) return;
    residuals.push_back(report_.residual);
    const std::size_t n = residuals.size();
    if (n > patience && residuals[n - 1] > 0.5 * residuals[n - 1 - patience]) return;
    if (!step(missing)) return;
  }
}

void DissipationControl::take_load(double t) {
  t_ = t;
  load_ = load_at_(t);
  f_ = forces_of(load_);
  const auto is_fixed = balance_.system().solver.is_fixed();
  for (std::size_t i = 0; i < is_fixed.size(); ++i) {
    if (is_fixed[i]) now_.x[i] = load_.held[i];
  }
}

void DissipationControl::evaluate() {
  balance_.stretch(now_);
  balance_.evaluate(now_, f_);
  balance_.measure(now_, report_);
}

/// ½ (q_0 · x - q · x_0).
double DissipationControl::spent() const {
  const auto is_fixed = balance_.system().solver.is_fixed();
  const std::size_t n_inner = is_fixed.size();
  Team team(execution_);
  return 0.5 * chunked_sum(f_.size(), team, [&](std::size_t i) {
           const double q =
               i < n_inner && is_fixed[i] ? now_.stiff[i] + now_.walls.force[i] : f_[i];
           return (q_before_[i] * now_.x[i]) - (q * x_before_[i]);
         });
}

void DissipationControl::differentiate() {
  // Within the way: what lies beyond its ends may not exist.
  const double h = t_ + increment <= 1 ? increment : -increment;
  const FractureLoad other = load_at_(t_ + h);
  f_rate_ = forces_of(other);
  for (std::size_t i = 0; i < f_rate_.size(); ++i) f_rate_[i] = (f_rate_[i] - f_[i]) / h;
  held_rate_.assign(now_.x.size(), 0.0);
  const auto is_fixed = balance_.system().solver.is_fixed();
  for (std::size_t i = 0; i < is_fixed.size(); ++i) {
    if (is_fixed[i]) held_rate_[i] = (other.held[i] - load_.held[i]) / h;
  }
}

/// x moves by what takes the residual away, and with t such that the missing energy is spent.
bool DissipationControl::step(double missing) {
  MechanicalSolver& solver = balance_.system().solver;
  differentiate();
  balance_.assemble(now_, WallMatrix::consistent);
  solver.prepare(execution_);
  ++report_.factorisations;
  ++report_.newton;
  report_.was_unstable = solver.n_negative() > 0;
  const MechanicalOptions options{.tolerance = linear_tolerance, .max_iterations = 10};
  const std::size_t n = now_.x.size();
  std::vector<double> by_residual(n, 0.0);
  std::vector<double> by_load = held_rate_;
  report_.linear += solver.solve(now_.r, by_residual, options, execution_).iterations;
  report_.linear += solver.solve(f_rate_, by_load, options, execution_).iterations;

  Team team(execution_);
  BlockMatrix matrix = balance_.system().elasticity.matrix();
  matrix.values = balance_.system().values;
  const auto is_fixed = solver.is_fixed();
  // Change of the dissipated energy along p, the load as it is; held unknowns answer with forces.
  const auto along = [&](const std::vector<double>& p) {
    std::vector<double> stiff_p(n);
    multiply(matrix, p, stiff_p, team);
    return 0.5 * chunked_sum(n, team, [&](std::size_t i) {
             const bool is_held = i < is_fixed.size() && is_fixed[i];
             return (q_before_[i] * p[i]) - (is_held ? stiff_p[i] * x_before_[i] : 0);
           });
  };
  const double by_forces = -0.5 * chunked_sum(n, team, [&](std::size_t i) {
    return i < is_fixed.size() && is_fixed[i] ? 0 : f_rate_[i] * x_before_[i];
  });
  const double change = (missing - along(by_residual)) / (along(by_load) + by_forces);
  if (!std::isfinite(change)) return false;
  const double t = std::clamp(t_ + change, 0.0, 1.0);
  for (std::size_t i = 0; i < n; ++i) now_.x[i] += by_residual[i] + ((t - t_) * by_load[i]);
  take_load(t);
  evaluate();
  return true;
}

}  // namespace nmcx
