#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/interface_insertion.hpp"
#include "nmcx/fem/midside_nodes.hpp"

namespace {

using Rows = nmcx::Array<std::int64_t, 2>;

Rows rows(std::size_t n_column, const std::vector<std::int64_t>& values) {
  Rows result({values.size() / n_column, n_column});
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

nmcx::Array<std::int64_t, 1> labels(const std::vector<std::int64_t>& values) {
  nmcx::Array<std::int64_t, 1> result({values.size()});
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

nmcx::InsertedInterfaces insert(const Rows& cells, const std::vector<std::int64_t>& grain,
                                std::size_t n_node, const std::optional<Rows>& walls = {}) {
  std::optional<nmcx::ArrayView<std::int64_t, 2>> view;
  if (walls) view = walls->view();
  return nmcx::insert_interfaces(cells.view(), labels(grain).view(), n_node, view);
}

std::size_t copies(const nmcx::InsertedInterfaces& cut, std::int64_t node) {
  return static_cast<std::size_t>(
      std::count(cut.source.data(), cut.source.data() + cut.source.size(), node));
}

/// Triangles around node 0, whose rim is 1 … n.
Rows fan(std::int64_t n, bool closed) {
  std::vector<std::int64_t> cells;
  for (std::int64_t i = 1; i < n + (closed ? 1 : 0); ++i) {
    cells.insert(cells.end(), {0, i, i == n ? 1 : i + 1});
  }
  return rows(3, cells);
}

/// The octahedron of 0 = centre, ±x = 1, 2, ±y = 3, 4, ±z = 5, 6 as 8 tetrahedra, one per octant,
/// of positive volume; octant bits say where x, y, z are negative.
Rows octahedron() {
  std::vector<std::int64_t> cells;
  for (std::int64_t octant = 0; octant < 8; ++octant) {
    const std::int64_t x = 1 + (octant & 1);
    const std::int64_t y = 3 + ((octant >> 1) & 1);
    const std::int64_t z = 5 + ((octant >> 2) & 1);
    const bool mirrored = ((octant & 1) + ((octant >> 1) & 1) + ((octant >> 2) & 1)) % 2 == 1;
    if (mirrored) {
      cells.insert(cells.end(), {0, y, x, z});
    } else {
      cells.insert(cells.end(), {0, x, y, z});
    }
  }
  return rows(4, cells);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(interface_insertion)

BOOST_AUTO_TEST_CASE(without_walls_a_mesh_stays_as_it_is) {
  const Rows cells = octahedron();
  const auto cut = insert(cells, std::vector<std::int64_t>(8, 0), 7);
  BOOST_TEST(std::equal(cells.data(), cells.data() + cells.size(), cut.cells.data()));
  BOOST_TEST(cut.source.size() == 7U);
  BOOST_TEST(cut.interfaces.size() == 0U);
  BOOST_TEST(cut.surface.shape[0] == 8U);
}

BOOST_AUTO_TEST_CASE(a_triple_point_is_copied_once_per_grain_and_ends_of_walls_twice) {
  const auto cut = insert(fan(6, true), {0, 0, 1, 1, 2, 2}, 7);
  BOOST_TEST(copies(cut, 0) == 3U);
  for (const std::int64_t on_wall : {1, 3, 5}) BOOST_TEST(copies(cut, on_wall) == 2U);
  for (const std::int64_t within : {2, 4, 6}) BOOST_TEST(copies(cut, within) == 1U);
  BOOST_TEST(cut.interfaces.shape[0] == 3U);
  BOOST_TEST(cut.surface.shape[0] == 6U);
}

BOOST_AUTO_TEST_CASE(a_junction_with_the_surface_is_copied_once_per_grain) {
  const auto cut = insert(fan(4, false), {0, 1, 0}, 5);
  // The two cells of grain 0 hang together by no facet: each has a copy of the centre.
  BOOST_TEST(copies(cut, 0) == 3U);
  BOOST_TEST(cut.interfaces.shape[0] == 2U);
}

BOOST_AUTO_TEST_CASE(four_grains_at_a_line_and_eight_at_a_point_are_copied_once_each) {
  const auto four = insert(octahedron(), {0, 1, 2, 3, 0, 1, 2, 3}, 7);
  for (const std::int64_t on_line : {0, 5, 6}) BOOST_TEST(copies(four, on_line) == 4U);
  for (const std::int64_t on_wall : {1, 2, 3, 4}) BOOST_TEST(copies(four, on_wall) == 2U);
  BOOST_TEST(four.interfaces.shape[0] == 8U);
  const auto eight = insert(octahedron(), {0, 1, 2, 3, 4, 5, 6, 7}, 7);
  BOOST_TEST(copies(eight, 0) == 8U);
  BOOST_TEST(eight.interfaces.shape[0] == 12U);
  BOOST_TEST(eight.source.size() == 32U);
}

BOOST_AUTO_TEST_CASE(the_first_side_is_of_the_lower_grain_and_both_sides_pair_node_by_node) {
  const auto cut = insert(octahedron(), {7, 6, 5, 4, 3, 2, 1, 0}, 7);
  for (std::size_t k = 0; k < cut.interfaces.shape[0]; ++k) {
    BOOST_TEST(cut.interface_grains[2 * k] < cut.interface_grains[(2 * k) + 1]);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto one = static_cast<std::size_t>(cut.interfaces[(6 * k) + i]);
      const auto other = static_cast<std::size_t>(cut.interfaces[(6 * k) + 3 + i]);
      BOOST_TEST(one != other);
      BOOST_TEST(cut.source[one] == cut.source[other]);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_wall_that_ends_within_a_grain_opens_behind_its_front_only) {
  // One cut edge from the centre to the rim: the centre is the front, the rim node comes apart.
  const auto cut = insert(fan(6, true), std::vector<std::int64_t>(6, 0), 7, rows(2, {2, 0}));
  BOOST_TEST(copies(cut, 0) == 1U);
  BOOST_TEST(copies(cut, 2) == 2U);
  BOOST_TEST(cut.interfaces.shape[0] == 1U);
  BOOST_TEST(cut.source.size() == 8U);
}

BOOST_AUTO_TEST_CASE(a_listed_wall_is_cut_besides_those_between_grains) {
  const auto cut = insert(fan(6, true), {0, 0, 0, 1, 1, 1}, 7, rows(2, {0, 2, 1, 0}));
  BOOST_TEST(cut.interfaces.shape[0] == 3U);  // two between the grains, of which one is listed too
  BOOST_TEST(copies(cut, 0) == 3U);
}

BOOST_AUTO_TEST_CASE(midside_nodes_come_apart_where_their_ends_do_not) {
  // The cut edge from the centre to a point within: neither end comes apart, its midside node does.
  Rows cells =
      rows(3, {0, 1, 2, 0, 2, 3, 0, 3, 1, 1, 4, 2, 2, 4, 5, 2, 5, 3, 3, 5, 6, 3, 6, 1, 1, 6, 4});
  const auto cut = insert(cells, std::vector<std::int64_t>(9, 0), 7, rows(2, {0, 2}));
  BOOST_TEST(cut.source.size() == 7U);
  const auto whole =
      nmcx::midside_nodes(cut.cells.view(), 7, Rows({0, 4}).view(), cut.surface.view());
  const auto quadratic =
      nmcx::midside_nodes(cut.cells.view(), 7, cut.interfaces.view(), cut.surface.view());
  BOOST_TEST(whole.ends.shape[0] == 15U);  // by Euler: nodes + cells - 1
  BOOST_TEST(quadratic.ends.shape[0] == 16U);
  const std::int64_t* sides = quadratic.interfaces.data();
  BOOST_TEST(sides[0] == sides[3]);
  BOOST_TEST(sides[1] == sides[4]);
  BOOST_TEST(sides[2] != sides[5]);
}

BOOST_AUTO_TEST_CASE(midside_nodes_lie_on_the_edges_of_their_facets) {
  const auto cut = insert(octahedron(), {0, 1, 2, 3, 0, 1, 2, 3}, 7);
  const auto quadratic = nmcx::midside_nodes(cut.cells.view(), cut.source.size(),
                                             cut.interfaces.view(), cut.surface.view());
  // Each grain is two tetrahedra with a shared facet: 9 edges.
  BOOST_TEST(quadratic.ends.shape[0] == 36U);
  const auto ends = [&](std::int64_t node) {
    const std::size_t e = static_cast<std::size_t>(node) - cut.source.size();
    return std::set<std::int64_t>{quadratic.ends[2 * e], quadratic.ends[(2 * e) + 1]};
  };
  const auto check = [&](const Rows& facets, std::size_t n_side) {
    for (std::size_t f = 0; f < facets.shape[0] * n_side; ++f) {
      const std::int64_t* nodes = facets.data() + (6 * f);
      for (std::size_t i = 0; i < 3; ++i) {
        BOOST_TEST((ends(nodes[3 + i]) == std::set<std::int64_t>{nodes[i], nodes[(i + 1) % 3]}));
      }
    }
  };
  check(quadratic.interfaces, 2);
  check(quadratic.surface, 1);
}

BOOST_AUTO_TEST_CASE(what_is_no_mesh_is_refused) {
  const auto refused = [](const Rows& cells, const std::vector<std::int64_t>& grain,
                          std::size_t n_node, const std::string& said) {
    BOOST_CHECK_EXCEPTION(insert(cells, grain, n_node), nmcx::InvalidArgument,
                          [&](const nmcx::InvalidArgument& error) {
                            const bool found =
                                std::string(error.what()).find(said) != std::string::npos;
                            if (!found) BOOST_TEST_MESSAGE(error.what());
                            return found;
                          });
  };
  refused(rows(3, {0, 1, 1}), {0}, 3, "twice");
  refused(rows(3, {0, 1, 3}), {0}, 3, "names node 3");
  refused(rows(3, {0, 1, -1}), {0}, 3, "names node -1");
  refused(rows(3, {0, 1, 2, 1, 0, 3, 0, 4, 1}), {0, 0, 0}, 5, "two cells already");
  refused(rows(3, {0, 1, 2, 0, 1, 3}), {0, 0}, 4, "same side");
  refused(rows(4, {0, 1, 2, 3, 0, 1, 2, 4}), {0, 0}, 5, "same side");
  refused(rows(3, {0, 1, 2}), {1}, 3, "grain 0 has no cell");
  refused(rows(3, {0, 1, 2, 1, 0, 3}), {0, 2}, 4, "grain 1 has no cell");
  refused(rows(3, {0, 1, 2, 1, 0, 3}), {0, std::int64_t{1} << 62}, 4, "grain 1 has no cell");
  refused(rows(3, {0, 1, 2}), {-1}, 3, "numbered from 0");
  refused(rows(3, {0, 1, 2}), {0, 0}, 3, "one label per cell");
  refused(rows(2, {0, 1}), {0}, 3, "3 nodes");
  refused(Rows({0, 3}), {}, 3, "empty");
  BOOST_CHECK_THROW(insert(fan(6, true), std::vector<std::int64_t>(6, 0), 7, rows(2, {2, 3})),
                    nmcx::InvalidArgument);  // on the rim: one cell only
}

BOOST_AUTO_TEST_CASE(the_order_of_the_cells_does_not_change_what_is_cut) {
  std::mt19937 random(1);
  const Rows cells = octahedron();
  std::vector<std::size_t> order(8);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::vector<std::int64_t> grain{0, 1, 1, 2, 0, 1, 2, 2};
  const auto cut = insert(cells, grain, 7);
  for (int trial = 0; trial < 20; ++trial) {
    std::shuffle(order.begin(), order.end(), random);
    Rows shuffled({8, 4});
    std::vector<std::int64_t> its_grain(8);
    for (std::size_t c = 0; c < 8; ++c) {
      its_grain[c] = grain[order[c]];
      // An even permutation of the corners keeps the volume positive.
      for (std::size_t i = 0; i < 3; ++i) {
        shuffled[(4 * c) + i] = cells[(4 * order[c]) + ((i + 1) % 3)];
      }
      shuffled[(4 * c) + 3] = cells[(4 * order[c]) + 3];
    }
    const auto again = insert(shuffled, its_grain, 7);
    BOOST_TEST(again.interfaces.shape[0] == cut.interfaces.shape[0]);
    // Sources ascend, so equal lists mean as many copies of each node.
    BOOST_REQUIRE(again.source.size() == cut.source.size());
    BOOST_TEST(
        std::equal(cut.source.data(), cut.source.data() + cut.source.size(), again.source.data()));
  }
}

BOOST_AUTO_TEST_SUITE_END()
