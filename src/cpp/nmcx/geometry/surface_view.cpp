#include "nmcx/geometry/surface_view.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "nmcx/geometry/voxel_grid.hpp"

namespace nmcx {

namespace {

/// Shortest step of a ray, in voxels: what the interpolation cannot resolve.
constexpr double least_step = 0.25;
/// Share of the distance that a ray is stepped by: the interpolated one errs.
constexpr double safety = 0.9;

/// The signed distance as a function of position, in voxels from the centre of voxel (0, 0, 0).
struct Field {
  const float* values;
  std::array<std::size_t, 3> shape;
  std::array<std::ptrdiff_t, 3> stride;

  explicit Field(const VolumeView<float>& volume)
      : values(volume.data),
        shape(volume.shape),
        stride{static_cast<std::ptrdiff_t>(volume.shape[1] * volume.shape[2]),
               static_cast<std::ptrdiff_t>(volume.shape[2]), 1} {}

  /// Linear interpolation; positions beyond the outermost centres are drawn back to them.
  [[nodiscard]] double at(const Vector3& position) const {
    std::array<float, 3> part{};
    const float* corner = values;
    for (std::size_t a = 0; a < 3; ++a) {
      const double x = std::clamp(position[a], 0.0, static_cast<double>(shape[a] - 1));
      const auto i =
          std::min(static_cast<std::ptrdiff_t>(x), static_cast<std::ptrdiff_t>(shape[a]) - 2);
      part[a] = static_cast<float>(x - static_cast<double>(i));
      corner += i * stride[a];
    }
    const auto line = [&](const float* p) { return p[0] + (part[2] * (p[1] - p[0])); };
    const auto plane = [&](const float* p) {
      const float near = line(p);
      return near + (part[1] * (line(p + stride[1]) - near));
    };
    const float near = plane(corner);
    return near + (part[0] * (plane(corner + stride[0]) - near));
  }
};

struct Camera {
  Vector3 first;  ///< in voxels, as all that follow
  Vector3 row;
  Vector3 column;
  Vector3 way;  ///< of the rays, per micrometre
};

struct Seen {
  float cosine = 0;
  float height = std::numeric_limits<float>::quiet_NaN();
  float clearance = std::numeric_limits<float>::infinity();
};

/// Where the ray origin + t·way lies within the volume.
bool clip(const Field& field, const Vector3& origin, const Vector3& way, double& t_in,
          double& t_out) {
  t_in = -std::numeric_limits<double>::infinity();
  t_out = std::numeric_limits<double>::infinity();
  for (std::size_t a = 0; a < 3; ++a) {
    const auto extent = static_cast<double>(field.shape[a] - 1);
    if (way[a] == 0) {
      if (!(origin[a] >= 0 && origin[a] <= extent)) return false;
      continue;
    }
    const double t0 = -origin[a] / way[a];
    const double t1 = (extent - origin[a]) / way[a];
    t_in = std::max(t_in, std::min(t0, t1));
    t_out = std::min(t_out, std::max(t0, t1));
  }
  return t_in < t_out;
}

/// Cosine of the angle between the ray's way back and the gradient, two voxels wide.
float cosine_at(const Field& field, const Vector3& position, const Vector3& spacing,
                const Vector3& towards_viewer) {
  Vector3 gradient{};
  for (std::size_t a = 0; a < 3; ++a) {
    Vector3 ahead = position;
    Vector3 behind = position;
    ahead[a] += 1;
    behind[a] -= 1;
    gradient[a] = (field.at(ahead) - field.at(behind)) / spacing[a];
  }
  const double length = std::sqrt(dot(gradient, gradient));
  // A ray that grazes a rough surface may meet it from behind: nothing is seen there.
  return length > 0 ? static_cast<float>(std::max(0.0, dot(gradient, towards_viewer) / length)) : 0;
}

Seen trace(const Field& field, const Vector3& origin, const Camera& camera, const Vector3& spacing,
           const Vector3& towards_viewer, double rim) {
  Seen seen;
  double t = 0;
  double t_out = 0;
  if (!clip(field, origin, camera.way, t, t_out)) return seen;
  const double least = least_step * std::min({spacing[0], spacing[1], spacing[2]});
  double last_t = t;
  double last = std::numeric_limits<double>::infinity();
  double clearance = last;
  bool hit = false;
  while (true) {
    const double d = field.at(origin + (t * camera.way));
    clearance = std::min(clearance, d);
    if (!hit && d <= 0) {
      hit = true;
      const double t_hit = std::isfinite(last) ? last_t + ((t - last_t) * last / (last - d)) : t;
      seen.height = static_cast<float>(-t_hit);
      seen.cosine = cosine_at(field, origin + (t_hit * camera.way), spacing, towards_viewer);
    }
    // Once inside, only how deep the ray comes matters; a ray that has risen again has passed.
    if (hit && (clearance <= -rim || d > 0)) break;
    last_t = t;
    last = d;
    t += std::max(least, safety * std::abs(d));
    if (t >= t_out) break;
  }
  seen.clearance = static_cast<float>(std::max(clearance, -rim));
  return seen;
}

}  // namespace

SurfaceView surface_view(const VolumeView<float>& distance, const ArrayView<double, 1>& spacing,
                         const ArrayView<double, 1>& corner, const ArrayView<double, 1>& first,
                         const ArrayView<double, 1>& row, const ArrayView<double, 1>& column,
                         const ArrayView<double, 1>& view, const std::array<std::size_t, 2>& shape,
                         double rim_um, const Execution& execution) {
  const Vector3 h = checked_spacing(spacing);
  const Vector3 k = normalised(checked_vector(view, "view"), "view");
  require(distance.shape[0] > 1 && distance.shape[1] > 1 && distance.shape[2] > 1,
          "distance must have two voxels or more along each axis");
  require(std::isfinite(rim_um) && rim_um > 0, "rim_um must be positive and finite");
  const auto in_voxels = [&h](const Vector3& v) {
    return Vector3{v[0] / h[0], v[1] / h[1], v[2] / h[2]};
  };
  const Camera camera{
      .first = in_voxels(checked_vector(first, "first") - checked_vector(corner, "corner")),
      .row = in_voxels(checked_vector(row, "row")),
      .column = in_voxels(checked_vector(column, "column")),
      .way = in_voxels(-1.0 * k)};
  const Field field(distance);
  SurfaceView seen{.cosine = Array<float, 2>(shape),
                   .height_um = Array<float, 2>(shape),
                   .clearance_um = Array<float, 2>(shape)};
  parallel_for(shape[0] * shape[1], 1024, execution,
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t ray = begin; ray < end; ++ray) {
                   const std::size_t line = ray / shape[1];
                   const auto i = static_cast<double>(line);
                   const auto j = static_cast<double>(ray - (line * shape[1]));
                   const Vector3 origin = camera.first + (i * camera.row) + (j * camera.column);
                   const Seen one = trace(field, origin, camera, h, k, rim_um);
                   seen.cosine[ray] = one.cosine;
                   seen.height_um[ray] = one.height;
                   seen.clearance_um[ray] = one.clearance;
                 }
               });
  return seen;
}

}  // namespace nmcx
