// Envelope of a solid with open cracks: voxels that see solid along most of 26 directions.
#pragma once

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

namespace nmcx {

/// The solid, and each voxel from which rays meet solid along at least `min_rays` of the 26
/// directions to its neighbours by faces, edges and corners.
///
/// A ray goes from centre to centre: (i, j, k), (i, j, k) + d, (i, j, k) + 2 d, … to the border of
/// the volume. One sweep per direction: O(number of voxels), whatever lies between.
///
/// @param solid (nz, ny, nx)
/// @return (nz, ny, nx)
/// @throws InvalidArgument unless 1 ≤ `min_rays` ≤ 26
Array<bool, 3> ray_envelope(const VolumeView<bool>& solid, int min_rays,
                            const Execution& execution);

}  // namespace nmcx
