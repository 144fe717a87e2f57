#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/xanes/nonnegative.hpp"
#include "nmcx/xanes/reference_fit.hpp"

using namespace nmcx;
using namespace nmcx::xanes;

namespace {

double objective(const SmallMatrix& gram, const SmallVector& right, const SmallVector& x) {
  return 0.5 * x.dot(gram * x) - x.dot(right);
}

/// The best of all active sets, tried one by one.
SmallVector brute_force(const SmallMatrix& gram, const SmallVector& right) {
  const Eigen::Index n = gram.rows();
  SmallVector best = SmallVector::Zero(n);
  for (unsigned set = 1; set < (1U << static_cast<unsigned>(n)); ++set) {
    std::vector<Eigen::Index> in;
    for (Eigen::Index i = 0; i < n; ++i) {
      if (((set >> static_cast<unsigned>(i)) & 1U) != 0) in.push_back(i);
    }
    const Eigen::MatrixXd part = gram(in, in);
    const Eigen::VectorXd found = part.ldlt().solve(Eigen::VectorXd(right(in)));
    if ((found.array() < 0.0).any()) continue;
    SmallVector x = SmallVector::Zero(n);
    for (std::size_t i = 0; i < in.size(); ++i) x[in[i]] = found[static_cast<Eigen::Index>(i)];
    if (objective(gram, right, x) < objective(gram, right, best)) best = x;
  }
  return best;
}

double step(double x, double width) {
  return 0.5 + 0.5 * std::tanh(x / width);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reference_fit)

BOOST_AUTO_TEST_CASE(non_negative_least_squares_finds_the_best_active_set) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  for (int n = 1; n <= 6; ++n) {
    for (int trial = 0; trial < 100; ++trial) {
      const Eigen::MatrixXd a =
          Eigen::MatrixXd::NullaryExpr(n + 3, n, [&] { return normal(random); });
      const SmallMatrix gram = a.transpose() * a;
      const SmallVector right = SmallVector::NullaryExpr(n, [&] { return normal(random); });
      const SmallVector x = nonnegative_least_squares(gram, right);
      BOOST_REQUIRE((x.array() >= 0.0).all());
      BOOST_REQUIRE_SMALL((x - brute_force(gram, right)).cwiseAbs().maxCoeff(), 1e-8);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_exact_mixture_has_its_fractions_in_both_layouts) {
  std::vector<double> energy;
  for (double e = 8250.0; e <= 8600.0; e += e < 8325 || e > 8375 ? 10.0 : 1.0) energy.push_back(e);
  ReferenceModel model;
  model.edge = {.pre_edge = {8250, 8320}, .post_edge = {8390, 8600}, .post_degree = 0};
  model.window = {8250, 8600};
  model.reference_ev = {energy, energy};
  model.reference_mu.resize(2);
  std::vector<double> mu;
  for (const double e : energy) {
    model.reference_mu[0].push_back(step(e - 8343.0, 1.5));
    model.reference_mu[1].push_back(step(e - 8347.0, 2.5));
    const double mixed = 0.3 * model.reference_mu[0].back() + 0.7 * model.reference_mu[1].back();
    mu.push_back(0.2 + 1e-4 * (e - 8345.0) + 1.4 * mixed);
    mu.push_back(std::numeric_limits<double>::quiet_NaN());
  }
  const ArrayView<double, 1> energies{energy.data(), {energy.size()}};
  const Execution serial{.threads = 1, .poll = {}};
  const ReferenceMap map = fit_references(
      energies, ArrayView<double, 2>{mu.data(), {energy.size(), 2}}, {}, false, model, serial);
  BOOST_TEST(std::abs(map.fraction[0] - 0.3) < 1e-6);
  BOOST_TEST(std::abs(map.fraction[2] - 0.7) < 1e-6);
  BOOST_TEST(std::abs(map.edge_jump[0] - 1.4F) < 1e-5F);
  BOOST_TEST(map.status[0] == 0);
  BOOST_TEST(map.status[1] == 1);
  BOOST_TEST(std::isnan(map.fraction[1]));

  std::vector<double> first;
  for (std::size_t k = 0; k < energy.size(); ++k) first.push_back(mu[2 * k]);
  const ReferenceMap turned = fit_references(
      energies, ArrayView<double, 2>{first.data(), {1, energy.size()}}, {}, true, model, serial);
  BOOST_TEST(turned.fraction[0] == map.fraction[0]);

  model.reference_mu[1] = model.reference_mu[0];
  BOOST_CHECK_THROW(fit_references(energies, ArrayView<double, 2>{first.data(), {1, energy.size()}},
                                   {}, true, model, serial),
                    InvalidArgument);
}

// With few energies a wrong number of degrees of freedom shows: pulls of 1.2 instead of 1.
BOOST_AUTO_TEST_CASE(errors_from_residuals_are_those_that_are_made) {
  const std::vector<double> energy = {8250, 8270, 8290, 8310, 8332, 8336, 8340, 8343,
                                      8346, 8349, 8353, 8358, 8400, 8450, 8500, 8550};
  ReferenceModel model;
  model.edge = {.pre_edge = {8250, 8320}, .post_edge = {8390, 8600}, .post_degree = 0};
  model.window = {8250, 8600};
  model.reference_ev = {energy, energy};
  model.reference_mu.resize(2);
  for (const double e : energy) {
    model.reference_mu[0].push_back(step(e - 8343.0, 1.5));
    model.reference_mu[1].push_back(step(e - 8347.0, 2.5));
  }
  constexpr std::size_t n_voxel = 4000;
  std::mt19937 random(1);
  std::normal_distribution<double> noise(0.0, 0.01);
  std::vector<double> mu(energy.size() * n_voxel);
  for (std::size_t k = 0; k < energy.size(); ++k) {
    const double mixed = 0.4 * model.reference_mu[0][k] + 0.6 * model.reference_mu[1][k];
    for (std::size_t i = 0; i < n_voxel; ++i) mu[k * n_voxel + i] = 0.2 + mixed + noise(random);
  }
  const ReferenceMap map = fit_references({energy.data(), {energy.size()}},
                                          ArrayView<double, 2>{mu.data(), {energy.size(), n_voxel}},
                                          {}, false, model, {.threads = 1, .poll = {}});
  double error = 0;
  double told = 0;
  for (std::size_t i = 0; i < n_voxel; ++i) {
    error += (map.fraction[i] - 0.4) * (map.fraction[i] - 0.4);
    told += static_cast<double>(map.fraction_std[i]) * static_cast<double>(map.fraction_std[i]);
  }
  // 4000 voxels know the ratio within 1.2 %.
  BOOST_TEST(std::sqrt(error / told) == 1.0, boost::test_tools::tolerance(0.04));
}

BOOST_AUTO_TEST_SUITE_END()
