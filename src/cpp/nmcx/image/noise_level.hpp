// How the noise of an image depends on its brightness, from the image itself.
#pragma once

#include "nmcx/core/views.hpp"

namespace nmcx::image {

/// log(variance) = intercept + slope value, held within the range the estimate comes from.
struct NoiseLevel {
  double intercept, slope;
  double low, high;  ///< range of values that the estimate covers
  [[nodiscard]] double variance(double value) const;
};

/// Noise from second differences along both axes, which smooth structure hardly reaches (Immerkaer,
/// Comput. Vis. Image Underst. 64, 300 (1996)): medians in eight bins of brightness, and a line
/// through their logarithms; no variance where no noise is seen. The line is exact for optical
/// density and the logarithm of counts.
///
/// @param image   (ny, nx), NaN where there is no value
/// @param smooth  (ny, nx) the same, smoothed: what the brightness is read from
NoiseLevel noise_level(ArrayView<double, 2> image, ArrayView<double, 2> smooth);

}  // namespace nmcx::image
