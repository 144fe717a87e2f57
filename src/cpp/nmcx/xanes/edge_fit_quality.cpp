#include "nmcx/xanes/edge_fit_quality.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

namespace nmcx::xanes {
namespace {

constexpr float least_jump = 5.0F;        // in units of the noise
constexpr float least_fraction = 0.3F;    // of the median jump
constexpr float largest_residual = 3.0F;  // in units of the median residual
constexpr unsigned unmeasured = low_transmission;
constexpr std::size_t grain = std::size_t{1} << 15U;
constexpr std::size_t lone_grain = std::size_t{1} << 13U;  // stays in the cache

bool has(std::uint16_t status, unsigned bits) {
  return (unsigned{status} & bits) != 0U;
}

/// Lower median; NaN of nothing.
float median(std::vector<float> values) {
  if (values.empty()) return std::numeric_limits<float>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct Rows {
  std::size_t nz = 1, ny = 1, nx = 1;

  explicit Rows(const std::vector<std::size_t>& volume)
      : nz(volume.size() == 3 ? volume[0] : 1),
        ny(volume[volume.size() - 2]),
        nx(volume[volume.size() - 1]) {}

  [[nodiscard]] std::size_t number() const { return nz * ny; }
  [[nodiscard]] std::size_t per_chunk() const { return std::max<std::size_t>(1, grain / nx); }
};

bool below_noise(float jump, float noise) {
  return !(jump > 0.0F && jump >= least_jump * noise);
}

/// Sums over three voxels along each axis, kept for the rows y - 1, y and y + 1 of one plane.
class PooledRows {
 public:
  PooledRows(const Rows& rows, const MeasuredEdges& measured, const Kernel& kernel,
             float partial_jump)
      : rows_(rows),
        measured_(measured),
        kernel_(kernel),
        partial_jump_(partial_jump),
        lines_(6 * (rows.nx + 2), 0.0F),
        sum_(rows.nx + 2),
        count_(rows.nx + 2) {}

  /// Reads row y of the planes around z, or nothing if it does not exist.
  void read(std::size_t z, std::ptrdiff_t y) {
    float* variance = line(y, 0);
    float* count = line(y, 1);
    std::fill_n(variance, rows_.nx, 0.0F);
    std::fill_n(count, rows_.nx, 0.0F);
    if (y < 0 || std::cmp_greater_equal(y, rows_.ny)) return;
    for (std::size_t k = z > 0 ? z - 1 : 0; k <= std::min(z + 1, rows_.nz - 1); ++k) {
      const std::size_t first = ((k * rows_.ny) + static_cast<std::size_t>(y)) * rows_.nx;
      const float* residual = measured_.residual.data() + first;
      const float* jump = measured_.map.edge_jump.data() + first;
      kernel_.add_usable(residual, jump, rows_.nx, partial_jump_, variance, count);
    }
  }

  /// Root mean square over the usable voxels among 3 × 3 × 3 around those of row y, from the three
  /// rows read last; unusable ones keep what they have.
  void write(std::ptrdiff_t y, const MapOut& row) {
    const auto add = [&](std::size_t which, float* out) {
      kernel_.add_lines(line(y - 1, which), line(y, which), line(y + 1, which), rows_.nx, out);
    };
    add(0, sum_.data());
    add(1, count_.data());
    kernel_.pool_row(sum_.data(), count_.data(), row.status, rows_.nx, row.noise);
  }

 private:
  [[nodiscard]] float* line(std::ptrdiff_t y, std::size_t which) {
    return lines_.data() + (((2 * static_cast<std::size_t>((y + 3) % 3)) + which) * (rows_.nx + 2));
  }

  Rows rows_;
  const MeasuredEdges& measured_;
  const Kernel& kernel_;
  float partial_jump_;
  std::vector<float> lines_;
  std::vector<float> sum_, count_;  // one spare zero at both ends stands for the outside
};

/// All that needs no marks of neighbours, row by row while a row is in the cache. Neighbours give
/// their residual and jump only, which no row changes.
void judge_rows(const Rows& rows, MeasuredEdges& measured, const EdgeThresholds& thresholds,
                std::uint8_t* is_outside, const Kernel& kernel, const Execution& execution) {
  const bool given = measured.noise_given;
  parallel_for(rows.number(), rows.per_chunk(), execution,
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 PooledRows pooled(rows, measured, kernel, thresholds.least_jump);
                 for (std::size_t row = begin; row < end; ++row) {
                   const MapOut map = map_at(measured, row * rows.nx);
                   kernel.judge_alone(map, rows.nx, given, thresholds.least_jump);
                   if (!given) {
                     const std::size_t z = row / rows.ny;
                     const auto y = static_cast<std::ptrdiff_t>(row % rows.ny);
                     if (row == begin || y == 0) {
                       pooled.read(z, y - 1);
                       pooled.read(z, y);
                     }
                     pooled.read(z, y + 1);
                     pooled.write(y, map);
                   }
                   kernel.judge_noise(map, rows.nx, thresholds.largest_residual,
                                      is_outside + (row * rows.nx));
                   kernel.finish_errors(map, rows.nx, given);
                 }
               });
}

/// Bit 256, and NaN where not ok.
void mark_rim_and_refuse(const Rows& rows, const std::uint8_t* is_outside, MeasuredEdges& measured,
                         const Kernel& kernel, const Execution& execution) {
  parallel_for(rows.number(), rows.per_chunk(), execution,
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 std::vector<std::uint8_t> near(rows.nx + 2);
                 std::vector<std::uint8_t> diagonal(rows.nx);
                 for (std::size_t row = begin; row < end; ++row) {
                   const std::size_t z = row / rows.ny;
                   const std::size_t y = row % rows.ny;
                   std::fill(near.begin(), near.end(), std::uint8_t{0});
                   std::fill(diagonal.begin(), diagonal.end(), std::uint8_t{0});
                   for (std::size_t k = z > 0 ? z - 1 : 0; k <= std::min(z + 1, rows.nz - 1); ++k) {
                     for (std::size_t j = y > 0 ? y - 1 : 0; j <= std::min(y + 1, rows.ny - 1);
                          ++j) {
                       const std::uint8_t* source = is_outside + (((k * rows.ny) + j) * rows.nx);
                       std::uint8_t* target = k != z && j != y ? diagonal.data() : near.data() + 1;
                       kernel.add_marks(source, rows.nx, target);
                     }
                   }
                   const MapOut map = map_at(measured, row * rows.nx);
                   kernel.mark_rim(near.data(), diagonal.data(), is_outside + (row * rows.nx),
                                   rows.nx, map.status);
                   kernel.refuse_bad(map, rows.nx);
                 }
               });
}

}  // namespace

std::size_t threshold_stride(std::size_t n_voxel) {
  return (n_voxel >> 16U) == 0 ? 1 : n_voxel >> 15U;
}

EdgeThresholds edge_thresholds(ArrayView<float, 1> jump, ArrayView<float, 1> residual,
                               ArrayView<float, 1> noise, ArrayView<std::uint16_t, 1> status,
                               bool noise_given) {
  std::vector<std::size_t> with_jump;
  std::vector<float> values;
  for (std::size_t i = 0; i < jump.size(); ++i) {
    const float own = noise_given ? noise[i] : std::sqrt(residual[i]);
    if (has(status[i], unmeasured) || below_noise(jump[i], own)) continue;
    with_jump.push_back(i);
    values.push_back(jump[i]);
  }
  EdgeThresholds thresholds;
  thresholds.least_jump = least_fraction * median(values);
  values.clear();
  for (const std::size_t i : with_jump) {
    if (!(jump[i] < thresholds.least_jump)) values.push_back(residual[i]);
  }
  thresholds.largest_residual = largest_residual * largest_residual * median(std::move(values));
  return thresholds;
}

EdgeThresholds edge_thresholds(const MeasuredEdges& measured) {
  const EdgeMap& map = measured.map;
  const std::size_t stride = threshold_stride(map.status.size());
  const std::size_t n = (map.status.size() + stride - 1) / stride;
  Array<float, 1> jump({n});
  Array<float, 1> residual({n});
  Array<float, 1> noise({n});
  Array<std::uint16_t, 1> status({n});
  for (std::size_t i = 0; i < n; ++i) {
    jump[i] = map.edge_jump[i * stride];
    residual[i] = measured.residual[i * stride];
    noise[i] = measured.noise_given ? map.noise[i * stride] : 0.0F;
    status[i] = map.status[i * stride];
  }
  return edge_thresholds(jump.view(), residual.view(), noise.view(), status.view(),
                         measured.noise_given);
}

EdgeMap judge(MeasuredEdges measured, const EdgeThresholds& thresholds,
              const std::vector<std::size_t>& volume, const Execution& execution) {
  const std::size_t n = measured.map.status.size();
  if (n == 0) return std::move(measured.map);
  const Kernel& kernel = active_kernel();
  const bool given = measured.noise_given;
  Array<std::uint8_t, 1> is_outside({n});
  if (volume.empty()) {
    parallel_for(n, lone_grain, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
      const MapOut map = map_at(measured, begin);
      const std::size_t size = end - begin;
      kernel.judge_alone(map, size, given, thresholds.least_jump);
      kernel.judge_noise(map, size, thresholds.largest_residual, is_outside.data() + begin);
      kernel.finish_errors(map, size, given);
      kernel.refuse_bad(map, size);
    });
    return std::move(measured.map);
  }
  const Rows rows(volume);
  judge_rows(rows, measured, thresholds, is_outside.data(), kernel, execution);
  mark_rim_and_refuse(rows, is_outside.data(), measured, kernel, execution);
  return std::move(measured.map);
}

}  // namespace nmcx::xanes
