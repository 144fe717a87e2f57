#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/xanes/normalise.hpp"

using namespace nmcx;
using namespace nmcx::xanes;

namespace {

std::vector<double> grid() {
  std::vector<double> energy;
  for (double e = 8200.0; e <= 8600.0; e += 5.0) energy.push_back(e);
  return energy;
}

ArrayView<double, 1> view(const std::vector<double>& values) {
  return {values.data(), {values.size()}};
}

const EdgeModel model{.pre_edge = {8200, 8300}, .post_edge = {8400, 8600}, .post_degree = 2};

bool says(const InvalidArgument& error, const std::string& word) {
  return std::string(error.what()).find(word) != std::string::npos;
}

void refuses(const std::vector<double>& energy, const EdgeModel& bad, const std::string& word) {
  BOOST_CHECK_EXCEPTION(make_edge_plan(view(energy), bad), InvalidArgument,
                        [&](const InvalidArgument& error) { return says(error, word); });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(normalise)

BOOST_AUTO_TEST_CASE(a_line_below_and_a_parabola_above_are_recovered) {
  const std::vector<double> energy = grid();
  std::vector<double> mu;
  for (const double e : energy) {
    const double x = (e - 8350.0) / 100.0;
    const double step = e < 8350.0 ? 0.0 : 0.8 * (1.0 - 0.04 * x + 0.01 * x * x);
    mu.push_back(0.3 - 0.05 * x + step);
  }
  const Normalised out = xanes::normalise(view(energy), {mu.data(), {mu.size(), 1}}, model, 8350.0,
                                          {.threads = 1, .poll = {}});
  BOOST_TEST(out.edge_jump[0] == 0.8, boost::test_tools::tolerance(1e-10));
  for (std::size_t i = 0; i < energy.size(); ++i) {
    if (energy[i] == 8350.0) continue;  // the step itself
    BOOST_TEST(std::abs(out.flat[i] - (energy[i] < 8350.0 ? 0.0 : 1.0)) < 1e-10);
  }
}

BOOST_AUTO_TEST_CASE(the_level_curve_and_its_variance_follow_from_the_weights) {
  const std::vector<double> energy = grid();
  const EdgePlan plan = make_edge_plan(view(energy), model);
  const std::size_t n = plan.n_pre + plan.n_post;
  BOOST_TEST(n == 21U + 41U);
  BOOST_TEST(plan.n_freedom == n - 5U);
  for (const double x : {-0.3, 0.0, 0.2}) {
    double on_line = 0.0;
    double variance = 0.0;
    for (std::size_t k = 0; k < n; ++k) {
      const double* w = plan.level_weights.data() + k;
      const double weight = w[0] + x * (w[n] + x * w[2 * n]);
      const std::size_t row = k < plan.n_pre ? k : k + plan.n_scan;
      on_line += weight * (2.0 + 3.0 * plan.x(row));
      variance += weight * weight;
    }
    // Without an edge there is no jump: the level curve is the pre-edge line itself.
    BOOST_TEST(on_line == 2.0 + 3.0 * x, boost::test_tools::tolerance(1e-10));
    double polynomial = 0.0;
    for (std::size_t k = 5; k-- > 0;) polynomial = polynomial * x + plan.level_variance[k];
    BOOST_TEST(polynomial == variance, boost::test_tools::tolerance(1e-8));
  }
}

BOOST_AUTO_TEST_CASE(the_scan_range_lies_strictly_between_the_windows) {
  const std::vector<double> energy = grid();
  const EdgePlan plan = make_edge_plan(view(energy), model);
  BOOST_TEST(plan.relative_ev[plan.n_pre] + plan.reference_ev == 8305.0);
  BOOST_TEST(plan.relative_ev[plan.n_pre + plan.n_scan - 1] + plan.reference_ev == 8395.0);
  const EdgeModel wide{.pre_edge = {0, 8300}, .post_edge = {8400, 1e6}, .post_degree = 2};
  BOOST_TEST(make_edge_plan(view(energy), wide).size() == plan.size());
}

BOOST_AUTO_TEST_CASE(a_mistake_is_named) {
  const std::vector<double> energy = grid();
  std::vector<double> backwards = energy;
  std::reverse(backwards.begin(), backwards.end());
  refuses(backwards, model, "increase strictly");
  std::vector<double> with_nan = energy;
  with_nan[3] = std::numeric_limits<double>::quiet_NaN();
  refuses(with_nan, model, "increase strictly");
  refuses({}, model, "pre_edge");
  EdgeModel bad = model;
  bad.level = 1.0;
  refuses(energy, bad, "level");
  bad = model;
  bad.pre_edge = {8199, 8201};
  refuses(energy, bad, "pre_degree");
  bad = model;
  bad.post_edge = {8350, 8250};
  refuses(energy, bad, "post_edge");
  bad = model;
  bad.post_edge[0] = std::numeric_limits<double>::infinity();
  refuses(energy, bad, "post_edge");
  bad = model;
  bad.pre_edge[1] = 8385.0;
  refuses(energy, bad, "fewer than four");
  std::vector<double> kilo = energy;
  for (double& e : kilo) e /= 1000.0;
  refuses(kilo, model, "keV");
}

// Voxels that are the mean spectrum times a number plus an offset: the imposed shape fits them
// exactly, and only their two numbers are looked for.
BOOST_AUTO_TEST_CASE(the_global_shape_recovers_offset_and_jump) {
  const std::vector<double> energy = grid();
  const auto shape = [](double e) {
    const double x = (e - 8350.0) / 100.0;
    return -0.05 * x + (e < 8350.0 ? 0.0 : 0.8 * (1.0 - 0.04 * x + 0.01 * x * x));
  };
  EdgeModel imposed = model;
  std::vector<double> mu;
  for (const double e : energy) imposed.shape_mu.push_back(2.0 + (3.0 * shape(e)));
  for (const double e : energy) {
    for (const double factor : {0.5, 4.0}) mu.push_back(1.5 + (factor * shape(e)));
  }
  const Normalised out = xanes::normalise(view(energy), {mu.data(), {energy.size(), 2}}, imposed,
                                          8350.0, {.threads = 1, .poll = {}});
  BOOST_TEST(out.edge_jump[0] == 0.5 * 0.8, boost::test_tools::tolerance(1e-10));
  BOOST_TEST(out.edge_jump[1] == 4.0 * 0.8, boost::test_tools::tolerance(1e-10));
}

// The level's variance against its definition, now with weights that reach over both windows.
BOOST_AUTO_TEST_CASE(the_global_shape_has_less_variance_than_free_polynomials) {
  const std::vector<double> energy = grid();
  EdgeModel imposed = model;
  for (const double e : energy) imposed.shape_mu.push_back(e < 8350.0 ? 0.0 : 1.0);
  const EdgePlan free = make_edge_plan(view(energy), model);
  const EdgePlan two = make_edge_plan(view(energy), imposed);
  BOOST_TEST(two.n_freedom == two.n_pre + two.n_post - 2);
  // An offset and a jump without slopes are two means: 1/n_pre for the offset, and at half height
  // a quarter of each.
  const auto n_pre = static_cast<double>(two.n_pre);
  const auto n_post = static_cast<double>(two.n_post);
  BOOST_TEST(two.level_variance[0] == 0.25 / n_pre + 0.25 / n_post,
             boost::test_tools::tolerance(1e-9));
  BOOST_TEST(two.level_variance[0] < 0.3 * free.level_variance[0]);
}

BOOST_AUTO_TEST_CASE(a_mean_spectrum_without_an_edge_is_no_shape) {
  const std::vector<double> energy = grid();
  EdgeModel flat = model;
  flat.shape_mu.assign(energy.size(), 1.0);
  refuses(energy, flat, "mean spectrum");
  flat.shape_mu.pop_back();
  refuses(energy, flat, "one value per energy");
}

BOOST_AUTO_TEST_SUITE_END()
