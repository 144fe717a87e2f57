#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/geometry/line_profile.hpp"
#include "nmcx/geometry/voxel_grid.hpp"

using namespace nmcx;

namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
const Execution serial{.threads = 1, .poll = {}};

/// A field in a particle and the lines through it.
struct Task {
  std::array<std::size_t, 3> shape;
  std::vector<double> values;
  std::unique_ptr<bool[]> envelope;
  std::vector<double> spacing{1, 1, 1};
  std::vector<double> centre;
  std::vector<double> directions;
  double radius = 1.5;
  double step = 1;
  std::array<std::size_t, 3> lags{1, 1, 1};
  std::vector<double> correlation{1};
  double variance = 1;

  /// A full box of zeros, its centre in the middle.
  explicit Task(const std::array<std::size_t, 3>& extents)
      : shape(extents),
        values(extents[0] * extents[1] * extents[2], 0.0),
        envelope(std::make_unique<bool[]>(values.size())) {
    std::fill_n(envelope.get(), values.size(), true);
    for (const std::size_t n : shape) centre.push_back(0.5 * static_cast<double>(n - 1));
  }

  template <class Value>
  void fill(const Value& value) {
    std::size_t flat = 0;
    for (std::size_t z = 0; z < shape[0]; ++z) {
      for (std::size_t y = 0; y < shape[1]; ++y) {
        for (std::size_t x = 0; x < shape[2]; ++x) {
          values[flat++] = value(position({z, y, x}));
        }
      }
    }
  }

  [[nodiscard]] Vector3 position(const std::array<std::size_t, 3>& index) const {
    Vector3 result{};
    for (std::size_t a = 0; a < 3; ++a) result[a] = static_cast<double>(index[a]) * spacing[a];
    return result;
  }

  [[nodiscard]] LineMeans run(const Execution& how = serial) const { return run_on(values, how); }
  template <class T>
  [[nodiscard]] LineMeans run_on(const std::vector<T>& field, const Execution& execution) const {
    return line_profiles(VolumeView<T>{field.data(), shape}, {envelope.get(), shape},
                         {spacing.data(), {spacing.size()}}, {centre.data(), {centre.size()}},
                         {directions.data(), {directions.size() / 3, 3}}, radius, step,
                         {correlation.data(), lags}, variance, execution);
  }
};

/// A particle with holes, fields with gaps, lines and fluctuations as they come.
Task random_task(unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform;
  std::normal_distribution<double> normal;
  Task task({7, 9, 8});
  for (double& h : task.spacing) h = 0.5 + uniform(random);
  for (std::size_t a = 0; a < 3; ++a)
    task.centre[a] *= task.spacing[a] * (0.8 + 0.4 * uniform(random));
  for (std::size_t i = 0; i < task.values.size(); ++i) {
    task.envelope[i] = uniform(random) < 0.7;
    task.values[i] = uniform(random) < 0.1 ? nan_value : normal(random);
  }
  for (int i = 0; i < 24; ++i) task.directions.push_back(normal(random));
  task.radius = 1 + uniform(random);
  task.step = 0.7 + uniform(random);
  task.lags = {3, 5, 1};
  task.correlation.resize(15);
  // As of b with a, so of a with b.
  for (std::size_t i = 0; i <= 7; ++i)
    task.correlation[i] = task.correlation[14 - i] = uniform(random);
  task.variance = 0.5 + uniform(random);
  return task;
}

double at(const Array<double, 2>& array, std::size_t i, std::size_t j) {
  return array.view()(i, j);
}

/// Where the ray leaves the last envelope voxel that it meets: every voxel as a box of its own.
double outermost(const Task& task, const Vector3& unit) {
  double last = nan_value;
  std::size_t flat = 0;
  for (std::size_t z = 0; z < task.shape[0]; ++z) {
    for (std::size_t y = 0; y < task.shape[1]; ++y) {
      for (std::size_t x = 0; x < task.shape[2]; ++x) {
        if (!task.envelope[flat++]) continue;
        const Vector3 middle = task.position({z, y, x});
        double t_in = 0;
        double t_out = std::numeric_limits<double>::infinity();
        for (std::size_t a = 0; a < 3; ++a) {
          const double off = middle[a] - task.centre[a];
          const double half = 0.5 * task.spacing[a];
          const double t0 = (off - half) / unit[a];
          const double t1 = (off + half) / unit[a];
          t_in = std::max(t_in, std::min(t0, t1));
          t_out = std::min(t_out, std::max(t0, t1));
        }
        if (t_in < t_out && !(t_out <= last)) last = t_out;
      }
    }
  }
  return last;
}

struct Voxel {
  std::array<std::size_t, 3> index;
  double value;
};

/// The voxels of one sample, each of the volume asked whether it belongs to it.
std::vector<Voxel> members(const Task& task, const Vector3& unit, double length,
                           std::size_t sample) {
  std::vector<Voxel> result;
  std::size_t flat = 0;
  for (std::size_t z = 0; z < task.shape[0]; ++z) {
    for (std::size_t y = 0; y < task.shape[1]; ++y) {
      for (std::size_t x = 0; x < task.shape[2]; ++x, ++flat) {
        if (!task.envelope[flat] || !std::isfinite(task.values[flat])) continue;
        const Vector3 arm =
            task.position({z, y, x}) - Vector3{task.centre[0], task.centre[1], task.centre[2]};
        const double along = dot(arm, unit);
        const Vector3 across = arm - (along * unit);
        if (along < 0 || along > length || std::sqrt(dot(across, across)) > task.radius) continue;
        if (std::floor((length - along) / task.step) != static_cast<double>(sample)) continue;
        result.push_back({.index = {z, y, x}, .value = task.values[flat]});
      }
    }
  }
  return result;
}

double correlation_of(const Task& task, const Voxel& a, const Voxel& b) {
  std::size_t flat = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const int reach = static_cast<int>(task.lags[k] / 2);
    const int lag = static_cast<int>(b.index[k]) - static_cast<int>(a.index[k]);
    if (std::abs(lag) > reach) return 0;
    flat = (flat * task.lags[k]) + static_cast<std::size_t>(lag + reach);
  }
  return task.correlation[flat];
}

void check_sample(const Task& task, const std::vector<Voxel>& voxels, const LineMeans& found,
                  std::size_t place) {
  const auto n = static_cast<double>(voxels.size());
  BOOST_REQUIRE_EQUAL(found.count[place], static_cast<std::int64_t>(voxels.size()));
  if (voxels.empty()) {
    BOOST_TEST((std::isnan(found.mean[place]) && std::isnan(found.standard_error[place])));
    BOOST_TEST(found.effective_count[place] == 0.0);
    return;
  }
  double mean = 0;
  for (const Voxel& voxel : voxels) mean += voxel.value / n;
  double squares = 0;
  double together = 0;
  for (std::size_t i = 0; i < voxels.size(); ++i) {
    squares += (voxels[i].value - mean) * (voxels[i].value - mean);
    for (std::size_t j = i + 1; j < voxels.size(); ++j) {
      together += correlation_of(task, voxels[i], voxels[j]) / (0.5 * n * (n - 1));
    }
  }
  const double effective = n / (1 + ((n - 1) * together));
  double variance = task.variance;
  if (voxels.size() > 1) {
    const double own = squares / ((n - 1) * (1 - together));
    variance = ((4 * variance) + ((effective - 1) * own)) / (4 + effective - 1);
  }
  const auto close = boost::test_tools::tolerance(1e-10);  // sums in another order
  BOOST_TEST(std::abs(found.mean[place] - mean) < 1e-13);
  BOOST_TEST(found.effective_count[place] == effective, close);
  BOOST_TEST(found.standard_error[place] == std::sqrt(variance / effective), close);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(line_profile)

BOOST_AUTO_TEST_CASE(samples_are_those_of_asking_every_voxel) {
  int n_filled = 0;
  for (unsigned seed = 1; seed <= 30; ++seed) {
    const Task task = random_task(seed);
    const LineMeans found = task.run();
    for (std::size_t d = 0; d < 8; ++d) {
      const double* const given = task.directions.data() + (3 * d);
      const Vector3 unit = normalised({given[0], given[1], given[2]}, "directions");
      const double length = outermost(task, unit);
      for (std::size_t a = 0; a < 3; ++a) {
        BOOST_TEST(at(found.directions, d, a) == unit[a], boost::test_tools::tolerance(1e-15));
        BOOST_TEST(std::abs(at(found.surface_um, d, a) - task.centre[a] - (length * unit[a])) <
                   1e-12);
      }
      for (std::size_t i = 0; i < found.mean.shape[1]; ++i) {
        const std::vector<Voxel> voxels = members(task, unit, length, i);
        n_filled += voxels.size() > 1 ? 1 : 0;
        check_sample(task, voxels, found, (d * found.mean.shape[1]) + i);
      }
    }
  }
  BOOST_TEST(n_filled > 500);
}

BOOST_AUTO_TEST_CASE(a_linear_field_falls_by_its_slope_from_one_sample_to_the_next) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    for (const double sign : {1.0, -1.0}) {
      Task task({15, 15, 15});
      task.spacing = {0.5, 0.5, 0.5};
      task.centre = {3.5, 3.5, 3.5};
      task.radius = 1.2;
      task.directions = {0, 0, 0};
      task.directions[axis] = 4 * sign;
      task.fill([&](const Vector3& at) { return 7 + (3 * at[axis]) + at[(axis + 1) % 3]; });
      const LineMeans found = task.run();
      // From the face of the box, half a voxel beyond the last centre: 3.75 µm, two voxels each.
      BOOST_TEST(at(found.surface_um, 0, axis) == 3.5 + (3.75 * sign),
                 boost::test_tools::tolerance(1e-14));
      BOOST_REQUIRE_EQUAL(found.mean.shape[1], 4U);
      for (std::size_t i = 0; i < 3; ++i) {
        const double depth = static_cast<double>(i) + 0.5;
        BOOST_TEST(at(found.mean, 0, i) == 7 + (3 * (3.5 + sign * (3.75 - depth))) + 3.5,
                   boost::test_tools::tolerance(1e-13));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(exchanged_axes_and_other_units_give_the_same_lines) {
  const Task task = random_task(1);
  const LineMeans wanted = task.run();
  Task turned({8, 7, 9});  // (x, z, y)
  const auto turn = [](const std::vector<double>& v) { return std::vector{v[2], v[0], v[1]}; };
  for (std::size_t z = 0; z < 7; ++z) {
    for (std::size_t y = 0; y < 9; ++y) {
      for (std::size_t x = 0; x < 8; ++x) {
        const std::size_t from = (((z * 9) + y) * 8) + x;
        const std::size_t to = (((x * 7) + z) * 9) + y;
        turned.values[to] = task.values[from];
        turned.envelope[to] = task.envelope[from];
      }
    }
  }
  turned.spacing = turn(task.spacing);
  turned.centre = turn(task.centre);
  for (std::size_t d = 0; d < 8; ++d) {
    const auto from = task.directions.begin() + static_cast<std::ptrdiff_t>(3 * d);
    for (const double each : turn({from[0], from[1], from[2]})) turned.directions.push_back(each);
  }
  // In nanometres.
  for (double& each : turned.spacing) each *= 1000;
  for (double& each : turned.centre) each *= 1000;
  turned.radius = 1000 * task.radius;
  turned.step = 1000 * task.step;
  const LineMeans found = turned.run();
  BOOST_REQUIRE_EQUAL(found.mean.shape[1], wanted.mean.shape[1]);
  for (std::size_t i = 0; i < wanted.mean.size(); ++i) {
    BOOST_TEST(found.count[i] == wanted.count[i]);
    if (wanted.count[i] > 0) BOOST_TEST(std::abs(found.mean[i] - wanted.mean[i]) < 1e-13);
  }
}

// White noise, and the mean of three white values along x: correlated by 2/3 and 1/3.
BOOST_AUTO_TEST_CASE(standard_errors_are_those_that_are_made) {
  for (const bool is_smooth : {false, true}) {
    Task task({5, 5, 41});
    task.centre = {2, 2, 0};
    task.directions = {0, 0, 1};
    task.radius = 1.1;
    task.step = 8;
    task.variance = is_smooth ? 1.0 / 3 : 1.0;
    if (is_smooth) {
      task.lags = {1, 1, 5};
      task.correlation = {1.0 / 3, 2.0 / 3, 1, 2.0 / 3, 1.0 / 3};
    }
    std::mt19937 random(1);
    std::normal_distribution<double> normal;
    double made = 0;
    double told = 0;
    for (int i = 0; i < 500; ++i) {
      double last = normal(random);
      double before = normal(random);
      for (double& value : task.values) {
        const double next = normal(random);
        value = is_smooth ? (before + last + next) / 3 : next;
        before = last;
        last = next;
      }
      const LineMeans found = task.run();
      for (std::size_t k = 0; k < 5; ++k) {
        made += at(found.mean, 0, k) * at(found.mean, 0, k);
        told += at(found.standard_error, 0, k) * at(found.standard_error, 0, k);
      }
    }
    // 2500 means know the ratio of the squares within 3 %; three of them.
    BOOST_TEST(made / told == 1.0, boost::test_tools::tolerance(0.09));
  }
}

BOOST_AUTO_TEST_CASE(many_voxels_are_worth_what_their_mean_correlation_says) {
  // 25 × 25 × 24 voxels in one sample: pairs are chosen, which does not matter where all are alike.
  Task task({25, 25, 24});
  task.directions = {1, 0, 0};
  task.centre = {0, 12, 11.5};
  task.radius = 30;
  task.step = 100;
  task.lags = {51, 51, 51};
  task.correlation.assign(51UL * 51 * 51, 0.25);
  std::fill(task.values.begin(), task.values.end(), 8345.1);
  const LineMeans found = task.run();
  const double n = 25.0 * 25 * 24;
  BOOST_REQUIRE_EQUAL(found.count[0], 15'000);
  BOOST_TEST(found.mean[0] == 8345.1);  // a constant stays itself, bit for bit
  const double effective = n / (1 + ((n - 1) * 0.25));
  BOOST_TEST(found.effective_count[0] == effective, boost::test_tools::tolerance(1e-12));
  // No scatter of its own: the field's variance counts like four values.
  BOOST_TEST(found.standard_error[0] == std::sqrt(4 / (3 + effective) / effective),
             boost::test_tools::tolerance(1e-12));

  std::ranges::fill(task.correlation, 1.0);
  BOOST_TEST(task.run().effective_count[0] == 1.0, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(task.run().standard_error[0] == 1.0, boost::test_tools::tolerance(1e-12));
  std::ranges::fill(task.correlation, -0.5);  // must not promise more than independent voxels
  BOOST_TEST(task.run().effective_count[0] == n, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(a_line_that_meets_nothing_leaves_the_others_alone) {
  Task task({9, 9, 9});
  for (std::size_t i = 0; i < task.values.size(); ++i) task.envelope[i] = i % 9 > 4;  // x > middle
  task.directions = {0, 0, -1, 0, 0, 2, 0, 5, 0};  // the last one along the face of it
  const LineMeans found = task.run();
  for (const std::size_t d : {0U, 2U}) {
    for (std::size_t i = 0; i < found.mean.shape[1]; ++i) {
      BOOST_TEST(std::isnan(at(found.mean, d, i)));
      BOOST_TEST(found.count[(d * found.mean.shape[1]) + i] == 0);
    }
    BOOST_TEST(std::isnan(at(found.surface_um, d, 2)));
  }
  BOOST_TEST(at(found.surface_um, 1, 2) == 8.5);

  std::fill_n(task.envelope.get(), task.values.size(), false);
  BOOST_TEST(task.run().mean.shape[1] == 0U);
}

BOOST_AUTO_TEST_CASE(threads_and_precision_change_nothing) {
  Task task = random_task(2);
  std::vector<float> narrow(task.values.begin(), task.values.end());
  task.values.assign(narrow.begin(), narrow.end());
  const LineMeans wanted = task.run();
  const LineMeans threads = task.run({.threads = 3, .poll = {}});
  const LineMeans single = task.run_on(narrow, serial);
  for (std::size_t i = 0; i < wanted.mean.size(); ++i) {
    for (const LineMeans* other : {&threads, &single}) {
      BOOST_TEST(other->count[i] == wanted.count[i]);
      if (wanted.count[i] > 0) BOOST_TEST(other->standard_error[i] == wanted.standard_error[i]);
    }
  }
}

BOOST_AUTO_TEST_CASE(arguments_that_make_no_sense_are_named) {
  const auto refused = [](const auto& spoil, const std::string& words) {
    Task task({4, 4, 4});
    task.directions = {1, 0, 0};
    spoil(task);
    BOOST_CHECK_EXCEPTION(static_cast<void>(task.run()), InvalidArgument,
                          [&](const InvalidArgument& error) {
                            return std::string(error.what()).find(words) != std::string::npos;
                          });
  };
  refused([](Task& t) { t.spacing[1] = 0; }, "voxel_size_um must be positive");
  refused([](Task& t) { t.centre.pop_back(); }, "centre_um must be three finite numbers");
  refused([](Task& t) { t.directions[0] = 0; }, "directions must not be (0, 0, 0)");
  refused([](Task& t) { t.directions[0] = nan_value; }, "directions must be finite");
  refused([](Task& t) { t.radius = 0; }, "radius_um must be positive");
  refused([](Task& t) { t.step = nan_value; }, "step_um must be positive");
  refused([](Task& t) { t.step = 1e-7; }, "step_um is too small for the size of the particle");
  refused([](Task& t) { t.lags[1] = 2; }, "correlation must have an odd number of lags");
}

BOOST_AUTO_TEST_SUITE_END()
