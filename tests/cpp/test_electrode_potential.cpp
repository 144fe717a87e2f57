#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/transport.hpp"
#include "reaction_sites.hpp"

using namespace nmcx;
using namespace electrode;

BOOST_AUTO_TEST_SUITE(electrode_potential)

BOOST_AUTO_TEST_CASE(a_current_has_the_overpotential_of_the_inverse_sinh) {
  // η = 2 RT/F asinh(i / 2 i_0) for α_a = α_c = 1/2; currents from far below to far above i_0, and
  // a start that is far off on both sides.
  const Sites sites({0});
  for (const double x : {0.1, 0.6, 0.95}) {
    const std::vector<double> c{x * full};
    for (const double current : {-1e3, -1.0, -1e-3, 0.0, 1e-3, 1.0, 1e3}) {
      const double wanted =
          equilibrium(c[0]) + (2 / thermal * std::asinh(current / (2 * exchange_current(c[0]))));
      for (const double start : {2.0, 3.9, 6.0}) {
        const auto found = nmcx::electrode_potential(sites.with_current(current, start), view(c));
        BOOST_TEST(std::abs(found.potential - wanted) < 1e-11);
        // A picovolt at i_0 F/RT of some 100 A/m²/V.
        BOOST_TEST(std::abs(found.current - current) < 1e-9 * (1 + std::abs(current)));
        BOOST_TEST(found.inflow == -found.current / faraday, boost::test_tools::tolerance(1e-14));
        BOOST_TEST(found.concentration[0] == c[0]);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_stress_adds_to_the_potential_of_all_sites_moves_the_electrode) {
  Sites sites({0, 1});
  const std::vector<double> c{0.6 * full, 0.6 * full};
  const double plain = nmcx::electrode_potential(sites.with_current(2), view(c)).potential;
  sites.shift = {0.03, 0.03};
  BOOST_TEST(std::abs(nmcx::electrode_potential(sites.with_current(2), view(c)).potential - plain -
                      0.03) < 1e-11);
  sites.relief = {5e-7, 5e-7};  // 18 mV at this concentration
  BOOST_TEST(std::abs(nmcx::electrode_potential(sites.with_current(2), view(c)).potential - plain -
                      0.03 + 0.018) < 1e-11);
}

BOOST_AUTO_TEST_CASE(sites_at_one_potential_share_the_current_by_their_kinetics) {
  Sites sites({1, 0, 2});
  sites.area = {0.5, 2.0, 1.0};
  sites.conductance = {bare, 2e-9, 3e-9};
  sites.coverage = {1.0, 0.25, 1.0};
  const std::vector<double> c{0.5 * full, 0.7 * full, 0.4 * full};
  const auto found = nmcx::electrode_potential(sites.with_current(1.5), view(c));
  double carried = 0;
  for (std::size_t p = 0; p < 3; ++p) {
    const double at = c[static_cast<std::size_t>(sites.unknown[p])];
    BOOST_TEST(found.flux[p] == sites.flux(p, at, found.potential),
               boost::test_tools::tolerance(1e-13));
    carried += faraday * sites.area[p] * found.flux[p];
  }
  BOOST_TEST(carried == 1.5, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(found.newton > 0);

  const auto given = nmcx::electrode_potential(sites.with_potential(found.potential), view(c));
  BOOST_TEST(given.current == carried, boost::test_tools::tolerance(1e-13));
  BOOST_TEST(given.potential == found.potential);
  BOOST_TEST(given.newton == 0);
}

BOOST_AUTO_TEST_CASE(a_layer_that_passes_less_than_the_current_has_no_potential) {
  Sites sites({0});
  sites.conductance = {1e-9};
  sites.coverage = {1.0};
  const std::vector<double> c{0.5 * full};
  const double most = faraday * 1e-9 * c[0];
  BOOST_CHECK_NO_THROW(nmcx::electrode_potential(sites.with_current(0.99 * most), view(c)));
  fails<ConvergenceError>(
      [&] { return nmcx::electrode_potential(sites.with_current(1.01 * most), view(c)); },
      "Newton's method for the electrode stopped after");
}

BOOST_AUTO_TEST_CASE(sites_that_make_no_sense_are_named) {
  const Sites good({0, 1, 2, 1});
  const std::vector<double> c(3, 0.5 * full);
  const auto refused = [&](const auto& spoil, const char* words) {
    Sites sites = good;
    spoil(sites);
    fails<InvalidArgument>(
        [&] { return nmcx::electrode_potential(sites.with_current(0), view(c)); }, words);
  };
  refused([](Sites& s) { s = Sites(std::vector<std::int64_t>{}); },
          "no facet of the surface reacts");
  refused([](Sites& s) { s.area.pop_back(); }, "an area, a conductance, a coverage, a shift");
  refused([](Sites& s) { s.relief.pop_back(); }, "an area, a conductance, a coverage, a shift");
  refused([](Sites& s) { s.unknown[3] = -1; }, "names an unknown that does not exist");
  refused([](Sites& s) { s.unknown[3] = 3; }, "names an unknown that does not exist");
  refused([](Sites& s) { s.area[1] = 0; }, "layer_conductance must be positive");
  refused([](Sites& s) { s.conductance[1] = -1; }, "layer_conductance must be positive");
  refused([](Sites& s) { s.coverage[1] = 1.01; }, "coverage must be between 0 and 1");
  refused([](Sites& s) { s.coverage[1] = none; }, "coverage must be between 0 and 1");
  refused([](Sites& s) { s.shift[1] = none; }, "shift must be finite");
  refused([](Sites& s) { s.relief[1] = -1e-9; }, "relief also 0 or more");
  refused([](Sites& s) { s.slope.pop_back(); }, "the table of the open-circuit potential");
  fails<InvalidArgument>(
      [&] { return nmcx::electrode_potential(good.with_current(bare), view(c)); },
      "current and potential must be finite");
}

BOOST_AUTO_TEST_SUITE_END()
