// Means of a field along lines from the surface of a particle to its centre.
#pragma once

#include <cstdint>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

namespace nmcx {

/// One line per direction; sample i averages the voxels between i and i + 1 steps below the
/// surface. NaN where nothing was averaged.
struct LineMeans {
  Array<double, 2> mean;            ///< (n_line, n_sample)
  Array<double, 2> standard_error;  ///< (n_line, n_sample) of the mean; NaN for a single voxel
  Array<std::int64_t, 2> count;     ///< (n_line, n_sample) voxels averaged
  Array<double, 2> directions;      ///< (n_line, 3) unit vectors (z, y, x)
  Array<double, 2> surface_um;      ///< (n_line, 3) outermost envelope point; NaN if there is none
};

/// Averages the finite values of the envelope's voxels whose centres lie in a cylinder around each
/// line from the surface to the centre.
///
/// @param values     (nz, ny, nx)
/// @param envelope   (nz, ny, nx) the particle
/// @param spacing    (3,) voxel size (dz, dy, dx) [µm]
/// @param centre     (3,) where the lines end (z, y, x) [µm]
/// @param directions (n_line, 3) from the centre to the surface, of any length but 0
/// @param radius     of the cylinder [µm]
/// @param step       length of one sample along the line [µm]
template <class T>
LineMeans line_profiles(const VolumeView<T>& values, const VolumeView<bool>& envelope,
                        const ArrayView<double, 1>& spacing, const ArrayView<double, 1>& centre,
                        const ArrayView<double, 2>& directions, double radius, double step,
                        const Execution& execution);

}  // namespace nmcx
