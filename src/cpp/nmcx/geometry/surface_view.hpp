// How a body given by its signed distance looks from one side: what a camera with parallel rays
// sees of its surface.
// Method: J. C. Hart, "Sphere tracing", The Visual Computer 12 (1996) 527.
#pragma once

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

namespace nmcx {

/// The surface as a grid of parallel rays sees it.
struct SurfaceView {
  /// (n_row, n_column) of the angle between surface normal and view; 0 where nothing is met
  Array<float, 2> cosine;
  /// (n_row, n_column) position of the first hit along the view [µm]; NaN where nothing is met
  Array<float, 2> height_um;
  /// (n_row, n_column) least signed distance along the ray [µm]: how far it passes the body, or, if
  /// negative, how deep it enters; followed down to −`rim_um` only
  Array<float, 2> clearance_um;
};

/// Parallel rays against `view` on a regular grid, through a body by its signed distance.
///
/// Between voxel centres the distance is interpolated linearly. A ray is stepped by the distance
/// itself, which cannot jump over the surface if that is at most the true one.
///
/// @param distance (nz, ny, nx) signed distance to the surface [µm], negative inside
/// @param spacing  (3,) voxel size (dz, dy, dx) [µm]
/// @param corner   (3,) centre of voxel (0, 0, 0) (z, y, x) [µm]
/// @param first    (3,) point on the ray of row 0 and column 0 (z, y, x) [µm]
/// @param row      (3,) step from one row to the next [µm]
/// @param column   (3,) step from one column to the next [µm]
/// @param view     (3,) from the body towards the viewer, of any length but 0
/// @param shape    (2,) numbers of rows and columns
/// @param rim_um   depth to which `clearance_um` is followed [µm], positive
/// @throws InvalidArgument if an axis has fewer than two voxels or a number is out of range
SurfaceView surface_view(const VolumeView<float>& distance, const ArrayView<double, 1>& spacing,
                         const ArrayView<double, 1>& corner, const ArrayView<double, 1>& first,
                         const ArrayView<double, 1>& row, const ArrayView<double, 1>& column,
                         const ArrayView<double, 1>& view, const std::array<std::size_t, 2>& shape,
                         double rim_um, const Execution& execution);

}  // namespace nmcx
