#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "label_images.hpp"
#include "nmcx/fem/label_field.hpp"
#include "nmcx/fem/label_lattice.hpp"

namespace {

using labelled::check_refused;
using labelled::Image;
using labelled::Mesh;
using labelled::painted;

constexpr double smoothing = 1.2;

nmcx::LabelLattice lattice(const Image& image, double edge, unsigned threads = 1) {
  return nmcx::label_lattice(image.view(), image.steps(), {.edge = edge, .smoothing = smoothing},
                             {.threads = threads, .poll = {}});
}

template <int D>
Mesh<D> mesh_of(const nmcx::LabelLattice& made) {
  Mesh<D> mesh;
  for (std::size_t v = 0; v < made.points.shape[0]; ++v)
    mesh.at.emplace_back(Eigen::Map<const nmcx::Point<D>>(made.points.data() + (v * D)));
  for (std::size_t i = 0; i < made.cells.shape[0]; ++i) {
    nmcx::Cell<D>& cell = mesh.cells.emplace_back();
    std::copy_n(made.cells.data() + (i * (D + 1)), D + 1, cell.begin());
    mesh.label.push_back(made.label[i]);
  }
  return mesh;
}

template <int D>
Mesh<D> mesh_over(const Image& image, double edge) {
  return mesh_of<D>(lattice(image, edge));
}

/// Voxels of grain 1 where a point of the cube from -1 to 1 is inside.
template <class Inside>
Image body(const Inside& inside, std::size_t n = 30) {
  const double step = 2.0 / static_cast<double>(n - 1);
  return painted({n, n, n}, {step, step, step},
                 [&](const auto& p) { return inside(p[0] - 1.0, p[1] - 1.0, p[2] - 1.0) ? 1 : 0; });
}

/// Corners less edges plus triangles less tetrahedra, of all cells that are not void.
template <int D>
int euler_characteristic(const Mesh<D>& mesh) {
  std::set<std::vector<std::int64_t>> faces;
  for (std::size_t i = 0; i < mesh.cells.size(); ++i) {
    if (mesh.label[i] == 0) continue;
    for (unsigned subset = 1; subset < (1U << (D + 1)); ++subset) {
      std::vector<std::int64_t> face;
      for (std::size_t k = 0; k <= D; ++k) {
        if (((subset >> k) & 1U) != 0) face.push_back(mesh.cells[i][k]);
      }
      std::sort(face.begin(), face.end());
      faces.insert(face);
    }
  }
  return std::accumulate(faces.begin(), faces.end(), 0, [](int sum, const auto& face) {
    return sum + (face.size() % 2 == 1 ? 1 : -1);
  });
}

/// Three grains with bent walls in an ellipsoid (ellipse). It has no flat faces: the lattice begins
/// two edges before the first voxels, so cells' middles would lie on such a face, a tie.
Image three_grains(const std::vector<double>& spacing, const std::array<std::int32_t, 3>& name) {
  const bool flat = spacing.size() == 2;
  Image image{.shape = {flat ? 1U : 16U, 20, 24}, .spacing = spacing, .voxels = {}};
  for (std::size_t i = 0; i < image.shape[0]; ++i) {
    for (std::size_t j = 0; j < 20; ++j) {
      for (std::size_t k = 0; k < 24; ++k) {
        const nmcx::Point<3> away(flat ? 0.0 : (static_cast<double>(i) - 7.6) / 4.8,
                                  (static_cast<double>(j) - 9.7) / 6.9,
                                  (static_cast<double>(k) - 12.2) / 8.3);
        const double bend = (0.03 * static_cast<double>(j * j)) + (0.1 * static_cast<double>(i));
        const bool is_left = static_cast<double>(k) < 8.3 + bend;
        const std::size_t grain = is_left ? 0 : static_cast<std::size_t>(j > 9 ? 1 : 2);
        image.voxels.push_back(away.norm() < 1.0 ? name[grain] : 0);
      }
    }
  }
  return image;
}

/// Every cell is a congruent copy of one, every node within has as many neighbours, whose mean
/// distance is the edge asked for; facets are shared by two cells or are the lattice's border.
template <int D>
void check_regular(double edge) {
  const std::vector<double> spacing = D == 2 ? std::vector{0.3, 0.2} : std::vector{0.3, 0.2, 0.25};
  const Mesh<D> mesh = mesh_over<D>(three_grains(spacing, {1, 2, 3}), edge);
  // Side of the cubes of the body-centred lattice; its mean edge is known to four digits.
  const double side = edge * 14.0 / (6.0 + (8.0 * std::sqrt(0.75)));
  const double volume = D == 2 ? std::sqrt(3.0) / 4.0 * edge * edge : side * side * side / 12.0;
  for (std::size_t i = 0; i < mesh.cells.size(); ++i)
    BOOST_TEST(std::abs(mesh.volume(i) / volume - 1.0) < 1e-4);
  for (const auto& [facet, about] : mesh.facets()) BOOST_TEST(about.size() <= 2U);
  const auto neighbours = mesh.neighbours();
  const auto on_border = mesh.on_border();
  std::size_t n_inside = 0;
  for (std::size_t v = 0; v < mesh.at.size(); ++v) {
    if (on_border[v]) continue;
    ++n_inside;
    BOOST_TEST(neighbours[v].size() == (D == 2 ? 6U : 14U));
    double sum = 0;
    for (const std::int64_t u : neighbours[v])
      sum += (mesh.at[static_cast<std::size_t>(u)] - mesh.at[v]).norm();
    BOOST_TEST(std::abs(sum / static_cast<double>(neighbours[v].size()) / edge - 1.0) < 1e-4);
  }
  BOOST_TEST(n_inside > 30U);
  // Right angles between planes of the lattice's cubes, and 60° everywhere in the plane.
  BOOST_TEST(std::abs(mesh.worst() - std::sqrt(0.75)) < 1e-12);
}

/// The label that wins at the middle of each cell.
template <int D>
std::vector<std::int64_t> winners(const Mesh<D>& mesh, const Image& image) {
  const nmcx::LabelField<D> field(image.view(), image.steps(), smoothing);
  std::vector<nmcx::LabelShare<D>> shares;
  std::vector<std::int64_t> found;
  for (std::size_t i = 0; i < mesh.cells.size(); ++i) {
    field.shares(mesh.middle(i), shares);
    found.push_back(nmcx::winner<D>(shares));
  }
  return found;
}

/// Cells with another label at all of their nodes, once for each such label.
template <int D>
std::size_t n_flat(const Mesh<D>& mesh) {
  const auto at = mesh.labels_of_nodes();
  std::size_t n = 0;
  for (std::size_t i = 0; i < mesh.cells.size(); ++i) {
    for (const std::int64_t label : at[static_cast<std::size_t>(mesh.cells[i][0])]) {
      const bool is_everywhere = std::ranges::all_of(mesh.cells[i], [&](std::int64_t v) {
        return at[static_cast<std::size_t>(v)].contains(label);
      });
      if (is_everywhere && label != mesh.label[i]) ++n;
    }
  }
  return n;
}

/// Cells of pieces, joined by facets, none of whose nodes has their label alone.
template <int D>
std::size_t n_without_own_node(const Mesh<D>& mesh) {
  std::vector<std::size_t> piece(mesh.cells.size());
  std::iota(piece.begin(), piece.end(), std::size_t{0});
  const auto facets = mesh.facets();
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& [facet, about] : facets) {
      if (about.size() < 2 || mesh.label[about[0]] != mesh.label[about[1]]) continue;
      changed = changed || piece[about[0]] != piece[about[1]];
      piece[about[0]] = piece[about[1]] = std::min(piece[about[0]], piece[about[1]]);
    }
  }
  const auto at = mesh.labels_of_nodes();
  std::set<std::size_t> with_node;
  for (std::size_t i = 0; i < mesh.cells.size(); ++i) {
    for (const std::int64_t v : mesh.cells[i]) {
      if (at[static_cast<std::size_t>(v)].size() == 1) with_node.insert(piece[i]);
    }
  }
  return static_cast<std::size_t>(
      std::ranges::count_if(piece, [&](std::size_t i) { return !with_node.contains(i); }));
}

/// Speckles of four voxels, which are two cells wide, without any order: many cells would be flat.
template <int D>
void check_speckles(unsigned seed) {
  labelled::Uniform random(seed);
  std::vector<std::int32_t> speckle(4 * 6 * 6);
  for (std::int32_t& label : speckle) label = random.label(3);
  const Image image = painted({D == 3 ? 16U : 1U, 24, 24}, std::vector<double>(D, 0.4),
                              [&](const std::array<double, 3>& p) {
                                const auto at = [&](std::size_t axis) {
                                  return static_cast<std::size_t>((p[axis] + 0.1) / 1.6);
                                };
                                return speckle[(((at(0) * 6) + at(1)) * 6) + at(2)];
                              });
  Mesh<D> mesh = mesh_over<D>(image, 1.0);
  const std::size_t n_left = n_flat(mesh);
  BOOST_TEST(n_without_own_node(mesh) == 0U);
  mesh.label = winners(mesh, image);
  // In space no label can fit where a cell lies between several speckles.
  BOOST_TEST(4 * n_left < 3 * n_flat(mesh));
}

/// Cells away from all walls have the label that wins at their middle; around the grains lie two
/// layers of void and nothing beyond, but for the first rows of the lattice, which are uneven: half
/// of their nodes come half an edge later.
template <int D>
void check_labels(const Image& image, double edge) {
  const Mesh<D> mesh = mesh_over<D>(image, edge);
  Mesh<D> won = mesh;
  won.label = winners(mesh, image);
  const auto at = won.labels_of_nodes();
  std::size_t n_changed = 0;
  std::vector<bool> near(mesh.at.size(), false);
  std::vector<bool> next(mesh.at.size(), false);
  for (std::size_t i = 0; i < mesh.cells.size(); ++i) {
    const bool at_wall = std::ranges::any_of(
        mesh.cells[i], [&](std::int64_t v) { return at[static_cast<std::size_t>(v)].size() > 1; });
    if (!at_wall) BOOST_TEST(mesh.label[i] == won.label[i]);
    if (mesh.label[i] != won.label[i]) ++n_changed;
    if (won.label[i] == 0) continue;
    for (const std::int64_t v : mesh.cells[i]) near[static_cast<std::size_t>(v)] = true;
  }
  BOOST_TEST(10 * n_changed < mesh.cells.size());
  const auto on_border = mesh.on_border();
  const auto neighbours = mesh.neighbours();
  nmcx::Point<D> lowest = mesh.at[0];
  for (const auto& p : mesh.at) lowest = lowest.cwiseMin(p);
  for (std::size_t v = 0; v < mesh.at.size(); ++v) {
    if (!near[v]) continue;
    BOOST_TEST(!on_border[v]);
    for (const std::int64_t u : neighbours[v]) {
      next[static_cast<std::size_t>(u)] = true;
      const bool in_first_row =
          ((mesh.at[static_cast<std::size_t>(u)] - lowest).array() < 0.55 * edge).any();
      BOOST_TEST((!on_border[static_cast<std::size_t>(u)] || in_first_row));
    }
  }
  for (const auto& cell : mesh.cells) {
    BOOST_TEST(std::ranges::any_of(cell, [&](std::int64_t v) {
      return near[static_cast<std::size_t>(v)] || next[static_cast<std::size_t>(v)];
    }));
  }
}

/// The same cells with the same labels, and points where `image` has them once scaled and shifted.
template <int D>
void check_same(const Mesh<D>& one, const Mesh<D>& two, double scale, const nmcx::Point<D>& shift) {
  BOOST_REQUIRE((one.cells == two.cells));
  BOOST_TEST(one.label == two.label);
  for (std::size_t v = 0; v < one.at.size(); ++v)
    BOOST_TEST((scale * one.at[v] + shift - two.at[v]).norm() < 1e-12 * scale);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(label_lattice)

BOOST_AUTO_TEST_CASE(the_lattice_is_regular_and_as_fine_as_asked) {
  check_regular<2>(0.5);
  check_regular<2>(0.81);
  check_regular<3>(0.7);
}

BOOST_AUTO_TEST_CASE(labels_are_the_image_s_and_void_is_kept_two_layers_thick) {
  check_labels<2>(three_grains({0.3, 0.2}, {1, 2, 3}), 0.5);
  check_labels<3>(three_grains({0.3, 0.2, 0.25}, {1, 2, 3}), 0.6);
}

BOOST_AUTO_TEST_CASE(labels_change_where_cells_would_be_flat) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    check_speckles<2>(seed);
    check_speckles<3>(seed);
  }
}

BOOST_AUTO_TEST_CASE(the_lattice_begins_two_edges_before_the_first_voxels) {
  const Image image = painted({1, 20, 20}, {0.3, 0.2},
                              [](const auto& p) { return p[1] > 1.4 && p[2] > 1.1 ? 1 : 0; });
  const double edge = 0.5;
  const nmcx::Point<2> origin(4.5 * 0.3 - 2.0 * edge, 5.5 * 0.2 - 2.0 * edge);
  for (const auto& at : mesh_over<2>(image, edge).at) {
    const double row = (at[0] - origin[0]) / (edge * std::sqrt(0.75));
    const double half = (at[1] - origin[1]) / (0.5 * edge);
    BOOST_TEST(std::abs(row - std::round(row)) < 1e-9);
    BOOST_TEST(std::abs(half - std::round(half)) < 1e-9);
    BOOST_TEST(std::abs(std::remainder(row + half, 2.0)) < 1e-9);  // every other row is shifted
    BOOST_TEST(std::min(row, half) > -1e-9);
  }
}

BOOST_AUTO_TEST_CASE(bodies_keep_their_topology) {
  const auto ball = [](double z, double y, double x) { return (z * z) + (y * y) + (x * x) < 0.6; };
  const auto shell = [&](double z, double y, double x) {
    return ball(z, y, x) && (z * z) + (y * y) + (x * x) > 0.12;
  };
  const auto ring = [](double z, double y, double x) {
    const double away = std::hypot(y, x) - 0.55;
    return (away * away) + (z * z) < 0.09;
  };
  const auto pair = [](double z, double y, double x) {
    return (z * z) + (y * y) < 0.2 && std::abs(x) > 0.25 && std::abs(x) < 0.8;
  };
  BOOST_TEST(euler_characteristic(mesh_over<3>(body(ball), 0.2)) == 1);
  BOOST_TEST(euler_characteristic(mesh_over<3>(body(shell), 0.15)) == 2);
  BOOST_TEST(euler_characteristic(mesh_over<3>(body(ring), 0.15)) == 0);
  BOOST_TEST(euler_characteristic(mesh_over<3>(body(pair), 0.2)) == 2);
  const Image disc = painted({1, 40, 40}, {0.1, 0.1}, [](const auto& p) {
    const double r = std::hypot(p[1] - 1.95, p[2] - 1.95);
    return r > 0.6 && r < 1.6 ? 4 : 0;
  });
  BOOST_TEST(euler_characteristic(mesh_over<2>(disc, 0.25)) == 0);  // a ring
}

BOOST_AUTO_TEST_CASE(a_ball_has_its_volume_and_its_place) {
  const auto ball = [](double z, double y, double x) { return (z * z) + (y * y) + (x * x) < 0.64; };
  const Mesh<3> mesh = mesh_over<3>(body(ball, 40), 0.1);
  double volume = 0;
  nmcx::Point<3> moment = nmcx::Point<3>::Zero();
  for (std::size_t i = 0; i < mesh.cells.size(); ++i) {
    if (mesh.label[i] == 0) continue;
    volume += mesh.volume(i);
    moment += mesh.volume(i) * mesh.middle(i);
  }
  // Smoothing takes 3 (1.2 voxels / radius)² = 1.8 %; cells in or out at the surface are as many.
  BOOST_TEST(std::abs(volume / (4.0 / 3.0 * 3.14159265 * 0.512) - 0.985) < 0.015);
  BOOST_TEST((moment / volume - nmcx::Point<3>::Constant(1.0)).norm() < 0.01);
}

BOOST_AUTO_TEST_CASE(lengths_and_names_do_not_matter) {
  const auto mesh = mesh_over<3>(three_grains({0.3, 0.2, 0.25}, {1, 2, 3}), 0.7);
  check_same<3>(mesh, mesh_over<3>(three_grains({1.2, 0.8, 1.0}, {1, 2, 3}), 2.8), 4.0,
                nmcx::Point<3>::Zero());
  auto named = mesh_over<3>(three_grains({0.3, 0.2, 0.25}, {10, 20, 2000000000}), 0.7);
  for (auto& label : named.label) label = label == 2000000000 ? 3 : label / 10;
  check_same<3>(mesh, named, 1.0, nmcx::Point<3>::Zero());
}

BOOST_AUTO_TEST_CASE(the_mesh_goes_with_the_grains_not_with_the_image) {
  const Image image = three_grains({0.3, 0.2}, {1, 2, 3});
  Image wider{.shape = {1, 25, 31}, .spacing = image.spacing, .voxels = {}};
  wider.voxels.assign(wider.shape[1] * wider.shape[2], 0);
  for (std::size_t j = 0; j < 20; ++j) {
    for (std::size_t k = 0; k < 24; ++k)
      wider.voxels[((j + 5) * 31) + k + 7] = image.voxels[(j * 24) + k];
  }
  check_same<2>(mesh_over<2>(image, 0.55), mesh_over<2>(wider, 0.55), 1.0, {5 * 0.3, 7 * 0.2});
  // Voxels of grains on the border of an image are followed by void, as if it were written there.
  Image cut{.shape = {1, 14, 17}, .spacing = image.spacing, .voxels = {}};
  for (std::size_t j = 3; j < 17; ++j) {
    for (std::size_t k = 4; k < 21; ++k) cut.voxels.push_back(image.voxels[(j * 24) + k]);
  }
  check_same<2>(mesh_over<2>(cut, 0.55), mesh_over<2>(image, 0.55), 1.0, {3 * 0.3, 4 * 0.2});
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_mesh) {
  const Image image = three_grains({0.3, 0.2, 0.25}, {1, 2, 3});
  check_same<3>(mesh_of<3>(lattice(image, 0.5, 1)), mesh_of<3>(lattice(image, 0.5, 3)), 1.0,
                nmcx::Point<3>::Zero());
}

BOOST_AUTO_TEST_CASE(images_that_cannot_be_meshed_are_refused) {
  Image image = three_grains({0.3, 0.2, 0.25}, {1, 2, 3});
  const double infinite = std::numeric_limits<double>::infinity();
  for (const double wrong : {0.0, -1.0, std::nan(""), infinite})
    check_refused([&] { lattice(image, wrong); }, "edge must be positive");
  // Both where the nodes could be counted and where not even the lattice's rows could.
  const Image section = three_grains({0.3, 0.2}, {1, 2, 3});
  for (const double fine : {1e-4, 1e-12}) {
    check_refused([&] { lattice(image, fine); }, "more than 4e8 nodes; take a larger size");
    check_refused([&] { lattice(section, fine); }, "more than 4e8 nodes; take a larger size");
  }
  Image line = image;
  line.spacing.resize(1);
  check_refused([&] { lattice(line, 0.5); }, "spacing must have 2 or 3 numbers");
  Image negative = image;
  negative.voxels[77] = -1;
  check_refused([&] { lattice(negative, 0.5); }, "labels must not be negative");
  std::fill(image.voxels.begin(), image.voxels.end(), 0);
  check_refused([&] { lattice(image, 0.5); }, "labels has no grain: all of it is void");
}

BOOST_AUTO_TEST_SUITE_END()
