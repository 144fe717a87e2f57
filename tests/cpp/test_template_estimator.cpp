#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/core/instruction_set.hpp"
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

/// Noisy spectra on a background, and the variance that belongs to them, for each voxel its own.
struct Noisy {
  std::vector<double> energy = grid(1.0);
  EdgeModel edge = model;
  std::size_t n;
  std::vector<double> mu, variance;

  /// Noise is `level` times `ratio` from the middle of the edge on.
  Noisy(std::size_t n_voxel, double level, double ratio, double at = 8345.3, double slope = 0)
      : n(n_voxel), mu(energy.size() * n_voxel), variance(energy.size() * n_voxel) {
    std::mt19937 random(1);
    std::normal_distribution<double> normal;
    for (std::size_t k = 0; k < energy.size(); ++k) {
      const double x = energy[k] - 8345.0;
      const double std = level * (x > 0 ? ratio : 1.0);
      for (std::size_t v = 0; v < n; ++v) {
        mu[(k * n) + v] =
            0.3 - 4e-4 * x + (0.8 + slope * x) * curve(energy[k] - at) + std * normal(random);
        variance[(k * n) + v] = std * std;
      }
    }
  }

  /// With the first `n_told` columns of the variance: none, one for all, or one for each.
  [[nodiscard]] EdgeMap fit(std::size_t n_told) const {
    std::vector<double> told;
    for (std::size_t k = 0; k < energy.size(); ++k) {
      for (std::size_t v = 0; v < n_told; ++v) told.push_back(variance[(k * n) + v]);
    }
    return fit_edges({energy.data(), {energy.size()}},
                     ArrayView<double, 2>{mu.data(), {energy.size(), n}},
                     ArrayView<double, 2>{told.data(), {energy.size(), n_told}}, false, {}, edge,
                     exact_template(8346.0), serial);
  }
};

/// Edges of a map: their mean and variance, and the mean of the variances they are told to have.
struct Scatter {
  double mean = 0, made = 0, told = 0;

  explicit Scatter(const EdgeMap& map) {
    const auto n = static_cast<double>(map.status.size());
    for (std::size_t v = 0; v < map.status.size(); ++v) mean += map.edge_energy_ev[v] / n;
    for (std::size_t v = 0; v < map.status.size(); ++v) {
      made += std::pow(map.edge_energy_ev[v] - mean, 2) / (n - 1);
      told += std::pow(static_cast<double>(map.edge_energy_std_ev[v]), 2) / n;
    }
  }
};

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

BOOST_AUTO_TEST_CASE(errors_are_those_that_are_made_and_weights_make_them_smaller) {
  constexpr std::size_t n = 3000;
  const Noisy task(n, 0.001, 8);
  const Scatter common(task.fit(1));
  const Scatter own(task.fit(n));
  // 3000 voxels know a variance within 2.6 %; three of them.
  BOOST_TEST(common.made / common.told == 1.0, boost::test_tools::tolerance(0.08));
  BOOST_TEST(own.made / own.told == 1.0, boost::test_tools::tolerance(0.08));
  // Weights told for all voxels or for each are the same weights.
  BOOST_TEST(own.made == common.made, boost::test_tools::tolerance(0.01));
  BOOST_TEST(std::abs(own.mean - common.mean) < 1e-3);
  BOOST_TEST(std::abs(own.mean - 8345.3 -
                      (fit({8346.0}, exact_template(8346.0)).edge_energy_ev[0] - 8346.0)) <
             4 * std::sqrt(own.made / n));
  const Scatter unweighted(task.fit(0));
  BOOST_TEST(own.made < 0.8 * unweighted.made);
  // Even noise needs none: then the residuals tell as much.
  const Scatter even(Noisy(n, 0.01, 1).fit(0));
  BOOST_TEST(even.made / even.told == 1.0, boost::test_tools::tolerance(0.08));
}

// The template's own slope enters where the post-edge is steep and the edge far from the middle.
BOOST_AUTO_TEST_CASE(errors_are_those_that_are_made_beside_a_steep_background) {
  constexpr std::size_t n = 3000;
  const Noisy task(n, 0.004, 1, 8360.0, 1e-2);
  for (const std::size_t n_told : {std::size_t{0}, std::size_t{1}, n}) {
    const Scatter edges(task.fit(n_told));
    BOOST_TEST(edges.made / edges.told == 1.0, boost::test_tools::tolerance(0.08));
  }
}

BOOST_AUTO_TEST_CASE(backgrounds_of_every_degree_leave_the_edge_where_it_is) {
  for (int pre = 0; pre <= 1; ++pre) {
    for (int post = 0; post <= 2; ++post) {
      Noisy task(1, 0.0, 1, 8347.1);
      task.edge.pre_degree = pre;
      task.edge.post_degree = post;
      std::vector<double> shifts;
      for (const double at : {8346.0, 8347.1}) {
        for (std::size_t k = 0; k < task.energy.size(); ++k) {
          const double x = (task.energy[k] - 8345.0) / 100;
          const double after = 0.8 + (post > 0 ? 0.1 * x : 0) + (post > 1 ? 0.05 * x * x : 0);
          task.mu[k] = 0.3 + (0.05 * pre * x) + (after * curve(task.energy[k] - at));
          task.variance[k] = 1e-4 * (1 + static_cast<double>(k % 3));
        }
        for (const std::size_t n_told : {0U, 1U}) {
          const EdgeMap map = task.fit(n_told);
          BOOST_TEST((map.status[0] & (not_ok | several_crossings)) == 0U);
          shifts.push_back(map.edge_energy_ev[0]);
        }
      }
      // Exact but for single precision and the last step, which is linear.
      BOOST_TEST(std::abs(shifts[2] - shifts[0] - 1.1) < 1e-3);
      BOOST_TEST(std::abs(shifts[3] - shifts[1] - 1.1) < 1e-3);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_edge_outside_the_scan_range_and_a_falling_one_are_at_its_border) {
  // The scan range reaches from 8330 to 8375 eV, or has to: windows are 8250–8320 and 8390–8600.
  for (const double at : {8318.0, 8395.0}) {
    for (const std::size_t n_told : {std::size_t{0}, std::size_t{2}}) {
      const EdgeMap map = Noisy(2, 1e-4, 1, at).fit(n_told);
      BOOST_TEST((map.status[0] & window_border) != 0);
      BOOST_TEST(std::isnan(map.edge_energy_ev[0]));
    }
  }
  Noisy falling(1, 1e-4, 1);
  for (double& each : falling.mu) each = 2 - each;
  BOOST_TEST((falling.fit(0).status[0] & window_border) != 0);
}

BOOST_AUTO_TEST_CASE(two_steps_of_one_height_are_two_candidates) {
  Noisy task(1, 0, 1);
  for (std::size_t k = 0; k < task.energy.size(); ++k) {
    // Far enough apart for two minima of chi², and alike to 3 standard deviations.
    task.mu[k] = 0.4 * (curve(task.energy[k] - 8338) + curve(task.energy[k] - 8362));
    task.variance[k] = 1.0;
  }
  BOOST_TEST((task.fit(1).status[0] & several_crossings) != 0);
  std::ranges::fill(task.variance, 1e-12);
  BOOST_TEST((task.fit(1).status[0] & several_crossings) == 0);
}

BOOST_AUTO_TEST_CASE(a_voxel_gets_the_same_bits_alone_and_in_a_crowd_on_every_instruction_set) {
  const Noisy crowd(150, 0.01, 2);  // no whole number of blocks
  const EdgeMap wanted = crowd.fit(150);
  for (const InstructionSet level :
       {InstructionSet::generic, InstructionSet::v2, InstructionSet::v3, InstructionSet::v4}) {
    if (level > supported_instruction_set()) continue;
    setenv("NMCX_INSTRUCTION_SET", instruction_set_name(level).c_str(), 1);
    const EdgeMap all = crowd.fit(150);
    for (const std::size_t v : {0U, 70U, 149U}) {
      Noisy alone(1, 0, 1);
      for (std::size_t k = 0; k < alone.energy.size(); ++k) {
        alone.mu[k] = crowd.mu[(k * 150) + v];
        alone.variance[k] = crowd.variance[(k * 150) + v];
      }
      // Told for one voxel it is told for all: weights of both kinds differ in rounding.
      BOOST_TEST(std::abs(alone.fit(1).edge_energy_ev[0] - all.edge_energy_ev[v]) < 1e-3);
      BOOST_TEST(alone.fit(0).edge_energy_ev[0] == crowd.fit(0).edge_energy_ev[v]);
    }
    // Between instruction sets sums differ in their order.
    for (std::size_t v = 0; v < 150; ++v) {
      BOOST_TEST(std::abs(all.edge_energy_ev[v] - wanted.edge_energy_ev[v]) < 1e-3);
    }
  }
  unsetenv("NMCX_INSTRUCTION_SET");
}

BOOST_AUTO_TEST_SUITE_END()
