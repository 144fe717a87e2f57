#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "grain_meshes.hpp"
#include "nmcx/fem/grain_complex.hpp"
#include "nmcx/fem/mesh_improvement.hpp"

namespace {

using improvement::check_sound;
using improvement::corners;
using improvement::corners_of_octahedron;
using improvement::Grains;
using improvement::survey;
using improvement::thorough;
using nmcx::Freedom;

/// Cube (square) of side n in two grains that meet at x = n / 2, points inside moved at random.
template <int D>
Grains cube(int n, double jitter, unsigned seed) {
  std::mt19937 random(seed);
  const auto uniform = [&] { return (std::generate_canonical<double, 53>(random) * 2.0) - 1.0; };
  Grains mesh;
  mesh.dimension = D;
  const int layers = D == 3 ? n : 0;
  const auto number = [&](int i, int j, int k) -> std::int64_t {
    return i + ((n + 1) * (j + ((n + 1) * k)));
  };
  for (int k = 0; k <= layers; ++k) {
    for (int j = 0; j <= n; ++j) {
      for (int i = 0; i <= n; ++i) {
        std::vector<double> p{double(i), double(j), double(k)};
        p.resize(D);
        const bool on_border =
            i == 0 || i == n || j == 0 || j == n || (D == 3 && (k == 0 || k == n));
        std::vector<double> normal(D, 0.0);
        Freedom freedom = on_border ? Freedom::fixed : Freedom::free;
        if (!on_border) {
          for (double& x : p) x += jitter * uniform();
          if (2 * i == n) {
            p[0] = i;
            normal[0] = 1.0;
            freedom = Freedom::wall;
          }
        }
        mesh.add_point(p, freedom, normal);
      }
    }
  }
  std::array<int, D> order{};
  for (int k = 0; k < std::max(layers, 1); ++k) {
    for (int j = 0; j < n; ++j) {
      for (int i = 0; i < n; ++i) {
        for (int axis = 0; axis < D; ++axis) order[static_cast<std::size_t>(axis)] = axis;
        do {  // Kuhn's simplices: along the axes in every order from one corner to the opposite
          std::array<int, 3> at{i, j, k};
          std::vector<std::int64_t> cell{number(at[0], at[1], at[2])};
          for (const int axis : order) {
            ++at[static_cast<std::size_t>(axis)];
            cell.push_back(number(at[0], at[1], at[2]));
          }
          std::vector<std::int64_t> other = cell;
          std::swap(other[0], other[1]);
          const bool positive =
              nmcx::shape_quality<D>(corners<D>(mesh.points.data(), cell.data())) > 0;
          mesh.add_cell(positive ? cell : other, 2 * i < n ? 0 : 1);
        } while (std::next_permutation(order.begin(), order.end()));
      }
    }
  }
  return mesh;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mesh_improvement)

BOOST_AUTO_TEST_CASE(quality_is_the_sine_of_the_sharpest_angle) {
  const auto regular =
      nmcx::shape_quality<3>({nmcx::Point<3>(1, 1, 1), nmcx::Point<3>(1, -1, -1),
                              nmcx::Point<3>(-1, -1, 1), nmcx::Point<3>(-1, 1, -1)});
  BOOST_TEST(std::abs(std::abs(regular) - std::sqrt(8.0) / 3.0) < 1e-14);  // arccos 1/3
  const auto corner = nmcx::shape_quality<3>({nmcx::Point<3>(0, 0, 0), nmcx::Point<3>(1, 0, 0),
                                              nmcx::Point<3>(0, 1, 0), nmcx::Point<3>(0, 0, 1)});
  BOOST_TEST(std::abs(corner - std::sqrt(2.0 / 3.0)) < 1e-14);  // arccos 1/sqrt 3
  const std::array<nmcx::Point<2>, 3> triangle{nmcx::Point<2>(0, 0), nmcx::Point<2>(2, 0),
                                               nmcx::Point<2>(0, 2)};
  BOOST_TEST(std::abs(nmcx::shape_quality<2>(triangle) - std::sqrt(0.5)) < 1e-14);
  BOOST_TEST(nmcx::shape_quality<2>({triangle[1], triangle[0], triangle[2]}) < 0);
  BOOST_TEST(nmcx::shape_quality<2>({triangle[0], triangle[0], triangle[2]}) == -1.0);
}

BOOST_AUTO_TEST_CASE(cubes_get_better_and_stay_the_same_cubes) {
  for (unsigned seed = 1; seed < 5; ++seed) {
    const Grains mesh = cube<3>(6, 0.3, seed);
    const auto before = survey<3>(mesh);
    BOOST_REQUIRE(before.worst > 0);
    const auto better = mesh.improve(thorough);
    const auto after = survey<3>(better);
    check_sound(before, after);
    BOOST_TEST(after.worst > 2.0 * before.worst);
    BOOST_TEST(std::abs(after.worst - better.worst) < 1e-14);
    BOOST_TEST(better.n_flip > 0);
    BOOST_TEST(better.n_move > 0);
    for (const auto& [facet, grains] : after.facets) {
      if (grains.size() == 2 && grains[0] != grains[1]) {
        for (const std::int64_t v : facet) {
          BOOST_TEST(std::abs(better.points.view()(static_cast<std::size_t>(v), 0) - 3.0) < 1e-14);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(squares_get_better_and_stay_the_same_squares) {
  for (unsigned seed = 1; seed < 5; ++seed) {
    const Grains mesh = cube<2>(10, 0.3, seed);
    const auto before = survey<2>(mesh);
    BOOST_REQUIRE(before.worst > 0);
    const auto after = survey<2>(mesh.improve(thorough));
    check_sound(before, after);
    BOOST_TEST(after.worst > 1.2 * before.worst);
  }
}

BOOST_AUTO_TEST_CASE(an_edge_of_a_wall_is_replaced_on_both_sides) {
  // A rhombus in the plane z = 0 cut along its long diagonal (0, 1); its short one is better.
  Grains mesh;
  mesh.add_point({-2, 0, 0}, Freedom::fixed);
  mesh.add_point({2, 0, 0}, Freedom::fixed);
  mesh.add_point({0, -0.5, 0}, Freedom::fixed);
  mesh.add_point({0, 0.5, 0}, Freedom::fixed);
  mesh.add_point({0, 0, 1}, Freedom::fixed);
  mesh.add_point({0, 0, -1}, Freedom::fixed);
  mesh.add_cell({0, 2, 1, 4}, 0);
  mesh.add_cell({0, 1, 3, 4}, 0);
  mesh.add_cell({0, 1, 2, 5}, 1);
  mesh.add_cell({0, 3, 1, 5}, 1);
  const auto before = survey<3>(mesh);
  BOOST_REQUIRE(before.worst > 0);
  const auto better = mesh.improve(thorough);
  const auto after = survey<3>(better);
  check_sound(before, after);
  BOOST_TEST(better.n_flip == 1);
  BOOST_TEST(after.facets.count({0, 2, 3}) == 1U);
  BOOST_TEST((after.facets.at({0, 2, 3}) == std::vector<std::int64_t>{0, 1} ||
              after.facets.at({0, 2, 3}) == std::vector<std::int64_t>{1, 0}));
}

/// Points about the origin joined to one in the middle, which is the last; the middle of the wall
/// z = 0 between grains 0 (above) and 1.
Grains octahedron(const std::vector<double>& middle, Freedom freedom,
                  const std::vector<double>& direction) {
  Grains mesh = corners_of_octahedron();
  mesh.add_point(middle, freedom, direction);
  for (const std::int64_t x : {0, 1}) {
    for (const std::int64_t y : {2, 3}) {
      for (const std::int64_t z : {4, 5}) {
        const bool even = (x + y + z) % 2 == 0;
        mesh.add_cell(
            even ? std::vector<std::int64_t>{x, y, z, 6} : std::vector<std::int64_t>{y, x, z, 6},
            z - 4);
        std::swap(mesh.cells[mesh.cells.size() - 1], mesh.cells[mesh.cells.size() - 2]);
      }
    }
  }
  return mesh;
}

BOOST_AUTO_TEST_CASE(points_move_only_as_far_as_they_are_free) {
  const std::vector<double> z{0, 0, 1};
  const auto last = [](const nmcx::ImprovedMesh& mesh, std::size_t axis) {
    return mesh.points.view()(mesh.points.shape[0] - 1, axis);
  };
  auto options = thorough;
  options.target = 0.8;
  for (const Freedom freedom : {Freedom::wall, Freedom::line, Freedom::fixed}) {
    // A wall point may leave its place across z, a line point only along x, a corner not at all.
    const std::vector<double> along = freedom == Freedom::line ? std::vector<double>{1, 0, 0} : z;
    const Grains mesh = octahedron({0.6, 0.2, 0.0}, freedom, along);
    const auto before = survey<3>(mesh);
    BOOST_REQUIRE(before.worst > 0);
    const auto better = mesh.improve(options);
    const auto after = survey<3>(better);
    check_sound(before, after);
    BOOST_TEST(last(better, 2) == 0.0);
    BOOST_TEST((last(better, 0) != 0.6) == (freedom != Freedom::fixed));
    BOOST_TEST((last(better, 1) != 0.2) == (freedom == Freedom::wall));
    BOOST_TEST((after.worst > before.worst) == (freedom != Freedom::fixed));
  }
}

BOOST_AUTO_TEST_CASE(points_of_the_sphere_stay_on_it_and_rims_in_their_plane) {
  // A cap over a square base, its top off the middle: on the sphere, or on the circle x = 0.1.
  const double radius = 1.0;
  for (const Freedom freedom : {Freedom::surface, Freedom::rim}) {
    Grains mesh;
    mesh.add_point({0, 0, 0}, Freedom::fixed);
    for (const auto& [x, y] : {std::pair{0.6, 0.0}, {0.0, 0.6}, {-0.6, 0.0}, {0.0, -0.6}}) {
      mesh.add_point({x, y, 0.8}, Freedom::fixed);
    }
    const double x = 0.1;
    const double y = 0.4;
    mesh.add_point({x, y, std::sqrt(1.0 - (x * x) - (y * y))}, freedom, {1, 0, 0});
    for (std::int64_t k = 1; k <= 4; ++k) mesh.add_cell({0, k, (k % 4) + 1, 5}, 0);
    const auto before = survey<3>(mesh);
    BOOST_REQUIRE(before.worst > 0);
    auto options = thorough;
    options.radius = radius;
    const auto better = mesh.improve(options);
    BOOST_TEST(survey<3>(better).worst > before.worst);
    const auto top = better.points.view();
    const double norm = std::hypot(top(5, 0), top(5, 1), top(5, 2));
    BOOST_TEST(std::abs(norm - radius) < 1e-14);
    BOOST_TEST(top(5, 1) != y);
    if (freedom == Freedom::rim) BOOST_TEST(std::abs(top(5, 0) - x) < 1e-14);
  }
}

BOOST_AUTO_TEST_CASE(a_short_edge_is_collapsed_and_nothing_else_changes) {
  // A second point close to the middle of a square, both free: one of them must go.
  Grains mesh;
  mesh.dimension = 2;
  for (const auto& [x, y] : {std::pair{0., 0.}, {1., 0.}, {1., 1.}, {0., 1.}}) {
    mesh.add_point({x, y}, Freedom::fixed);
  }
  mesh.add_point({0.5, 0.5}, Freedom::free);
  mesh.add_point({0.52, 0.5}, Freedom::free);
  mesh.add_cell({0, 1, 4}, 0);
  mesh.add_cell({1, 5, 4}, 0);
  mesh.add_cell({1, 2, 5}, 0);
  mesh.add_cell({2, 4, 5}, 0);
  mesh.add_cell({2, 3, 4}, 0);
  mesh.add_cell({3, 0, 4}, 0);
  auto options = thorough;
  options.floor = 0.17;
  options.collapse_length = 0.5;
  const auto better = mesh.improve(options);
  const auto after = survey<2>(better);
  BOOST_TEST(better.n_collapse == 1);
  BOOST_TEST(better.n_merge == 0);
  BOOST_TEST(better.grain.size() == 4U);
  BOOST_TEST(better.points.shape[0] == 5U);
  check_sound(survey<2>(mesh), after);
  BOOST_TEST(after.worst > 0.6);
}

BOOST_AUTO_TEST_CASE(two_corners_become_one_between_four_grains) {
  // Grains left and right meet in a short vertical wall in a square; above and below are others.
  Grains mesh;
  mesh.dimension = 2;
  for (const auto& [x, y] : {std::pair{-1., -1.}, {1., -1.}, {1., 1.}, {-1., 1.}}) {
    mesh.add_point({x, y}, Freedom::fixed);
  }
  mesh.add_point({0.0, -0.02}, Freedom::fixed);
  mesh.add_point({0.0, 0.02}, Freedom::fixed);
  mesh.add_cell({0, 1, 4}, 0);
  mesh.add_cell({1, 5, 4}, 1);
  mesh.add_cell({1, 2, 5}, 1);
  mesh.add_cell({2, 3, 5}, 2);
  mesh.add_cell({3, 4, 5}, 3);
  mesh.add_cell({3, 0, 4}, 3);
  auto options = thorough;
  options.collapse_length = 0.5;
  BOOST_TEST(mesh.improve(options).n_merge == 0);  // no cell below the floor of zero
  options.floor = 0.17;
  const auto better = mesh.improve(options);
  const auto after = survey<2>(better);
  BOOST_TEST(better.n_merge == 1);
  BOOST_TEST(after.volume.size() == 4U);
  for (const auto& [grain, area] : after.volume) BOOST_TEST(std::abs(area - 1.0) < 1e-14);
  BOOST_TEST(after.worst > 0.6);
}

BOOST_AUTO_TEST_CASE(no_grain_is_pinched_by_a_collapse) {
  // Both ends of a short edge lie on walls, the edge itself inside a grain: it has to stay.
  Grains mesh;
  mesh.dimension = 2;
  for (const auto& [x, y] : {std::pair{-1., 0.}, {1., 0.}}) mesh.add_point({x, y}, Freedom::fixed);
  mesh.add_point({0.0, -0.04}, Freedom::wall, {0, 1});
  mesh.add_point({0.0, 0.04}, Freedom::wall, {0, 1});
  mesh.add_point({0.0, -1.0}, Freedom::fixed);
  mesh.add_point({0.0, 1.0}, Freedom::fixed);
  mesh.add_cell({0, 2, 3}, 0);
  mesh.add_cell({2, 1, 3}, 0);
  mesh.add_cell({0, 4, 2}, 1);
  mesh.add_cell({4, 1, 2}, 1);
  mesh.add_cell({0, 3, 5}, 1);
  mesh.add_cell({3, 1, 5}, 1);
  auto options = thorough;
  options.floor = 0.17;
  options.collapse_length = 0.5;
  const auto better = mesh.improve(options);
  BOOST_TEST(better.n_merge == 0);
  BOOST_TEST(better.n_collapse == 0);
  BOOST_TEST(survey<2>(better).volume.at(0) > 0.03);
}

BOOST_AUTO_TEST_CASE(the_same_mesh_gets_better_in_the_same_way) {
  const Grains mesh = cube<3>(4, 0.3, 1);
  const auto one = mesh.improve(thorough);
  const auto two = mesh.improve(thorough);
  BOOST_REQUIRE(one.points.size() == two.points.size());
  for (std::size_t i = 0; i < one.points.size(); ++i) BOOST_TEST(one.points[i] == two.points[i]);
  for (std::size_t i = 0; i < one.cells.size(); ++i) BOOST_TEST(one.cells[i] == two.cells[i]);
}

BOOST_AUTO_TEST_CASE(bad_input_is_refused) {
  const Grains good = octahedron({0, 0, 0}, Freedom::fixed, {0, 0, 1});
  Grains flat = good;
  flat.points[2] = flat.points[1] = 0.0;
  flat.points[0] = 0.0;
  BOOST_CHECK_THROW(flat.improve(thorough), nmcx::InvalidArgument);
  Grains inside_out = good;
  std::swap(inside_out.cells[0], inside_out.cells[1]);
  BOOST_CHECK_THROW(inside_out.improve(thorough), nmcx::InvalidArgument);
  Grains lost = good;
  lost.cells[0] = 7;
  BOOST_CHECK_THROW(lost.improve(thorough), nmcx::InvalidArgument);
  Grains missing = good;
  missing.points[0] = std::nan("");
  BOOST_CHECK_THROW(missing.improve(thorough), nmcx::InvalidArgument);
  Grains unknown = good;
  unknown.freedom[0] = 6;
  BOOST_CHECK_THROW(unknown.improve(thorough), nmcx::InvalidArgument);
  Grains negative = good;
  negative.grain[0] = -1;
  BOOST_CHECK_THROW(negative.improve(thorough), nmcx::InvalidArgument);
  BOOST_CHECK_NO_THROW(good.improve(thorough));
}

BOOST_AUTO_TEST_SUITE_END()
