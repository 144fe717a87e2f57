// Images of labels painted from a formula, and meshes with a label per cell, for the tests of
// meshes from images.
#pragma once

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/fem/grain_complex.hpp"

namespace labelled {

/// Numbers from low to high, the same for the same seed on every machine.
class Uniform {
 public:
  explicit Uniform(unsigned seed) : random_(seed) {}
  double operator()(double low, double high) {
    return low + ((high - low) * std::generate_canonical<double, 53>(random_));
  }
  std::int32_t label(std::int32_t highest) {
    return static_cast<std::int32_t>((*this)(0.0, 1.0 + highest - 1e-9));
  }

 private:
  std::mt19937 random_;
};

struct Image {
  std::array<std::size_t, 3> shape{};
  std::vector<double> spacing;
  std::vector<std::int32_t> voxels;

  [[nodiscard]] nmcx::ArrayView<std::int32_t, 3> view() const { return {voxels.data(), shape}; }
  [[nodiscard]] nmcx::ArrayView<double, 1> steps() const {
    return {spacing.data(), {spacing.size()}};
  }
};

/// What `label_at` says of each voxel's centre; along the first axis that is 0 in the plane.
template <class LabelAt>
Image painted(const std::array<std::size_t, 3>& shape, const std::vector<double>& spacing,
              const LabelAt& label_at) {
  Image image{.shape = shape, .spacing = spacing, .voxels = {}};
  const std::array<double, 3> step{spacing.size() == 3 ? spacing[0] : 0.0,
                                   spacing[spacing.size() - 2], spacing.back()};
  for (std::size_t i = 0; i < shape[0]; ++i) {
    for (std::size_t j = 0; j < shape[1]; ++j) {
      for (std::size_t k = 0; k < shape[2]; ++k) {
        image.voxels.push_back(label_at(std::array<double, 3>{static_cast<double>(i) * step[0],
                                                              static_cast<double>(j) * step[1],
                                                              static_cast<double>(k) * step[2]}));
      }
    }
  }
  return image;
}

/// Triangles (D = 2) or tetrahedra (D = 3), each with a label.
template <int D>
struct Mesh {
  std::vector<nmcx::Point<D>> at;
  std::vector<nmcx::Cell<D>> cells;
  std::vector<std::int64_t> label;

  [[nodiscard]] std::array<nmcx::Point<D>, D + 1> corners(std::size_t i) const {
    std::array<nmcx::Point<D>, D + 1> corner;
    for (std::size_t k = 0; k <= D; ++k) corner[k] = at[static_cast<std::size_t>(cells[i][k])];
    return corner;
  }
  [[nodiscard]] double volume(std::size_t i) const {
    const auto corner = corners(i);
    Eigen::Matrix<double, D, D> edges;
    for (int k = 0; k < D; ++k) edges.col(k) = corner[static_cast<std::size_t>(k) + 1] - corner[0];
    return edges.determinant() / (D == 2 ? 2.0 : 6.0);
  }
  [[nodiscard]] double worst() const {
    double least = 2.0;
    for (std::size_t i = 0; i < cells.size(); ++i)
      least = std::min(least, nmcx::shape_quality<D>(corners(i)));
    return least;
  }
  [[nodiscard]] nmcx::Point<D> middle(std::size_t i) const {
    nmcx::Point<D> sum = nmcx::Point<D>::Zero();
    for (const auto& corner : corners(i)) sum += corner;
    return sum / (D + 1);
  }
  [[nodiscard]] std::vector<std::set<std::int64_t>> labels_of_nodes() const {
    std::vector<std::set<std::int64_t>> found(at.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      for (const std::int64_t v : cells[i]) found[static_cast<std::size_t>(v)].insert(label[i]);
    }
    return found;
  }
  [[nodiscard]] std::vector<std::set<std::int64_t>> neighbours() const {
    std::vector<std::set<std::int64_t>> found(at.size());
    for (const auto& cell : cells) {
      for (const std::int64_t v : cell) {
        for (const std::int64_t u : cell) {
          if (u != v) found[static_cast<std::size_t>(v)].insert(u);
        }
      }
    }
    return found;
  }
  /// Cells on each facet, given by its nodes in ascending order.
  [[nodiscard]] std::map<std::vector<std::int64_t>, std::vector<std::size_t>> facets() const {
    std::map<std::vector<std::int64_t>, std::vector<std::size_t>> found;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      for (std::size_t k = 0; k <= D; ++k) {
        std::vector<std::int64_t> facet(cells[i].begin(), cells[i].end());
        facet.erase(facet.begin() + static_cast<std::ptrdiff_t>(k));
        std::sort(facet.begin(), facet.end());
        found[facet].push_back(i);
      }
    }
    return found;
  }
  /// Which nodes lie on a facet of one cell only.
  [[nodiscard]] std::vector<bool> on_border() const {
    std::vector<bool> found(at.size(), false);
    for (const auto& [facet, about] : facets()) {
      if (about.size() > 1) continue;
      for (const std::int64_t v : facet) found[static_cast<std::size_t>(v)] = true;
    }
    return found;
  }
};

/// Unit bricks along each axis, from the origin, each cut into D! cells along its long diagonal;
/// `label_at` is asked at the middle of a brick.
template <int D, class LabelAt>
Mesh<D> bricks(int n, const LabelAt& label_at) {
  Mesh<D> mesh;
  const int layers = D == 3 ? n : 0;
  for (int k = 0; k <= layers; ++k) {
    for (int j = 0; j <= n; ++j) {
      for (int i = 0; i <= n; ++i) {
        const Eigen::Vector3d p(i, j, k);
        mesh.at.emplace_back(p.head<D>());
      }
    }
  }
  for (int k = 0; k < std::max(layers, 1); ++k) {
    for (int j = 0; j < n; ++j) {
      for (int i = 0; i < n; ++i) {
        const std::array<std::int64_t, 3> stride{1, n + 1, (n + 1) * (n + 1)};
        std::array<std::size_t, D> order{};
        for (std::size_t axis = 0; axis < D; ++axis) order[axis] = axis;
        const Eigen::Vector3d centre(i + 0.5, j + 0.5, k + 0.5);
        do {
          nmcx::Cell<D> cell{i + (j * stride[1]) + (k * stride[2])};
          for (std::size_t m = 0; m < D; ++m) cell[m + 1] = cell[m] + stride[order[m]];
          mesh.cells.push_back(cell);
          mesh.label.push_back(label_at(nmcx::Point<D>(centre.head<D>())));
          if (mesh.volume(mesh.cells.size() - 1) < 0)
            std::swap(mesh.cells.back()[0], mesh.cells.back()[1]);
        } while (std::next_permutation(order.begin(), order.end()));
      }
    }
  }
  return mesh;
}

/// Runs `call`, which must refuse its input with words that contain `words`.
template <class Call>
void check_refused(const Call& call, const std::string& words) {
  BOOST_CHECK_EXCEPTION(call(), nmcx::InvalidArgument, [&](const nmcx::InvalidArgument& error) {
    return std::string(error.what()).find(words) != std::string::npos;
  });
}

}  // namespace labelled
