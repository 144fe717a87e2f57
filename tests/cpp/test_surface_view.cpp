#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/geometry/surface_view.hpp"
#include "nmcx/geometry/voxel_grid.hpp"

using namespace nmcx;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const Execution serial{.threads = 1, .poll = {}};

/// A body and a camera; the grid of rays is a square whose middle looks at the origin.
struct Scene {
  std::array<std::size_t, 3> shape{33, 33, 33};
  std::vector<double> spacing{0.25, 0.25, 0.25};
  std::vector<double> corner{-4, -4, -4};
  std::vector<float> distance;
  std::vector<double> view{1, 0, 0};
  std::vector<double> row{0, 0.5, 0};
  std::vector<double> column{0, 0, 0.5};
  std::vector<double> first{0, -3, -3};
  std::array<std::size_t, 2> rays{13, 13};
  double rim = 0.3;

  /// The volume that spans the cube from −4 to 4 µm with so many voxels along each axis.
  void span(const std::array<std::size_t, 3>& extents) {
    shape = extents;
    for (std::size_t a = 0; a < 3; ++a) spacing[a] = 8 / static_cast<double>(extents[a] - 1);
  }

  template <class Distance>
  void fill(const Distance& value) {
    distance.clear();
    for (std::size_t z = 0; z < shape[0]; ++z) {
      for (std::size_t y = 0; y < shape[1]; ++y) {
        for (std::size_t x = 0; x < shape[2]; ++x) {
          const Vector3 at{corner[0] + (static_cast<double>(z) * spacing[0]),
                           corner[1] + (static_cast<double>(y) * spacing[1]),
                           corner[2] + (static_cast<double>(x) * spacing[2])};
          distance.push_back(static_cast<float>(value(at)));
        }
      }
    }
  }

  /// Looks from `towards`, rows and columns across it; `turn` is the direction of the rows.
  void look_from(const Vector3& towards, const Vector3& turn) {
    const Vector3 k = normalised(towards, "view");
    const Vector3 u = normalised(turn - (dot(turn, k) * k), "row");
    const Vector3 v{(k[1] * u[2]) - (k[2] * u[1]), (k[2] * u[0]) - (k[0] * u[2]),
                    (k[0] * u[1]) - (k[1] * u[0])};
    for (std::size_t a = 0; a < 3; ++a) {
      view[a] = 2.5 * k[a];  // of any length
      row[a] = 0.3 * u[a];
      column[a] = 0.3 * v[a];
      first[a] = -6 * (row[a] + column[a]);
    }
  }

  [[nodiscard]] Vector3 origin(std::size_t i, std::size_t j) const {
    Vector3 at{};
    for (std::size_t a = 0; a < 3; ++a) {
      at[a] = first[a] + (static_cast<double>(i) * row[a]) + (static_cast<double>(j) * column[a]);
    }
    return at;
  }
  [[nodiscard]] Vector3 unit_view() const {
    return normalised({view[0], view[1], view[2]}, "view");
  }

  [[nodiscard]] SurfaceView run(const Execution& execution = serial) const {
    const auto vector = [](const std::vector<double>& v) {
      return ArrayView<double, 1>{v.data(), {v.size()}};
    };
    return surface_view({distance.data(), shape}, vector(spacing), vector(corner), vector(first),
                        vector(row), vector(column), vector(view), rays, rim, execution);
  }
};

/// Calls check(pixel, origin) for every ray.
template <class Check>
void for_rays(const Scene& scene, const Check& check) {
  for (std::size_t i = 0; i < scene.rays[0]; ++i) {
    for (std::size_t j = 0; j < scene.rays[1]; ++j) {
      check((i * scene.rays[1]) + j, scene.origin(i, j));
    }
  }
}

Vector3 random_vector(std::mt19937& random) {
  std::normal_distribution<double> normal;
  return {normal(random), normal(random), normal(random)};
}

double ball(const Vector3& at, double radius, const Vector3& middle = {}) {
  const Vector3 arm = at - middle;
  return std::sqrt(dot(arm, arm)) - radius;
}

void check_missed(const SurfaceView& seen, std::size_t pixel) {
  BOOST_TEST(seen.cosine[pixel] == 0.0F);
  BOOST_TEST(std::isnan(seen.height_um[pixel]));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(surface_view)

// The distance to a plane is linear, and so is what is interpolated: exact, but for single
// precision of distances of up to 7 µm.
BOOST_AUTO_TEST_CASE(a_plane_is_seen_where_it_is_whatever_its_tilt_the_view_and_the_voxels) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    Scene scene;
    scene.span({27, 33, 41});
    const Vector3 towards = random_vector(random);
    scene.look_from(towards, random_vector(random));
    // Up to 45° off the view.
    const Vector3 k = scene.unit_view();
    const Vector3 n = normalised(k + (0.7 * normalised(random_vector(random), "tilt")), "normal");
    scene.fill([&](const Vector3& at) { return dot(n, at) - 0.2; });
    const SurfaceView seen = scene.run();
    for_rays(scene, [&](std::size_t pixel, const Vector3& origin) {
      const double height = (0.2 - dot(n, origin)) / dot(n, k);
      const Vector3 hit = origin + (height * k);
      // The gradient is two voxels wide, and the depth of the rim must lie in the volume too.
      for (const double each : hit) {
        if (std::abs(each) > 3) return;
      }
      BOOST_TEST(std::abs(seen.height_um[pixel] - height) < 1e-5);
      BOOST_TEST(std::abs(seen.cosine[pixel] - dot(n, k)) < 1e-5);
      BOOST_TEST(seen.clearance_um[pixel] == -0.3F);
    });
    BOOST_TEST(std::abs(seen.height_um[(6 * 13) + 6] - (0.2 / dot(n, k))) < 1e-5);
  }
}

BOOST_AUTO_TEST_CASE(a_ball_has_the_heights_and_normals_of_a_ball_to_second_order) {
  std::vector<double> errors;
  for (const std::size_t n : {25U, 49U, 97U}) {
    Scene scene;
    scene.span({n, n, n});
    scene.look_from({1, 0.4, -0.7}, {0, 1, 0.2});
    scene.fill([](const Vector3& at) { return ball(at, 2.5); });
    const SurfaceView seen = scene.run();
    double largest = 0;
    for_rays(scene, [&](std::size_t pixel, const Vector3& origin) {
      const double off = std::sqrt(dot(origin, origin));
      const double height = std::sqrt(6.25 - (off * off));
      if (!(off < 2)) return;  // there a ray is steeper than 0.6
      largest = std::max(largest, std::abs(seen.height_um[pixel] - height));
      largest = std::max(largest, std::abs(seen.cosine[pixel] - (height / 2.5)));
    });
    errors.push_back(largest);
  }
  // Linear interpolation of the distance errs by h² / 8 of its curvature 1/R along two axes, a ray
  // at a cosine of 0.6 by more.
  BOOST_TEST(errors[2] < 8.0 / 96 * 8.0 / 96 / (2.5 * 0.6 * 2));
  for (const std::size_t i : {0U, 1U}) BOOST_TEST(errors[i] / errors[i + 1] > 3.2);
}

BOOST_AUTO_TEST_CASE(a_ray_that_passes_tells_how_far_and_one_that_enters_how_deep) {
  Scene scene;
  scene.span({65, 65, 65});
  scene.rim = 1.5;
  scene.fill([](const Vector3& at) { return ball(at, 2); });
  const SurfaceView seen = scene.run();
  for_rays(scene, [&](std::size_t pixel, const Vector3& origin) {
    const double least = std::sqrt(dot(origin, origin)) - 2;
    // Steps are 0.9 |d|, so the nearest point is missed by half of that at most; besides h² / 4R.
    const double missed = std::hypot(least + 2, 0.45 * std::abs(least)) - (least + 2);
    const double deepest = std::max(least, -1.5);
    BOOST_TEST(seen.clearance_um[pixel] > deepest - 1e-5);
    BOOST_TEST(seen.clearance_um[pixel] < deepest + missed + 0.005);
    if (least > 0.01) check_missed(seen, pixel);
    if (least < -0.01) BOOST_TEST(seen.cosine[pixel] > 0.0F);
  });
}

BOOST_AUTO_TEST_CASE(the_nearer_of_two_bodies_is_seen) {
  Scene scene;
  scene.span({65, 65, 65});
  const auto both = [](const Vector3& at) {
    return std::min(ball(at, 1, {2, 0, 0}), ball(at, 1.5, {-1.5, 0, 0}));
  };
  scene.fill(both);
  for (const double side : {1.0, -1.0}) {
    scene.view = {side, 0, 0};
    scene.column = {0, 0, 0.5};
    scene.first = {0, -3, -3};
    const SurfaceView seen = scene.run();
    const std::size_t middle = (6 * 13) + 6;
    BOOST_TEST(std::abs(seen.height_um[middle] - 3) < 0.005);  // h² / 4R and to spare
    BOOST_TEST(std::abs(seen.cosine[middle] - 1) < 0.001);
    // 1.25 µm off the axis only the larger one is met, from either side.
    scene.column = {0, 0, 1.25 / 2};
    scene.first = {0, -3, -3.75};
    const SurfaceView beside = scene.run();
    const double height = (-1.5 * side) + std::sqrt((1.5 * 1.5) - (1.25 * 1.25));
    BOOST_TEST(std::abs(beside.height_um[(6 * 13) + 8] - height) < 0.01);
  }
}

BOOST_AUTO_TEST_CASE(a_ray_that_has_left_a_body_asks_no_other_how_deep_it_is) {
  Scene scene;
  scene.rim = 1;
  scene.span({65, 65, 65});
  scene.fill([](const Vector3& at) {
    return std::min(ball(at, 0.5, {3, 0, 0}), ball(at, 1.5, {-1.5, 0, 0}));
  });
  const std::size_t middle = (6 * 13) + 6;
  BOOST_TEST(scene.run().clearance_um[middle] > -0.501F);
  scene.view = {-1, 0, 0};
  BOOST_TEST(scene.run().clearance_um[middle] == -1.0F);
}

// Half a ball on each face of the volume, seen from the side by rays between the last two centres.
BOOST_AUTO_TEST_CASE(the_outermost_voxels_count_like_the_others) {
  for (std::size_t a = 0; a < 3; ++a) {
    for (const double face : {-4.0, 4.0}) {
      Scene scene;
      scene.span({65, 65, 65});
      Vector3 middle{};
      middle[a] = face;
      scene.fill([&](const Vector3& at) { return ball(at, 1, middle); });
      scene.view = scene.first = scene.row = scene.column = {0, 0, 0};
      scene.rays = {1, 1};
      scene.view[(a + 1) % 3] = 1;
      scene.first[a] = 0.99 * face;
      const SurfaceView seen = scene.run();
      // Interpolation errs by h² / 8R along two axes.
      BOOST_TEST(std::abs(seen.height_um[0] - std::sqrt(1 - (0.04 * 0.04))) < 0.004);
    }
  }
}

BOOST_AUTO_TEST_CASE(heights_are_counted_from_the_grid_of_rays) {
  Scene scene;
  scene.fill([](const Vector3& at) { return ball(at, 2.5); });
  const SurfaceView wanted = scene.run();
  // The grid is put 1.5 µm nearer to the viewer, and a little off the volume's own origin.
  scene.first[0] += 1.5;
  for (std::size_t a = 0; a < 3; ++a) {
    scene.first[a] += 10 + static_cast<double>(a);
    scene.corner[a] += 10 + static_cast<double>(a);
  }
  const SurfaceView found = scene.run();
  for (std::size_t pixel = 0; pixel < wanted.cosine.size(); ++pixel) {
    // Rays enter at the same points, to rounding.
    BOOST_TEST(std::abs(found.cosine[pixel] - wanted.cosine[pixel]) < 1e-5);
    BOOST_TEST(std::abs(found.clearance_um[pixel] - wanted.clearance_um[pixel]) < 1e-5);
    if (std::isnan(wanted.height_um[pixel])) continue;
    BOOST_TEST(std::abs(found.height_um[pixel] - (wanted.height_um[pixel] - 1.5)) < 1e-5);
  }
}

BOOST_AUTO_TEST_CASE(exchanged_axes_give_the_same_picture) {
  Scene scene;
  scene.span({27, 33, 41});
  scene.look_from({1, 0.4, -0.7}, {0, 1, 0.2});
  // A body without symmetry.
  const auto body = [](const Vector3& at) {
    return std::min(ball(at, 1.5, {0.3, -0.5, 0.8}), ball(at, 0.9, {-0.5, 1.2, -1}));
  };
  scene.fill(body);
  const SurfaceView wanted = scene.run();
  Scene turned = scene;  // (x, z, y)
  const auto turn = [](auto& v) { v = {v[2], v[0], v[1]}; };
  turn(turned.shape);
  for (auto* each : {&turned.spacing, &turned.view, &turned.row, &turned.column, &turned.first}) {
    turn(*each);
  }
  turned.fill([&](const Vector3& at) { return body({at[1], at[2], at[0]}); });
  const SurfaceView found = turned.run();
  int n_hit = 0;
  for (std::size_t pixel = 0; pixel < wanted.cosine.size(); ++pixel) {
    // Single precision in another order of the axes.
    BOOST_TEST(std::abs(found.cosine[pixel] - wanted.cosine[pixel]) < 1e-4);
    BOOST_TEST(std::abs(found.clearance_um[pixel] - wanted.clearance_um[pixel]) < 1e-4);
    BOOST_TEST(std::isnan(found.height_um[pixel]) == std::isnan(wanted.height_um[pixel]));
    if (std::isnan(wanted.height_um[pixel])) continue;
    ++n_hit;
    BOOST_TEST(std::abs(found.height_um[pixel] - wanted.height_um[pixel]) < 1e-4);
  }
  BOOST_TEST(n_hit > 40);
}

BOOST_AUTO_TEST_CASE(rays_beside_the_volume_meet_nothing) {
  Scene scene;
  scene.fill([](const Vector3&) { return -1.0; });
  scene.first = {0, -6, -3};  // rows up to −4.5 and from 4.5 on pass it
  scene.row = {0, 1, 0};
  for (const double off : {0.0, 0.1}) {  // along an axis, and inclined by a little
    scene.view = {1, off, off};
    const SurfaceView seen = scene.run();
    for (const std::size_t i : {0U, 1U, 11U, 12U}) {
      if (off > 0 && (i == 1U || i == 11U)) continue;  // at this incline they graze it
      for (std::size_t j = 0; j < 13; ++j) {
        check_missed(seen, (i * 13) + j);
        BOOST_TEST(seen.clearance_um[(i * 13) + j] == infinity);
      }
    }
    BOOST_TEST(!std::isnan(seen.height_um[(6 * 13) + 6]));
  }
}

BOOST_AUTO_TEST_CASE(a_body_cut_by_the_border_is_seen_at_the_cut_and_never_from_behind) {
  Scene scene;
  scene.fill([](const Vector3&) { return -1.0; });
  SurfaceView seen = scene.run();
  for_rays(scene, [&](std::size_t pixel, const Vector3&) {
    BOOST_TEST(seen.height_um[pixel] == 4.0F);
    BOOST_TEST(seen.cosine[pixel] == 0.0F);  // no gradient, no normal
    BOOST_TEST(seen.clearance_um[pixel] == -0.3F);
  });
  // All of it from 3 µm up: at the cut its surface faces away from the viewer.
  scene.rim = 100;
  scene.fill([](const Vector3& at) { return 3 - at[0]; });
  seen = scene.run();
  for_rays(scene, [&](std::size_t pixel, const Vector3&) {
    BOOST_TEST(seen.height_um[pixel] == 4.0F);
    BOOST_TEST(seen.cosine[pixel] == 0.0F);
    BOOST_TEST(seen.clearance_um[pixel] == -1.0F);
  });
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_picture) {
  Scene scene;
  scene.fill([](const Vector3& at) { return ball(at, 2.2, {0.1, 0.2, 0.3}); });
  scene.rays = {61, 61};  // several chunks
  for (double& each : scene.row) each /= 5;
  for (double& each : scene.column) each /= 5;
  const SurfaceView one = scene.run();
  const SurfaceView three = scene.run({.threads = 3, .poll = {}});
  for (std::size_t pixel = 0; pixel < one.cosine.size(); ++pixel) {
    BOOST_TEST(three.cosine[pixel] == one.cosine[pixel]);
    BOOST_TEST(three.clearance_um[pixel] == one.clearance_um[pixel]);
  }
}

BOOST_AUTO_TEST_CASE(arguments_that_make_no_sense_are_named) {
  Scene good;
  good.fill([](const Vector3& at) { return ball(at, 2); });
  const auto refused = [&](const auto& spoil, const std::string& words) {
    Scene scene = good;
    spoil(scene);
    BOOST_CHECK_EXCEPTION(static_cast<void>(scene.run()), InvalidArgument,
                          [&](const InvalidArgument& error) {
                            return std::string(error.what()).find(words) != std::string::npos;
                          });
  };
  for (std::size_t a = 0; a < 3; ++a) {
    refused([a](Scene& s) { s.shape[a] = 1; }, "distance must have two voxels or more");
    refused([a](Scene& s) { s.spacing[a] = -1; }, "voxel_size_um must be positive");
  }
  refused([](Scene& s) { s.rim = 0; }, "rim_um must be positive and finite");
  refused([](Scene& s) { s.rim = infinity; }, "rim_um must be positive and finite");
  refused([](Scene& s) { s.view = {0, 0, 0}; }, "view must not be (0, 0, 0)");
  refused([](Scene& s) { s.first.pop_back(); }, "first must be three finite numbers");
  refused([](Scene& s) { s.corner[0] = infinity; }, "corner must be three finite numbers");
  refused([](Scene& s) { s.row[0] = infinity; }, "row must be three finite numbers");
  refused([](Scene& s) { s.column[0] = infinity; }, "column must be three finite numbers");
}

BOOST_AUTO_TEST_SUITE_END()
