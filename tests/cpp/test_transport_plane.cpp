// Transport in two dimensions: volumes are areas, walls are lines.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "nmcx/fem/transport.hpp"
#include "two_grains.hpp"

using namespace nmcx;

namespace {

const Execution serial{.threads = 1, .poll = {}};

/// The unit square in two triangles, a grain each, cut along the diagonal from (1, 0) to (0, 1).
struct Square {
  std::vector<double> points{0, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1};
  std::vector<std::int64_t> cells{0, 1, 2, 3, 4, 5};
  std::vector<std::int64_t> grain{0, 1};
  std::vector<std::int64_t> interfaces{1, 2, 3, 5};
  std::vector<std::int64_t> surface{0, 1, 0, 2, 3, 4, 4, 5};
  std::vector<double> diffusivity{2, 0.5, 0.5, 1, 3, -1, -1, 2};

  [[nodiscard]] Transport transport(double conductance, double along, bool lumped = true) const {
    const std::vector<double> across{conductance};
    const std::vector<double> in_wall{along};
    return {{.points = {points.data(), {6, 2}},
             .cells = {cells.data(), {2, 3}},
             .grain = {grain.data(), {2}},
             .interfaces = {interfaces.data(), {1, 4}},
             .surface = {surface.data(), {4, 2}}},
            {.diffusivity = {diffusivity.data(), {2, 2, 2}},
             .conductance = view(across),
             .along = view(in_wall)},
            lumped,
            SolverKind::direct,
            serial};
  }

  /// 3 x − y at each unknown of a body that is not tied, the second grain lifted.
  [[nodiscard]] std::vector<double> slope(const Transport& transport, double lift = 0) const {
    const auto unknown = transport.unknown_of_node();
    std::vector<double> c(6);
    for (std::size_t node = 0; node < 6; ++node) {
      c[static_cast<std::size_t>(unknown[node])] =
          (3 * points[2 * node]) - points[(2 * node) + 1] + (node < 3 ? 0 : lift);
    }
    return c;
  }
};

/// Concentrations after a step of a free body that exchanges nothing.
std::vector<double> stepped(Transport& transport, double rate, const std::vector<double>& history,
                            const std::vector<double>& load) {
  const std::vector<double> zero(6, 0.0);
  const std::vector<double> free(6, std::numeric_limits<double>::quiet_NaN());
  const auto found = transport.step({.rate = rate,
                                     .history = view(history),
                                     .load = view(load),
                                     .exchange = view(zero),
                                     .fixed = view(free),
                                     .guess = view(zero)},
                                    {}, serial);
  return {found.concentration.data(), found.concentration.data() + 6};
}

/// What a wall adds to ∫ ∇c · D ∇c.
double spent(const Square& square, double conductance, double along, double lift) {
  const Transport with = square.transport(conductance, along);
  const Transport without = square.transport(0, 0);
  const std::vector<double> c = square.slope(with, lift);
  const auto more = with.outflow(view(c), serial);
  const auto less = without.outflow(view(c), serial);
  double sum = 0;
  for (std::size_t i = 0; i < 6; ++i) sum += c[i] * (more[i] - less[i]);
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(transport_plane)

BOOST_AUTO_TEST_CASE(areas_lengths_and_unknowns_are_those_of_the_square) {
  const Square square;
  BOOST_TEST(square.transport(std::numeric_limits<double>::infinity(), 0).size() == 4U);
  const Transport apart = square.transport(0, 0);
  BOOST_REQUIRE_EQUAL(apart.size(), 6U);
  for (std::size_t f = 0; f < 4; ++f) BOOST_TEST(apart.surface_area()[f] == 1.0);
  for (std::size_t i = 0; i < 6; ++i) BOOST_TEST(apart.mass()[i] == 1.0 / 6);
}

BOOST_AUTO_TEST_CASE(a_linear_function_diffuses_by_its_flux) {
  const Square square;
  const Transport apart = square.transport(0, 0);
  const auto unknown = apart.unknown_of_node();
  const std::vector<double> c = square.slope(apart);
  const auto outflow = apart.outflow(view(c), serial);
  // D ∇c is (5.5, 0.5) in the first triangle and (10, −5) in the second; A ∇φ times that.
  const std::vector<double> wanted{-3, 2.75, 0.25, 2.5, 2.5, -5};
  for (std::size_t node = 0; node < 6; ++node) {
    BOOST_TEST(outflow[static_cast<std::size_t>(unknown[node])] == wanted[node],
               boost::test_tools::tolerance(1e-13));
  }
}

// The wall is √2 long. Along it c falls by 4, at a slope of 4 / √2.
BOOST_AUTO_TEST_CASE(a_wall_conducts_across_and_along_by_its_length) {
  const Square square;
  const auto close = boost::test_tools::tolerance(1e-13);
  BOOST_TEST(std::abs(spent(square, 0.7, 0, 0)) < 1e-13);
  BOOST_TEST(spent(square, 0.7, 0, 1) == 0.7 * std::sqrt(2.0), close);
  BOOST_TEST(spent(square, 0, 0.3, 1) == 0.3 * std::sqrt(2.0) * 8, close);
}

// M = A (1 + δ_ij) / 12, whose inverse is 12 (δ_ij − 1/4) / A: as fast as that nothing diffuses.
BOOST_AUTO_TEST_CASE(the_consistent_mass_is_that_of_linear_functions) {
  const Square square;
  Transport transport = square.transport(0, 0, false);
  const auto unknown = transport.unknown_of_node();
  const std::vector<double> empty(6, 0.0);
  std::vector<double> load(6, 0.0);
  load[static_cast<std::size_t>(unknown[0])] = 1;
  constexpr double rate = 1e12;
  const std::vector<double> found = stepped(transport, rate, empty, load);
  for (std::size_t node = 0; node < 3; ++node) {
    const double wanted = 12 * ((node == 0 ? 1 : 0) - 0.25) / 0.5 / rate;
    BOOST_TEST(found[static_cast<std::size_t>(unknown[node])] == wanted,
               boost::test_tools::tolerance(1e-9));
  }
}

BOOST_AUTO_TEST_CASE(what_is_brought_stays_and_steps_forget_or_remember_alike) {
  const Square square;
  for (const bool lumped : {true, false}) {
    Transport transport = square.transport(0.7, 0.3, lumped);
    const std::vector<double> c = square.slope(transport);
    const std::vector<double> load{0.5, 0, 0, 0, 0, 0.25};
    const auto step = [&] { return stepped(transport, 2, c, load); };
    const std::vector<double> first = step();
    double gained = 0;
    for (std::size_t i = 0; i < 6; ++i) gained += transport.mass()[i] * ((2 * first[i]) - c[i]);
    BOOST_TEST(gained == 0.75, boost::test_tools::tolerance(1e-12));
    // What a later step knows of the one before saves time only.
    const SolverExperience known = transport.experience();
    transport.forget_system();
    transport.set_experience({});
    const std::vector<double> second = step();
    transport.set_experience(known);
    const std::vector<double> third = step();
    for (std::size_t i = 0; i < 6; ++i) {
      BOOST_TEST(second[i] == first[i], boost::test_tools::tolerance(1e-13));
      BOOST_TEST(third[i] == first[i], boost::test_tools::tolerance(1e-13));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
