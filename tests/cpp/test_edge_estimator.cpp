#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/xanes/crossing.hpp"
#include "nmcx/xanes/edge_fit.hpp"
#include "nmcx/xanes/local_polynomial.hpp"

using namespace nmcx;
using namespace nmcx::xanes;

namespace {

const EdgeModel model{.pre_edge = {8250, 8320}, .post_edge = {8390, 8600}, .post_degree = 1};
const Execution serial{.threads = 1, .poll = {}};

std::vector<double> grid() {
  std::vector<double> energy;
  for (double e = 8250.0; e < 8325.0; e += 10.0) energy.push_back(e);
  for (double e = 8325.0; e < 8375.0; e += 1.0) energy.push_back(e);
  for (double e = 8375.0; e <= 8600.0; e += 15.0) energy.push_back(e);
  return energy;
}

/// One spectrum: a sloping background under 0.8 times a curve.
EdgeMap fit(const std::function<double(double)>& curve, const std::string& estimator,
            const std::vector<double>& variance = {}) {
  const std::vector<double> energy = grid();
  std::vector<double> mu;
  for (const double e : energy) mu.push_back(0.3 - 1e-3 * (e - 8340.0) + 0.8 * curve(e));
  return fit_edges(
      {energy.data(), {energy.size()}}, ArrayView<double, 2>{mu.data(), {mu.size(), 1}},
      ArrayView<double, 2>{variance.data(), {variance.size(), variance.empty() ? 0U : 1U}}, false,
      {}, model, {.name = estimator}, serial);
}

constexpr double start = 8338.3;
constexpr double long_start = 8330.3;
constexpr double vertex = 8352.4;

/// 10 eV from 0 to 1, then a parabola of height 1.4.
double ramp_and_parabola(double e) {
  const double bump = 0.4 - 0.02 * (e - vertex) * (e - vertex);
  return std::clamp(0.1 * (e - start), 0.0, 1.0) + std::max(0.0, bump);
}

/// 28 eV from 0 to 1.4, then down to 1.
double ramp_and_fall(double e) {
  const double fall = std::max(1.0, 1.4 - 0.05 * (e - long_start - 28.0));
  return std::clamp(0.05 * (e - long_start), 0.0, fall);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(edge_estimator)

BOOST_AUTO_TEST_CASE(local_polynomials_are_exact_on_polynomials_of_their_degree) {
  const std::vector<double> energy = {-3.0, -1.5, -1.0, 0.2, 0.9, 2.0, 4.5};
  std::vector<double> values;
  values.reserve(energy.size());
  for (const double e : energy) values.push_back(1.0 + e * (2.0 + e * (-3.0 + 0.5 * e)));
  const LocalPolynomial cubic = fit_local_polynomial(energy.data(), 1, 7, 1.0, 3);
  // Taylor coefficients at 1.
  BOOST_TEST(std::abs(cubic.coefficient(0, values.data()) - 0.5) < 1e-12);
  BOOST_TEST(std::abs(cubic.coefficient(1, values.data()) + 2.5) < 1e-12);
  BOOST_TEST(std::abs(cubic.coefficient(2, values.data()) + 1.5) < 1e-12);
  BOOST_TEST(std::abs(cubic.coefficient(3, values.data()) - 0.5) < 1e-12);
}

BOOST_AUTO_TEST_CASE(windows_hold_their_reach_and_the_least_number_on_either_side) {
  const std::vector<double> energy = {0, 1, 2, 3, 4, 8, 12, 16};
  using Window = std::array<std::size_t, 2>;
  BOOST_TEST((samples_around(energy.data(), 8, 2.0, 2.0, 2) == Window{0, 5}));
  BOOST_TEST((samples_around(energy.data(), 8, 2.0, 0.5, 2) == Window{1, 4}));
  BOOST_TEST((samples_around(energy.data(), 8, 8.0, 2.0, 3) == Window{3, 8}));
  BOOST_TEST((samples_around(energy.data(), 8, 0.0, 0.5, 3) == Window{0, 5}));
  BOOST_TEST((samples_around(energy.data(), 8, 1.5, 0.1, 3) == Window{0, 6}));
  BOOST_TEST((samples_around(energy.data(), 8, 14.0, 0.1, 3) == Window{2, 8}));
}

BOOST_AUTO_TEST_CASE(crossings_of_cubics_are_exact) {
  const std::vector<double> energy = {0.0, 1.0, 2.5, 3.0, 5.0, 6.0, 7.0};
  std::vector<double> f;
  const double root = 2.7;
  for (const double e : energy) f.push_back((e - root) * (1.0 + 0.1 * (e - 3.0) * (e - 3.0)));
  const CrossingSample sample = last_crossing(f.data(), 6);
  BOOST_TEST(sample.upper == 3U);
  BOOST_TEST(sample.count == 1U);
  const CrossingPoint point = CrossingTables(energy.data(), 7, 2.0).refine(f.data(), sample.upper);
  BOOST_TEST(std::abs(point.energy - root) < 1e-8);
  BOOST_TEST(std::abs(point.slope - 1.009) < 1e-8);
}

BOOST_AUTO_TEST_CASE(crossings_before_the_limit_only_count) {
  const std::vector<double> f = {-1, 1, -1, 1, 1, -1, 1};
  BOOST_TEST(last_crossing(f.data(), 4).upper == 3U);
  BOOST_TEST(last_crossing(f.data(), 4).count == 2U);
  BOOST_TEST(last_crossing(f.data(), 6).upper == 6U);
  BOOST_TEST(last_crossing(f.data(), 0).count == 0U);
}

BOOST_AUTO_TEST_CASE(every_estimator_is_exact_on_its_own_curve) {
  // Rounding to float of mu over a slope of 0.08 / eV.
  constexpr double tolerance_ev = 1e-4;
  const EdgeMap half = fit(ramp_and_parabola, "half_white_line");
  BOOST_TEST(half.status[0] == 0);
  BOOST_TEST(std::abs(half.edge_energy_ev[0] - (start + 7.0)) < tolerance_ev);

  const EdgeMap white = fit(ramp_and_parabola, "white_line");
  BOOST_TEST(std::abs(white.edge_energy_ev[0] - vertex) < 1e-3);

  // The mean of the energies between the levels 0.15 and 1.
  const EdgeMap integral = fit(ramp_and_fall, "integral");
  BOOST_TEST(std::abs(integral.edge_energy_ev[0] - (long_start + 11.5)) < tolerance_ev);

  const double centre = 8341.3;
  const EdgeMap derivative = fit(
      [&](double e) {
        const double y = std::clamp((e - centre) / 8.0, -1.0, 1.0);
        const double bump = 0.4 - 0.003 * (e - centre - 19.6) * (e - centre - 19.6);
        return 0.5 + 0.75 * y - 0.25 * y * y * y + std::max(0.0, bump);
      },
      "derivative");
  BOOST_TEST(derivative.status[0] == 0);
  BOOST_TEST(std::abs(derivative.edge_energy_ev[0] - centre) < 1e-3);
}

// s = 1.4 t² (3 − 2t): ∫ (1 − s) dE over the levels by hand. Quadrature that is exact for straight
// lines only would be off by 0.001 eV.
BOOST_AUTO_TEST_CASE(the_integral_is_exact_on_a_cubic) {
  constexpr double length = 30.0;
  const auto rise = [](double t) { return 1.4 * t * t * (3.0 - 2.0 * t); };
  const EdgeMap found = fit(
      [&](double e) {
        const double t = (e - long_start) / length;
        return t < 1.0 ? rise(std::max(t, 0.0)) : std::max(1.0, 1.4 - 1.5 * (t - 1.0));
      },
      "integral");
  const auto at_level = [&](double level) {
    double low = 0.0;
    double high = 1.0;
    while (high - low > 1e-15) {
      const double middle = 0.5 * (low + high);
      (rise(middle) < level ? low : high) = middle;
    }
    return low;
  };
  const auto missing = [](double t) { return t - 1.4 * (t * t * t - 0.5 * t * t * t * t); };
  const double first = at_level(0.15);
  const double last = at_level(1.0);
  const double wanted = long_start + length * (first + (missing(last) - missing(first)) / 0.85);
  BOOST_TEST(found.status[0] == 0);
  BOOST_TEST(std::abs(found.edge_energy_ev[0] - wanted) < 1e-4);
}

BOOST_AUTO_TEST_CASE(errors_grow_with_the_root_of_the_variance) {
  for (const char* name : {"half_white_line", "white_line", "derivative", "integral"}) {
    const EdgeMap one = fit(ramp_and_parabola, name, std::vector<double>(grid().size(), 1e-6));
    const EdgeMap four = fit(ramp_and_parabola, name, std::vector<double>(grid().size(), 4e-6));
    BOOST_TEST(one.edge_energy_std_ev[0] > 0.0F);
    BOOST_TEST(std::abs(four.edge_energy_std_ev[0] / one.edge_energy_std_ev[0] - 2.0F) < 1e-5F);
  }
}

BOOST_AUTO_TEST_CASE(a_curve_without_edge_is_at_the_border) {
  for (const char* name : {"half_white_line", "derivative", "integral"}) {
    const EdgeMap map = fit([](double e) { return e < 8322.0 ? 0.0 : 1.0 + 1e-5 * (8600.0 - e); },
                            name, std::vector<double>(grid().size(), 1e-6));
    BOOST_TEST((map.status[0] & (window_border | wrong_curvature)) != 0, name);
    BOOST_TEST(std::isnan(map.edge_energy_ev[0]));
  }
}

BOOST_AUTO_TEST_CASE(an_unknown_name_is_refused_with_the_known_ones) {
  BOOST_CHECK_EXCEPTION(fit(ramp_and_parabola, "steepest"), InvalidArgument,
                        [](const InvalidArgument& error) {
                          return std::string(error.what()).find("integral") != std::string::npos;
                        });
}

BOOST_AUTO_TEST_SUITE_END()
