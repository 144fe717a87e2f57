#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "label_images.hpp"
#include "nmcx/fem/label_lattice.hpp"
#include "projected_meshes.hpp"

namespace {

using labelled::around_bricks;
using labelled::check_sound;
using labelled::Image;
using labelled::Mesh;
using labelled::painted;
using labelled::projected;
using labelled::towards_walls;
using labelled::uneven_bricks;
using nmcx::Point;
using nmcx::ProjectionOptions;

template <int D>
Mesh<D> lattice_over(const Image& image, double edge) {
  const auto made =
      nmcx::label_lattice(image.view(), image.steps(), {.edge = edge, .smoothing = 1.2});
  Mesh<D> mesh;
  for (std::size_t v = 0; v < made.points.shape[0]; ++v)
    mesh.at.emplace_back(Eigen::Map<const Point<D>>(made.points.data() + (v * D)));
  for (std::size_t i = 0; i < made.cells.shape[0]; ++i) {
    std::copy_n(made.cells.data() + (i * (D + 1)), D + 1, mesh.cells.emplace_back().begin());
    mesh.label.push_back(made.label[i]);
  }
  return mesh;
}

/// A wall between voxels, 0.4 from where the mesh has it, across one of the axes.
template <int D>
void check_flat_wall(int axis, unsigned seed) {
  const double wall = 5.4;
  const auto mesh =
      uneven_bricks<D>([&](const Point<D>& p) { return p[axis] < 5.0 ? 1 : 2; }, seed);
  const auto image = around_bricks<D>([&](const Point<D>& p) { return p[axis] < wall ? 1 : 2; });
  const auto found = projected(mesh, image, towards_walls);
  check_sound(mesh, found, towards_walls.floor);
  const auto labels = mesh.labels_of_nodes();
  const auto on_border = mesh.on_border();
  for (std::size_t v = 0; v < mesh.at.size(); ++v) {
    if (labels[v].size() == 1) BOOST_TEST((found.mesh.at[v] == mesh.at[v]));
    if (labels[v].size() == 1 || on_border[v]) continue;
    // By symmetry shares are equal in the wall, whatever the voxels; Newton's steps end there.
    BOOST_TEST(std::abs(found.mesh.at[v][axis] - wall) < 1e-9);
    BOOST_TEST(found.distance[v] < 1e-9);
  }
}

Image ball(double radius, const Point<3>& middle) {
  return painted({33, 33, 33}, {1.0, 1.0, 1.0}, [&](const auto& p) {
    return (Point<3>(p[0], p[1], p[2]) - middle).norm() < radius ? 1 : 0;
  });
}

/// Variance of the weights of voxels, over that of the Gaussian before it is cut and lowered.
double variance_left() {
  double total = 0;
  double moment = 0;
  for (double t = -2.9995; t < 3.0; t += 0.001) {
    const double weight = std::exp(-0.5 * t * t) - std::exp(-4.5);
    total += weight;
    moment += t * t * weight;
  }
  return moment / total;
}

/// Where voxels of 0.4 below `wall` have a given share, in weights of 1.2 voxels along one axis.
double place_of_share(double wanted, double wall) {
  double low = wall - 1.0;
  double high = wall + 1.0;
  for (int step = 0; step < 60; ++step) {
    const double x = 0.5 * (low + high);
    double below = 0;
    double total = 0;
    for (int i = 0; i < 26; ++i) {
      const double t = (i - (x / 0.4)) / 1.2;
      if (std::abs(t) > 3.0) continue;
      const double weight = std::exp(-0.5 * t * t) - std::exp(-4.5);
      total += weight;
      if (0.4 * i < wall) below += weight;
    }
    (below / total > wanted ? low : high) = x;
  }
  return low;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(label_projection)

BOOST_AUTO_TEST_CASE(nodes_of_a_flat_wall_come_to_lie_in_it) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    for (const int axis : {0, 1}) check_flat_wall<2>(axis, seed);
    for (const int axis : {0, 1, 2}) check_flat_wall<3>(axis, seed);
  }
}

BOOST_AUTO_TEST_CASE(a_tilted_wall_is_flat_to_a_tenth_of_a_voxel) {
  const Point<3> normal = Point<3>(1.0, 0.37, -0.21).normalized();
  const auto side = [&](const Point<3>& p) {
    return normal.dot(p - Point<3>::Constant(5.0)) < 0 ? 1 : 2;
  };
  ProjectionOptions options = towards_walls;
  options.floor = 0.05;  // the steps of the bricks leave cells flat against the wall
  const auto mesh = uneven_bricks<3>(side, 1);
  const auto found = projected(mesh, around_bricks<3>(side), options);
  check_sound(mesh, found, options.floor);
  const auto labels = mesh.labels_of_nodes();
  const auto on_border = mesh.on_border();
  std::size_t n_held_back = 0;
  std::size_t n = 0;
  double sum = 0;
  for (std::size_t v = 0; v < mesh.at.size(); ++v) {
    if (labels[v].size() == 1 || on_border[v]) continue;
    ++n;
    if (found.distance[v] > 1e-6) {  // by the floor of a cell
      ++n_held_back;
      continue;
    }
    const double off = normal.dot(found.mesh.at[v] - Point<3>::Constant(5.0));
    BOOST_TEST(std::abs(off) < 0.2 * 0.4);
    sum += off * off;
  }
  BOOST_TEST(n > 20U);
  BOOST_TEST(5 * n_held_back < n);
  BOOST_TEST(std::sqrt(sum / static_cast<double>(n - n_held_back)) < 0.1 * 0.4);
}

BOOST_AUTO_TEST_CASE(a_ball_loses_what_smoothing_takes_and_no_more) {
  const Point<3> middle(15.7, 16.1, 16.4);
  const Image image = ball(11.0, middle);
  const auto n_voxel = static_cast<double>(std::ranges::count(image.voxels, 1));
  const double radius = std::cbrt(n_voxel * 0.75 / std::numbers::pi);
  ProjectionOptions options = towards_walls;
  options.edge = 3.0;
  options.target = 0.34;
  const auto mesh = lattice_over<3>(image, options.edge);
  const auto found = projected(mesh, image, options);
  check_sound(mesh, found, options.floor);
  // Weights of variance s² give a ball half of them at a distance of radius - s² / radius.
  const double expected = radius - (variance_left() * 1.44 / radius);
  const auto labels = mesh.labels_of_nodes();
  std::size_t n = 0;
  double sum = 0;
  for (std::size_t v = 0; v < mesh.at.size(); ++v) {
    if (labels[v].size() == 1 || found.distance[v] > 0.02 * options.edge) continue;
    const double off = (found.mesh.at[v] - middle).norm() - expected;
    BOOST_TEST(std::abs(off) < 0.3);  // steps of the voxels are a whole
    sum += off;
    ++n;
  }
  BOOST_TEST(n > 150U);
  BOOST_TEST(std::abs(sum / static_cast<double>(n)) < 0.02);  // a sixth of what smoothing takes
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_moves_nodes_to_the_same_places) {
  // Some thousand nodes: more than one thread takes at a time, so that threads do meet.
  const Image image = ball(14.0, {15.7, 16.1, 16.4});
  ProjectionOptions options = towards_walls;
  options.edge = 2.0;
  options.target = 0.5;
  options.n_sweep = 6;
  const auto mesh = lattice_over<3>(image, options.edge);
  BOOST_TEST(mesh.at.size() > 3000U);
  const auto one = projected(mesh, image, options, 1);
  const auto three = projected(mesh, image, options, 3);
  std::size_t n_different = 0;
  for (std::size_t v = 0; v < mesh.at.size(); ++v) {
    const bool is_same = one.mesh.at[v] == three.mesh.at[v] && one.distance[v] == three.distance[v];
    if (!is_same) ++n_different;
  }
  BOOST_TEST(n_different == 0U);
}

BOOST_AUTO_TEST_CASE(faces_of_a_block_lie_between_its_voxels_and_those_of_void) {
  const double edge = 1.0;
  const Image image = painted({1, 40, 50}, {0.3, 0.4}, [](const auto& p) {
    return p[1] > 2.0 && p[1] < 10.0 && p[2] > 3.0 && p[2] < 17.0 ? 6 : 0;
  });
  const std::array<double, 4> face{6.5 * 0.3, 33.5 * 0.3, 7.5 * 0.4, 42.5 * 0.4};
  const auto mesh = lattice_over<2>(image, edge);
  ProjectionOptions options = towards_walls;
  options.target = 0.34;
  const auto found = projected(mesh, image, options);
  check_sound(mesh, found, options.floor);
  const auto labels = mesh.labels_of_nodes();
  std::size_t n = 0;
  for (std::size_t v = 0; v < mesh.at.size(); ++v) {
    if (labels[v].size() == 1) continue;
    const Point<2>& p = found.mesh.at[v];
    const std::array<double, 4> off{std::abs(p[0] - face[0]), std::abs(p[0] - face[1]),
                                    std::abs(p[1] - face[2]), std::abs(p[1] - face[3])};
    // Away from the rounded corners; nodes as close as 0.02 edges count as on the face.
    const bool in_row = std::min(off[0], off[1]) > 2.0;
    const bool in_column = std::min(off[2], off[3]) > 2.0;
    if (!in_row && !in_column) continue;
    BOOST_TEST(*std::ranges::min_element(off) < 0.021 * edge);
    ++n;
  }
  BOOST_TEST(n > 20U);
}

BOOST_AUTO_TEST_CASE(three_grains_meet_in_a_line_that_is_evenly_divided) {
  const auto grain = [](const Point<3>& p) { return p[2] < 5.0 ? 1 : (p[1] < 5.0 ? 2 : 3); };
  const auto mesh = uneven_bricks<3>(grain, 1);
  ProjectionOptions options = towards_walls;
  options.n_sweep = 120;
  const auto found = projected(mesh, around_bricks<3>(grain), options);
  check_sound(mesh, found, options.floor);
  // All have a third: half of what is not grain 1's lies on either side along the second axis.
  const double along = place_of_share(1.0 / 3.0, 5.0);
  BOOST_TEST(along - 5.0 > 0.15);
  const auto labels = mesh.labels_of_nodes();
  const auto on_border = mesh.on_border();
  std::size_t n = 0;
  for (std::size_t v = 0; v < mesh.at.size(); ++v) {
    if (labels[v].size() < 3 || on_border[v]) continue;
    BOOST_TEST(std::abs(found.mesh.at[v][1] - 5.0) < 1e-9);
    BOOST_TEST(std::abs(found.mesh.at[v][2] - along) < 1e-9);
    // Bricks were of length one; relaxation leaves 0.93^116 of the unevenness, or less.
    BOOST_TEST(std::abs(found.mesh.at[v][0] - std::round(mesh.at[v][0])) < 2e-4);
    ++n;
  }
  BOOST_TEST(n == 5U);
}

BOOST_AUTO_TEST_CASE(four_grains_meet_in_their_corner) {
  const auto quarters = [](double middle0, double middle1) {
    return
        [=](const Point<2>& p) { return 1 + (p[0] < middle0 ? 0 : 1) + (p[1] < middle1 ? 0 : 2); };
  };
  for (unsigned seed = 1; seed <= 3; ++seed) {
    const auto mesh = uneven_bricks<2>(quarters(5.0, 5.0), seed);
    const auto found = projected(mesh, around_bricks<2>(quarters(5.4, 4.6)), towards_walls);
    check_sound(mesh, found, towards_walls.floor);
    const auto labels = mesh.labels_of_nodes();
    for (std::size_t v = 0; v < mesh.at.size(); ++v) {
      if (labels[v].size() < 4) continue;
      BOOST_TEST((found.mesh.at[v] - Point<2>(5.4, 4.6)).norm() < 1e-9);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
