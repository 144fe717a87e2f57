// Void and envelope voxels in cones around an apex, counted exactly for many directions and angles.
#pragma once

#include <cstdint>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/geometry/voxel_blocks.hpp"
#include "nmcx/geometry/voxel_weights.hpp"

namespace nmcx {

/// Voxels, or their weights, whose centre lies in a cone.
struct ConeCounts {
  Array<double, 2> directions;       ///< (n_direction, 3) unit vectors (z, y, x)
  Array<std::int64_t, 2> voids;      ///< (n_direction, n_angle) envelope without solid
  Array<std::int64_t, 2> envelopes;  ///< (n_direction, n_angle)
};

/// What counts, and how much.
struct ConeMeasure {
  RadialGate gate;
  VoxelWeights weights;
};

/// Counts the voxels in every cone.
///
/// Voxels are sorted once into a hierarchy of cells on the sphere around the apex. For each
/// direction, cells that no cone's surface can cut are added as a whole, the voxels of the others
/// are tested one by one, those close to a surface in double precision by `in_cone`.
///
/// @param envelope       (nz, ny, nx) the particle with its pores
/// @param solid          (nz, ny, nx) its material
/// @param spacing        (3,) voxel size (dz, dy, dx) [µm]
/// @param apex           (3,) tip of the cones (z, y, x) [µm], within the volume
/// @param directions     (n_direction, 3) axes (z, y, x), of any length but 0
/// @param cos_half_angle (n_angle,) cosines of the half-opening angles, in any order; −1 takes all
/// @param measure        distances that count, and weights; the sums of weights are in
/// `VoxelWeights`
///                       units
ConeCounts cone_porosity(const VolumeView<bool>& envelope, const VolumeView<bool>& solid,
                         const ArrayView<double, 1>& spacing, const ArrayView<double, 1>& apex,
                         const ArrayView<double, 2>& directions,
                         const ArrayView<double, 1>& cos_half_angle, const ConeMeasure& measure,
                         const Execution& execution);

}  // namespace nmcx
