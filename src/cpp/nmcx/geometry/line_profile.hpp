// Means of a field along lines from the surface of a particle to its centre.
#pragma once

#include <cstdint>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

namespace nmcx {

/// One line per direction; sample i averages the voxels between i and i + 1 steps below the
/// surface. NaN where nothing was averaged.
struct LineMeans {
  Array<double, 2> mean;             ///< (n_line, n_sample)
  Array<double, 2> standard_error;   ///< (n_line, n_sample) of the mean of correlated voxels
  Array<double, 2> effective_count;  ///< (n_line, n_sample) independent values worth as much
  Array<std::int64_t, 2> count;      ///< (n_line, n_sample) voxels averaged
  Array<double, 2> directions;       ///< (n_line, 3) unit vectors (z, y, x)
  Array<double, 2> surface_um;       ///< (n_line, 3) outermost envelope point; NaN if there is none
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
/// @param correlation (2a + 1, 2b + 1, 2c + 1) of the fluctuations of two voxels, against the
///                   difference of their indices, none in the middle; none beyond its borders
/// @param variance   of the fluctuations of the whole field; counts like four values of a sample
///                   against its own scatter, which a few correlated voxels know badly
template <class T>
LineMeans line_profiles(const VolumeView<T>& values, const VolumeView<bool>& envelope,
                        const ArrayView<double, 1>& spacing, const ArrayView<double, 1>& centre,
                        const ArrayView<double, 2>& directions, double radius, double step,
                        const ArrayView<double, 3>& correlation, double variance,
                        const Execution& execution);

}  // namespace nmcx
