#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "label_images.hpp"
#include "nmcx/fem/label_relabelling.hpp"

namespace {

using labelled::Mesh;
using nmcx::LabelledCells;
using nmcx::LabelShare;

/// Shares that give a cell void, 1, 2 and 3 in these parts.
template <int D>
std::vector<LabelShare<D>> shares(double empty, double one, double two, double three) {
  std::vector<LabelShare<D>> all;
  for (const double share : {empty, one, two, three}) {
    LabelShare<D>& own = all.emplace_back();
    own.label = static_cast<std::int32_t>(all.size()) - 1;
    own.share = share;
  }
  return all;
}

/// The cells of a mesh, each at home in its own label alone.
template <int D>
LabelledCells<D> at_home(const Mesh<D>& mesh) {
  LabelledCells<D> all;
  for (std::size_t i = 0; i < mesh.cells.size(); ++i) {
    auto own = shares<D>(0, 0, 0, 0);
    own[static_cast<std::size_t>(mesh.label[i])].share = 1.0;
    all.add(mesh.cells[i], own);
  }
  return all;
}

/// Bricks whose cells have any shares of void and three grains.
template <int D>
LabelledCells<D> noise(int n, unsigned seed) {
  labelled::Uniform random(seed);
  LabelledCells<D> all;
  for (const auto& cell : labelled::bricks<D>(n, [](const auto&) { return 0; }).cells) {
    auto own = shares<D>(random(0, 1), random(0, 1), random(0, 1), random(0, 1));
    double total = 0;
    for (const auto& each : own) total += each.share;
    for (auto& each : own) each.share /= total;
    all.add(cell, own);
  }
  return all;
}

template <int D>
std::vector<std::set<std::int32_t>> labels_of_nodes(const LabelledCells<D>& all,
                                                    std::size_t n_node) {
  std::vector<std::set<std::int32_t>> found(n_node);
  for (std::size_t i = 0; i < all.cells.size(); ++i) {
    for (const std::int64_t v : all.cells[i])
      found[static_cast<std::size_t>(v)].insert(all.label[i]);
  }
  return found;
}

/// Labels other than its own that are at all nodes of a cell.
template <int D>
std::set<std::int32_t> against(const LabelledCells<D>& all, std::size_t i,
                               const std::vector<std::set<std::int32_t>>& at) {
  std::set<std::int32_t> found;
  for (const std::int32_t label : at[static_cast<std::size_t>(all.cells[i][0])]) {
    const bool everywhere = std::ranges::all_of(all.cells[i], [&](std::int64_t v) {
      return at[static_cast<std::size_t>(v)].contains(label);
    });
    if (everywhere && label != all.label[i]) found.insert(label);
  }
  return found;
}

/// In how many ways cells would be flat, over the whole mesh.
template <int D>
std::size_t n_flat(const LabelledCells<D>& all, std::size_t n_node) {
  const auto at = labels_of_nodes(all, n_node);
  std::size_t n = 0;
  for (std::size_t i = 0; i < all.cells.size(); ++i) n += against(all, i, at).size();
  return n;
}

/// The same rule as the kernel's, with every number counted anew over the whole mesh.
template <int D>
void relabel_slowly(LabelledCells<D>& all, std::size_t n_node) {
  for (int pass = 0; pass < 6; ++pass) {
    for (std::size_t i = 0; i < all.cells.size(); ++i) {
      const auto score = [&](std::int32_t label) {
        all.label[i] = label;
        return static_cast<double>(n_flat(all, n_node)) + (0.5 * all.cost(i, label));
      };
      const auto candidates = against(all, i, labels_of_nodes(all, n_node));
      std::int32_t best = all.label[i];
      double least = score(best) - 1e-6;
      for (const std::int32_t label : candidates) {
        const double with = score(label);
        if (with >= least) continue;
        least = with;
        best = label;
      }
      all.label[i] = best;
    }
  }
}

/// Pieces found by walking from cell to cell, each given to the label it has most facets with.
template <int D>
std::vector<std::int32_t> absorbed_slowly(const LabelledCells<D>& all, std::size_t n_node) {
  Mesh<D> mesh;
  mesh.cells = all.cells;
  const auto facets = mesh.facets();
  std::vector<std::vector<std::size_t>> across(all.cells.size());
  for (const auto& [facet, about] : facets) {
    if (about.size() < 2) continue;
    across[about[0]].push_back(about[1]);
    across[about[1]].push_back(about[0]);
  }
  const auto at = labels_of_nodes(all, n_node);
  std::vector<std::int32_t> label = all.label;
  std::vector<bool> seen(all.cells.size(), false);
  for (std::size_t start = 0; start < all.cells.size(); ++start) {
    if (seen[start]) continue;
    std::vector<std::size_t> piece{start};
    seen[start] = true;
    std::map<std::int32_t, int> met;
    bool has_own = false;
    for (std::size_t next = 0; next < piece.size(); ++next) {
      for (const std::int64_t v : all.cells[piece[next]])
        has_own = has_own || at[static_cast<std::size_t>(v)].size() == 1;
      for (const std::size_t j : across[piece[next]]) {
        if (all.label[j] != all.label[start]) {
          ++met[all.label[j]];
        } else if (!seen[j]) {
          seen[j] = true;
          piece.push_back(j);
        }
      }
    }
    if (has_own || met.empty()) continue;
    std::int32_t most = met.begin()->first;
    for (const auto& [other, n] : met) most = n > met[most] ? other : most;
    for (const std::size_t i : piece) label[i] = most;
  }
  return label;
}

template <int D>
std::size_t n_node(int n) {
  const auto side = static_cast<std::size_t>(n) + 1;
  return D == 2 ? side * side : side * side * side;
}

template <int D>
void check_noise(int n, unsigned seed) {
  LabelledCells<D> all = noise<D>(n, seed);
  LabelledCells<D> slow = all;
  const auto cells = all.cells;
  const std::size_t before = n_flat(all, n_node<D>(n));
  nmcx::relabel_flat_cells(all, n_node<D>(n));
  relabel_slowly(slow, n_node<D>(n));
  BOOST_TEST(all.label == slow.label);
  BOOST_TEST((all.cells == cells));
  BOOST_TEST(n_flat(all, n_node<D>(n)) < before);
  // Pieces of labels at random, with all that relabelling would have taken away.
  LabelledCells<D> pieces = noise<D>(n, seed);
  const auto expected = absorbed_slowly(pieces, n_node<D>(n));
  BOOST_TEST(expected != pieces.label);
  nmcx::absorb_pieces(pieces, n_node<D>(n));
  BOOST_TEST(pieces.label == expected);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(label_relabelling)

BOOST_AUTO_TEST_CASE(a_cell_takes_the_winner_and_keeps_the_largest_shares) {
  LabelledCells<2> all;
  std::vector<LabelShare<2>> found{{.label = 0, .share = 0.05}, {.label = 8, .share = 0.1},
                                   {.label = 3, .share = 0.25}, {.label = 9, .share = 0.3},
                                   {.label = 1, .share = 0.2},  {.label = 2, .share = 0.1}};
  all.add({4, 5, 6}, found);
  BOOST_TEST(all.label[0] == 9);
  BOOST_TEST((all.candidates[0].label == std::array<std::int32_t, 4>{0, 9, 3, 1}));
  BOOST_TEST((all.candidates[0].share == std::array<float, 4>{0.05F, 0.3F, 0.25F, 0.2F}));
  found = {{.label = 0, .share = 0.7}, {.label = 6, .share = 0.15}, {.label = 2, .share = 0.15}};
  all.add({5, 6, 7}, found);
  BOOST_TEST(all.label[1] == 0);  // and grains of the same share come in the order of their labels
  BOOST_TEST((all.candidates[1].label == std::array<std::int32_t, 4>{0, 2, 6, 0}));
}

BOOST_AUTO_TEST_CASE(a_label_costs_what_it_lacks_of_winning) {
  LabelledCells<3> all;
  const double rounding = 1e-6;  // shares are kept in single precision
  auto grain = shares<3>(0.1, 0.6, 0.3, 0.0);
  auto empty = shares<3>(0.7, 0.2, 0.1, 0.0);
  all.add({0, 1, 2, 3}, grain);
  all.add({0, 1, 2, 4}, empty);
  const auto check = [&](std::size_t i, std::int32_t label, double expected) {
    BOOST_TEST(std::abs(all.cost(i, label) - expected) < rounding);
  };
  check(0, 1, 0.0);
  check(0, 2, 0.3);
  check(0, 5, 0.6);  // not there at all
  check(0, 0, 0.8);
  check(1, 0, 0.0);
  check(1, 1, 0.4);
  check(1, 2, 0.5);
}

BOOST_AUTO_TEST_CASE(cells_are_joined_and_dropped_with_what_is_theirs) {
  LabelledCells<2> one;
  LabelledCells<2> two;
  for (std::int64_t i = 0; i < 4; ++i) {
    auto own = shares<2>(0, 0, 0, 0);
    own[static_cast<std::size_t>(i)].share = 1.0;
    (i < 2 ? one : two).add({i, i + 1, i + 2}, own);
  }
  one.append(two);
  BOOST_TEST(one.label == std::vector<std::int32_t>({0, 1, 2, 3}));
  one.keep({true, false, false, true});
  BOOST_TEST(one.label == std::vector<std::int32_t>({0, 3}));
  BOOST_TEST((one.cells == std::vector<nmcx::Cell<2>>{{0, 1, 2}, {3, 4, 5}}));
  BOOST_TEST(one.candidates.size() == 2U);
  BOOST_TEST(one.cost(1, 3) == 0.0);
  BOOST_TEST(one.cost(1, 1) == 1.0);
}

BOOST_AUTO_TEST_CASE(a_cell_alone_within_another_grain_goes_and_a_grain_of_size_stays) {
  Mesh<2> mesh = labelled::bricks<2>(8, [](const nmcx::Point<2>& p) { return p[0] < 4 ? 1 : 2; });
  const auto expected = mesh.label;
  // A triangle in the middle of the left grain: its three nodes lie on the boundary of grain 1.
  mesh.label[2 * ((8 * 4) + 1)] = 3;
  LabelledCells<2> all = at_home(mesh);
  nmcx::relabel_flat_cells(all, mesh.at.size());
  for (std::size_t i = 0; i < expected.size(); ++i) BOOST_TEST(all.label[i] == expected[i]);
}

BOOST_AUTO_TEST_CASE(a_single_cell_of_grain_or_of_void_vanishes) {
  // Whatever the image says: one that is not at home weighs half of one that is flat.
  for (const bool is_pore : {false, true}) {
    Mesh<3> mesh = labelled::bricks<3>(4, [&](const auto&) { return is_pore ? 1 : 0; });
    mesh.label[6 * (1 + 4 + 16)] = is_pore ? 0 : 1;
    LabelledCells<3> all = at_home(mesh);
    BOOST_TEST(n_flat(all, mesh.at.size()) == 1U);
    nmcx::relabel_flat_cells(all, mesh.at.size());
    BOOST_TEST(std::ranges::count(all.label, is_pore ? 1 : 0) == std::ssize(all.label));
  }
}

BOOST_AUTO_TEST_CASE(a_piece_without_a_node_of_its_own_goes_to_its_longest_neighbour) {
  // A row of triangles of label 3, three bricks long, below grain 2 and above grain 1 and, at its
  // ends, beside grain 1: of its eight edges five are shared with grain 1.
  Mesh<2> mesh = labelled::bricks<2>(5, [](const nmcx::Point<2>& p) {
    const bool in_row = p[1] > 2 && p[1] < 3;
    if (in_row && p[0] > 1 && p[0] < 4) return 3;
    return p[1] > 3 ? 2 : 1;
  });
  const auto piece = mesh.label;
  LabelledCells<2> all = at_home(mesh);
  nmcx::absorb_pieces(all, mesh.at.size());
  for (std::size_t i = 0; i < piece.size(); ++i)
    BOOST_TEST(all.label[i] == (piece[i] == 3 ? 1 : piece[i]));
  // With another row of its own it has nodes of its own, and stays.
  for (std::size_t i = 0; i < mesh.cells.size(); ++i) {
    const auto p = mesh.middle(i);
    if (p[0] > 1 && p[0] < 4 && p[1] > 1 && p[1] < 3) mesh.label[i] = 3;
  }
  all = at_home(mesh);
  const auto before = all.label;
  nmcx::absorb_pieces(all, mesh.at.size());
  BOOST_TEST(all.label == before);
}

BOOST_AUTO_TEST_CASE(a_mesh_of_one_label_has_no_pieces_to_give_away) {
  LabelledCells<3> all = at_home(labelled::bricks<3>(1, [](const auto&) { return 2; }));
  nmcx::absorb_pieces(all, 8);
  nmcx::relabel_flat_cells(all, 8);
  BOOST_TEST(std::ranges::count(all.label, 2) == 6);
}

BOOST_AUTO_TEST_CASE(noise_is_relabelled_as_a_count_over_the_whole_mesh_says) {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    check_noise<2>(5, seed);
    check_noise<3>(2, seed);
  }
}

BOOST_AUTO_TEST_SUITE_END()
