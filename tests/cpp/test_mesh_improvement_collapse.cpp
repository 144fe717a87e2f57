#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "grain_meshes.hpp"
#include "nmcx/core/error.hpp"

namespace {

using improvement::check_sound;
using improvement::corners_of_octahedron;
using improvement::Grains;
using improvement::survey;
using improvement::thorough;
using nmcx::Freedom;
using Point = nmcx::Point<3>;

constexpr std::int64_t right = 0, left = 1, far = 2, near = 3, top = 4, bottom = 5, p = 6, q = 7;

/// The octahedron of points at distance one on the axes, with two points inside: p at -x and q at
/// +x, to which the corners on the left and on the right are joined. Four cells lie about the edge
/// between p and q. `grain_of` gets the corner at the left or right (or p, for cells about the
/// edge), near or far, bottom or top; cells of a negative grain are left out.
template <class GrainOf>
Grains octahedron(double x, Freedom freedom, const GrainOf& grain_of) {
  Grains mesh = corners_of_octahedron();
  mesh.add_point({-x, 0, 0}, freedom, {0, 0, 1});
  mesh.add_point({x, 0, 0}, freedom, {0, 0, 1});
  const auto add = [&](std::vector<std::int64_t> cell, std::int64_t grain) {
    if (grain < 0) return;
    Eigen::Matrix3d edges;
    const auto at = [&](std::size_t k) { return Point(mesh.points.data() + (3 * cell[k])); };
    for (std::size_t k = 0; k < 3; ++k) edges.col(static_cast<int>(k)) = at(k + 1) - at(0);
    if (edges.determinant() < 0) std::swap(cell[0], cell[1]);
    mesh.add_cell(cell, grain);
  };
  for (const std::int64_t y : {near, far}) {
    for (const std::int64_t z : {bottom, top}) {
      add({left, y, z, p}, grain_of(left, y, z));
      add({right, y, z, q}, grain_of(right, y, z));
      add({p, q, y, z}, grain_of(p, y, z));
    }
  }
  return mesh;
}

nmcx::ImprovementOptions collapsing() {
  auto options = thorough;
  options.floor = 0.17;
  options.collapse_length = 0.5;
  return options;
}

/// Place of the point that was number `source`; the test fails if it is gone.
Point place(const nmcx::ImprovedMesh& mesh, std::int64_t source) {
  for (std::size_t v = 0; v < mesh.source.size(); ++v) {
    if (mesh.source[v] == source) return Point(mesh.points.data() + (3 * v));
  }
  BOOST_FAIL("a point is gone");
  return Point::Zero();
}

/// The one of p and q that is left.
Point remaining(const nmcx::ImprovedMesh& mesh) {
  const std::size_t n = mesh.source.size();
  BOOST_REQUIRE(mesh.source[n - 1] >= p);
  BOOST_REQUIRE(mesh.source[n - 2] < p);
  return place(mesh, mesh.source[n - 1]);
}

void check_volume(const nmcx::ImprovedMesh& mesh, std::int64_t grain, double expected) {
  BOOST_TEST(std::abs(survey<3>(mesh).volume.at(grain) - expected) < 1e-14);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mesh_improvement_collapse)

BOOST_AUTO_TEST_CASE(a_short_edge_inside_a_grain_becomes_a_point) {
  const Grains mesh = octahedron(0.02, Freedom::free, [](auto...) { return 4; });
  const auto better = mesh.improve(collapsing());
  const auto after = survey<3>(better);
  BOOST_TEST(better.n_collapse == 1);
  BOOST_TEST(better.n_merge == 0);
  BOOST_TEST(better.grain.size() == 8U);
  check_sound(survey<3>(mesh), after);
  BOOST_TEST(after.worst > 0.6);
  // Nothing is below a floor of zero, and a longer edge waits until nothing else helps.
  auto options = collapsing();
  options.floor = 0.0;
  options.n_pass = 2;
  BOOST_TEST(mesh.improve(options).n_collapse == 0);
}

BOOST_AUTO_TEST_CASE(an_edge_of_a_wall_is_collapsed_along_it) {
  const Grains mesh =
      octahedron(0.02, Freedom::wall, [](auto, auto, auto z) { return z == top ? 0 : 1; });
  const auto better = mesh.improve(collapsing());
  const auto after = survey<3>(better);
  BOOST_TEST(better.n_collapse == 1);
  BOOST_TEST(better.n_merge == 0);
  BOOST_TEST(remaining(better)[2] == 0.0);
  check_sound(survey<3>(mesh), after);
  check_volume(better, 0, 2.0 / 3.0);
}

BOOST_AUTO_TEST_CASE(an_edge_that_ends_at_a_line_is_collapsed_onto_it) {
  // On the right the lower grain ends: q lies on a line of three grains, p in a wall of two.
  const Grains mesh = octahedron(0.02, Freedom::fixed, [](auto x, auto, auto z) {
    if (z == top) return 0;
    return x == right ? 1 : 2;
  });
  const auto better = mesh.improve(collapsing());
  BOOST_TEST(better.n_collapse == 1);
  BOOST_TEST(better.n_merge == 0);
  BOOST_TEST((remaining(better) == Point(0.02, 0, 0)));
  check_sound(survey<3>(mesh), survey<3>(better));
}

/// Below, grain 0 lies on the left and grain 1 on the right, which grain 3 keeps apart.
std::int64_t kept_apart(std::int64_t x, std::int64_t /*y*/, std::int64_t z) {
  if (z == top || x == p) return 3;
  return x == left ? 0 : 1;
}

BOOST_AUTO_TEST_CASE(points_of_two_walls_become_one_halfway) {
  const Grains mesh = octahedron(0.02, Freedom::fixed, kept_apart);
  BOOST_TEST(mesh.improve(thorough).n_merge == 0);  // no cell is below a floor of zero
  const auto better = mesh.improve(collapsing());
  BOOST_TEST(better.n_merge == 1);
  BOOST_TEST(better.n_collapse == 0);
  BOOST_TEST(remaining(better).norm() < 1e-15);
  check_volume(better, 0, 1.0 / 3.0);
  check_volume(better, 1, 1.0 / 3.0);
  check_volume(better, 3, 2.0 / 3.0);
}

BOOST_AUTO_TEST_CASE(an_edge_that_is_not_hopeless_waits_until_nothing_else_helps) {
  // Three grains meet in the edge, so that it cannot be replaced; at p and q there is a fourth.
  const Grains mesh = octahedron(0.08, Freedom::fixed, [](auto x, auto y, auto z) {
    if (z == bottom) return y == near ? 1 : 2;
    if (y == far || x == p) return 0;
    return x == left ? 4 : 5;
  });
  auto options = collapsing();
  options.floor = 0.25;  // the cells about the edge have 0.22
  options.n_pass = 2;
  BOOST_TEST(mesh.improve(options).n_merge == 0);
  options.n_pass = 3;
  const auto better = mesh.improve(options);
  BOOST_TEST(better.n_merge == 1);
  BOOST_TEST(remaining(better).norm() < 1e-15);
  for (const std::int64_t grain : {4, 5}) check_volume(better, grain, 1.0 / 6.0);
  for (const std::int64_t grain : {0, 1, 2}) check_volume(better, grain, 1.0 / 3.0);
  options.floor = 0.2;
  BOOST_TEST(mesh.improve(options).n_merge == 0);  // the cells are no worse than allowed
}

BOOST_AUTO_TEST_CASE(walls_that_tilt_give_way_to_the_point_where_more_of_them_meet) {
  const Grains mesh = octahedron(0.02, Freedom::fixed, [](auto x, auto y, auto z) {
    return x == right && y == far && z == bottom ? 2 : kept_apart(x, y, z);
  });
  const auto better = mesh.improve(collapsing());
  BOOST_TEST(better.n_merge == 1);
  BOOST_TEST((remaining(better) == Point(0.02, 0, 0)));
  // Each of four cells, over a face whose corners are at distance one: det / 6.
  check_volume(better, 0, 2.0 * 1.02 / 6.0);
  check_volume(better, 1, 0.98 / 6.0);
  check_volume(better, 2, 0.98 / 6.0);
}

BOOST_AUTO_TEST_CASE(the_outer_surface_stays_where_a_point_of_it_is_merged_with_one_inside) {
  // Nothing on the left: p lies on the outer surface, q between grains 1 and 3.
  const Grains mesh = octahedron(0.02, Freedom::fixed, [](auto x, auto, auto z) {
    if (x == left) return -1;
    return x == right && z == bottom ? 1 : 3;
  });
  const auto better = mesh.improve(collapsing());
  BOOST_TEST(better.n_merge == 1);
  BOOST_TEST((remaining(better) == Point(-0.02, 0, 0)));
  check_volume(better, 1, 2.0 * 1.02 / 6.0);
  check_volume(better, 3, 2.0 * 1.02 / 6.0);
}

BOOST_AUTO_TEST_CASE(a_wall_of_one_grain_on_both_sides_is_not_pinched) {
  // The grain between p and q has grain 1 on both sides, which would become one.
  const Grains mesh =
      octahedron(0.02, Freedom::fixed, [](auto x, auto, auto) { return x == p ? 0 : 1; });
  const auto better = mesh.improve(collapsing());
  BOOST_TEST(better.n_merge == 0);
  BOOST_TEST(better.n_collapse == 0);
  check_sound(survey<3>(mesh), survey<3>(better));
}

BOOST_AUTO_TEST_CASE(points_of_the_sphere_become_one_on_it) {
  // A cap over a square, two points near its top; grain 3 keeps grains 0 and 1 apart.
  for (const double radius : {1.0, 2.0}) {
    Grains mesh;
    mesh.add_point({0, 0, 0}, Freedom::fixed);
    const double z = std::sqrt(1.0 - 4e-4);
    for (const auto& at : std::vector<std::vector<double>>{{0.6, 0, 0.8},
                                                           {0, 0.6, 0.8},
                                                           {-0.6, 0, 0.8},
                                                           {0, -0.6, 0.8},
                                                           {-0.02, 0, z},
                                                           {0.02, 0, z}}) {
      mesh.add_point({radius * at[0], radius * at[1], radius * at[2]}, Freedom::fixed);
    }
    mesh.add_cell({0, 6, 1, 2}, 3);
    mesh.add_cell({0, 6, 2, 5}, 3);
    mesh.add_cell({0, 5, 2, 3}, 3);
    mesh.add_cell({0, 6, 5, 4}, 3);
    mesh.add_cell({0, 5, 3, 4}, 0);
    mesh.add_cell({0, 6, 4, 1}, 1);
    auto options = collapsing();
    options.radius = radius;
    const auto better = mesh.improve(options);
    BOOST_TEST(better.n_merge == 1);
    BOOST_REQUIRE(better.source.size() == 6U);
    BOOST_TEST((place(better, better.source[5]) - Point(0, 0, radius)).norm() < 1e-14);
    const double cell = 0.36 * radius * radius * radius / 6.0;
    for (const auto& [grain, n] : {std::pair{0, 1}, {1, 1}, {3, 2}}) {
      BOOST_TEST(std::abs(survey<3>(better).volume.at(grain) - (n * cell)) < 1e-14);
    }
  }
}

BOOST_AUTO_TEST_CASE(in_the_plane_points_keep_to_circles_lines_and_corners) {
  // Three triangles of a disc: the point between the other two of its rim is close to one of them.
  const double angle = 0.5;
  for (const Freedom freedom : {Freedom::surface, Freedom::line, Freedom::wall, Freedom::rim}) {
    Grains mesh;
    mesh.dimension = 2;
    mesh.add_point({0, 0}, Freedom::fixed);
    mesh.add_point({2, 0}, Freedom::fixed);
    mesh.add_point({0, 2}, Freedom::fixed);
    // Lines along x, walls across y and so along x too; a wall meets the circle in one place.
    const bool is_line = freedom == Freedom::line;
    mesh.add_point({2 * std::cos(angle), 2 * std::sin(angle)}, freedom,
                   is_line ? std::vector<double>{1, 0} : std::vector<double>{0, 1});
    mesh.add_cell({0, 1, 3}, 0);
    mesh.add_cell({0, 3, 2}, 0);
    auto options = thorough;
    options.radius = 2.0;
    options.target = 0.9;
    const auto better = mesh.improve(options);
    const double x = better.points[6];
    const double y = better.points[7];
    BOOST_TEST(better.n_flip == 0);
    if (freedom == Freedom::surface) {
      BOOST_TEST(std::abs(std::hypot(x, y) - 2.0) < 1e-14);
      // The worst angle is best halfway; what is left to gain there is of second order.
      BOOST_TEST(std::abs(std::atan2(y, x) - std::atan(1.0)) < 0.05);
    } else if (freedom == Freedom::rim) {
      BOOST_TEST(std::abs(x - (2 * std::cos(angle))) < 1e-14);
      BOOST_TEST(std::abs(y - (2 * std::sin(angle))) < 1e-14);
    } else {
      BOOST_TEST(std::abs(y - (2 * std::sin(angle))) < 1e-14);
      BOOST_TEST(std::abs(x - (2 * std::cos(angle))) > 1e-3);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_refused_is_said) {
  const Grains good = octahedron(0.2, Freedom::free, [](auto...) { return 1; });
  const auto says = [](const Grains& mesh, const nmcx::ImprovementOptions& options,
                       const std::string& words) {
    BOOST_CHECK_EXCEPTION(mesh.improve(options), nmcx::InvalidArgument, [&](const auto& error) {
      return std::string(error.what()).find(words) != std::string::npos;
    });
  };
  Grains flat = good;
  flat.points[3 * q] = flat.points[3 * p];
  says(flat, thorough, "cell 2 is flat or inside out; give cells of positive volume");
  Grains lost = good;
  lost.cells[3] = -1;
  says(lost, thorough, "cells name a point that is not in points");
  Grains infinite = good;
  infinite.points[4] = HUGE_VAL;
  says(infinite, thorough, "points must be finite");
  auto options = thorough;
  options.radius = 0.0;
  says(good, options, "radius must be positive");
}

BOOST_AUTO_TEST_SUITE_END()
