// A box of irregular cells in two grains of their own nodes, for the tests of mechanics.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "nmcx/core/views.hpp"
#include "nmcx/fem/elasticity.hpp"
#include "nmcx/fem/interface_insertion.hpp"
#include "nmcx/fem/midside_nodes.hpp"
#include "nmcx/fem/uniform_numbers.hpp"

namespace box {

/// Unit square or cube of n bricks a side, each cut into d! cells; the lower half is grain 0.
struct Mesh {
  std::size_t d = 3;
  std::vector<double> points;
  std::vector<std::int64_t> cells, grain, interfaces;
  std::size_t n_cell_node = 4;
  std::size_t n_interface = 0;
  std::unique_ptr<bool[]> tied;

  Mesh(std::size_t dimension, std::size_t n, std::size_t order, bool is_tied = true)
      : d(dimension) {
    std::vector<double> whole;
    std::vector<std::int64_t> corners;
    const std::size_t side = n + 1;
    const std::size_t layers = d == 3 ? side : 1;
    nmcx::UniformNumbers random(7);
    for (std::size_t z = 0; z < layers; ++z) {
      for (std::size_t y = 0; y < side; ++y) {
        for (std::size_t x = 0; x < side; ++x) {
          const std::array<std::size_t, 3> at{x, y, z};
          for (std::size_t k = 0; k < d; ++k) {
            // Nodes within are moved by up to a sixth of a brick; the wall stays where it is.
            const bool is_rim = at[k] == 0 || at[k] == n || 2 * at[k] == n;
            const double off = is_rim ? 0 : random() / 6;
            whole.push_back((static_cast<double>(at[k]) + off) / static_cast<double>(n));
          }
        }
      }
    }
    std::array<std::size_t, 3> axes{0, 1, 2};
    const std::array<std::size_t, 3> stride{1, side, side * side};
    for (std::size_t z = 0; z < (d == 3 ? n : 1); ++z) {
      for (std::size_t y = 0; y < n; ++y) {
        for (std::size_t x = 0; x < n; ++x) {
          std::iota(axes.begin(), axes.end(), std::size_t{0});
          int parity = 0;
          do {
            std::vector<std::size_t> cell{(z * side * side) + (y * side) + x};
            for (std::size_t k = 0; k < d; ++k) cell.push_back(cell.back() + stride[axes[k]]);
            parity = 0;
            for (std::size_t i = 0; i < d; ++i) {
              for (std::size_t j = i + 1; j < d; ++j) parity += axes[i] > axes[j] ? 1 : 0;
            }
            if (parity % 2 == 1) std::swap(cell[d], cell[d - 1]);
            corners.insert(corners.end(), cell.begin(), cell.end());
            grain.push_back(2 * y < n ? 0 : 1);
          } while (std::next_permutation(axes.begin(), axes.begin() + static_cast<long>(d)));
        }
      }
    }
    const std::size_t n_cell = grain.size();
    const auto split =
        nmcx::insert_interfaces({corners.data(), {n_cell, d + 1}}, {grain.data(), {n_cell}},
                                whole.size() / d, std::nullopt);
    for (std::size_t i = 0; i < split.source.size(); ++i) {
      for (std::size_t k = 0; k < d; ++k) {
        points.push_back(whole[(static_cast<std::size_t>(split.source[i]) * d) + k]);
      }
    }
    n_interface = split.interfaces.shape[0];
    const auto take = [](const auto& array) {
      return std::vector<std::int64_t>(array.data(), array.data() + array.size());
    };
    cells = take(split.cells);
    interfaces = take(split.interfaces);
    n_cell_node = d + 1;
    if (order == 2) {
      const auto middle = nmcx::midside_nodes(split.cells.view(), points.size() / d,
                                              split.interfaces.view(), split.surface.view());
      for (std::size_t i = 0; i < middle.ends.shape[0]; ++i) {
        const auto a = static_cast<std::size_t>(middle.ends[2 * i]);
        const auto b = static_cast<std::size_t>(middle.ends[(2 * i) + 1]);
        for (std::size_t k = 0; k < d; ++k) {
          points.push_back(0.5 * (points[(a * d) + k] + points[(b * d) + k]));
        }
      }
      cells = take(middle.cells);
      interfaces = take(middle.interfaces);
      n_cell_node = middle.cells.shape[1];
    }
    tied = std::make_unique<bool[]>(n_interface);
    std::fill_n(tied.get(), n_interface, is_tied);
  }

  [[nodiscard]] std::size_t n_node() const { return points.size() / d; }
  [[nodiscard]] nmcx::ElasticMesh view() const {
    return {
        .points = {points.data(), {n_node(), d}},
        .cells = {cells.data(), {grain.size(), n_cell_node}},
        .grain = {grain.data(), {grain.size()}},
        .interfaces = {interfaces.data(),
                       {n_interface, n_interface == 0 ? 2 * d : interfaces.size() / n_interface}},
        .is_tied = {tied.get(), {n_interface}}};
  }
};

/// Stiffness matrices (n, 6, 6) that are positive definite and of no symmetry.
inline std::vector<double> stiffnesses(std::size_t n) {
  nmcx::UniformNumbers random(3);
  std::vector<double> result;
  for (std::size_t g = 0; g < n; ++g) {
    std::array<double, 36> root{};
    for (double& each : root) each = 0.3 * random();
    for (std::size_t i = 0; i < 6; ++i) root[7 * i] += 1.5;
    for (std::size_t i = 0; i < 6; ++i) {
      for (std::size_t j = 0; j < 6; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k < 6; ++k) sum += root[(i * 6) + k] * root[(j * 6) + k];
        result.push_back(sum * (i < 3 && j < 3 ? 1e11 : 0.5e11));
      }
    }
  }
  return result;
}

}  // namespace box
