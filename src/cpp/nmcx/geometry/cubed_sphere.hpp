// A hierarchy of cells on the sphere: the six faces of a cube, each split into 4^level cells.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "nmcx/geometry/voxel_grid.hpp"

namespace nmcx::cubed_sphere {

/// Number of cells of a level. The children of cell c are cells 4c … 4c + 3 of the next level, so
/// that the descendants of a cell are consecutive at every level.
constexpr std::size_t n_cell(unsigned level) {
  return std::size_t{6} << (2 * level);
}

/// Centre of a cell [unit vector].
Vector3 cell_centre(std::size_t cell, unsigned level);

/// Largest angle between the centre of a cell of this level and a point of that cell [rad].
double cell_radius(unsigned level);

/// Spreads the lower 32 bits of `bits` to the even positions.
constexpr std::uint64_t spread_bits(std::uint64_t bits) {
  bits = (bits | (bits << 16U)) & 0x0000FFFF0000FFFFULL;
  bits = (bits | (bits << 8U)) & 0x00FF00FF00FF00FFULL;
  bits = (bits | (bits << 4U)) & 0x0F0F0F0F0F0F0F0FULL;
  bits = (bits | (bits << 2U)) & 0x3333333333333333ULL;
  return (bits | (bits << 1U)) & 0x5555555555555555ULL;
}

/// Position within a face, from −1…1 in the gnomonic plane to 0…1. The square root makes the cells
/// of a level nearly equal in area (largest to smallest 2.1, against 5.2 for a straight line).
///
/// Without a product that is added to something: it rounds alike whether or not the machine fuses
/// the two, so that a cell found by any code lies in the block found by any other.
inline float warp(float gnomonic) {
  const float size = std::abs(gnomonic);
  const float half = 0.5F * std::sqrt(1.0F + (size + size + size));
  return gnomonic >= 0 ? half : 1.0F - half;
}

/// The cell a direction of any length but 0 lies in; a direction within 1e-6 rad of a border may go
/// to either side.
inline std::size_t cell_of(const VectorFloat& direction, unsigned level) {
  const VectorFloat size{std::abs(direction[0]), std::abs(direction[1]), std::abs(direction[2])};
  std::size_t axis = size[0] >= size[1] ? 0 : 1;
  if (size[2] > size[axis]) axis = 2;
  const std::size_t u_axis = axis == 0 ? 1 : 0;
  const std::size_t v_axis = axis == 2 ? 1 : 2;
  const std::size_t n = std::size_t{1} << level;
  const auto along = [&](std::size_t a) {
    const auto index =
        static_cast<std::int64_t>(warp(direction[a] / size[axis]) * static_cast<float>(n));
    return static_cast<std::size_t>(
        std::clamp<std::int64_t>(index, 0, static_cast<std::int64_t>(n) - 1));
  };
  const std::size_t face = (2 * axis) + (direction[axis] < 0 ? 1 : 0);
  return (face << (2 * level)) | (spread_bits(along(u_axis)) << 1U) | spread_bits(along(v_axis));
}

}  // namespace nmcx::cubed_sphere
