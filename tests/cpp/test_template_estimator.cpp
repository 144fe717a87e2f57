#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/xanes/cubic_spline.hpp"
#include "nmcx/xanes/edge_curve.hpp"
#include "nmcx/xanes/edge_fit.hpp"

using namespace nmcx;
using namespace nmcx::xanes;

namespace {

double curve(double x) {
  const double y = (x - 6.5) / 3.0;
  return 0.5 + 0.5 * std::tanh(x / 1.8) + 0.6 * std::exp(-0.5 * y * y);
}

std::vector<double> grid(double step) {
  std::vector<double> energy;
  for (double e = 8250.0; e < 8325.0; e += 10.0) energy.push_back(e);
  for (double e = 8325.0; e < 8375.0; e += step) energy.push_back(e);
  for (double e = 8375.0; e <= 8600.0; e += 15.0) energy.push_back(e);
  return energy;
}

EstimatorModel exact_template(double edge) {
  EstimatorModel out{.name = "template"};
  for (double e = 8240.0; e < 8620.0; e += 0.2) {
    out.template_ev.push_back(e);
    out.template_mu.push_back(curve(e - edge));
  }
  return out;
}

const EdgeModel model{.pre_edge = {8250, 8320}, .post_edge = {8390, 8600}, .post_degree = 1};
const Execution serial{.threads = 1, .poll = {}};

EdgeMap fit(const std::vector<double>& edges, const EstimatorModel& estimator,
            const std::vector<double>& variance = {}) {
  const std::vector<double> energy = grid(1.0);
  std::vector<double> mu(energy.size() * edges.size());
  for (std::size_t k = 0; k < energy.size(); ++k) {
    for (std::size_t v = 0; v < edges.size(); ++v) {
      const double x = energy[k] - 8345.0;
      mu[(k * edges.size()) + v] = 0.3 - 4e-4 * x + (0.8 - 1e-4 * x) * curve(energy[k] - edges[v]);
    }
  }
  return fit_edges(
      {energy.data(), {energy.size()}},
      ArrayView<double, 2>{mu.data(), {energy.size(), edges.size()}},
      ArrayView<double, 2>{variance.data(), {variance.size(), variance.empty() ? 0U : 1U}}, false,
      {}, model, estimator, serial);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(template_estimator)

BOOST_AUTO_TEST_CASE(a_spline_goes_through_its_points_and_has_the_slope_of_its_curve) {
  std::vector<double> x;
  std::vector<double> y;
  for (int i = 0; i <= 200; ++i) {
    x.push_back(0.05 * i + 0.01 * (i % 3));  // uneven
    y.push_back(std::sin(x.back()));
  }
  const CubicSpline spline(x, y);
  for (std::size_t i = 0; i < x.size(); ++i) BOOST_REQUIRE_SMALL(spline.value(x[i]) - y[i], 1e-14);
  for (double at = 1.0; at < 9.0; at += 0.017) {  // away from the ends, where it is natural
    BOOST_REQUIRE_SMALL(spline.value(at) - std::sin(at), 1e-6);
    BOOST_REQUIRE_SMALL(spline.slope(at) - std::cos(at), 1e-4);
  }
  BOOST_TEST(spline.value(-1.0) == y.front());
  BOOST_TEST(spline.value(99.0) == y.back());
  BOOST_TEST(spline.slope(99.0) == 0.0);
}

BOOST_AUTO_TEST_CASE(the_edge_of_a_curve_is_its_last_rise_through_the_level) {
  const std::vector<double> energy = grid(1.0);
  const EdgePlan plan = make_edge_plan({energy.data(), {energy.size()}}, model);
  const EstimatorModel exact = exact_template(8344.0);
  const EdgeCurve found(plan, exact.template_ev, exact.template_mu, "template");
  const double value = curve(found.edge + plan.reference_ev - 8344.0);
  BOOST_TEST(std::abs(value - 0.5) < 1e-6);
}

BOOST_AUTO_TEST_CASE(a_shifted_template_is_found_wherever_it_is) {
  std::vector<double> edges;
  for (int i = 0; i < 300; ++i) edges.push_back(8332.0 + 0.1 * i);
  const EdgeMap map = fit(edges, exact_template(8346.0));
  const EdgeMap half = fit({8346.0}, exact_template(8346.0));
  for (std::size_t v = 0; v < edges.size(); ++v) {
    BOOST_REQUIRE_EQUAL(map.status[v] & (1U | 8U | 16U), 0U);
    const double shift = map.edge_energy_ev[v] - half.edge_energy_ev[0];
    BOOST_REQUIRE_SMALL(shift - (edges[v] - 8346.0), 1e-3);
  }
}

BOOST_AUTO_TEST_CASE(standard_errors_scale_with_a_given_variance) {
  const std::size_t n = grid(1.0).size();
  const EdgeMap one = fit({8345.0}, exact_template(8345.0), std::vector<double>(n, 1e-4));
  const EdgeMap four = fit({8345.0}, exact_template(8345.0), std::vector<double>(n, 4e-4));
  BOOST_TEST(std::abs(four.edge_energy_std_ev[0] / one.edge_energy_std_ev[0] - 2.0F) < 1e-3F);
  BOOST_TEST(std::abs(four.edge_energy_ev[0] - one.edge_energy_ev[0]) < 1e-4);
}

BOOST_AUTO_TEST_CASE(unfit_templates_are_refused) {
  EstimatorModel flat = exact_template(8345.0);
  for (double& value : flat.template_mu) value = 0.2;
  BOOST_CHECK_THROW(fit({8345.0}, flat), InvalidArgument);
  EstimatorModel unsorted = exact_template(8345.0);
  std::swap(unsorted.template_ev[3], unsorted.template_ev[4]);
  BOOST_CHECK_THROW(fit({8345.0}, unsorted), InvalidArgument);
  EstimatorModel late = exact_template(8345.0);
  late.template_ev.erase(late.template_ev.begin(), late.template_ev.begin() + 450);
  late.template_mu.erase(late.template_mu.begin(), late.template_mu.begin() + 450);
  BOOST_CHECK_THROW(fit({8345.0}, late), InvalidArgument);
  BOOST_CHECK_THROW(fit({8345.0}, exact_template(8345.0), std::vector<double>(grid(1.0).size(), 0)),
                    InvalidArgument);
}

BOOST_AUTO_TEST_SUITE_END()
