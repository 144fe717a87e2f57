#include "nmcx/geometry/line_profile.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "nmcx/geometry/voxel_grid.hpp"
#include "nmcx/geometry/voxel_traversal.hpp"

namespace nmcx {

namespace {

/// A cylinder from the centre to the surface.
struct Line {
  Vector3 centre;
  Vector3 direction;
  double length;  ///< from the centre to the surface [µm]; NaN if the line leaves no envelope
  double radius;
};

/// Distance along the line from the centre to the outermost envelope voxel's outer face.
double surface_distance(const VolumeView<bool>& envelope, const Vector3& spacing,
                        const Vector3& centre, const Vector3& direction) {
  double reach = 1;
  for (std::size_t a = 0; a < 3; ++a) {
    reach += std::abs(centre[a]) + (spacing[a] * static_cast<double>(envelope.shape[a]));
  }
  double hit = std::nan("");
  traverse_voxels(envelope.shape, spacing, centre + (reach * direction), -1.0 * direction,
                  [&](std::size_t voxel, double t) {
                    if (t > reach) return true;
                    if (envelope[voxel]) hit = reach - t;
                    return envelope[voxel];
                  });
  return hit;
}

struct IndexRange {
  std::size_t begin;
  std::size_t end;
};

/// Indices of the voxel centres between two positions along one axis.
IndexRange indices_between(double low, double high, double spacing, std::size_t n) {
  const double limit = static_cast<double>(n);
  const double begin = std::clamp(std::ceil(low / spacing), 0.0, limit);
  const double end = std::clamp(std::floor(high / spacing) + 1, 0.0, limit);
  return {.begin = static_cast<std::size_t>(begin),
          .end = static_cast<std::size_t>(std::max(begin, end))};
}

/// Calls visit(flat, distance below the surface) for the voxel centres within the cylinder.
template <class Visit>
void for_voxels_in(const Line& line, const std::array<std::size_t, 3>& shape,
                   const Vector3& spacing, const Visit& visit) {
  std::size_t major = 0;
  for (std::size_t a = 1; a < 3; ++a) {
    if (std::abs(line.direction[a]) > std::abs(line.direction[major])) major = a;
  }
  const std::size_t u = major == 0 ? 1 : 0;
  const std::size_t v = major == 2 ? 1 : 2;
  const std::array<std::size_t, 3> stride{shape[1] * shape[2], shape[2], 1};
  // A plane across the major axis cuts the cylinder in an ellipse no longer than this.
  const double half = line.radius / std::abs(line.direction[major]);
  const double far_end = line.centre[major] + (line.length * line.direction[major]);
  const IndexRange planes = indices_between(std::min(line.centre[major], far_end) - line.radius,
                                            std::max(line.centre[major], far_end) + line.radius,
                                            spacing[major], shape[major]);
  for (std::size_t i = planes.begin; i < planes.end; ++i) {
    Vector3 arm{};
    arm[major] = (static_cast<double>(i) * spacing[major]) - line.centre[major];
    const double along = arm[major] / line.direction[major];
    const double at_u = line.centre[u] + (along * line.direction[u]);
    const double at_v = line.centre[v] + (along * line.direction[v]);
    const IndexRange js = indices_between(at_u - half, at_u + half, spacing[u], shape[u]);
    const IndexRange ks = indices_between(at_v - half, at_v + half, spacing[v], shape[v]);
    for (std::size_t j = js.begin; j < js.end; ++j) {
      arm[u] = (static_cast<double>(j) * spacing[u]) - line.centre[u];
      for (std::size_t k = ks.begin; k < ks.end; ++k) {
        arm[v] = (static_cast<double>(k) * spacing[v]) - line.centre[v];
        const double projected = dot(arm, line.direction);
        const double across = dot(arm, arm) - (projected * projected);
        if (projected < 0 || projected > line.length || across > line.radius * line.radius) {
          continue;
        }
        visit((i * stride[major]) + (j * stride[u]) + (k * stride[v]), line.length - projected);
      }
    }
  }
}

/// Running mean and sum of squared deviations: B. P. Welford, Technometrics 4 (1962) 419.
struct Moments {
  std::int64_t n = 0;
  double mean = 0;
  double squares = 0;

  void add(double value) {
    ++n;
    const double deviation = value - mean;
    mean += deviation / static_cast<double>(n);
    squares += deviation * (value - mean);
  }
  [[nodiscard]] double standard_error() const {
    const auto count = static_cast<double>(n);
    return std::sqrt(squares / (count * (count - 1)));
  }
};

}  // namespace

template <class T>
LineMeans line_profiles(const VolumeView<T>& values, const VolumeView<bool>& envelope,
                        const ArrayView<double, 1>& spacing, const ArrayView<double, 1>& centre,
                        const ArrayView<double, 2>& directions, double radius, double step,
                        const Execution& execution) {
  require(values.shape == envelope.shape, "values must have the shape of the particle");
  const Vector3 h = checked_spacing(spacing);
  const Vector3 from = checked_vector(centre, "centre_um");
  require(directions.shape[1] == 3, "directions must have shape (n, 3), each (z, y, x)");
  require(std::isfinite(radius) && radius > 0, "radius_um must be positive");
  require(std::isfinite(step) && step > 0, "step_um must be positive");
  const std::size_t n_line = directions.shape[0];
  LineMeans result{.mean = {},
                   .standard_error = {},
                   .count = {},
                   .directions = Array<double, 2>({n_line, 3}),
                   .surface_um = Array<double, 2>({n_line, 3})};
  std::vector<Line> lines(n_line);
  double longest = 0;
  for (std::size_t d = 0; d < n_line; ++d) {
    const Vector3 unit =
        normalised({directions(d, 0), directions(d, 1), directions(d, 2)}, "directions");
    const double length = surface_distance(envelope, h, from, unit);
    lines[d] = {.centre = from, .direction = unit, .length = length, .radius = radius};
    if (length > longest) longest = length;
    const Vector3 surface = from + (length * unit);
    std::copy(unit.begin(), unit.end(), result.directions.data() + (3 * d));
    std::copy(surface.begin(), surface.end(), result.surface_um.data() + (3 * d));
  }
  require(longest / step < 1e6, "step_um is too small for the size of the particle");
  const auto n_sample = static_cast<std::size_t>(std::ceil(longest / step));
  result.mean = Array<double, 2>({n_line, n_sample}, std::nan(""));
  result.standard_error = Array<double, 2>({n_line, n_sample}, std::nan(""));
  result.count = Array<std::int64_t, 2>({n_line, n_sample}, 0);
  parallel_for(n_line, 1, execution, [&](std::size_t d, std::size_t, std::size_t) {
    if (std::isnan(lines[d].length)) return;
    std::vector<Moments> samples(n_sample);
    for_voxels_in(lines[d], envelope.shape, h, [&](std::size_t voxel, double depth) {
      const auto value = static_cast<double>(values[voxel]);
      if (!envelope[voxel] || !std::isfinite(value)) return;
      samples[std::min(n_sample - 1, static_cast<std::size_t>(depth / step))].add(value);
    });
    for (std::size_t i = 0; i < n_sample; ++i) {
      const std::size_t place = (d * n_sample) + i;
      result.count[place] = samples[i].n;
      if (samples[i].n > 0) result.mean[place] = samples[i].mean;
      if (samples[i].n > 1) result.standard_error[place] = samples[i].standard_error();
    }
  });
  return result;
}

template LineMeans line_profiles(const VolumeView<float>&, const VolumeView<bool>&,
                                 const ArrayView<double, 1>&, const ArrayView<double, 1>&,
                                 const ArrayView<double, 2>&, double, double, const Execution&);
template LineMeans line_profiles(const VolumeView<double>&, const VolumeView<bool>&,
                                 const ArrayView<double, 1>&, const ArrayView<double, 1>&,
                                 const ArrayView<double, 2>&, double, double, const Execution&);

}  // namespace nmcx
