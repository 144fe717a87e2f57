#include "nmcx/geometry/surface_view.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "nmcx/geometry/voxel_grid.hpp"

namespace nmcx {

namespace {

/// Shortest step of a ray, in voxels: what the interpolation cannot resolve.
constexpr double least_step = 0.25;
/// Share of the distance that a ray is stepped by: the interpolated one errs.
constexpr double safety = 0.9;

/// A position along one axis: the centre before it, and the way to the next one.
struct Place {
  std::ptrdiff_t index;
  float part;
};

Place place_of(double position, std::size_t extent) {
  const double within = std::clamp(position, 0.0, static_cast<double>(extent - 1));
  const auto index = std::min(static_cast<std::int32_t>(within),  //
                              static_cast<std::int32_t>(extent) - 2);
  return {.index = index, .part = static_cast<float>(within - index)};
}

/// The signed distance as a function of position, in voxels from the centre of voxel (0, 0, 0).
class Field {
 public:
  explicit Field(const VolumeView<float>& volume)
      : values_(volume.data),
        shape_(volume.shape),
        row_(static_cast<std::ptrdiff_t>(volume.shape[2])),
        plane_(static_cast<std::ptrdiff_t>(volume.shape[1]) * row_) {}

  [[nodiscard]] const std::array<std::size_t, 3>& shape() const { return shape_; }

  /// Linear interpolation; positions beyond the outermost centres are drawn back to them.
  [[nodiscard]] double at(const Vector3& position) const {
    const Place z = place_of(position[0], shape_[0]);
    const Place y = place_of(position[1], shape_[1]);
    const Place x = place_of(position[2], shape_[2]);
    const float* const v = values_ + ((z.index * plane_) + (y.index * row_) + x.index);
    const auto between = [](float a, float b, float part) { return a + (part * (b - a)); };
    const auto line = [&](const float* p) { return between(p[0], p[1], x.part); };
    const auto plane = [&](const float* p) { return between(line(p), line(p + row_), y.part); };
    return between(plane(v), plane(v + plane_), z.part);
  }

 private:
  const float* values_;
  std::array<std::size_t, 3> shape_;
  std::ptrdiff_t row_;
  std::ptrdiff_t plane_;
};

struct Camera {
  Vector3 first;  ///< in voxels, as all that follow
  Vector3 row;
  Vector3 column;
  Vector3 way;  ///< of the rays, per micrometre
};

/// Where the ray origin + t·way lies within the volume.
bool clip(const std::array<std::size_t, 3>& shape, const Vector3& origin, const Vector3& way,
          double& t_in, double& t_out) {
  t_in = -std::numeric_limits<double>::infinity();
  t_out = std::numeric_limits<double>::infinity();
  for (std::size_t a = 0; a < 3; ++a) {
    const auto extent = static_cast<double>(shape[a] - 1);
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

/// A ray on its way.
struct Ray {
  std::size_t pixel;
  Vector3 origin;
  double t;
  double t_out;
  double last_t;
  double last;       ///< distance at `last_t`
  double clearance;  ///< least distance so far
  double t_hit;      ///< NaN before the first hit
};

/// Follows some rays together, all a step at a time: the loads of one need not wait for those of
/// another.
class Tracer {
 public:
  Tracer(const Field& field, const Vector3& spacing, const Camera& camera,
         const Vector3& towards_viewer, double rim, SurfaceView& seen)
      : field_(field),
        spacing_(spacing),
        camera_(camera),
        towards_viewer_(towards_viewer),
        least_(least_step * std::min({spacing[0], spacing[1], spacing[2]})),
        rim_(rim),
        seen_(seen) {}

  void trace(std::size_t begin, std::size_t end) {
    start(begin, end);
    while (!rays_.empty()) step();
  }

 private:
  void start(std::size_t begin, std::size_t end) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const std::size_t n_column = seen_.cosine.shape[1];
    rays_.clear();
    for (std::size_t pixel = begin; pixel < end; ++pixel) {
      const std::size_t line = pixel / n_column;
      const auto i = static_cast<double>(line);
      const auto j = static_cast<double>(pixel - (line * n_column));
      Ray ray{.pixel = pixel,
              .origin = camera_.first + (i * camera_.row) + (j * camera_.column),
              .t = 0,
              .t_out = 0,
              .last_t = 0,
              .last = infinity,
              .clearance = infinity,
              .t_hit = std::nan("")};
      seen_.cosine[pixel] = 0;
      seen_.height_um[pixel] = std::numeric_limits<float>::quiet_NaN();
      seen_.clearance_um[pixel] = std::numeric_limits<float>::infinity();
      if (clip(field_.shape(), ray.origin, camera_.way, ray.t, ray.t_out)) rays_.push_back(ray);
    }
  }

  void step() {
    std::size_t n_left = 0;
    for (Ray& ray : rays_) {
      if (advance(ray, field_.at(position(ray)))) {
        rays_[n_left++] = ray;
      } else {
        seen_.clearance_um[ray.pixel] = static_cast<float>(std::max(ray.clearance, -rim_));
        if (!std::isnan(ray.t_hit)) shade(ray);
      }
    }
    rays_.resize(n_left);
  }

  [[nodiscard]] Vector3 position(const Ray& ray) const {
    return ray.origin + (ray.t * camera_.way);
  }

  /// False when the ray has ended.
  [[nodiscard]] bool advance(Ray& ray, double d) const {
    ray.clearance = std::min(ray.clearance, d);
    if (std::isnan(ray.t_hit) && d <= 0) {
      ray.t_hit = std::isfinite(ray.last)
                      ? ray.last_t + ((ray.t - ray.last_t) * ray.last / (ray.last - d))
                      : ray.t;
    }
    // Once inside, only how deep the ray comes matters; a ray that has risen again has passed.
    if (!std::isnan(ray.t_hit) && (ray.clearance <= -rim_ || d > 0)) return false;
    ray.last_t = ray.t;
    ray.last = d;
    ray.t += std::max(least_, safety * std::abs(d));
    return ray.t < ray.t_out;
  }

  /// Height of the hit, and cosine of the angle between the ray's way back and the gradient, two
  /// voxels wide.
  void shade(const Ray& ray) {
    const Vector3 at = ray.origin + (ray.t_hit * camera_.way);
    Vector3 gradient{};
    for (std::size_t a = 0; a < 3; ++a) {
      Vector3 ahead = at;
      Vector3 behind = at;
      ahead[a] += 1;
      behind[a] -= 1;
      gradient[a] = (field_.at(ahead) - field_.at(behind)) / spacing_[a];
    }
    const double length = std::sqrt(dot(gradient, gradient));
    seen_.height_um[ray.pixel] = static_cast<float>(-ray.t_hit);
    // A ray that grazes a rough surface may meet it from behind: nothing is seen there.
    seen_.cosine[ray.pixel] =
        length > 0 ? static_cast<float>(std::max(0.0, dot(gradient, towards_viewer_) / length)) : 0;
  }

  const Field& field_;
  Vector3 spacing_;
  const Camera& camera_;
  Vector3 towards_viewer_;
  double least_;
  double rim_;
  SurfaceView& seen_;
  std::vector<Ray> rays_;
};

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
                 Tracer(field, h, camera, k, rim_um, seen).trace(begin, end);
               });
  return seen;
}

}  // namespace nmcx
