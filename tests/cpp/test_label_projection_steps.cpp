#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "label_images.hpp"
#include "projected_meshes.hpp"

namespace {

using labelled::around_bricks;
using labelled::check_refused;
using labelled::check_sound;
using labelled::Image;
using labelled::Mesh;
using labelled::painted;
using labelled::projected;
using labelled::towards_walls;
using labelled::uneven_bricks;
using nmcx::Point;
using nmcx::ProjectionOptions;

/// Six triangles about a node in the middle (10, 10) of a hexagon; the last node is that one. Grain
/// 1 lies at lower values along the second axis, grain 2 beyond; their wall runs along the first.
Mesh<2> hexagon(double radius, const Point<2>& middle = {10.0, 10.0}) {
  Mesh<2> mesh;
  for (std::int64_t k = 0; k < 6; ++k) {
    const double angle = static_cast<double>(k) * std::numbers::pi / 3.0;
    mesh.at.emplace_back(10.0 + (radius * std::cos(angle)), 10.0 + (radius * std::sin(angle)));
    mesh.cells.push_back({k, (k + 1) % 6, 6});
    mesh.label.push_back(k < 3 ? 2 : 1);
  }
  mesh.at.push_back(middle);
  return mesh;
}

/// An image of voxels of 0.5 about the hexagon, in which grain 2 begins at `wall`.
Image two_halves(double wall) {
  return painted({1, 41, 41}, {0.5, 0.5}, [&](const auto& p) { return p[2] < wall ? 1 : 2; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(label_projection_steps)

BOOST_AUTO_TEST_CASE(a_step_is_no_longer_than_allowed_and_halfway_back_to_the_neighbours) {
  const auto mesh = hexagon(5.0);
  const Image image = two_halves(11.75);
  ProjectionOptions options = towards_walls;
  options.smoothing = 2.0;
  options.n_settle = 0;
  // Two steps of 0.3 edges a visit, each after half of the way to the wall's ends, at 10.
  double expected = 0.0;
  for (int n_sweep = 1; n_sweep < 4; ++n_sweep) {
    options.n_sweep = n_sweep;
    expected = (0.5 * expected) + 0.6;
    const auto found = projected(mesh, image, options);
    BOOST_TEST((found.mesh.at[6] - Point<2>(10.0, 10.0 + expected)).norm() < 1e-9);
    BOOST_TEST(std::abs(found.distance[6] - 0.3) < 1e-12);
  }
}

BOOST_AUTO_TEST_CASE(a_move_is_halved_until_no_cell_is_below_the_floor) {
  const auto mesh = hexagon(1.0);
  const auto worst_at = [&](double off) { return hexagon(1.0, {10.0, 10.0 + off}).worst(); };
  BOOST_TEST(worst_at(0.6) > 0.0);
  ProjectionOptions options = towards_walls;
  options.smoothing = 2.0;
  options.n_sweep = 1;
  options.n_settle = 0;
  for (const auto& [floor, expected] : {std::pair{0.9 * worst_at(0.6), 0.6},
                                        {1.1 * worst_at(0.6), 0.3},
                                        {1.01 * worst_at(0.15), 0.075},
                                        {1.01 * worst_at(0.075), 0.0375},
                                        {1.0, 0.0}}) {
    options.floor = floor;
    const auto found = projected(mesh, two_halves(11.75), options);
    BOOST_TEST((found.mesh.at[6] - Point<2>(10.0, 10.0 + expected)).norm() < 1e-9);
    check_sound(mesh, found, floor);
  }
}

BOOST_AUTO_TEST_CASE(labels_that_do_not_meet_leave_their_nodes_alone) {
  const auto mesh = hexagon(5.0, {10.3, 10.2});
  ProjectionOptions options = towards_walls;
  options.n_settle = options.n_sweep;
  const auto found = projected(mesh, two_halves(100.0), options);
  BOOST_TEST((found.mesh.at[6] == mesh.at[6]));
  BOOST_TEST(found.distance[6] == 0.0);
}

BOOST_AUTO_TEST_CASE(nodes_slide_along_their_wall_for_better_cells) {
  // The node is close to one end of the wall, in which it is: its cells there are thin.
  const auto mesh = hexagon(1.0, {10.7, 9.75});
  ProjectionOptions options = towards_walls;
  options.target = 0.7;
  options.n_settle = options.n_sweep;
  const auto found = projected(mesh, two_halves(9.75), options);
  check_sound(mesh, found, options.floor);
  BOOST_TEST(found.mesh.worst() > 1.5 * mesh.worst());
  BOOST_TEST(std::abs(found.mesh.at[6][0] - 10.0) < 0.5);
  BOOST_TEST(std::abs(found.mesh.at[6][1] - 9.75) < 0.02);  // within so much it is at home
  options.target = mesh.worst();
  BOOST_TEST((projected(mesh, two_halves(9.75), options).mesh.at[6] - mesh.at[6]).norm() < 1e-12);
}

BOOST_AUTO_TEST_CASE(nodes_inside_of_grains_make_room) {
  auto mesh = hexagon(1.0, {10.4, 10.3});
  std::ranges::fill(mesh.label, 3);
  ProjectionOptions options = towards_walls;
  options.target = 0.8;
  options.n_sweep = 1;
  options.n_settle = 0;
  // The middle of the neighbours is tried first: there all triangles are regular.
  auto found = projected(mesh, two_halves(10.0), options);
  BOOST_TEST((found.mesh.at[6] - Point<2>(10.0, 10.0)).norm() < 1e-12);
  for (unsigned seed = 1; seed <= 3; ++seed) {
    const auto cells = uneven_bricks<3>([](const auto&) { return 3; }, seed);
    options.n_sweep = 3;
    const auto better = projected(cells, around_bricks<3>([](const auto&) { return 3; }), options);
    check_sound(cells, better, 1.0);
    BOOST_TEST(better.mesh.worst() > 1.2 * cells.worst());
  }
}

BOOST_AUTO_TEST_CASE(lengths_and_axes_do_not_matter) {
  const auto grain = [](const Point<3>& p) {
    const bool is_near = (p - Point<3>(5.1, 5.3, 6.0)).norm() < 2.0;
    return is_near ? 1 : (p[0] + (0.3 * p[1]) < 6.0 ? 2 : 3);
  };
  const auto mesh = uneven_bricks<3>(grain, 1);
  const auto image = around_bricks<3>(grain);
  ProjectionOptions options = towards_walls;
  const auto turn = [](const Point<3>& p) { return Point<3>(p[1], p[2], p[0]); };
  const auto turn_back = [](const Point<3>& p) { return Point<3>(p[2], p[0], p[1]); };
  auto turned = mesh;
  for (auto& p : turned.at) p = turn(p);
  const auto turned_image = around_bricks<3>([&](const auto& p) { return grain(turn_back(p)); });
  options.n_settle = 0;  // directions that are tried by chance do not turn
  const auto straight = projected(mesh, image, options);
  const auto around = projected(turned, turned_image, options);
  for (std::size_t v = 0; v < mesh.at.size(); ++v) {
    // Rounding of shares, over slopes of a tenth and a dozen visits.
    BOOST_TEST((turn(straight.mesh.at[v]) - around.mesh.at[v]).norm() < 1e-9);
  }
  options.n_settle = 4;
  options.target = 0.5;
  const auto one = projected(mesh, image, options);
  auto larger = mesh;
  for (auto& p : larger.at) p *= 4.0;
  auto larger_image = image;
  for (double& step : larger_image.spacing) step *= 4.0;
  options.edge = 4.0;
  const auto scaled = projected(larger, larger_image, options);
  for (std::size_t v = 0; v < mesh.at.size(); ++v) {
    BOOST_TEST((4.0 * one.mesh.at[v] - scaled.mesh.at[v]).norm() < 1e-9);
    BOOST_TEST(std::abs(4.0 * one.distance[v] - scaled.distance[v]) < 1e-9);
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_together_is_refused) {
  const auto mesh = hexagon(1.0);
  const Image image = two_halves(10.0);
  const auto run = [&](const Mesh<2>& of, const Image& in, double edge) {
    ProjectionOptions options = towards_walls;
    options.edge = edge;
    projected(of, in, options);
  };
  for (const double wrong : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()})
    check_refused([&] { run(mesh, image, wrong); }, "edge must be positive");
  Image line = image;
  line.spacing = {1.0};
  check_refused([&] { run(mesh, line, 1.0); }, "spacing must have 2 or 3 numbers");
  Image deep = image;
  deep.spacing = {1.0, 0.5, 0.5};
  check_refused([&] { run(mesh, deep, 1.0); }, "points must have a coordinate per axis");
  for (const double wrong : {std::nan(""), -std::numeric_limits<double>::infinity()}) {
    Mesh<2> nowhere = mesh;
    nowhere.at[3][1] = wrong;
    check_refused([&] { run(nowhere, image, 1.0); }, "points must be finite");
  }
  Mesh<2> negative = mesh;
  negative.label[2] = -1;
  check_refused([&] { run(negative, image, 1.0); }, "label must not be negative");
  Mesh<2> unlabelled = mesh;
  unlabelled.label.pop_back();
  check_refused([&] { run(unlabelled, image, 1.0); }, "label must have one entry per cell");
  const std::vector<std::int64_t> edges{0, 1};
  check_refused(
      [&] {
        nmcx::project_labels({mesh.at.data()->data(), {7, 2}}, {edges.data(), {1, 2}},
                             {mesh.label.data(), {1}}, image.view(), image.steps(), towards_walls);
      },
      "cells must have a corner more");
}

BOOST_AUTO_TEST_SUITE_END()
