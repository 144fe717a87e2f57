#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "nmcx/geometry/distance_transform.hpp"
#include "nmcx/geometry/voxel_grid.hpp"

namespace {

using nmcx::ArrayView;

/// Every true voxel against every false one.
double brute_force(const nmcx::Array<bool, 3>& mask, const std::array<double, 3>& h, std::size_t i,
                   std::size_t j, std::size_t k) {
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t a = 0; a < mask.shape[0]; ++a) {
    for (std::size_t b = 0; b < mask.shape[1]; ++b) {
      for (std::size_t c = 0; c < mask.shape[2]; ++c) {
        if (mask.view()(a, b, c)) continue;
        const double z = h[0] * (static_cast<double>(a) - static_cast<double>(i));
        const double y = h[1] * (static_cast<double>(b) - static_cast<double>(j));
        const double x = h[2] * (static_cast<double>(c) - static_cast<double>(k));
        least = std::min(least, (z * z) + (y * y) + (x * x));
      }
    }
  }
  return std::sqrt(least);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(distance_transform)

BOOST_AUTO_TEST_CASE(distances_equal_those_of_all_pairs) {
  std::mt19937 random(1);
  for (const double fraction : {0.3, 0.9, 0.99}) {
    for (const std::array<double, 3>& h :
         {std::array<double, 3>{1, 1, 1}, {0.033, 0.05, 0.7}, {5, 1, 0.2}}) {
      nmcx::Array<bool, 3> mask({7, 9, 8});
      for (std::size_t i = 0; i < mask.size(); ++i) {
        mask[i] = std::generate_canonical<double, 32>(random) < fraction;
      }
      const auto distance =
          nmcx::distance_transform(mask.view(), {h.data(), {3}}, {.threads = 2, .poll = {}});
      for (std::size_t i = 0; i < 7; ++i) {
        for (std::size_t j = 0; j < 9; ++j) {
          for (std::size_t k = 0; k < 8; ++k) {
            const double expected = brute_force(mask, h, i, j, k);
            const double found = distance.view()(i, j, k);
            BOOST_TEST((found == expected || std::abs(found - expected) <= 1e-14 * expected));
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_empty_volume_and_a_wrong_spacing_are_told_apart) {
  const std::array<double, 3> h{1, 1, 1};
  const std::array<double, 3> wrong{1, 0, 1};
  const nmcx::Array<bool, 3> none({0, 3, 3});
  BOOST_TEST(nmcx::distance_transform(none.view(), {h.data(), {3}}, {}).size() == 0U);
  BOOST_CHECK_THROW(nmcx::distance_transform(none.view(), {wrong.data(), {3}}, {}),
                    nmcx::InvalidArgument);
  BOOST_CHECK_THROW(nmcx::distance_transform(none.view(), {h.data(), {2}}, {}),
                    nmcx::InvalidArgument);
}

BOOST_AUTO_TEST_SUITE_END()
