// Sub-pixel drift between two images of one field, whatever their contrast.
#pragma once

#include <cmath>
#include <cstddef>
#include <functional>

#include "nmcx/core/views.hpp"
#include "nmcx/image/warp.hpp"

namespace nmcx::image {

struct RegistrationOptions {
  double max_dy = 0.0;     ///< largest drift looked for [px]
  double max_dx = 0.0;     ///< [px]
  double smoothing = 0.8;  ///< sigma of the Gaussian that both images are smoothed with [px]
  int variation = 0;       ///< degree of the polynomial in which gain and offset may vary
  MotionModel model = MotionModel::translation;  ///< what is fitted, after the shift
  double significance = 4.5;   ///< least correlation for a match [standard deviations]
  std::function<bool()> poll;  ///< true stops it
};

struct Registration {
  Warp warp;                ///< moving(warp(x)) = fixed(x)
  Warp error;               ///< standard errors of its numbers
  double correlation;       ///< Pearson's r of the two smoothed images once aligned
  double significance;      ///< of the whole-pixel match [standard deviations]
  std::size_t n_pixel;      ///< pixels compared
  std::size_t n_iteration;  ///< Gauss-Newton steps

  /// Standard error of each component of the shift, root mean square of both [px].
  [[nodiscard]] double std() const {
    return std::sqrt(0.5 * ((error.dy * error.dy) + (error.dx * error.dx)));
  }
};

/// Shift of `moving` against `fixed`, if asked for with drift or strain, under free, slowly varying
/// gain and offset.
///
/// A search over whole pixels (`align_coarsely`) is followed by Gauss-Newton least squares of
///   fixed(x) = offset + gain moving(w(x)) + curvature moving(w(x))^2
/// where `moving` is interpolated by cubic B-splines and the curvature takes up a body whose
/// contrast changes by more than that of its texture. Pixels are weighted by the inverse variance
/// that both images' own noise has at their brightness (`noise_level`). Only pixels whose
/// neighbourhood is valid in both images count. The standard error carries each pixel's own squared
/// residual through the normal matrix and the smoothing (White's estimator for smoothed noise).
/// Noise weakens between pixels, which pulls the shift there: 0.05 px of the example in the
/// benchmark without smoothing, within the standard error with the default.
///
/// @param fixed, moving  (ny, nx), NaN where there is no value
/// @throws InvalidArgument if shapes differ, are below 8 x 8, or no pixel is valid
/// @throws ConvergenceError if the images do not match significantly or the iteration fails
Registration register_images(ArrayView<double, 2> fixed, ArrayView<double, 2> moving,
                             const RegistrationOptions& options);

}  // namespace nmcx::image
