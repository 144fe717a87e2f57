// Rays through a volume of voxels, each met once and in order.
// Method: J. Amanatides, A. Woo, Eurographics 1987, "A fast voxel traversal algorithm".
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/geometry/voxel_grid.hpp"

namespace nmcx {

/// Visits the voxels that the ray origin + t·direction, t ≥ 0, passes, in order, by calling
/// visit(flat index, t of entry); stops when that returns true or the ray has left the volume, and
/// returns the t at which it did.
///
/// Voxel (i, j, k) occupies [(i−½)dz, (i+½)dz) × …; an origin within the volume starts at t = 0.
template <class Visit>
double traverse_voxels(const std::array<std::size_t, 3>& shape, const Vector3& spacing,
                       const Vector3& origin, const Vector3& direction, const Visit& visit) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Vector3 start{};  // in voxels, with the corner of the volume at 0
  Vector3 slope{};
  double t_in = 0;
  double t_out = infinity;
  for (std::size_t a = 0; a < 3; ++a) {
    start[a] = (origin[a] / spacing[a]) + 0.5;
    slope[a] = direction[a] / spacing[a];
    const auto extent = static_cast<double>(shape[a]);
    if (slope[a] == 0) {
      if (!(start[a] >= 0 && start[a] < extent)) return 0;
      continue;
    }
    const double t0 = -start[a] / slope[a];
    const double t1 = (extent - start[a]) / slope[a];
    t_in = std::max(t_in, std::min(t0, t1));
    t_out = std::min(t_out, std::max(t0, t1));
  }
  if (!(t_in < t_out)) return 0;

  std::array<std::ptrdiff_t, 3> voxel{};
  std::array<std::ptrdiff_t, 3> step{};
  std::array<std::ptrdiff_t, 3> last{};
  Vector3 t_next{};
  // The border is computed from its index, not summed up, so that errors do not grow on the way.
  const auto border = [&](std::size_t a) {
    if (step[a] == 0) return infinity;
    return (static_cast<double>(voxel[a] + (step[a] > 0 ? 1 : 0)) - start[a]) / slope[a];
  };
  for (std::size_t a = 0; a < 3; ++a) {
    last[a] = static_cast<std::ptrdiff_t>(shape[a]) - 1;
    step[a] = slope[a] > 0 ? 1 : (slope[a] < 0 ? -1 : 0);
    const double position = std::floor(start[a] + (t_in * slope[a]));
    voxel[a] = static_cast<std::ptrdiff_t>(std::clamp(position, 0.0, static_cast<double>(last[a])));
    t_next[a] = border(a);
    // Rounding may leave the entry a hair on the wrong side of a face.
    while (t_next[a] < t_in && voxel[a] + step[a] >= 0 && voxel[a] + step[a] <= last[a]) {
      voxel[a] += step[a];
      t_next[a] = border(a);
    }
  }
  double t = t_in;
  while (true) {
    const std::size_t flat =
        (((static_cast<std::size_t>(voxel[0]) * shape[1]) + static_cast<std::size_t>(voxel[1])) *
         shape[2]) +
        static_cast<std::size_t>(voxel[2]);
    if (visit(flat, t)) return t;
    std::size_t a = t_next[0] < t_next[1] ? 0 : 1;
    if (t_next[2] < t_next[a]) a = 2;
    voxel[a] += step[a];
    t = std::max(t, t_next[a]);
    if (voxel[a] < 0 || voxel[a] > last[a]) return t;
    t_next[a] = border(a);
  }
}

/// Where rays meet a mask first.
struct FirstHits {
  Array<std::int64_t, 1> voxel;  ///< (n,) flat index of the voxel, −1 where nothing is met
  Array<double, 2> point_um;     ///< (n, 3) where the ray enters it [µm], NaN where nothing is met
};

/// First true voxel of `mask` on each of many parallel rays.
///
/// @param mask      (nz, ny, nx)
/// @param spacing   (3,) voxel size (dz, dy, dx) [µm]
/// @param origins   (n, 3) starting points (z, y, x) [µm]; one that is not finite meets nothing
/// @param direction (3,) the way the rays run, of any length but 0
FirstHits first_hits(const VolumeView<bool>& mask, const ArrayView<double, 1>& spacing,
                     const ArrayView<double, 2>& origins, const ArrayView<double, 1>& direction,
                     const Execution& execution);

/// Length of each ray within a mask [µm], all parts of it together.
///
/// Parameters as those of `first_hits`; 0 where nothing is met.
Array<double, 1> chord_lengths(const VolumeView<bool>& mask, const ArrayView<double, 1>& spacing,
                               const ArrayView<double, 2>& origins,
                               const ArrayView<double, 1>& direction, const Execution& execution);

}  // namespace nmcx
