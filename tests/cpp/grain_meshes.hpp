// Meshes of grains put together by hand, and what their improvement must leave alone.
#pragma once

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "nmcx/fem/grain_complex.hpp"
#include "nmcx/fem/mesh_improvement.hpp"

namespace improvement {

using nmcx::Freedom;

/// A mesh as plain vectors, points with as many numbers as the mesh has dimensions.
struct Grains {
  std::size_t dimension = 3;
  std::vector<double> points;
  std::vector<std::int64_t> cells;
  std::vector<std::int64_t> grain;
  std::vector<std::uint8_t> freedom;
  std::vector<double> direction;

  void add_point(const std::vector<double>& p, Freedom f, const std::vector<double>& d = {}) {
    points.insert(points.end(), p.begin(), p.end());
    freedom.push_back(static_cast<std::uint8_t>(f));
    for (std::size_t axis = 0; axis < dimension; ++axis)
      direction.push_back(d.empty() ? 0.0 : d[axis]);
  }
  void add_cell(const std::vector<std::int64_t>& cell, std::int64_t g) {
    cells.insert(cells.end(), cell.begin(), cell.end());
    grain.push_back(g);
  }
  [[nodiscard]] nmcx::ImprovedMesh improve(nmcx::ImprovementOptions options) const {
    const std::size_t n = freedom.size();
    const std::vector<double> spacing(n, 1.0);
    return nmcx::improve_mesh({points.data(), {n, dimension}},
                              {cells.data(), {grain.size(), dimension + 1}},
                              {grain.data(), {grain.size()}}, {freedom.data(), {n}},
                              {direction.data(), {n, dimension}}, {spacing.data(), {n}}, options);
  }
};

/// Fixed points 0 … 5 at distance one on the axes, the positive one of each axis first.
inline Grains corners_of_octahedron() {
  Grains mesh;
  for (int axis = 0; axis < 3; ++axis) {
    for (const double sign : {1.0, -1.0}) {
      std::vector<double> at(3, 0.0);
      at[static_cast<std::size_t>(axis)] = sign;
      mesh.add_point(at, Freedom::fixed);
    }
  }
  return mesh;
}

inline const nmcx::ImprovementOptions thorough{
    .radius = 100.0, .target = 0.6, .n_pass = 12, .floor = 0.0, .collapse_length = 0.0, .poll = {}};

template <int D>
std::array<nmcx::Point<D>, D + 1> corners(const double* points, const std::int64_t* cell) {
  std::array<nmcx::Point<D>, D + 1> at;
  for (std::size_t k = 0; k <= D; ++k) {
    for (int axis = 0; axis < D; ++axis) at[k][axis] = points[(cell[k] * D) + axis];
  }
  return at;
}

/// Volume of each grain, worst cell, and how often each facet occurs with each grain.
template <int D>
struct Survey {
  std::map<std::int64_t, double> volume;
  double worst = 2.0;
  std::map<std::array<std::int64_t, D>, std::vector<std::int64_t>> facets;
};

template <int D>
Survey<D> survey(const double* points, const std::int64_t* cells, const std::int64_t* grain,
                 std::size_t n) {
  Survey<D> found;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t* cell = cells + (i * (D + 1));
    const auto at = corners<D>(points, cell);
    Eigen::Matrix<double, D, D> edges;
    for (int k = 0; k < D; ++k) edges.col(k) = at[static_cast<std::size_t>(k) + 1] - at[0];
    found.volume[grain[i]] += edges.determinant() / (D == 2 ? 2.0 : 6.0);
    found.worst = std::min(found.worst, nmcx::shape_quality<D>(at));
    for (std::size_t k = 0; k <= D; ++k) {
      std::array<std::int64_t, D> facet;
      std::size_t m = 0;
      for (std::size_t j = 0; j <= D; ++j) {
        if (j != k) facet[m++] = cell[j];
      }
      std::sort(facet.begin(), facet.end());
      found.facets[facet].push_back(grain[i]);
    }
  }
  return found;
}

template <int D>
Survey<D> survey(const Grains& mesh) {
  return survey<D>(mesh.points.data(), mesh.cells.data(), mesh.grain.data(), mesh.grain.size());
}

template <int D>
Survey<D> survey(const nmcx::ImprovedMesh& mesh) {
  return survey<D>(mesh.points.data(), mesh.cells.data(), mesh.grain.data(), mesh.grain.size());
}

/// Volume within the cube's facets: every facet once or twice, walls where they were.
template <int D>
void check_sound(const Survey<D>& before, const Survey<D>& after) {
  for (const auto& [facet, grains] : after.facets) BOOST_TEST(grains.size() <= 2U);
  for (const auto& [grain, volume] : before.volume) {
    // Sums of thousands of numbers of order one.
    BOOST_TEST(std::abs(after.volume.at(grain) - volume) < 1e-11);
  }
  BOOST_TEST(after.worst >= before.worst);
}

}  // namespace improvement
