#include "nmcx/geometry/voxel_traversal.hpp"

namespace nmcx {

FirstHits first_hits(const VolumeView<bool>& mask, const ArrayView<double, 1>& spacing,
                     const ArrayView<double, 2>& origins, const ArrayView<double, 1>& direction,
                     const Execution& execution) {
  const Vector3 h = checked_spacing(spacing);
  const Vector3 way = normalised(checked_vector(direction, "direction"), "direction");
  require(origins.shape[1] == 3, "origins must have shape (n, 3), each (z, y, x)");
  const std::size_t n_ray = origins.shape[0];
  FirstHits hits{.voxel = Array<std::int64_t, 1>({n_ray}, -1),
                 .point_um = Array<double, 2>({n_ray, 3}, std::nan(""))};
  if (mask.size() == 0) return hits;
  parallel_for(n_ray, 256, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t ray = begin; ray < end; ++ray) {
      const Vector3 origin{origins(ray, 0), origins(ray, 1), origins(ray, 2)};
      if (!std::isfinite(origin[0] + origin[1] + origin[2])) continue;
      traverse_voxels(mask.shape, h, origin, way, [&](std::size_t voxel, double t) {
        if (!mask[voxel]) return false;
        hits.voxel[ray] = static_cast<std::int64_t>(voxel);
        const Vector3 point = origin + (t * way);
        for (std::size_t a = 0; a < 3; ++a) hits.point_um[(3 * ray) + a] = point[a];
        return true;
      });
    }
  });
  return hits;
}

Array<double, 1> chord_lengths(const VolumeView<bool>& mask, const ArrayView<double, 1>& spacing,
                               const ArrayView<double, 2>& origins,
                               const ArrayView<double, 1>& direction, const Execution& execution) {
  const Vector3 h = checked_spacing(spacing);
  const Vector3 way = normalised(checked_vector(direction, "direction"), "direction");
  require(origins.shape[1] == 3, "origins must have shape (n, 3), each (z, y, x)");
  const std::size_t n_ray = origins.shape[0];
  Array<double, 1> lengths({n_ray}, 0);
  if (mask.size() == 0) return lengths;
  parallel_for(n_ray, 256, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t ray = begin; ray < end; ++ray) {
      const Vector3 origin{origins(ray, 0), origins(ray, 1), origins(ray, 2)};
      if (!std::isfinite(origin[0] + origin[1] + origin[2])) continue;
      double entered = 0;
      bool inside = false;
      const double left =
          traverse_voxels(mask.shape, h, origin, way, [&](std::size_t voxel, double t) {
            if (inside) lengths[ray] += t - entered;
            inside = mask[voxel];
            entered = t;
            return false;
          });
      if (inside) lengths[ray] += left - entered;
    }
  });
  return lengths;
}

}  // namespace nmcx
