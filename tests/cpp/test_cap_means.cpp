#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/geometry/cap_means.hpp"

using namespace nmcx;

namespace {

const Execution serial{.threads = 1, .poll = {}};

std::vector<double> random_directions(std::size_t n, std::mt19937& random) {
  std::normal_distribution<double> normal;
  std::vector<double> result(3 * n);
  for (std::size_t i = 0; i < n; ++i) {
    double* const v = result.data() + (3 * i);
    for (std::size_t a = 0; a < 3; ++a) v[a] = normal(random);
    const double length = std::sqrt((v[0] * v[0]) + (v[1] * v[1]) + (v[2] * v[2]));
    for (std::size_t a = 0; a < 3; ++a) v[a] /= length;
  }
  return result;
}

/// Points of the sphere with two quantities each, and the caps that are asked for.
struct Task {
  std::vector<double> points, values, weights, directions;
  std::vector<double> cosines{0.9, -1.0, 0.5, 0.999, 0.9};  // in no order, one of them twice

  Task(std::size_t n_point, std::size_t n_direction, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> uniform;
    points = random_directions(n_point, random);
    directions = random_directions(n_direction, random);
    for (std::size_t i = 0; i < 2 * n_point; ++i) values.push_back(uniform(random) - 0.5);
    for (std::size_t i = 0; i < n_point; ++i) weights.push_back(uniform(random));
  }

  [[nodiscard]] std::size_t n_point() const { return points.size() / 3; }
  [[nodiscard]] std::size_t n_direction() const { return directions.size() / 3; }
  [[nodiscard]] double cosine(std::size_t d, std::size_t p) const {
    double sum = 0;
    for (std::size_t a = 0; a < 3; ++a) sum += directions[(3 * d) + a] * points[(3 * p) + a];
    return sum;
  }
  [[nodiscard]] CapMeans run(const Execution& execution = serial) const {
    return nmcx::cap_means({points.data(), {n_point(), 3}}, {values.data(), {2, values.size() / 2}},
                           {weights.data(), {weights.size()}},
                           {directions.data(), {n_direction(), 3}},
                           {cosines.data(), {cosines.size()}}, execution);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(cap_means)

BOOST_AUTO_TEST_CASE(caps_hold_what_asking_every_point_says) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    const Task task(200, 40, seed);  // of the narrowest caps most are empty
    const CapMeans found = task.run();
    int n_empty = 0;
    for (std::size_t d = 0; d < 40; ++d) {
      for (std::size_t k = 0; k < task.cosines.size(); ++k) {
        std::int64_t n = 0;
        double weight = 0;
        double sums[2] = {0, 0};
        for (std::size_t p = 0; p < 200; ++p) {
          if (task.cosine(d, p) < task.cosines[k]) continue;
          ++n;
          weight += task.weights[p];
          for (std::size_t q = 0; q < 2; ++q) {
            sums[q] += task.weights[p] * task.values[(q * 200) + p];
          }
        }
        const std::size_t at = (d * task.cosines.size()) + k;
        BOOST_REQUIRE_EQUAL(found.n_point[at], n);
        BOOST_TEST(std::abs(found.weight[at] - weight) < 1e-12);
        for (std::size_t q = 0; q < 2; ++q) {
          const double mean = found.mean[(q * 40 * task.cosines.size()) + at];
          if (n > 0) BOOST_TEST(std::abs(mean - (sums[q] / weight)) < 1e-12);
          if (n == 0) BOOST_TEST(std::isnan(mean));
        }
        n_empty += n == 0 ? 1 : 0;
      }
    }
    BOOST_TEST(n_empty > 10);
  }
}

// Archimedes: a cap of half-angle θ holds (1 − cos θ) / 2 of the sphere, its mean height is
// (1 + cos θ) / 2.
BOOST_AUTO_TEST_CASE(even_points_have_the_area_and_the_centre_of_a_cap) {
  Task task(0, 3, 1);
  constexpr std::size_t n = 40'000;
  for (std::size_t i = 0; i < n; ++i) {
    const double z = ((2.0 * static_cast<double>(i)) + 1) / n - 1;
    const double turn = std::numbers::pi * (3 - std::sqrt(5.0)) * static_cast<double>(i);
    const double r = std::sqrt(1 - (z * z));
    task.points.insert(task.points.end(), {z, r * std::cos(turn), r * std::sin(turn)});
    task.weights.push_back(1.0 / n);
  }
  for (std::size_t q = 0; q < 2; ++q) {  // heights above the first and the second direction
    for (std::size_t p = 0; p < n; ++p) task.values.push_back(task.cosine(q, p));
  }
  const CapMeans found = task.run();
  const std::size_t n_cap = task.cosines.size();
  for (std::size_t d = 0; d < 3; ++d) {
    for (std::size_t k = 0; k < n_cap; ++k) {
      // Points lie 1/√n apart, and as irregularly along the rim.
      const double area = (1 - task.cosines[k]) / 2;
      BOOST_TEST(std::abs(found.weight[(d * n_cap) + k] - area) < 3e-4);
      if (d == 2) continue;
      const double height = found.mean[(d * 3 * n_cap) + (d * n_cap) + k];
      BOOST_TEST(std::abs(height - ((1 + task.cosines[k]) / 2)) < 1e-3);
    }
  }
}

BOOST_AUTO_TEST_CASE(threads_change_nothing_and_the_rim_is_within) {
  const Task task(300, 100, 2);
  const CapMeans one = task.run();
  const CapMeans three = task.run({.threads = 3, .poll = {}});
  for (std::size_t i = 0; i < one.weight.size(); ++i) BOOST_TEST(one.weight[i] == three.weight[i]);
  Task rim(1, 1, 1);
  rim.points = {1, 0, 0};
  rim.directions = {0, 1, 0};
  rim.cosines = {0.0};
  BOOST_TEST(rim.run().n_point[0] == 1);
  rim.weights = {0.0};  // a point without weight is counted, and has no mean
  BOOST_TEST(rim.run().n_point[0] == 1);
  BOOST_TEST(std::isnan(rim.run().mean[0]));
  rim.cosines.clear();
  BOOST_TEST(rim.run().weight.size() == 0U);
}

BOOST_AUTO_TEST_CASE(shapes_that_disagree_are_named) {
  Task task(10, 2, 1);
  task.weights.pop_back();
  BOOST_CHECK_EXCEPTION(
      static_cast<void>(task.run()), InvalidArgument, [](const InvalidArgument& error) {
        return std::string(error.what()).find("one entry per point") != std::string::npos;
      });
  const std::vector<double> flat(4, 0.5);
  BOOST_CHECK_THROW(
      nmcx::cap_means({flat.data(), {2, 2}}, {flat.data(), {1, 2}}, {flat.data(), {2}},
                      {task.directions.data(), {2, 3}}, {flat.data(), {1}}, serial),
      InvalidArgument);
}

BOOST_AUTO_TEST_SUITE_END()
