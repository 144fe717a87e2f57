// Meshes whose nodes are projected onto the walls of images, and what must hold for all of them.
#pragma once

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <vector>

#include "label_images.hpp"
#include "nmcx/fem/label_projection.hpp"

namespace labelled {

using nmcx::Point;
using nmcx::ProjectionOptions;

/// No cell is worked on for its shape, so that there is no chance in where nodes go.
inline constexpr ProjectionOptions towards_walls{
    .smoothing = 1.2, .edge = 1.0, .floor = 0.2, .target = 0.0, .n_sweep = 12, .n_settle = 4};

template <int D>
struct Projected {
  Mesh<D> mesh;
  std::vector<double> distance;
};

template <int D>
Projected<D> projected(const Mesh<D>& mesh, const Image& image, const ProjectionOptions& options,
                       unsigned threads = 1) {
  const std::size_t n = mesh.at.size();
  const auto result = nmcx::project_labels(
      {mesh.at.data()->data(), {n, D}}, {mesh.cells.data()->data(), {mesh.cells.size(), D + 1}},
      {mesh.label.data(), {mesh.label.size()}}, image.view(), image.steps(), options,
      {.threads = threads, .poll = {}});
  Projected<D> found{.mesh = mesh, .distance = {}};
  for (std::size_t v = 0; v < n; ++v) {
    found.mesh.at[v] = Eigen::Map<const Point<D>>(result.points.data() + (v * D));
    found.distance.push_back(result.distance[v]);
  }
  return found;
}

/// Six bricks a side from 2 to 8, nodes within moved by up to a fifth of a brick.
template <int D, class LabelAt>
Mesh<D> uneven_bricks(const LabelAt& label_at, unsigned seed) {
  auto mesh = labelled::bricks<D>(
      6, [&](const Point<D>& p) { return label_at(Point<D>(p + Point<D>::Constant(2.0))); });
  labelled::Uniform random(seed);
  const auto on_border = mesh.on_border();
  for (std::size_t v = 0; v < mesh.at.size(); ++v) {
    for (int axis = 0; axis < D; ++axis)
      mesh.at[v][axis] += 2.0 + (on_border[v] ? 0.0 : random(-0.2, 0.2));
  }
  return mesh;
}

/// Voxels of 0.4 from 0 to 10: more than the reach of the weights around all bricks.
template <int D, class LabelAt>
Image around_bricks(const LabelAt& label_at) {
  return painted({D == 3 ? 26U : 1U, 26, 26}, std::vector<double>(D, 0.4),
                 [&](const std::array<double, 3>& p) {
                   const Eigen::Vector3d all(p[0], p[1], p[2]);
                   return label_at(Point<D>(all.template tail<D>()));
                 });
}

template <int D>
double volume(const Mesh<D>& mesh) {
  double sum = 0;
  for (std::size_t i = 0; i < mesh.cells.size(); ++i) sum += mesh.volume(i);
  return sum;
}

/// What holds for every projection: the outer boundary stays, the volume so too, no cell falls
/// below the floor or what it was, nodes inside of grains have no wall to be away from.
template <int D>
void check_sound(const Mesh<D>& before, const Projected<D>& after, double floor) {
  const auto on_border = before.on_border();
  const auto labels = before.labels_of_nodes();
  for (std::size_t v = 0; v < before.at.size(); ++v) {
    if (on_border[v]) BOOST_TEST((before.at[v] == after.mesh.at[v]));
    if (labels[v].size() == 1) BOOST_TEST(after.distance[v] == 0.0);
  }
  BOOST_TEST(std::abs(volume(after.mesh) / volume(before) - 1.0) < 1e-12);
  BOOST_TEST(after.mesh.worst() >= std::min(floor, before.worst()) - 1e-14);
}

}  // namespace labelled
