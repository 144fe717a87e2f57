#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>
#include <vector>

#include "nmcx/geometry/voxel_traversal.hpp"

namespace {

using nmcx::Vector3;
using nmcx::operator+;
using nmcx::operator-;
using nmcx::operator*;

constexpr std::array<std::size_t, 3> kShape{6, 8, 7};
const Vector3 kSpacing{0.7, 0.4, 1.1};

/// Flat index of the voxel a point lies in, −1 outside.
std::ptrdiff_t voxel_at(const Vector3& point) {
  std::ptrdiff_t flat = 0;
  for (std::size_t a = 0; a < 3; ++a) {
    const double index = std::floor((point[a] / kSpacing[a]) + 0.5);
    if (index < 0 || index >= static_cast<double>(kShape[a])) return -1;
    flat = (flat * static_cast<std::ptrdiff_t>(kShape[a])) + static_cast<std::ptrdiff_t>(index);
  }
  return flat;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(voxel_traversal)

BOOST_AUTO_TEST_CASE(a_ray_visits_the_voxels_that_points_along_it_lie_in) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  for (int ray = 0; ray < 300; ++ray) {
    const Vector3 way =
        nmcx::normalised({normal(random), normal(random), normal(random)}, "direction");
    const Vector3 target{1.8 + normal(random), 1.4 + normal(random), 3.3 + normal(random)};
    const Vector3 origin = target - ((ray % 2 == 0 ? 12.0 : 0.0) * way);
    std::vector<std::ptrdiff_t> visited;
    std::vector<double> entered;
    nmcx::traverse_voxels(kShape, kSpacing, origin, way, [&](std::size_t voxel, double t) {
      visited.push_back(static_cast<std::ptrdiff_t>(voxel));
      entered.push_back(t);
      return false;
    });
    // The middle of each stretch lies in its voxel, and fine steps meet no voxel besides.
    for (std::size_t i = 0; i + 1 < visited.size(); ++i) {
      BOOST_TEST(entered[i] <= entered[i + 1]);
      if (entered[i + 1] - entered[i] < 1e-9) continue;
      const Vector3 middle = origin + (0.5 * (entered[i] + entered[i + 1]) * way);
      BOOST_TEST(voxel_at(middle) == visited[i]);
    }
    std::ptrdiff_t last = -1;
    std::size_t n_seen = 0;
    for (int step = 0; step < 30000; ++step) {
      const std::ptrdiff_t voxel = voxel_at(origin + (0.001 * step * way));
      if (voxel < 0 || voxel == last) continue;
      last = voxel;
      while (n_seen < visited.size() && visited[n_seen] != voxel) ++n_seen;
      BOOST_TEST(n_seen < visited.size());
    }
  }
}

BOOST_AUTO_TEST_CASE(rays_along_an_axis_enter_at_the_face_of_the_first_true_voxel) {
  nmcx::Array<bool, 3> mask(kShape, false);
  mask[(((3 * kShape[1]) + 2) * kShape[2]) + 5] = true;
  const std::vector<double> origins{3 * 0.7, 2 * 0.4, -9,      3 * 0.7, 2 * 0.4,
                                    5 * 1.1, 3 * 0.7, 3 * 0.4, -9,      3 * 0.7,
                                    2 * 0.4, 20,      3 * 0.7, 2 * 0.4, std::nan("")};
  const std::vector<double> direction{0, 0, 4};
  for (const unsigned threads : {1U, 3U}) {
    const auto hits =
        nmcx::first_hits(mask.view(), {kSpacing.data(), {3}}, {origins.data(), {5, 3}},
                         {direction.data(), {3}}, {.threads = threads, .poll = {}});
    const std::int64_t flat = (((3 * 8) + 2) * 7) + 5;
    BOOST_TEST(hits.voxel[0] == flat);
    BOOST_TEST(hits.point_um[2] == 4.5 * 1.1, boost::test_tools::tolerance(1e-14));
    BOOST_TEST(hits.voxel[1] == flat);  // within the voxel: the origin itself
    BOOST_TEST(hits.point_um[5] == 5 * 1.1);
    for (const std::size_t ray : {2U, 3U, 4U}) {
      BOOST_TEST(hits.voxel[ray] == -1);
      BOOST_TEST(std::isnan(hits.point_um[3 * ray]));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_direction_without_length_is_refused) {
  const nmcx::Array<bool, 3> mask(kShape, true);
  const std::vector<double> zero(3, 0.0);
  BOOST_CHECK_THROW(nmcx::first_hits(mask.view(), {kSpacing.data(), {3}}, {zero.data(), {1, 3}},
                                     {zero.data(), {3}}, {}),
                    nmcx::InvalidArgument);
}

BOOST_AUTO_TEST_CASE(a_chord_is_as_long_as_the_points_of_a_fine_walk_within_the_mask) {
  std::mt19937 random(4);
  std::normal_distribution<double> normal;
  nmcx::Array<bool, 3> mask(kShape);
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = random() % 3 != 0;
  constexpr std::size_t n_ray = 100;
  nmcx::Array<double, 2> origins({n_ray, 3});
  const Vector3 way = nmcx::normalised({0.3, -0.8, 0.5}, "direction");
  std::vector<double> walked(n_ray, 0);
  constexpr double step = 1e-3;
  for (std::size_t ray = 0; ray < n_ray; ++ray) {
    const Vector3 target{1.8 + normal(random), 1.4 + normal(random), 3.3 + normal(random)};
    const Vector3 origin = target - (12.0 * way);
    for (std::size_t a = 0; a < 3; ++a) origins[(3 * ray) + a] = origin[a];
    for (int i = 0; i < 24000; ++i) {
      const std::ptrdiff_t voxel = voxel_at(origin + ((i + 0.5) * step * way));
      if (voxel >= 0 && mask[static_cast<std::size_t>(voxel)]) walked[ray] += step;
    }
  }
  const auto found = nmcx::chord_lengths(mask.view(), {kSpacing.data(), {3}}, origins.view(),
                                         {way.data(), {3}}, {.threads = 2, .poll = {}});
  // A walk errs by a step at each of some twenty borders.
  for (std::size_t ray = 0; ray < n_ray; ++ray) {
    BOOST_TEST(std::abs(found[ray] - walked[ray]) < 0.03);
  }
}

BOOST_AUTO_TEST_SUITE_END()
