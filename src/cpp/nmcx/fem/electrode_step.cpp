#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <utility>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/transport.hpp"

namespace nmcx {
namespace {

constexpr int most_newton = 40;
/// What linear solutions leave of their residuals: Newton's method takes the rest, and what it
/// leaves itself is not smaller.
constexpr double inner_tolerance = 1e-4;
constexpr double longest_potential_step = 0.3;  // [V]; beyond, the exponentials mislead
constexpr std::size_t sites_of_chunk = 128;

/// Sums of the sites' fluxes: the current and its derivatives at each unknown.
struct SurfaceSums {
  std::vector<double> flux;               ///< (p) [mol/m²/s]
  std::vector<double> outflow;            ///< (n) [mol/s]
  std::vector<double> per_concentration;  ///< (n) [m³/s]
  std::vector<double> per_potential;      ///< (n) [mol/s/V]
  double total = 0;                       ///< [mol/s]
  double total_per_potential = 0;         ///< [mol/s/V]
};

SurfaceSums surface_sums(const Electrode& electrode, std::span<const double> x, double potential,
                         Team& team) {
  const ReactionSites& sites = electrode.sites;
  const std::size_t n_site = sites.unknown.shape[0];
  SurfaceSums sums{.flux = std::vector<double>(n_site),
                   .outflow = std::vector<double>(x.size(), 0.0),
                   .per_concentration = std::vector<double>(x.size(), 0.0),
                   .per_potential = std::vector<double>(x.size(), 0.0)};
  std::vector<SurfaceFlux> of_site(n_site);
  team.loop(n_site, sites_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t p = begin; p < end; ++p) {
      const auto i = static_cast<std::size_t>(sites.unknown[p]);
      const double by_stress = sites.shift[p] - (sites.relief[p] * x[i]);
      SurfaceFlux& s = of_site[p];
      s = covered_surface(electrode.kinetics, x[i], potential - by_stress, sites.conductance[p],
                          sites.coverage[p]);
      s.per_concentration += sites.relief[p] * s.per_potential;
    }
  });
  for (std::size_t p = 0; p < n_site; ++p) {
    const auto i = static_cast<std::size_t>(sites.unknown[p]);
    const SurfaceFlux& s = of_site[p];
    sums.flux[p] = s.flux;
    sums.outflow[i] += sites.area[p] * s.flux;
    sums.per_concentration[i] += sites.area[p] * s.per_concentration;
    sums.per_potential[i] += sites.area[p] * s.per_potential;
    sums.total += sites.area[p] * s.flux;
    sums.total_per_potential += sites.area[p] * s.per_potential;
  }
  return sums;
}

void check_electrode(const Electrode& electrode, std::size_t n) {
  check_kinetics(electrode.kinetics);
  const ReactionSites& sites = electrode.sites;
  const std::size_t n_site = sites.unknown.shape[0];
  require(n_site > 0, "no facet of the surface reacts");
  require(sites.area.shape[0] == n_site && sites.conductance.shape[0] == n_site &&
              sites.coverage.shape[0] == n_site && sites.shift.shape[0] == n_site &&
              sites.relief.shape[0] == n_site,
          "reaction sites need an area, a conductance, a coverage, a shift and a relief each");
  for (std::size_t p = 0; p < n_site; ++p) {
    require(sites.unknown[p] >= 0 && std::cmp_less(sites.unknown[p], n),
            "a reaction site names an unknown that does not exist");
    require(sites.area[p] > 0 && sites.conductance[p] > 0, "layer_conductance must be positive");
    require(sites.coverage[p] >= 0 && sites.coverage[p] <= 1, "coverage must be between 0 and 1");
    require(std::isfinite(sites.shift[p]) && sites.relief[p] >= 0 && std::isfinite(sites.relief[p]),
            "shift must be finite, relief also 0 or more");
  }
  require(std::isfinite(electrode.current) && std::isfinite(electrode.potential),
          "current and potential must be finite");
}

[[noreturn]] void not_converged(int iterations, double residual, double tolerance) {
  std::ostringstream text;
  text << "Newton's method for the electrode stopped after " << iterations
       << " iterations at a relative residual of " << residual << ", tolerance " << tolerance;
  throw ConvergenceError(text.str());
}

/// Largest part of a step that leaves every reacting unknown between empty and full.
double admissible_part(const Electrode& electrode, std::span<const double> x,
                       std::span<const double> step, double potential_step) {
  double part = std::min(1.0, longest_potential_step / std::max(std::abs(potential_step), 1e-300));
  const double full = electrode.kinetics.max_concentration;
  for (const std::int64_t unknown : electrode.sites.unknown) {
    const auto i = static_cast<std::size_t>(unknown);
    const double room = step[i] > 0 ? full - x[i] : x[i];
    if (std::abs(step[i]) > 0.9 * room) {
      part = std::min(part, 0.9 * std::max(room, 0.0) / std::abs(step[i]));
    }
  }
  return part;
}

}  // namespace

ElectrodeResult electrode_potential(const Electrode& electrode,
                                    const ArrayView<double, 1>& concentration,
                                    const std::function<bool()>& poll) {
  const std::size_t n = concentration.shape[0];
  check_electrode(electrode, n);
  const std::span<const double> x{concentration.data, n};
  const double target = electrode.current / faraday;
  double low = electrode.potential - 5;
  double high = electrode.potential + 5;
  double potential = electrode.potential;
  const Execution alone{.threads = 1, .poll = poll};
  Team team(alone);
  SurfaceSums sums = surface_sums(electrode, x, potential, team);
  int iteration = 0;
  if (electrode.current_is_given) {
    // A picovolt is what rounding leaves of a potential.
    constexpr double close = 1e-12;
    while (std::abs(sums.total - target) > close * (std::abs(target) + sums.total_per_potential)) {
      if (++iteration > 200) not_converged(iteration, sums.total - target, close);
      (sums.total < target ? low : high) = potential;
      const double next = potential + ((target - sums.total) / sums.total_per_potential);
      potential = next > low && next < high ? next : 0.5 * (low + high);
      sums = surface_sums(electrode, x, potential, team);
    }
  }
  ElectrodeResult result{.concentration = Array<double, 1>({n}),
                         .flux = Array<double, 1>({sums.flux.size()})};
  std::copy(x.begin(), x.end(), result.concentration.data());
  std::copy(sums.flux.begin(), sums.flux.end(), result.flux.data());
  result.potential = potential;
  result.current = faraday * sums.total;
  result.inflow = -sums.total;
  result.newton = iteration;
  return result;
}

ElectrodeResult Transport::electrode_step(const LinearStep& request, const Electrode& electrode,
                                          const SolveOptions& options, const Execution& execution) {
  const std::scoped_lock lock(mutex_);
  const std::size_t n = size();
  check_request(request);
  check_electrode(electrode, n);
  for (const double fixed : request.fixed) {
    require(std::isnan(fixed), "nothing may be fixed beside Butler–Volmer kinetics");
  }
  const double full = electrode.kinetics.max_concentration;
  const double target = electrode.current / faraday;
  Team team(execution);
  const std::vector<double> right = right_hand_side(request, team);

  ElectrodeResult result{.concentration = Array<double, 1>({n}), .flux = {}};
  const std::span<double> x{result.concentration.data(), n};
  std::copy(request.guess.begin(), request.guess.end(), x.begin());
  for (const std::int64_t unknown : electrode.sites.unknown) {
    double& c = x[static_cast<std::size_t>(unknown)];
    c = std::clamp(c, 1e-6 * full, (1 - 1e-6) * full);
  }
  double potential = electrode.potential;
  const double tolerance = std::max(10 * options.tolerance, 1e-12);
  std::vector<double> exchange(n);
  std::vector<double> r(n);
  std::vector<double> step(n);
  std::vector<double> column(n);
  std::vector<double>& response = system_.response;  // hardly another than in the last step
  response.resize(n, 0.0);

  SurfaceSums sums = surface_sums(electrode, x, potential, team);
  for (int iteration = 0;; ++iteration) {
    // A flux that falls with concentration would spoil the positive definite matrix; leaving its
    // slope out costs iterations only.
    for (std::size_t i = 0; i < n; ++i) {
      exchange[i] = request.exchange[i] + std::max(0.0, sums.per_concentration[i]);
    }
    set_system(request.rate, exchange, request.fixed, team);
    const SparseMatrix matrix = system_matrix();
    team.loop(n, rows_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t) {
      for (std::size_t i = begin; i < end; ++i) {
        const double slope = exchange[i] - request.exchange[i];
        r[i] = right[i] - matrix.row_product(i, x.data()) + (slope * x[i]) - sums.outflow[i];
      }
    });
    double reference = diagonal_norm(right, solver_->inverse_diagonal(), team);
    // An empty body has nothing but what flows in to compare with.
    if (reference == 0) {
      reference = diagonal_norm(sums.outflow, solver_->inverse_diagonal(), team);
    }
    const double left = diagonal_norm(r, solver_->inverse_diagonal(), team);
    const double missing = electrode.current_is_given ? target - sums.total : 0;
    const double size_of_flux =
        std::abs(target) + std::abs(sums.total) + (1e-6 * sums.total_per_potential);
    if (left <= tolerance * reference && std::abs(missing) <= 1e-9 * size_of_flux) {
      result.newton = iteration;
      break;
    }
    if (iteration == most_newton) not_converged(iteration, left / reference, tolerance);

    std::fill(step.begin(), step.end(), 0.0);
    const SolveOptions inner{
        .tolerance = std::max(options.tolerance, inner_tolerance * left / reference),
        .max_iterations = options.max_iterations};
    result.iterations +=
        static_cast<std::int64_t>(solver_->solve(r, step, reference, inner, team).iterations);
    double potential_step = 0;
    if (electrode.current_is_given) {
      // Bordered system: with A y = r and A z = ∂outflow/∂φ the step is y − z δφ. From one
      // iteration to the next z hardly changes, and what it misses shrinks with δφ.
      const double size_of_column =
          diagonal_norm(sums.per_potential, solver_->inverse_diagonal(), team);
      team.loop(n, rows_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t) {
        for (std::size_t i = begin; i < end; ++i) {
          column[i] = sums.per_potential[i] - matrix.row_product(i, response.data());
        }
      });
      const SolveOptions loose{.tolerance = std::max(options.tolerance, inner_tolerance),
                               .max_iterations = options.max_iterations};
      result.iterations += static_cast<std::int64_t>(
          solver_->solve(column, response, size_of_column, loose, team).iterations);
      double by_step = 0;
      double by_response = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const double slope = exchange[i] - request.exchange[i];
        by_step += slope * step[i];
        by_response += slope * response[i];
      }
      potential_step = (missing - by_step) / (sums.total_per_potential - by_response);
      for (std::size_t i = 0; i < n; ++i) step[i] -= potential_step * response[i];
    }
    const double part = admissible_part(electrode, x, step, potential_step);
    for (std::size_t i = 0; i < n; ++i) x[i] += part * step[i];
    potential += part * potential_step;
    sums = surface_sums(electrode, x, potential, team);
  }

  // The constant that closes the balance; a given current is met exactly by it.
  double open = electrode.current_is_given ? -target : -sums.total;
  double per_shift = 0;
  for (std::size_t i = 0; i < n; ++i) {
    open += (mass_[i] * (request.history[i] - (request.rate * x[i]))) + request.load[i] -
            (request.exchange[i] * x[i]);
    per_shift += (request.rate * mass_[i]) + exchange[i];
    if (electrode.current_is_given) per_shift -= exchange[i] - request.exchange[i];
  }
  for (std::size_t i = 0; i < n; ++i) x[i] += open / per_shift;
  sums = surface_sums(electrode, x, potential, team);
  const double outflow = electrode.current_is_given ? target : sums.total;
  result.inflow = -outflow;
  for (std::size_t i = 0; i < n; ++i) {
    result.inflow += request.load[i] - (request.exchange[i] * x[i]);
  }
  result.potential = potential;
  result.current = faraday * outflow;
  result.flux = Array<double, 1>({sums.flux.size()});
  std::copy(sums.flux.begin(), sums.flux.end(), result.flux.data());
  return result;
}

}  // namespace nmcx
