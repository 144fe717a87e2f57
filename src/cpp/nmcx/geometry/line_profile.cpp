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

/// Indices (z, y, x) of a voxel, signed so that they can be subtracted.
using Index3 = std::array<std::ptrdiff_t, 3>;

std::size_t flat_index(const Index3& index, const std::array<std::size_t, 3>& shape) {
  return (((static_cast<std::size_t>(index[0]) * shape[1]) + static_cast<std::size_t>(index[1])) *
          shape[2]) +
         static_cast<std::size_t>(index[2]);
}

/// Calls visit(index, distance below the surface) for the voxel centres within the cylinder.
template <class Visit>
void for_voxels_in(const Line& line, const std::array<std::size_t, 3>& shape,
                   const Vector3& spacing, const Visit& visit) {
  std::size_t major = 0;
  for (std::size_t a = 1; a < 3; ++a) {
    if (std::abs(line.direction[a]) > std::abs(line.direction[major])) major = a;
  }
  const std::size_t u = major == 0 ? 1 : 0;
  const std::size_t v = major == 2 ? 1 : 2;
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
        Index3 index{};
        index[major] = static_cast<std::ptrdiff_t>(i);
        index[u] = static_cast<std::ptrdiff_t>(j);
        index[v] = static_cast<std::ptrdiff_t>(k);
        visit(index, line.length - projected);
      }
    }
  }
}

/// How the fluctuations of voxels belong together.
class Fluctuations {
 public:
  Fluctuations(const ArrayView<double, 3>& correlation, double variance)
      : correlation_(correlation), variance_(variance) {
    for (std::size_t a = 0; a < 3; ++a) {
      require(correlation.shape[a] % 2 == 1, "correlation must have an odd number of lags");
      reach_[a] = static_cast<std::ptrdiff_t>(correlation.shape[a] / 2);
    }
  }

  [[nodiscard]] double variance() const { return variance_; }

  /// Mean correlation of the pairs of different voxels, from an even choice where they are many.
  [[nodiscard]] double mean_correlation(const std::vector<Index3>& voxels) const {
    constexpr std::size_t most = 1024;
    const std::size_t stride = ((voxels.size() - 1) / most) + 1;
    double sum = 0;
    std::int64_t n_pair = 0;
    for (std::size_t i = 0; i < voxels.size(); i += stride) {
      for (std::size_t j = i + stride; j < voxels.size(); j += stride) {
        sum += of(voxels[i], voxels[j]);
        ++n_pair;
      }
    }
    // Below zero it would promise more than independent voxels hold.
    return n_pair == 0 ? 0 : std::clamp(sum / static_cast<double>(n_pair), 0.0, 1.0);
  }

 private:
  [[nodiscard]] double of(const Index3& a, const Index3& b) const {
    std::array<std::size_t, 3> at{};
    for (std::size_t k = 0; k < 3; ++k) {
      const std::ptrdiff_t lag = b[k] - a[k] + reach_[k];
      if (lag < 0 || lag > 2 * reach_[k]) return 0;
      at[k] = static_cast<std::size_t>(lag);
    }
    return correlation_(at[0], at[1], at[2]);
  }

  ArrayView<double, 3> correlation_;
  double variance_;
  std::array<std::ptrdiff_t, 3> reach_{};
};

/// The voxels between two steps of a line.
struct Sample {
  std::vector<Index3> voxels;
  std::vector<double> values;
};

struct MeanOfSample {
  double mean;
  double standard_error;
  double effective_count;
};

/// Mean of correlated values, and how well it is known.
MeanOfSample mean_of(const Sample& sample, const Fluctuations& fluctuations) {
  const auto n = static_cast<double>(sample.values.size());
  double mean = sample.values.front();  // of the differences to it: a constant stays itself
  double above = 0;
  for (const double value : sample.values) above += value - mean;
  mean += above / n;
  double squares = 0;
  for (const double value : sample.values) squares += (value - mean) * (value - mean);
  const double together = fluctuations.mean_correlation(sample.voxels);
  const double effective = n / (1 + ((n - 1) * together));
  // E[squares] = (n - 1) (1 - mean correlation) variance, so that (effective - 1) of its values
  // weigh beside those of the whole field.
  constexpr double weight_of_field = 4;
  double variance = fluctuations.variance();
  if (n > 1 && together < 1) {
    const double own = squares / ((n - 1) * (1 - together));
    variance = ((weight_of_field * variance) + ((effective - 1) * own)) /
               (weight_of_field + effective - 1);
  }
  return {.mean = mean,
          .standard_error = std::sqrt(variance / effective),
          .effective_count = effective};
}

}  // namespace

template <class T>
LineMeans line_profiles(const VolumeView<T>& values, const VolumeView<bool>& envelope,
                        const ArrayView<double, 1>& spacing, const ArrayView<double, 1>& centre,
                        const ArrayView<double, 2>& directions, double radius, double step,
                        const ArrayView<double, 3>& correlation, double variance,
                        const Execution& execution) {
  require(values.shape == envelope.shape, "values must have the shape of the particle");
  const Vector3 h = checked_spacing(spacing);
  const Vector3 from = checked_vector(centre, "centre_um");
  require(directions.shape[1] == 3, "directions must have shape (n, 3), each (z, y, x)");
  require(std::isfinite(radius) && radius > 0, "radius_um must be positive");
  require(std::isfinite(step) && step > 0, "step_um must be positive");
  const Fluctuations fluctuations(correlation, variance);
  const std::size_t n_line = directions.shape[0];
  LineMeans result{.mean = {},
                   .standard_error = {},
                   .effective_count = {},
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
  result.effective_count = Array<double, 2>({n_line, n_sample}, 0.0);
  result.count = Array<std::int64_t, 2>({n_line, n_sample}, 0);
  parallel_for(n_line, 1, execution, [&](std::size_t d, std::size_t, std::size_t) {
    if (std::isnan(lines[d].length)) return;
    std::vector<Sample> samples(n_sample);
    for_voxels_in(lines[d], envelope.shape, h, [&](const Index3& index, double depth) {
      const std::size_t voxel = flat_index(index, envelope.shape);
      const auto value = static_cast<double>(values[voxel]);
      if (!envelope[voxel] || !std::isfinite(value)) return;
      Sample& sample = samples[std::min(n_sample - 1, static_cast<std::size_t>(depth / step))];
      sample.voxels.push_back(index);
      sample.values.push_back(value);
    });
    for (std::size_t i = 0; i < n_sample; ++i) {
      if (samples[i].values.empty()) continue;
      const std::size_t place = (d * n_sample) + i;
      const MeanOfSample found = mean_of(samples[i], fluctuations);
      result.count[place] = static_cast<std::int64_t>(samples[i].values.size());
      result.mean[place] = found.mean;
      result.standard_error[place] = found.standard_error;
      result.effective_count[place] = found.effective_count;
    }
  });
  return result;
}

template LineMeans line_profiles(const VolumeView<float>&, const VolumeView<bool>&,
                                 const ArrayView<double, 1>&, const ArrayView<double, 1>&,
                                 const ArrayView<double, 2>&, double, double,
                                 const ArrayView<double, 3>&, double, const Execution&);
template LineMeans line_profiles(const VolumeView<double>&, const VolumeView<bool>&,
                                 const ArrayView<double, 1>&, const ArrayView<double, 1>&,
                                 const ArrayView<double, 2>&, double, double,
                                 const ArrayView<double, 3>&, double, const Execution&);

}  // namespace nmcx
