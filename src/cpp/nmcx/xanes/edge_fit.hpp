// Edge energy and white line of every voxel of a stack of absorption images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/xanes/edge_estimator.hpp"
#include "nmcx/xanes/normalise.hpp"

namespace nmcx::xanes {

/// Bits of `EdgeMap::status`.
enum EdgeStatus : std::uint16_t {
  low_transmission = 1,    ///< a needed absorption is not finite
  jump_below_noise = 2,    ///< jump < 5 × noise
  partial_volume = 4,      ///< jump < 0.3 × median jump
  window_border = 8,       ///< crossing or white line at the border of the scan range, or none
  several_crossings = 16,  ///< not exactly one upward crossing before the white line
  large_residual = 32,     ///< residual > 3 × its median
  wrong_curvature = 64,    ///< no maximum within reach of the white line's peak sample
  saturated = 128,         ///< absorption > 2.5 at the white line
  rim = 256,               ///< a face or edge neighbour has one of the bits 1, 2, 4
};

/// Voxels without an edge energy: `low_transmission`, `jump_below_noise`, `partial_volume`,
/// `window_border`, `wrong_curvature` (and 512, misaligned, which the fit does not set).
inline constexpr unsigned not_ok = 1U | 2U | 4U | 8U | 64U | 512U;

struct EdgeMap {
  Array<double, 1> edge_energy_ev;     ///< (n_voxel,) [eV], NaN where not ok
  Array<float, 1> edge_energy_std_ev;  ///< (n_voxel,) [eV], NaN where not ok
  Array<double, 1> white_line_ev;      ///< (n_voxel,) [eV], NaN where not ok
  Array<float, 1> white_line_std_ev;   ///< (n_voxel,) [eV], NaN where not ok
  Array<float, 1> white_line_height;   ///< (n_voxel,) [1], NaN where not ok
  Array<float, 1> edge_jump;           ///< (n_voxel,) finite where bit 1 is clear
  Array<float, 1> noise;               ///< (n_voxel,) noise used, finite where bit 1 is clear
  Array<std::uint16_t, 1> status;      ///< (n_voxel,) `EdgeStatus` bits
};

/// A map before `judge`: energies are not NaN yet where not ok, standard errors are per unit noise
/// (final if the variance was given), status holds the bits of single voxels.
struct MeasuredEdges {
  EdgeMap map;
  Array<float, 1> residual;  ///< (n_voxel,) variance of the residuals of both fits
  bool noise_given = false;
};

/// Edge energy on the flattened spectrum and white line of every voxel, each by itself.
///
/// The half-jump is the last upward crossing of level × post before the highest mu - pre, by
/// four-point cubic inverse interpolation; the white line is the maximum of (mu - pre) / post from
/// a least-squares parabola around the highest sample. Calculated in float.
///
/// @param energy_ev    photon energies [eV], (n_energy,), increasing
/// @param mu           absorption, (n_energy, n_voxel), or (n_voxel, n_energy) if `voxel_major`
/// @param variance     variance of mu, laid out alike; with one voxel it serves all of them; empty:
///                     noise from the residuals
/// @throws InvalidArgument as `make_edge_plan` and `make_edge_estimator`, or if shapes disagree
MeasuredEdges measure_edges(ArrayView<double, 1> energy_ev, ArrayView<float, 2> mu,
                            ArrayView<float, 2> variance, bool voxel_major, const EdgeModel& model,
                            const EstimatorModel& estimator, const Execution& execution);
/// The same for double; the arithmetic is in float all the same.
MeasuredEdges measure_edges(ArrayView<double, 1> energy_ev, ArrayView<double, 2> mu,
                            ArrayView<double, 2> variance, bool voxel_major, const EdgeModel& model,
                            const EstimatorModel& estimator, const Execution& execution);

/// `measure_edges`, thresholds from a sample of the voxels, and `judge`.
///
/// @param volume  spatial shape, (2) or (3) numbers, for pooling the noise over 3 voxels along each
///                axis and for the rim; empty: neither
EdgeMap fit_edges(ArrayView<double, 1> energy_ev, ArrayView<float, 2> mu,
                  ArrayView<float, 2> variance, bool voxel_major,
                  const std::vector<std::size_t>& volume, const EdgeModel& model,
                  const EstimatorModel& estimator, const Execution& execution);
/// The same for double.
EdgeMap fit_edges(ArrayView<double, 1> energy_ev, ArrayView<double, 2> mu,
                  ArrayView<double, 2> variance, bool voxel_major,
                  const std::vector<std::size_t>& volume, const EdgeModel& model,
                  const EstimatorModel& estimator, const Execution& execution);

}  // namespace nmcx::xanes
