// Search of the whole-pixel shift of two images over everything their overlap allows.
#pragma once

#include <cstddef>

#include "nmcx/core/views.hpp"

namespace nmcx::image {

struct CoarseAlignment {
  std::ptrdiff_t dy, dx;  ///< [px]; moving(y + dy, x + dx) looks like fixed(y, x)
  double correlation;     ///< Pearson's r over the overlap, at the resolution of the search
  double n_effective;     ///< independent samples in that overlap
  double significance;    ///< atanh(r) sqrt(n_effective - 3) [standard deviations]
};

/// Best whole-pixel shift by normalised cross-correlation over the overlap of the valid pixels.
///
/// All shifts up to the limits are tried on block means of at most `coarsest` pixels a side; the
/// best few are followed down to full resolution. The score is the log-likelihood gained by a
/// linear relation, -n/2 log(1 - r^2) with r > 0, so that a small overlap needs a better match.
/// The number of independent samples comes from both autocorrelations (Clifford, Richardson and
/// Hemon, Biometrics 45, 123 (1989)).
///
/// @param fixed, moving         (ny, nx), finite, invalid pixels hold anything
/// @param fixed_ok, moving_ok   (ny, nx), 1 where valid
/// @param max_dy, max_dx        [px], less than the image
CoarseAlignment align_coarsely(ArrayView<double, 2> fixed, ArrayView<unsigned char, 2> fixed_ok,
                               ArrayView<double, 2> moving, ArrayView<unsigned char, 2> moving_ok,
                               double max_dy, double max_dx, std::size_t coarsest);

}  // namespace nmcx::image
