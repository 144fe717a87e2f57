#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "nmcx/fem/butler_volmer.hpp"

namespace {

/// U(x) = 4.3 − 0.8 x, as a table.
struct StraightElectrode {
  std::vector<double> potential{4.3, 3.9, 3.5};
  std::vector<double> slope{-0.8, -0.8, -0.8};

  [[nodiscard]] nmcx::ElectrodeKinetics kinetics() const {
    return {.max_concentration = 60'000,
            .prefactor = 1e-4,
            .transfer_anodic = 0.5,
            .transfer_cathodic = 0.5,
            .thermal = 38.92,
            .equilibrium = {potential.data(), {3}},
            .slope = {slope.data(), {3}}};
  }
};

constexpr double bare = std::numeric_limits<double>::infinity();

}  // namespace

BOOST_AUTO_TEST_SUITE(butler_volmer)

BOOST_AUTO_TEST_CASE(nothing_flows_at_equilibrium_and_lithium_leaves_above_it) {
  const StraightElectrode electrode;
  const double c = 0.6 * 60'000;
  const double u = 4.3 - (0.8 * 0.6);
  BOOST_TEST(std::abs(nmcx::butler_volmer(electrode.kinetics(), c, u).flux) < 1e-18);
  BOOST_TEST(nmcx::butler_volmer(electrode.kinetics(), c, u + 0.05).flux > 0);
  BOOST_TEST(nmcx::butler_volmer(electrode.kinetics(), c, u - 0.05).flux < 0);
}

BOOST_AUTO_TEST_CASE(small_overpotentials_meet_the_charge_transfer_resistance) {
  // i = i_0 F η / RT for α_a + α_c = 1.
  const StraightElectrode electrode;
  const double c = 0.6 * 60'000;
  const double exchange = 1e-4 * std::sqrt(c * (60'000 - c));
  const double flux = nmcx::butler_volmer(electrode.kinetics(), c, 4.3 - 0.48 + 1e-5).flux;
  BOOST_TEST(flux == exchange * 38.92 * 1e-5 / nmcx::faraday, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(derivatives_are_those_of_the_flux) {
  const StraightElectrode electrode;
  for (const double k : {bare, 1e-6, 7e-10}) {
    for (const double coverage : {0.0, 0.4, 1.0}) {
      for (const double x : {0.2, 0.6, 0.93}) {
        const double c = x * 60'000;
        const double phi = 4.3 - (0.8 * x) + 0.07;
        const auto flux = [&](double at_c, double at_phi) {
          return nmcx::covered_surface(electrode.kinetics(), at_c, at_phi, k, coverage).flux;
        };
        const auto s = nmcx::covered_surface(electrode.kinetics(), c, phi, k, coverage);
        const double per_c = (flux(c + 0.5, phi) - flux(c - 0.5, phi)) / 1.0;
        const double per_phi = (flux(c, phi + 1e-5) - flux(c, phi - 1e-5)) / 2e-5;
        BOOST_TEST(s.per_concentration == per_c, boost::test_tools::tolerance(1e-5));
        BOOST_TEST(s.per_potential == per_phi, boost::test_tools::tolerance(1e-5));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_layer_is_in_series_with_the_reaction) {
  const StraightElectrode electrode;
  const double c = 0.6 * 60'000;
  const double phi = 4.3 - 0.48 + 0.1;
  const double k = 7e-10;
  const double flux = nmcx::covered_surface(electrode.kinetics(), c, phi, k, 1).flux;
  const double outer = c - (flux / k);
  BOOST_TEST(outer > 0);
  BOOST_TEST(nmcx::butler_volmer(electrode.kinetics(), outer, phi).flux == flux,
             boost::test_tools::tolerance(1e-9));
  // However high the potential, a layer passes no more than k c.
  const double most = nmcx::covered_surface(electrode.kinetics(), c, phi + 2, k, 1).flux;
  BOOST_TEST(most < k * c);
  BOOST_TEST(most > 0.999 * k * c);
}

BOOST_AUTO_TEST_CASE(covered_and_bare_parts_work_in_parallel) {
  const StraightElectrode electrode;
  const auto flux = [&](double coverage) {
    return nmcx::covered_surface(electrode.kinetics(), 36'000, 3.9, 7e-10, coverage).flux;
  };
  BOOST_TEST(flux(0.25) == (0.25 * flux(1)) + (0.75 * flux(0)),
             boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_SUITE_END()
