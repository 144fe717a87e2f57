#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>
#include <vector>

#include "nmcx/geometry/cone_porosity.hpp"
#include "nmcx/geometry/cone_shells.hpp"
#include "nmcx/geometry/cone_tree_kernel.hpp"
#include "nmcx/geometry/cubed_sphere.hpp"

namespace {

using nmcx::Vector3;

Vector3 random_direction(std::mt19937& random) {
  std::normal_distribution<double> normal;
  return nmcx::normalised({normal(random), normal(random), normal(random)}, "direction");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cone_porosity)

BOOST_AUTO_TEST_CASE(each_direction_lies_within_the_radius_of_its_cell) {
  std::mt19937 random(1);
  for (const unsigned level : {0U, 1U, 3U, 6U, 9U}) {
    const double radius = nmcx::cubed_sphere::cell_radius(level);
    for (int i = 0; i < 5000; ++i) {
      const Vector3 direction = random_direction(random);
      const std::size_t cell = nmcx::cubed_sphere::cell_of(nmcx::rounded(direction), level);
      BOOST_REQUIRE(cell < nmcx::cubed_sphere::n_cell(level));
      const Vector3 centre = nmcx::cubed_sphere::cell_centre(cell, level);
      BOOST_REQUIRE(std::acos(std::min(1.0, nmcx::dot(direction, centre))) < radius + 1e-6);
      BOOST_REQUIRE(nmcx::cubed_sphere::cell_of(nmcx::rounded(centre), level) == cell);
      const std::size_t child = nmcx::cubed_sphere::cell_of(nmcx::rounded(direction), level + 1);
      BOOST_REQUIRE(child / 4 == cell);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_kernel_finds_the_same_cells_bit_for_bit) {
  // A voxel whose leaf were not below its block would be written beyond the tree.
  std::mt19937 random(5);
  constexpr std::size_t n = 10007;
  std::array<std::vector<float>, 3> some;
  for (std::vector<float>& component : some) component.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const Vector3 direction = random_direction(random);
    // Small whole numbers lie on edges, corners and borders.
    for (std::size_t a = 0; a < 3; ++a) {
      some[a][i] = static_cast<float>(i % 2 == 0 ? direction[a] : std::round(3 * direction[a]));
    }
    if (some[0][i] == 0 && some[1][i] == 0 && some[2][i] == 0) some[2][i] = -1;
  }
  std::vector<std::uint32_t> cells(n);
  for (const auto* kernel : {&nmcx::cone_tree_generic, &nmcx::active_cone_tree_kernel()}) {
    for (const unsigned level : {0U, 3U, 8U, 11U}) {
      kernel->cells(some[0].data(), some[1].data(), some[2].data(), n, level, cells.data());
      for (std::size_t i = 0; i < n; ++i) {
        BOOST_REQUIRE(cells[i] ==
                      nmcx::cubed_sphere::cell_of({some[0][i], some[1][i], some[2][i]}, level));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_shell_is_named_only_where_no_cone_can_cut_the_cell) {
  std::mt19937 random(2);
  const std::vector<double> cosines{std::cos(0.001), std::cos(0.3), std::cos(0.31), 0.0,
                                    std::cos(3.1),   -1.0};
  for (const double radius : {0.0, 0.002, 0.1, 1.0}) {
    const nmcx::ShellTable table(cosines, radius);
    for (int i = 0; i < 20000; ++i) {
      const double angle = std::generate_canonical<double, 53>(random) * 3.14159265358979;
      const nmcx::CutRange cut = table[static_cast<float>(std::cos(angle))];
      for (std::int16_t k = 0; k + 1 < static_cast<std::int16_t>(cosines.size()); ++k) {
        if (k >= cut.first && k < cut.last) continue;
        const double cone = std::acos(cosines[static_cast<std::size_t>(k)]);
        BOOST_REQUIRE(std::abs(angle - cone) > radius);
        BOOST_REQUIRE((angle < cone) == (k >= cut.last));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(counts_equal_those_of_the_definition_voxel_by_voxel) {
  std::mt19937 random(3);
  const std::array<std::size_t, 3> shape{31, 40, 27};
  const std::array<double, 3> h{0.05, 0.033, 0.07};
  const std::array<double, 3> apex{0.71, 0.66, 0.9};
  nmcx::Array<bool, 3> envelope(shape);
  nmcx::Array<bool, 3> solid(shape);
  for (std::size_t i = 0; i < envelope.size(); ++i) {
    envelope[i] = random() % 8 != 0;
    solid[i] = random() % 4 != 0;
  }
  std::vector<double> directions{0, 1, 0, 1, 0, 1};
  for (int i = 0; i < 10; ++i) {
    for (const double component : random_direction(random)) directions.push_back(component);
  }
  const std::size_t n_direction = directions.size() / 3;
  const std::vector<double> cosines{std::cos(1.2), std::cos(0.05), 0.0, -1.0, std::cos(0.7)};
  const auto found =
      nmcx::cone_porosity(envelope.view(), solid.view(), {h.data(), {3}}, {apex.data(), {3}},
                          {directions.data(), {n_direction, 3}}, {cosines.data(), {cosines.size()}},
                          {}, {.threads = 2, .poll = {}});
  for (std::size_t d = 0; d < n_direction; ++d) {
    const Vector3 axis{found.directions[3 * d], found.directions[(3 * d) + 1],
                       found.directions[(3 * d) + 2]};
    for (std::size_t k = 0; k < cosines.size(); ++k) {
      std::int64_t voids = 0;
      std::int64_t all = 0;
      std::size_t flat = 0;
      for (std::size_t z = 0; z < shape[0]; ++z) {
        for (std::size_t y = 0; y < shape[1]; ++y) {
          for (std::size_t x = 0; x < shape[2]; ++x, ++flat) {
            const Vector3 arm{(static_cast<double>(z) * h[0]) - apex[0],
                              (static_cast<double>(y) * h[1]) - apex[1],
                              (static_cast<double>(x) * h[2]) - apex[2]};
            if (!envelope[flat] || !nmcx::in_cone(arm, axis, cosines[k])) continue;
            ++all;
            voids += solid[flat] ? 0 : 1;
          }
        }
      }
      BOOST_TEST(found.envelopes[(d * cosines.size()) + k] == all);
      BOOST_TEST(found.voids[(d * cosines.size()) + k] == voids);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
