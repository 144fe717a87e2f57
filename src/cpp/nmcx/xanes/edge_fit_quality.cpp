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
constexpr unsigned no_jump = 1U | 2U;
constexpr unsigned outside = 1U | 2U | 4U;
constexpr std::size_t grain = std::size_t{1} << 15U;

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

  /// Calls visit(first voxel of the row, is it diagonal) for a row and its eight neighbours.
  template <class Visit>
  void for_neighbours(std::size_t row, const Visit& visit) const {
    const std::size_t z = row / ny;
    const std::size_t y = row % ny;
    for (std::size_t k = z > 0 ? z - 1 : 0; k <= std::min(z + 1, nz - 1); ++k) {
      for (std::size_t j = y > 0 ? y - 1 : 0; j <= std::min(y + 1, ny - 1); ++j) {
        visit(((k * ny) + j) * nx, k != z && j != y);
      }
    }
  }
  [[nodiscard]] std::size_t per_chunk() const { return std::max<std::size_t>(1, grain / nx); }
};

/// Root mean square of the noise over the usable voxels among 3 × 3 × 3.
/// @param usable_variance  NaN where the voxel does not take part; such voxels keep their noise
void pool_noise(const Rows& rows, const std::vector<float>& usable_variance, EdgeMap& map,
                const Execution& execution) {
  parallel_for(rows.nz * rows.ny, rows.per_chunk(), execution,
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 // One spare zero at both ends stands for the outside.
                 std::vector<float> sum(rows.nx + 2);
                 std::vector<float> count(rows.nx + 2);
                 for (std::size_t row = begin; row < end; ++row) {
                   std::fill(sum.begin(), sum.end(), 0.0F);
                   std::fill(count.begin(), count.end(), 0.0F);
                   rows.for_neighbours(row, [&](std::size_t first, bool) {
                     const float* variance = usable_variance.data() + first;
                     for (std::size_t x = 0; x < rows.nx; ++x) {
                       const bool usable = variance[x] == variance[x];
                       sum[x + 1] += usable ? variance[x] : 0.0F;
                       count[x + 1] += usable ? 1.0F : 0.0F;
                     }
                   });
                   float* noise = map.noise.data() + (row * rows.nx);
                   const float* own = usable_variance.data() + (row * rows.nx);
                   for (std::size_t x = 0; x < rows.nx; ++x) {
                     const float pooled = std::sqrt((sum[x] + sum[x + 1] + sum[x + 2]) /
                                                    (count[x] + count[x + 1] + count[x + 2]));
                     noise[x] = own[x] == own[x] ? pooled : noise[x];
                   }
                 }
               });
}

void mark_rim(const Rows& rows, EdgeMap& map, const Execution& execution) {
  std::vector<std::uint8_t> is_outside(map.status.size());
  parallel_for(is_outside.size(), grain, execution,
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t v = begin; v < end; ++v) {
                   is_outside[v] = has(map.status[v], outside) ? 1 : 0;
                 }
               });
  parallel_for(rows.nz * rows.ny, rows.per_chunk(), execution,
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 std::vector<std::uint8_t> near(rows.nx + 2);
                 std::vector<std::uint8_t> diagonal(rows.nx);
                 for (std::size_t row = begin; row < end; ++row) {
                   std::fill(near.begin(), near.end(), std::uint8_t{0});
                   std::fill(diagonal.begin(), diagonal.end(), std::uint8_t{0});
                   rows.for_neighbours(row, [&](std::size_t first, bool is_diagonal) {
                     std::uint8_t* target = is_diagonal ? diagonal.data() : near.data() + 1;
                     for (std::size_t x = 0; x < rows.nx; ++x) target[x] |= is_outside[first + x];
                   });
                   std::uint16_t* status = map.status.data() + (row * rows.nx);
                   for (std::size_t x = 0; x < rows.nx; ++x) {
                     const bool at_rim = near[x] + near[x + 1] + near[x + 2] + diagonal[x] != 0;
                     const bool inside = !has(status[x], outside);
                     status[x] |=
                         at_rim && inside ? static_cast<std::uint16_t>(rim) : std::uint16_t{0};
                   }
                 }
               });
}

template <class Body>
void for_voxels(const EdgeMap& map, const Execution& execution, const Body& body) {
  parallel_for(map.status.size(), grain, execution,
               [&](std::size_t begin, std::size_t end, std::size_t) {
                 for (std::size_t v = begin; v < end; ++v) body(v);
               });
}

void set_bit(EdgeMap& map, std::size_t v, bool condition, EdgeStatus bit) {
  map.status[v] |= condition ? static_cast<std::uint16_t>(bit) : std::uint16_t{0};
}

bool below_noise(float jump, float noise) {
  return !(jump > 0.0F && jump >= least_jump * noise);
}

}  // namespace

std::size_t threshold_stride(std::size_t n_voxel) {
  return (n_voxel >> 17U) == 0 ? 1 : n_voxel >> 16U;
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
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  EdgeMap& map = measured.map;
  const Array<float, 1>& residual = measured.residual;
  const bool noise_given = measured.noise_given;
  for_voxels(map, execution, [&](std::size_t v) {
    if (!noise_given) map.noise[v] = std::sqrt(residual[v]);
    const bool small = below_noise(map.edge_jump[v], map.noise[v]);
    set_bit(map, v, !has(map.status[v], unmeasured) && small, jump_below_noise);
    set_bit(map, v, !has(map.status[v], no_jump) && map.edge_jump[v] < thresholds.least_jump,
            partial_volume);
  });

  const bool has_neighbours = !volume.empty() && map.status.size() > 0;
  if (has_neighbours && !noise_given) {
    std::vector<float> usable_variance(map.status.size());
    for_voxels(map, execution, [&](std::size_t v) {
      usable_variance[v] = !has(map.status[v], outside) ? residual[v] : nan;
    });
    pool_noise(Rows(volume), usable_variance, map, execution);
  }
  for_voxels(map, execution, [&](std::size_t v) {
    const bool inside = !has(map.status[v], outside);
    set_bit(map, v, inside && below_noise(map.edge_jump[v], map.noise[v]), jump_below_noise);
    set_bit(map, v, inside && residual[v] > thresholds.largest_residual, large_residual);
  });
  if (has_neighbours) mark_rim(Rows(volume), map, execution);

  for_voxels(map, execution, [&](std::size_t v) {
    const bool ok = !has(map.status[v], not_ok);
    const float noise = noise_given ? 1.0F : map.noise[v];
    map.edge_energy_ev[v] = ok ? map.edge_energy_ev[v] : static_cast<double>(nan);
    map.white_line_ev[v] = ok ? map.white_line_ev[v] : static_cast<double>(nan);
    map.edge_energy_std_ev[v] = ok ? noise * map.edge_energy_std_ev[v] : nan;
    map.white_line_std_ev[v] = ok ? noise * map.white_line_std_ev[v] : nan;
    map.white_line_height[v] = ok ? map.white_line_height[v] : nan;
    const bool known = !has(map.status[v], unmeasured);
    map.edge_jump[v] = known ? map.edge_jump[v] : nan;
    map.noise[v] = known ? map.noise[v] : nan;
  });
  return std::move(measured.map);
}

}  // namespace nmcx::xanes
