// Exact Euclidean distance transform of a volume with voxels of any spacing.
#pragma once

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

namespace nmcx {

/// Distance from the centre of each true voxel to the centre of the nearest false one.
///
/// One axis at a time, by the lower envelope of parabolas: P. F. Felzenszwalb, D. P. Huttenlocher,
/// Theory of Computing 8 (2012) 415; O(number of voxels). What lies outside the array does not
/// count as false: pad the mask if it should.
///
/// @param mask    (nz, ny, nx)
/// @param spacing (3,) voxel size (dz, dy, dx) [µm]
/// @return (nz, ny, nx) [µm]; 0 in false voxels, infinity everywhere if there is no false voxel
Array<double, 3> distance_transform(const VolumeView<bool>& mask,
                                    const ArrayView<double, 1>& spacing,
                                    const Execution& execution);

}  // namespace nmcx
