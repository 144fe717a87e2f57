// The voxels of a particle, put together by the direction they are seen in from an apex.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/geometry/voxel_grid.hpp"

namespace nmcx {

/// Place of a voxel, and whether it is void, in one number that needs no division to be read.
class PackedVoxel {
 public:
  static constexpr unsigned axis_bits = 21;

  PackedVoxel() = default;
  PackedVoxel(std::size_t i, std::size_t j, std::size_t k, bool is_void)
      : bits_((((((std::uint64_t{is_void} << axis_bits) | i) << axis_bits) | j) << axis_bits) | k) {
  }

  [[nodiscard]] bool is_void() const { return (bits_ >> (3 * axis_bits)) != 0; }
  [[nodiscard]] std::array<std::size_t, 3> place() const {
    constexpr std::uint64_t mask = (std::uint64_t{1} << axis_bits) - 1;
    return {(bits_ >> (2 * axis_bits)) & mask, (bits_ >> axis_bits) & mask, bits_ & mask};
  }

 private:
  std::uint64_t bits_;
};

/// Voxel centres as seen from the apex.
struct Lattice {
  std::array<std::size_t, 3> shape;
  Vector3 spacing;
  Vector3 apex;
  /// Along each axis, computed once: what is compared voxel by voxel must be rounded alike.
  std::array<std::vector<double>, 3> arms;

  Lattice(const std::array<std::size_t, 3>& n, const Vector3& h, const Vector3& from)
      : shape(n), spacing(h), apex(from) {
    for (std::size_t a = 0; a < 3; ++a) {
      arms[a].resize(n[a]);
      for (std::size_t i = 0; i < n[a]; ++i) arms[a][i] = (static_cast<double>(i) * h[a]) - from[a];
    }
  }

  [[nodiscard]] Vector3 arm(std::size_t i, std::size_t j, std::size_t k) const {
    return {arms[0][i], arms[1][j], arms[2][k]};
  }
  [[nodiscard]] Vector3 arm(PackedVoxel voxel) const {
    const auto [i, j, k] = voxel.place();
    return arm(i, j, k);
  }
};

/// Distances from the apex that count, both ends included [µm].
struct RadialGate {
  double nearest = 0;
  double farthest = std::numeric_limits<double>::infinity();

  [[nodiscard]] bool is_open() const { return nearest <= 0 && std::isinf(farthest); }
  [[nodiscard]] bool holds(double squared_distance) const {
    return squared_distance >= nearest * nearest && squared_distance <= farthest * farthest;
  }
};

/// The envelope's voxels within the gate, put together by the cell of the sphere they are seen in.
struct Blocks {
  unsigned level = 0;                 ///< of the cells
  std::vector<std::uint64_t> starts;  ///< (n_cell + 1,)
  Array<PackedVoxel, 1> voxels;       ///< (n_voxel,)
  std::uint64_t apex_solids = 0;      ///< voxels whose centre is the apex (0 or 1)
  std::uint64_t apex_voids = 0;
};

/// Sorts the envelope's voxels into blocks. The order within a block depends on the threads.
/// @throws InvalidArgument if an axis holds more voxels than `PackedVoxel` can number
Blocks sort_voxels(const VolumeView<bool>& envelope, const VolumeView<bool>& solid,
                   const Lattice& lattice, const RadialGate& gate, const Execution& execution);

}  // namespace nmcx
