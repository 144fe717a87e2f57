// What a voxel counts in a cone: one, or a weight in whole units, so that sums depend on no order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "nmcx/core/views.hpp"
#include "nmcx/geometry/cone_shells.hpp"
#include "nmcx/geometry/voxel_blocks.hpp"

namespace nmcx {

/// How voxels are weighed; by default each counts as one.
struct VoxelWeights {
  bool solid_angle = false;  ///< by 1/r², so that each depth counts alike
  VolumeView<float> solid_fraction =
      {};  ///< (nz, ny, nx) in 0…1; without it a voxel is void or not

  [[nodiscard]] bool are_one() const { return !solid_angle && solid_fraction.data == nullptr; }

  /// Weight of a voxel at the squared distance r² from the apex, split into solid and void.
  ///
  /// A unit is 2⁻³⁰ of a voxel, or of one at the distance of the smallest spacing. The sums of 2³³
  /// voxels stay below 2⁶³, and the rounding is below that of the fraction in single precision. A
  /// voxel at the apex itself has no solid angle.
  [[nodiscard]] Tally operator()(const Lattice& lattice, PackedVoxel voxel, double squared) const {
    constexpr double unit = 1 << 30;
    double weight = unit;
    if (solid_angle) {
      const double h = std::min({lattice.spacing[0], lattice.spacing[1], lattice.spacing[2]});
      weight = squared > 0 ? std::min(unit, unit * h * h / squared) : 0;
    }
    double solid = voxel.is_void() ? 0 : 1;
    if (solid_fraction.data != nullptr) {
      const auto [i, j, k] = voxel.place();
      solid = static_cast<double>(solid_fraction(i, j, k));
      solid = solid >= 0 ? std::min(solid, 1.0) : 0;  // NaN is no solid
    }
    const auto whole = static_cast<std::uint64_t>(std::llround(weight));
    const auto solids = static_cast<std::uint64_t>(std::llround(weight * solid));
    return {.solids = solids, .voids = whole - solids};
  }
};

}  // namespace nmcx
