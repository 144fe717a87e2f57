// What needs more than one voxel: pooled noise, medians, rim.
#pragma once

#include <cstddef>
#include <vector>

#include "nmcx/xanes/edge_fit.hpp"
#include "nmcx/xanes/edge_fit_kernel.hpp"

namespace nmcx::xanes {

/// The map from a voxel on, as the kernels write and judge it.
MapOut map_at(MeasuredEdges& measured, std::size_t begin);

/// Limits that depend on the whole map.
struct EdgeThresholds {
  float least_jump = 0.0F;        ///< below it: partial volume
  float largest_residual = 0.0F;  ///< residual variance above it: large residual
};

/// Every how manyth voxel of a map is looked at for its thresholds: of up to 2^16 all, of more so
/// many that 2^15 are left. A sample moves a median by 0.7 % of the spread; it only scales limits.
std::size_t threshold_stride(std::size_t n_voxel);

/// Thresholds from every `threshold_stride`-th voxel of a map, in order.
///
/// @param jump, residual, noise, status  (n_sample,) of `MeasuredEdges`; noise is used if given
EdgeThresholds edge_thresholds(ArrayView<float, 1> jump, ArrayView<float, 1> residual,
                               ArrayView<float, 1> noise, ArrayView<std::uint16_t, 1> status,
                               bool noise_given);

/// The thresholds of a whole map.
EdgeThresholds edge_thresholds(const MeasuredEdges& measured);

/// Completes a map: noise, bits 2, 4, 32 and 256, standard errors, NaN where not ok.
///
/// What a voxel gets depends on its neighbours up to two voxels away, so a map may be judged in
/// slabs that overlap by two.
///
/// @param volume  spatial shape, two or three numbers; empty: no pooling, no rim
EdgeMap judge(MeasuredEdges measured, const EdgeThresholds& thresholds,
              const std::vector<std::size_t>& volume, const Execution& execution);

}  // namespace nmcx::xanes
