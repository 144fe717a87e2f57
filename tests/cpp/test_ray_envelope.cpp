#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <random>

#include "nmcx/geometry/ray_envelope.hpp"

namespace {

/// How many of the 26 rays from a voxel meet solid, each followed step by step.
int rays_that_hit(const nmcx::VolumeView<bool>& solid, std::array<std::ptrdiff_t, 3> from) {
  int n_hit = 0;
  for (int direction = 0; direction < 27; ++direction) {
    if (direction == 13) continue;
    const std::array<std::ptrdiff_t, 3> step{(direction / 9) - 1, (direction / 3 % 3) - 1,
                                             (direction % 3) - 1};
    std::array<std::ptrdiff_t, 3> at = from;
    bool is_inside = true;
    while (is_inside) {
      for (std::size_t axis = 0; axis < 3; ++axis) {
        at[axis] += step[axis];
        is_inside =
            is_inside && at[axis] >= 0 && at[axis] < static_cast<std::ptrdiff_t>(solid.shape[axis]);
      }
      if (is_inside && solid(static_cast<std::size_t>(at[0]), static_cast<std::size_t>(at[1]),
                             static_cast<std::size_t>(at[2]))) {
        ++n_hit;
        break;
      }
    }
  }
  return n_hit;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ray_envelope)

BOOST_AUTO_TEST_CASE(sweeps_find_what_single_rays_find) {
  std::mt19937 random(1);
  for (const std::array<std::size_t, 3>& shape :
       {std::array<std::size_t, 3>{7, 9, 8}, {1, 6, 9}, {8, 1, 1}, {5, 12, 2}}) {
    nmcx::Array<bool, 3> solid(shape);
    for (std::size_t i = 0; i < solid.size(); ++i) {
      solid[i] = std::generate_canonical<double, 32>(random) < 0.08;
    }
    for (const int min_rays : {1, 3, 9, 18, 26}) {
      const auto envelope = nmcx::ray_envelope(solid.view(), min_rays, {.threads = 2, .poll = {}});
      std::size_t i = 0;
      for (std::size_t z = 0; z < shape[0]; ++z) {
        for (std::size_t y = 0; y < shape[1]; ++y) {
          for (std::size_t x = 0; x < shape[2]; ++x, ++i) {
            const int n_hit = rays_that_hit(
                solid.view(), {static_cast<std::ptrdiff_t>(z), static_cast<std::ptrdiff_t>(y),
                               static_cast<std::ptrdiff_t>(x)});
            BOOST_TEST(envelope.view()[i] == (solid[i] || n_hit >= min_rays));
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_empty_volume_has_an_empty_envelope_and_27_rays_are_too_many) {
  const nmcx::Array<bool, 3> none({0, 3, 3});
  BOOST_TEST(nmcx::ray_envelope(none.view(), 18, {}).size() == 0U);
  BOOST_CHECK_THROW(nmcx::ray_envelope(none.view(), 0, {}), nmcx::InvalidArgument);
  BOOST_CHECK_THROW(nmcx::ray_envelope(none.view(), 27, {}), nmcx::InvalidArgument);
}

BOOST_AUTO_TEST_SUITE_END()
