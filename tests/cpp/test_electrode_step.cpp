#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/butler_volmer.hpp"
#include "nmcx/fem/transport.hpp"
#include "reaction_sites.hpp"
#include "two_grains.hpp"

using namespace nmcx;
using namespace electrode;

namespace {

constexpr double size_m = 1e-5;
constexpr double volume = 0.5 * size_m * size_m * size_m;
const Execution serial{.threads = 1, .poll = {}};

/// Two grains of ten micrometres, where diffusion and reaction are about as quick.
TwoGrains small_grains(double quicker = 1) {
  TwoGrains grains;
  for (double& each : grains.points) each *= size_m;
  for (double& each : grains.diffusivity) each *= 1e-14 * quicker;
  return grains;
}

/// Surfaces that differ from place to place: bare, covered by half, under a layer, under stress.
Sites varied_sites(const Transport& transport) {
  Sites sites(transport);
  for (std::size_t p = 0; p < sites.unknown.size(); ++p) {
    if (p % 3 == 1) sites.conductance[p] = 2e-9;
    sites.coverage[p] = std::array{0.0, 0.5, 1.0}[(p / 3) % 3];
    sites.shift[p] = 0.01 * std::sin(static_cast<double>(p));
    sites.relief[p] = 2e-7 * static_cast<double>(p % 4);
  }
  return sites;
}

/// Vectors of a step; a body starts uneven, with lithium brought and taken away here and there.
struct Step {
  std::vector<double> before, history, load, exchange, fixed, guess;
  double rate;

  Step(std::size_t n, double per_second, double uniform)
      : before(n, uniform),
        history(n, per_second * uniform),
        load(n, 0.0),
        exchange(n, 0.0),
        fixed(n, none),
        guess(n, uniform),
        rate(per_second) {}

  static Step uneven(const Transport& transport, unsigned seed) {
    Step step(transport.size(), 0.01, 0);
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> uniform;
    for (std::size_t i = 0; i < transport.size(); ++i) {
      step.before[i] = (0.4 + (0.4 * uniform(random))) * full;
      step.history[i] = step.rate * step.before[i];
      step.load[i] = 1e-19 * (uniform(random) - 0.5) * full;
      step.exchange[i] = 1e-19 * uniform(random);
    }
    step.guess = step.before;
    return step;
  }
  [[nodiscard]] LinearStep request() const {
    return {.rate = rate,
            .history = view(history),
            .load = view(load),
            .exchange = view(exchange),
            .fixed = view(fixed),
            .guess = view(guess)};
  }
};

/// What is left of the equations of a lumped step, relative to the terms they are made of.
double largest_residual(const Transport& transport, const Step& step, const Sites& sites,
                        const ElectrodeResult& found) {
  const auto diffusion = transport.outflow(found.concentration.view(), serial);
  std::vector<double> left(transport.size());
  double size = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const double c = found.concentration[i];
    left[i] = (transport.mass()[i] * ((step.rate * c) - step.history[i])) + diffusion[i] +
              (step.exchange[i] * c) - step.load[i];
    size = std::max(size, std::abs(diffusion[i]));
  }
  for (std::size_t p = 0; p < sites.unknown.size(); ++p) {
    const auto i = static_cast<std::size_t>(sites.unknown[p]);
    const double flux = sites.flux(p, found.concentration[i], found.potential);
    BOOST_TEST(found.flux[p] == flux, boost::test_tools::tolerance(1e-12));
    left[i] += sites.area[p] * flux;
    size = std::max(size, sites.area[p] * std::abs(flux));
  }
  double largest = 0;
  for (const double each : left) largest = std::max(largest, std::abs(each));
  return largest / size;
}

double held(const Transport& transport, const ElectrodeResult& found) {
  double amount = 0;
  for (std::size_t i = 0; i < transport.size(); ++i) {
    amount += transport.mass()[i] * found.concentration[i];
  }
  return amount;
}

/// The concentration after a step of a body that has but one, by bisection.
double one_concentration(const Sites& sites, double rate, double before, double at) {
  const double area = std::accumulate(sites.area.begin(), sites.area.end(), 0.0);
  double low = 0;
  double high = full;
  for (int i = 0; i < 100; ++i) {
    const double c = 0.5 * (low + high);
    (volume * rate * (c - before) + area * sites.flux(0, c, at) < 0 ? low : high) = c;
  }
  return low;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(electrode_step)

BOOST_AUTO_TEST_CASE(an_empty_body_takes_up_what_flows_in) {
  const TwoGrains grains = small_grains();
  for (const auto kind : {SolverKind::direct, SolverKind::iterative}) {
    Transport transport(grains.mesh(), grains.properties(), true, kind, serial);
    const Sites sites = varied_sites(transport);
    const Step step(transport.size(), 0.01, 0.0);
    for (const Electrode& electrode : {sites.with_potential(3.9), sites.with_current(-6e-10)}) {
      const auto found = transport.electrode_step(step.request(), electrode, {}, serial);
      // What Newton's method and the linear solutions leave.
      BOOST_TEST(largest_residual(transport, step, sites, found) < 1e-8);
      BOOST_TEST(found.inflow > 0);
      BOOST_TEST(step.rate * held(transport, found) == found.inflow,
                 boost::test_tools::tolerance(1e-12));
    }
  }
}

BOOST_AUTO_TEST_CASE(every_unknown_obeys_its_equation) {
  const TwoGrains grains = small_grains();
  for (const unsigned seed : {1U, 2U, 3U}) {
    for (const auto kind : {SolverKind::direct, SolverKind::iterative}) {
      Transport transport(grains.mesh(), grains.properties(), true, kind, serial);
      const Sites sites = varied_sites(transport);
      const Step step = Step::uneven(transport, seed);
      for (const Electrode& electrode :
           {sites.with_current(6e-10), sites.with_current(-6e-10), sites.with_potential(3.9),
            sites.with_potential(3.7), sites.with_current(0)}) {
        const auto found = transport.electrode_step(step.request(), electrode, {}, serial);
        // The iteration ends at 1e-9 in the norm of the diagonal; single rows have a little more.
        BOOST_TEST(largest_residual(transport, step, sites, found) < 1e-7);
        BOOST_TEST(found.newton <= 7);  // quadratic, so with the right derivatives only
        if (!electrode.current_is_given) BOOST_TEST(found.potential == electrode.potential);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(lithium_that_leaves_is_the_current_with_every_mass_and_solver) {
  TwoGrains grains = small_grains();
  grains.conductance = {1e-9};
  for (const bool lumped : {true, false}) {
    for (const auto kind : {SolverKind::direct, SolverKind::iterative}) {
      Transport transport(grains.mesh(), grains.properties(), lumped, kind, serial);
      const Sites sites = varied_sites(transport);
      const Step step = Step::uneven(transport, 1);
      const double before =
          std::inner_product(step.before.begin(), step.before.end(), transport.mass().data(), 0.0);
      const double load = std::accumulate(step.load.begin(), step.load.end(), 0.0);
      for (const bool current_is_given : {true, false}) {
        const auto electrode =
            current_is_given ? sites.with_current(4e-10) : sites.with_potential(3.9);
        // A sloppy tolerance: the balance is closed all the same.
        const SolveOptions sloppy{.tolerance = 1e-4, .max_iterations = 500};
        const auto found = transport.electrode_step(step.request(), electrode, sloppy, serial);
        double gained = load - (found.current / faraday);
        for (std::size_t i = 0; i < transport.size(); ++i) {
          gained -= step.exchange[i] * found.concentration[i];
        }
        const double change = step.rate * (held(transport, found) - before);
        // Of what is held 1e-16 is lost to rounding; it is a hundred times what a step moves.
        if (current_is_given) {
          BOOST_TEST(found.current == 4e-10, boost::test_tools::tolerance(1e-14));
          BOOST_TEST(change == gained, boost::test_tools::tolerance(1e-11));
          BOOST_TEST(found.inflow == change, boost::test_tools::tolerance(1e-11));
        } else {
          // Here the closing shift moves the flux itself, by the square of what was left.
          BOOST_TEST(change == gained, boost::test_tools::tolerance(1e-5));
          BOOST_TEST(found.inflow == gained, boost::test_tools::tolerance(1e-14));
        }
      }
    }
  }
}

// With all within one concentration and small overpotentials the body empties like a capacitor:
// d/dt (c − c_eq) = − k A / V (c − c_eq), k = i_0 (F/RT) 0.8 / (F C).
BOOST_AUTO_TEST_CASE(relaxation_at_a_held_potential_is_exponential_to_first_order_in_time) {
  const TwoGrains grains = small_grains(1e9);
  Transport transport(grains.mesh(), grains.properties(), true, SolverKind::direct, serial);
  const Sites sites(transport);
  const double area = std::accumulate(sites.area.begin(), sites.area.end(), 0.0);
  const double rest = 0.6 * full;
  const double k = exchange_current(rest) * thermal * 0.8 / (faraday * full);
  const double time = volume / (k * area);
  const double off = 1e-5 * full;  // of second order is then 1e-5 of all
  std::vector<double> errors;
  for (const int n_step : {8, 16, 32}) {
    std::vector<double> c(transport.size(), rest + off);
    for (int i = 0; i < n_step; ++i) {
      Step step(transport.size(), n_step / time, 0);
      for (std::size_t j = 0; j < c.size(); ++j) step.history[j] = step.rate * c[j];
      step.guess = c;
      const auto found = transport.electrode_step(
          step.request(), sites.with_potential(equilibrium(rest)), {}, serial);
      std::copy_n(found.concentration.data(), c.size(), c.begin());
    }
    errors.push_back(((c[0] - rest) / off) - std::exp(-1.0));
  }
  // Backward Euler stays behind: e⁻¹ / 2n at one time constant.
  BOOST_TEST(errors[2] == std::exp(-1.0) / 64, boost::test_tools::tolerance(0.02));
  for (const std::size_t i : {0U, 1U}) {
    BOOST_TEST(std::log2(errors[i] / errors[i + 1]) == 1.0, boost::test_tools::tolerance(0.05));
  }
}

BOOST_AUTO_TEST_CASE(in_a_steady_state_all_that_is_brought_leaves_through_the_surface) {
  const TwoGrains grains = small_grains();
  Transport transport(grains.mesh(), grains.properties(), true, SolverKind::direct, serial);
  const Sites sites = varied_sites(transport);
  Step step(transport.size(), 0, 0.5 * full);
  step.load[1] = 3e-15;
  step.load[4] = 2e-15;
  const auto found =
      transport.electrode_step(step.request(), sites.with_potential(3.9), {}, serial);
  BOOST_TEST(largest_residual(transport, step, sites, found) < 1e-7);
  BOOST_TEST(found.current == faraday * 5e-15, boost::test_tools::tolerance(1e-7));
  BOOST_TEST(std::abs(found.inflow) < 1e-7 * 5e-15);
}

BOOST_AUTO_TEST_CASE(without_current_an_even_body_stays_and_shows_its_equilibrium) {
  const TwoGrains grains = small_grains();
  Transport transport(grains.mesh(), grains.properties(), true, SolverKind::direct, serial);
  const Sites sites(transport);
  const Step step(transport.size(), 0.01, 0.7 * full);
  // From a volt away: steps of the potential are shortened on the way.
  for (const double start : {2.74, 4.74}) {
    const auto found =
        transport.electrode_step(step.request(), sites.with_current(0, start), {}, serial);
    BOOST_TEST(std::abs(found.potential - 3.74) < 1e-9);
    BOOST_TEST(found.newton > 2);
    for (std::size_t i = 0; i < transport.size(); ++i) {
      BOOST_TEST(found.concentration[i] == 0.7 * full, boost::test_tools::tolerance(1e-9));
    }
  }
}

BOOST_AUTO_TEST_CASE(where_newton_starts_does_not_matter) {
  const TwoGrains grains = small_grains();
  Transport transport(grains.mesh(), grains.properties(), true, SolverKind::direct, serial);
  const Sites sites = varied_sites(transport);
  Step step = Step::uneven(transport, 2);
  const auto wanted =
      transport.electrode_step(step.request(), sites.with_current(5e-10), {}, serial);
  // Empty, full and beyond either: Butler and Volmer's equation is asked in between only.
  for (const double guess : {-0.5 * full, 0.0, full, 1.5 * full}) {
    std::ranges::fill(step.guess, guess);
    const auto found =
        transport.electrode_step(step.request(), sites.with_current(5e-10), {}, serial);
    BOOST_TEST(found.potential == wanted.potential, boost::test_tools::tolerance(1e-8));
    for (std::size_t i = 0; i < transport.size(); ++i) {
      BOOST_TEST(found.concentration[i] == wanted.concentration[i],
                 boost::test_tools::tolerance(1e-7));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_body_is_filled_and_emptied_to_the_brim_and_not_beyond) {
  const TwoGrains grains = small_grains(1e7);
  Transport transport(grains.mesh(), grains.properties(), true, SolverKind::direct, serial);
  const Sites sites(transport);
  // U(0 … 1) ends at 4.3 and 3.5 V.
  for (const double held : {3.1, 3.3, 4.5, 4.7}) {
    for (const double before : {0.05 * full, 0.5 * full, 0.95 * full}) {
      const Step step(transport.size(), 0.01, before);
      const auto found =
          transport.electrode_step(step.request(), sites.with_potential(held), {}, serial);
      const double wanted = one_concentration(sites, step.rate, before, held);
      // Within the body concentrations differ by up to rate L² / D of what moves.
      for (std::size_t i = 0; i < transport.size(); ++i) {
        BOOST_TEST(std::abs(found.concentration[i] - wanted) < 1e-5 * full);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_short_strong_pulse_has_the_overpotential_of_the_inverse_sinh) {
  const TwoGrains grains = small_grains(1e9);
  Transport transport(grains.mesh(), grains.properties(), true, SolverKind::direct, serial);
  const Sites sites(transport);
  const double area = std::accumulate(sites.area.begin(), sites.area.end(), 0.0);
  for (const double in_exchange_currents : {-1000.0, -30.0, 30.0, 1000.0}) {
    const double current = in_exchange_currents * exchange_current(0.6 * full) * area;
    // As long as it takes to move a tenth of the range.
    const double rate = std::abs(current) / (faraday * volume * 0.1 * full);
    const Step step(transport.size(), rate, 0.6 * full);
    const auto found =
        transport.electrode_step(step.request(), sites.with_current(current, 3.82), {}, serial);
    const double c = (current > 0 ? 0.5 : 0.7) * full;
    const double wanted =
        equilibrium(c) + (2 / thermal * std::asinh(current / area / (2 * exchange_current(c))));
    BOOST_TEST(std::abs(found.potential - wanted) < 1e-5);  // as far as the body is even
  }
}

BOOST_AUTO_TEST_CASE(a_body_cannot_give_more_than_it_holds) {
  const TwoGrains grains = small_grains();
  Transport transport(grains.mesh(), grains.properties(), true, SolverKind::direct, serial);
  const Sites sites(transport);
  const Step step(transport.size(), 0.01, 0.5 * full);
  const double all = faraday * volume * 0.5 * full * 0.01;
  fails<ConvergenceError>(
      [&] {
        return transport.electrode_step(step.request(), sites.with_current(1.1 * all), {}, serial);
      },
      "Newton's method for the electrode stopped after 40 iterations at a relative residual of");
}

BOOST_AUTO_TEST_CASE(nothing_may_be_fixed_beside_the_kinetics) {
  const TwoGrains grains = small_grains();
  Transport transport(grains.mesh(), grains.properties(), true, SolverKind::direct, serial);
  const Sites sites(transport);
  Step step(transport.size(), 0.01, 0.5 * full);
  step.fixed[2] = 0.5 * full;
  fails<InvalidArgument>(
      [&] { return transport.electrode_step(step.request(), sites.with_current(0), {}, serial); },
      "nothing may be fixed beside");
  step.fixed.pop_back();
  fails<InvalidArgument>(
      [&] { return transport.electrode_step(step.request(), sites.with_current(0), {}, serial); },
      "a step needs one value per unknown");
}

BOOST_AUTO_TEST_SUITE_END()
