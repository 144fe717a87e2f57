#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/transport.hpp"
#include "two_grains.hpp"

namespace {

/// A drive of two cells on the mesh of two grains, at half content.
struct Drive {
  std::vector<double> concentration = std::vector<double>(5, 5.0);
  std::vector<double> mobility{0.0, 0.5, 1.0};
  std::vector<double> relief{0.0, 0.0};
  std::vector<double> pull{0, 0, 0, 0, 0, 0};

  [[nodiscard]] nmcx::StressDrive view() const {
    return {.concentration = ::view(concentration),
            .mobility = ::view(mobility),
            .relief = ::view(relief),
            .pull = {pull.data(), {2, 3}},
            .max_concentration = 10};
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(stress_drive)

BOOST_AUTO_TEST_CASE(without_relief_and_pull_nothing_changes_to_the_bit) {
  const TwoGrains grains;
  nmcx::Transport transport = grains.transport();
  BOOST_REQUIRE(transport.size() == 5U);
  const std::vector<double> c{1, 2, 4, 8, 16};
  const auto before = transport.outflow(view(c), grains.one_thread);
  const auto load = transport.drive_by_stress(Drive{}.view(), grains.one_thread);
  const auto after = transport.outflow(view(c), grains.one_thread);
  for (std::size_t i = 0; i < 5; ++i) {
    BOOST_TEST(before[i] == after[i]);
    BOOST_TEST(load[i] == 0.0);
  }
}

BOOST_AUTO_TEST_CASE(relief_is_a_faster_diffusion_and_does_not_add_up) {
  const TwoGrains grains;
  nmcx::Transport transport = grains.transport();
  const std::vector<double> c{1, 2, 4, 8, 16};
  const auto before = transport.outflow(view(c), grains.one_thread);
  Drive drive;
  drive.relief = {3.0, 3.0};
  drive.concentration = std::vector<double>(5, 2.5);  // m = 0.25 between the rows of the table
  for (int i = 0; i < 2; ++i) transport.drive_by_stress(drive.view(), grains.one_thread);
  const auto after = transport.outflow(view(c), grains.one_thread);
  for (std::size_t i = 0; i < 5; ++i) {
    BOOST_TEST(after[i] == 1.75 * before[i], boost::test_tools::tolerance(1e-13));
  }
}

BOOST_AUTO_TEST_CASE(a_pull_brings_what_a_concentration_of_that_slope_would_take) {
  const TwoGrains grains;
  nmcx::Transport transport = grains.transport();
  const std::vector<double> slope{2, -1, 0.5};
  const auto unknown = transport.unknown_of_node();
  std::vector<double> psi(5);
  for (std::size_t node = 0; node < 8; ++node) {
    double value = 0;
    for (std::size_t k = 0; k < 3; ++k) value += slope[k] * grains.points[(3 * node) + k];
    psi[static_cast<std::size_t>(unknown[node])] = value;
  }
  const auto outflow = transport.outflow(view(psi), grains.one_thread);
  Drive drive;
  drive.pull = {2, -1, 0.5, 2, -1, 0.5};
  const auto load = transport.drive_by_stress(drive.view(), grains.one_thread);
  double sum = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    BOOST_TEST(load[i] == 10 * 0.5 * outflow[i], boost::test_tools::tolerance(1e-13));
    sum += load[i];
  }
  BOOST_TEST(std::abs(sum) < 1e-13);
}

BOOST_AUTO_TEST_CASE(what_no_stress_can_be_is_named) {
  const TwoGrains grains;
  nmcx::Transport transport = grains.transport();
  const auto fails = [&](const Drive& drive, const char* word) {
    BOOST_CHECK_EXCEPTION(transport.drive_by_stress(drive.view(), grains.one_thread),
                          nmcx::InvalidArgument,
                          [&](const nmcx::InvalidArgument& error) { return names(error, word); });
  };
  Drive drive;
  drive.relief[1] = -1;
  fails(drive, "relief");
  drive = {};
  drive.pull[5] = std::numeric_limits<double>::quiet_NaN();
  fails(drive, "pull");
  drive = {};
  drive.mobility = {1.0};
  fails(drive, "two rows");
  drive = {};
  drive.mobility[0] = -0.1;
  fails(drive, "mobility");
  drive = {};
  drive.concentration.pop_back();
  fails(drive, "one concentration per unknown");
}

BOOST_AUTO_TEST_SUITE_END()
