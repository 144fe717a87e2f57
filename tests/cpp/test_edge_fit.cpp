#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/core/instruction_set.hpp"
#include "nmcx/xanes/edge_fit.hpp"

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

/// Energy-major spectra on a sloping background, with a little deterministic ripple.
template <class T>
struct Task {
  explicit Task(std::size_t n) : n_voxel(n), energy(grid()), mu(energy.size() * n) {
    for (std::size_t v = 0; v < n; ++v) {
      const double edge = 8344.0 + 3.0 * static_cast<double>(v % 97) / 97.0;
      for (std::size_t k = 0; k < energy.size(); ++k) {
        const double x = energy[k] - edge;
        const double y = (x - 6.5) / 3.0;
        const double curve = 0.5 + 0.5 * std::tanh(x / 1.8) + 0.6 * std::exp(-0.5 * y * y);
        const double ripple = 0.004 * std::sin(static_cast<double>((k + 3) * (v + 5) * 7));
        mu[(k * n) + v] = static_cast<T>(0.3 - 4e-4 * x + 0.8 * curve + ripple);
      }
    }
  }

  [[nodiscard]] EdgeMap fit(const Execution& execution = serial) const {
    return fit_edges(energy_view(), ArrayView<T, 2>{mu.data(), {energy.size(), n_voxel}},
                     ArrayView<T, 2>{}, false, {}, model, {}, execution);
  }
  [[nodiscard]] EdgeMap fit_transposed() const {
    std::vector<T> turned(mu.size());
    for (std::size_t k = 0; k < energy.size(); ++k) {
      for (std::size_t v = 0; v < n_voxel; ++v) {
        turned[(v * energy.size()) + k] = mu[(k * n_voxel) + v];
      }
    }
    return fit_edges(energy_view(), ArrayView<T, 2>{turned.data(), {n_voxel, energy.size()}},
                     ArrayView<T, 2>{}, true, {}, model, {}, serial);
  }
  [[nodiscard]] ArrayView<double, 1> energy_view() const {
    return {energy.data(), {energy.size()}};
  }

  std::size_t n_voxel;
  std::vector<double> energy;
  std::vector<T> mu;
};

void check_close(const EdgeMap& a, const EdgeMap& b, double tolerance_ev) {
  BOOST_REQUIRE(a.status.size() == b.status.size());
  for (std::size_t v = 0; v < a.status.size(); ++v) {
    BOOST_REQUIRE_EQUAL(a.status[v] & not_ok, b.status[v] & not_ok);
    if ((a.status[v] & not_ok) != 0) continue;
    BOOST_REQUIRE_SMALL(a.edge_energy_ev[v] - b.edge_energy_ev[v], tolerance_ev);
    BOOST_REQUIRE_SMALL(a.white_line_ev[v] - b.white_line_ev[v], tolerance_ev);
  }
}

void check_same_bits(const EdgeMap& a, const EdgeMap& b) {
  BOOST_TEST(std::equal(a.edge_energy_ev.view().begin(), a.edge_energy_ev.view().end(),
                        b.edge_energy_ev.view().begin()));
  BOOST_TEST(std::equal(a.white_line_std_ev.view().begin(), a.white_line_std_ev.view().end(),
                        b.white_line_std_ev.view().begin()));
  BOOST_TEST(std::equal(a.status.view().begin(), a.status.view().end(), b.status.view().begin()));
}

std::vector<std::string> supported_levels() {
  std::vector<std::string> names;
  for (const InstructionSet level :
       {InstructionSet::generic, InstructionSet::v2, InstructionSet::v3, InstructionSet::v4}) {
    if (level <= supported_instruction_set()) names.push_back(instruction_set_name(level));
  }
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(edge_fit)

BOOST_AUTO_TEST_CASE(a_straight_rise_is_crossed_exactly_and_a_parabola_has_its_vertex) {
  // A ramp of 10 eV from 0 to its top, then a parabola: cubic and parabola are exact on both.
  const std::vector<double> energy = grid();
  std::vector<float> mu;
  const double start = 8338.3;
  const double vertex = 8352.4;
  for (const double e : energy) {
    const double ramp = std::clamp(0.1 * (e - start), 0.0, 1.0);
    const double bump = 0.4 - 0.02 * (e - vertex) * (e - vertex);
    mu.push_back(static_cast<float>(0.2 - 1e-3 * (e - 8340) + ramp + std::max(0.0, bump)));
  }
  const EdgeMap map =
      fit_edges({energy.data(), {energy.size()}}, ArrayView<float, 2>{mu.data(), {mu.size(), 1}},
                ArrayView<float, 2>{}, false, {}, model, {}, serial);
  BOOST_TEST(map.status[0] == 0);
  BOOST_TEST(std::abs(map.edge_energy_ev[0] - (start + 5.0)) < 1e-4);
  BOOST_TEST(std::abs(map.white_line_ev[0] - vertex) < 1e-3);
  BOOST_TEST(std::abs(map.white_line_height[0] - 1.4F) < 1e-4F);
  BOOST_TEST(std::abs(map.edge_jump[0] - 1.0F) < 1e-4F);
}

BOOST_AUTO_TEST_CASE(all_paths_agree_on_any_number_of_voxels) {
  for (const std::size_t n : {1, 3, 15, 16, 17, 511, 513, 1031}) {
    unsetenv("NMCX_INSTRUCTION_SET");
    const EdgeMap reference = Task<double>(n).fit();
    for (const std::string& level : supported_levels()) {
      setenv("NMCX_INSTRUCTION_SET", level.c_str(), 1);
      check_close(Task<float>(n).fit(), reference, 1e-4);
      check_close(Task<float>(n).fit_transposed(), reference, 1e-4);
      check_close(Task<double>(n).fit_transposed(), reference, 1e-4);
    }
  }
  unsetenv("NMCX_INSTRUCTION_SET");
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_bits) {
  const Task<float> task(40'000);
  const EdgeMap one = task.fit();
  for (const unsigned threads : {2U, 3U, 7U}) {
    check_same_bits(one, task.fit({.threads = threads, .poll = {}}));
  }
}

BOOST_AUTO_TEST_CASE(a_voxel_without_number_leaves_the_others_alone) {
  Task<float> task(100);
  const EdgeMap clean = task.fit();
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const std::size_t row : {std::size_t{0}, std::size_t{40}, task.energy.size() - 1}) {
      Task<float> spoilt = task;
      spoilt.mu[(row * 100) + 37] = bad;
      const EdgeMap map = spoilt.fit();
      BOOST_TEST(map.status[37] == low_transmission);
      BOOST_TEST(std::isnan(map.edge_energy_ev[37]));
      BOOST_TEST(std::isnan(map.edge_jump[37]));
      for (std::size_t v = 0; v < 100; ++v) {
        if (v != 37) BOOST_TEST(map.edge_energy_ev[v] == clean.edge_energy_ev[v]);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(all_bad_all_zero_and_empty_stacks_give_a_status) {
  for (const float fill : {0.0F, 1.0F, std::numeric_limits<float>::quiet_NaN()}) {
    Task<float> task(50);
    std::fill(task.mu.begin(), task.mu.end(), fill);
    const EdgeMap map = task.fit();
    for (std::size_t v = 0; v < 50; ++v) BOOST_TEST((map.status[v] & not_ok) != 0);
  }
  BOOST_TEST(Task<float>(0).fit().status.size() == 0U);
}

BOOST_AUTO_TEST_CASE(the_last_crossing_before_the_white_line_counts) {
  Task<float> task(1);
  const auto at = static_cast<std::size_t>(
      std::find(task.energy.begin(), task.energy.end(), 8330.0) - task.energy.begin());
  const double clean = task.fit().edge_energy_ev[0];
  task.mu[at] += 0.7F;
  const EdgeMap map = task.fit();
  BOOST_TEST(std::abs(map.edge_energy_ev[0] - clean) < 1e-6);
  BOOST_TEST((map.status[0] & several_crossings) != 0);
}

BOOST_AUTO_TEST_CASE(shapes_that_disagree_are_refused) {
  const Task<float> task(12);
  const ArrayView<float, 2> mu{task.mu.data(), {task.energy.size(), 12}};
  BOOST_CHECK_THROW(
      fit_edges(task.energy_view(), mu, ArrayView<float, 2>{}, true, {}, model, {}, serial),
      InvalidArgument);
  BOOST_CHECK_THROW(
      fit_edges(task.energy_view(), mu, ArrayView<float, 2>{}, false, {5, 2}, model, {}, serial),
      InvalidArgument);
  BOOST_CHECK_THROW(fit_edges(task.energy_view(), mu, ArrayView<float, 2>{task.mu.data(), {3, 1}},
                              false, {}, model, {}, serial),
                    InvalidArgument);
}

// Few fine steps and many coarse ones: the longest run of equal white-line windows is the coarse
// one, shorter than the longest window, and ends with the scan range; after it comes one energy.
BOOST_AUTO_TEST_CASE(windows_of_a_grid_with_coarse_end_stay_inside_the_tile) {
  std::vector<double> grid{8300.0, 8310.0};
  for (int i = 0; i < 9; ++i) grid.push_back(8330.0 + 0.5 * i);
  for (int i = 1; i <= 24; ++i) grid.push_back(8334.0 + 3.0 * i);
  grid.push_back(8420.0);
  const EdgeModel coarse{
      .pre_edge = {8299, 8311}, .post_edge = {8419, 8421}, .pre_degree = 0, .post_degree = 0};
  const auto shape = [](double x) {
    return 0.5 + (std::atan(x / 4.0) / std::numbers::pi) + (0.8 * std::exp(-x * x / 50.0));
  };
  constexpr std::size_t n = 32;
  std::vector<float> mu(grid.size() * n);
  for (std::size_t k = 0; k < grid.size(); ++k) {
    for (std::size_t v = 0; v < n; ++v) {
      // The white line walks up to the last energies of the scan range.
      const double middle = 8350.0 + (1.6 * static_cast<double>(v));
      mu[(k * n) + v] = static_cast<float>(shape(grid[k] - middle));
    }
  }
  const std::vector<float> variance(grid.size(), 1e-6F);
  const EdgeMap map = fit_edges(
      {grid.data(), {grid.size()}}, ArrayView<float, 2>{mu.data(), {grid.size(), n}},
      ArrayView<float, 2>{variance.data(), {grid.size(), 1}}, false, {}, coarse, {}, serial);
  for (std::size_t v = 0; v < 30; ++v) {
    // At 3 eV a step the window holds three points: the vertex of the parabola through them.
    const double middle = 8350.0 + (1.6 * static_cast<double>(v));
    std::size_t top = 11;
    for (std::size_t k = 11; k < 34; ++k) top = mu[(k * n) + v] > mu[(top * n) + v] ? k : top;
    const double before = shape(grid[top - 1] - middle);
    const double at = shape(grid[top] - middle);
    const double after = shape(grid[top + 1] - middle);
    const double vertex = grid[top] + (1.5 * (before - after) / (before - (2.0 * at) + after));
    BOOST_TEST(std::abs(map.white_line_ev[v] - vertex) < 2e-3);
  }
}

BOOST_AUTO_TEST_SUITE_END()
