// What needs more than one voxel: pooled noise, medians, rim.
#pragma once

#include <cstddef>
#include <vector>

#include "nmcx/xanes/edge_fit.hpp"

namespace nmcx::xanes {

/// Completes a map whose status holds the bits of single voxels and whose standard errors are per
/// unit noise: noise, bits 2, 4, 32 and 256, standard errors, NaN where not ok.
///
/// @param residual     (n_voxel,) variance of the residuals of both fits
/// @param noise_given  the map's noise and standard errors are final
/// @param volume       spatial shape, two or three numbers; empty: no pooling, no rim
void judge(EdgeMap& map, const Array<float, 1>& residual, bool noise_given,
           const std::vector<std::size_t>& volume, const Execution& execution);

}  // namespace nmcx::xanes
