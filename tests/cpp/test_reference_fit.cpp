#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/xanes/edge_fit.hpp"
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

const Execution serial{.threads = 1, .poll = {}};

/// Two references and mixtures of them, on a grid that is finer at the edge.
struct Mixtures {
  std::vector<double> energy;
  ReferenceModel model;
  std::size_t n_voxel;
  std::vector<double> mu;          ///< (n_energy, n_voxel)
  std::vector<double> variance{};  ///< (n_energy, n_variance)
  std::size_t n_variance = 0;

  explicit Mixtures(std::size_t n) : n_voxel(n) {
    for (double e = 8250.0; e <= 8600.0; e += e < 8325 || e >= 8375 ? 10.0 : 1.0) {
      energy.push_back(e);
    }
    mu.resize(energy.size() * n);
    model.edge = {.pre_edge = {8250, 8320}, .post_edge = {8390, 8600}, .post_degree = 1};
    model.window = {8250, 8600};
    model.reference_mu.resize(2);
    for (double e = 8200.0; e <= 8650.0; e += 0.25) {
      model.reference_mu[0].push_back(reference(0, e));
      model.reference_mu[1].push_back(reference(1, e));
      model.reference_ev.resize(1);
      model.reference_ev[0].push_back(e);
    }
    model.reference_ev.push_back(model.reference_ev[0]);
  }

  static double reference(int k, double e) {
    const double y = (e - 8352.0) / 3.0;
    return k == 0 ? step(e - 8343.0, 1.5) : step(e - 8347.0, 2.5) + (0.3 * std::exp(-y * y));
  }

  /// 0.2 + g_0 R_0 + g_1 R_1, all of it shifted.
  void set(std::size_t voxel, double g_0, double g_1, double shift = 0) {
    for (std::size_t k = 0; k < energy.size(); ++k) {
      const double e = energy[k] - shift;
      mu[(k * n_voxel) + voxel] = 0.2 + (g_0 * reference(0, e)) + (g_1 * reference(1, e));
    }
  }

  /// Noise that grows over the spectrum, in units of `level`; `variance` is that of it for so many.
  void add_noise(double level, std::size_t n_told, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    n_variance = n_told;
    for (std::size_t k = 0; k < energy.size(); ++k) {
      const double std = level * (0.5 + (1.5 * static_cast<double>(k % 7) / 6));
      for (std::size_t v = 0; v < n_voxel; ++v) mu[(k * n_voxel) + v] += std * normal(random);
      variance.insert(variance.end(), n_told, std * std);
    }
  }

  [[nodiscard]] ReferenceMap fit(const Execution& execution = serial) const {
    return fit_references({energy.data(), {energy.size()}},
                          ArrayView<double, 2>{mu.data(), {energy.size(), n_voxel}},
                          ArrayView<double, 2>{variance.data(), {energy.size(), n_variance}}, false,
                          model, execution);
  }
};

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

BOOST_AUTO_TEST_CASE(a_common_shift_is_found_with_the_fractions) {
  Mixtures task(41);
  task.model.shift = {-12.0, 13.0};
  for (std::size_t v = 0; v < 41; ++v) {
    task.set(v, 0.9, 0.6, -11 + (0.55 * static_cast<double>(v)));
  }
  const ReferenceMap map = task.fit();
  for (std::size_t v = 0; v < 41; ++v) {
    // The last step is linear: over 1/40 of a rise of some 4 eV it errs by 1e-3 of that step.
    BOOST_TEST(std::abs(map.energy_shift[v] - (-11 + (0.55 * static_cast<double>(v)))) < 1e-3);
    BOOST_TEST(std::abs(map.fraction[v] - 0.6) < 1e-3);
    BOOST_TEST(std::abs(map.fraction[41 + v] - 0.4) < 1e-3);
    BOOST_TEST(map.edge_jump[v] == 1.5F, boost::test_tools::tolerance(1e-3F));
    BOOST_TEST(map.residual[v] < 1e-3F);
    BOOST_TEST(map.status[v] == 0);
  }
  // Without one to be found the same spectra do not fit.
  task.model.shift = {0, 0};
  const ReferenceMap unshifted = task.fit();
  BOOST_TEST(unshifted.residual[24] > 0.01F);
  BOOST_TEST(std::isnan(unshifted.energy_shift[24]));
  BOOST_TEST(std::isnan(unshifted.energy_shift_std[24]));
}

BOOST_AUTO_TEST_CASE(a_shift_beyond_its_bounds_stays_at_them_and_says_so) {
  Mixtures task(2);
  task.model.shift = {-1.0, 1.0};
  task.set(0, 0.5, 0.5, -1.5);
  task.set(1, 0.5, 0.5, 1.5);
  const ReferenceMap map = task.fit();
  BOOST_TEST(map.energy_shift[0] == -1.0);
  BOOST_TEST(map.energy_shift[1] == 1.0, boost::test_tools::tolerance(1e-14));
  for (const std::size_t v : {0U, 1U}) {
    BOOST_TEST(map.status[v] == window_border);
    BOOST_TEST(std::isnan(map.energy_shift_std[v]));
    BOOST_TEST(std::isfinite(map.fraction_std[v]));
  }
}

BOOST_AUTO_TEST_CASE(what_falls_at_the_edge_is_none_of_the_references) {
  Mixtures task(1);
  for (const double bound : {0.0, 2.0}) {
    task.model.shift = {-bound, bound};
    task.set(0, -0.7, -0.3);
    const ReferenceMap map = task.fit();
    BOOST_TEST((map.status[0] & jump_below_noise) != 0);
    BOOST_TEST(map.edge_jump[0] == -1.0F, boost::test_tools::tolerance(1e-2F));
    BOOST_TEST(std::isnan(map.fraction[0]));
    BOOST_TEST(std::isnan(map.residual[0]));
  }
}

BOOST_AUTO_TEST_CASE(fractions_do_not_know_the_thickness_and_sum_to_one_if_they_must) {
  for (const bool sum_to_one : {false, true}) {
    Mixtures task(60);
    task.model.sum_to_one = sum_to_one;
    for (std::size_t v = 0; v < 60; ++v) task.set(v, 0.5, 1.0);
    task.add_noise(0.02, 0, 1);
    task.variance.clear();
    Mixtures thick = task;
    for (double& each : thick.mu) each *= 3;
    const ReferenceMap map = task.fit();
    const ReferenceMap other = thick.fit();
    double largest = 0;
    for (std::size_t v = 0; v < 60; ++v) {
      largest = std::max(largest, std::abs(map.fraction[v] + map.fraction[60 + v] - 1));
      BOOST_TEST(other.fraction[v] == map.fraction[v], boost::test_tools::tolerance(1e-9));
      BOOST_TEST(other.fraction_std[v] == map.fraction_std[v], boost::test_tools::tolerance(1e-5F));
      BOOST_TEST(other.edge_jump[v] == 3 * map.edge_jump[v], boost::test_tools::tolerance(1e-5F));
      BOOST_TEST(other.residual[v] == map.residual[v], boost::test_tools::tolerance(1e-5F));
    }
    BOOST_TEST((largest < 1e-14) == sum_to_one);
  }
}

// Of noise that differs from energy to energy; told for all voxels it weighs the energies too.
BOOST_AUTO_TEST_CASE(errors_are_those_that_are_made_with_every_kind_of_variance) {
  constexpr std::size_t n = 3000;
  for (const bool sum_to_one : {false, true}) {
    for (const bool has_shift : {false, true}) {
      for (const std::size_t n_told : {std::size_t{1}, n}) {
        Mixtures task(n);
        task.model.sum_to_one = sum_to_one;
        if (has_shift) task.model.shift = {-2, 2};
        for (std::size_t v = 0; v < n; ++v) task.set(v, 0.6, 0.9, has_shift ? 0.3 : 0);
        task.add_noise(0.01, n_told, 1);
        const ReferenceMap map = task.fit({.threads = 2, .poll = {}});
        double fraction = 0;
        double shift = 0;
        double misfit = 0;
        for (std::size_t v = 0; v < n; ++v) {
          BOOST_REQUIRE_EQUAL(map.status[v], 0);
          fraction += std::pow((map.fraction[v] - 0.4) / map.fraction_std[v], 2) / n;
          misfit += std::pow(static_cast<double>(map.residual[v] * map.edge_jump[v]), 2) / n;
          shift += std::pow((map.energy_shift[v] - 0.3) / map.energy_shift_std[v], 2) / n;
        }
        const double made = 1e-4 * 12.6875 / 7;  // the mean square of 0.5 … 2 in seven steps
        // Five or six of 81 energies are fitted away, by their weights.
        BOOST_TEST(misfit == 0.95 * made, boost::test_tools::tolerance(0.08));
        // 3000 voxels know a variance within 2.6 %; three of them.
        BOOST_TEST(fraction == 1.0, boost::test_tools::tolerance(0.08));
        if (has_shift) BOOST_TEST(shift == 1.0, boost::test_tools::tolerance(0.08));
      }
    }
  }
}

// An estimate that may not be negative is half of a normal one: its mean square is half of that.
BOOST_AUTO_TEST_CASE(a_reference_that_is_absent_has_the_error_it_would_have) {
  constexpr std::size_t n = 3000;
  Mixtures task(n);
  for (std::size_t v = 0; v < n; ++v) task.set(v, 1.5, 0);
  task.add_noise(0.01, 1, 2);
  const ReferenceMap map = task.fit();
  double squares = 0;
  double n_zero = 0;
  for (std::size_t v = 0; v < n; ++v) {
    squares += std::pow(map.fraction[n + v] / map.fraction_std[n + v], 2) / n;
    n_zero += map.fraction[n + v] == 0 ? 1 : 0;
    BOOST_TEST(map.fraction_std[n + v] == map.fraction_std[n], boost::test_tools::tolerance(0.1F));
  }
  // The mean of squares of half a normal: 0.5 ± 0.02.
  BOOST_TEST(squares == 0.5, boost::test_tools::tolerance(0.12));
  BOOST_TEST(n_zero / n == 0.5, boost::test_tools::tolerance(0.06));
}

BOOST_AUTO_TEST_CASE(voxels_without_numbers_are_marked_and_shapes_that_disagree_are_named) {
  Mixtures task(3);
  for (std::size_t v = 0; v < 3; ++v) task.set(v, 0.5, 0.5);
  task.add_noise(1e-3, 3, 1);
  task.variance[1] = std::numeric_limits<double>::quiet_NaN();
  task.mu[2] = std::numeric_limits<double>::infinity();
  const ReferenceMap map = task.fit();
  BOOST_TEST(map.status[0] == 0);
  for (const std::size_t v : {1U, 2U}) {
    BOOST_TEST(map.status[v] == low_transmission);
    BOOST_TEST(std::isnan(map.fraction[v]));
  }
  const auto refused = [&](const auto& spoil, const std::string& words) {
    Mixtures spoilt = task;
    spoil(spoilt);
    BOOST_CHECK_EXCEPTION(static_cast<void>(spoilt.fit()), InvalidArgument,
                          [&](const InvalidArgument& error) {
                            return std::string(error.what()).find(words) != std::string::npos;
                          });
  };
  refused([](Mixtures& t) { t.n_variance = 2; }, "variance must have the shape");
  refused(
      [](Mixtures& t) {
        t.n_variance = 1;
        t.variance.assign(t.energy.size(), 0.0);
      },
      "variance must be positive and finite");
  refused([](Mixtures& t) { t.model.window = {8400, 8300}; }, "window must be two energies");
  refused([](Mixtures& t) { t.model.shift = {1, 0}; }, "energy_shift must be two finite energies");
  refused(
      [](Mixtures& t) {
        t.model.reference_mu.clear();
        t.model.reference_ev.clear();
      },
      "references must be 1 to");
  const std::vector<double> fewer(task.energy.begin(), task.energy.end() - 1);
  BOOST_CHECK_EXCEPTION(
      fit_references({fewer.data(), {fewer.size()}},
                     ArrayView<double, 2>{task.mu.data(), {task.energy.size(), 3}}, {}, false,
                     task.model, serial),
      InvalidArgument, [](const InvalidArgument& error) {
        return std::string(error.what()).find("one image per energy") != std::string::npos;
      });
}

BOOST_AUTO_TEST_CASE(single_precision_gives_the_same_map) {
  Mixtures task(70);  // more than a block
  for (std::size_t v = 0; v < 70; ++v) task.set(v, 0.01 * static_cast<double>(v), 0.4);
  const std::vector<float> narrow(task.mu.begin(), task.mu.end());
  task.mu.assign(narrow.begin(), narrow.end());
  const ReferenceMap wide = task.fit();
  const ReferenceMap map = fit_references(
      {task.energy.data(), {task.energy.size()}},
      ArrayView<float, 2>{narrow.data(), {task.energy.size(), 70}}, {}, false, task.model, serial);
  for (std::size_t v = 0; v < 140; ++v) BOOST_TEST(map.fraction[v] == wide.fraction[v]);
}

BOOST_AUTO_TEST_SUITE_END()
