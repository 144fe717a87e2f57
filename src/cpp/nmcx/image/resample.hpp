// Cubic B-spline interpolation of images on a shifted and strained grid, with the variance that
// goes with it.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "nmcx/core/views.hpp"
#include "nmcx/image/warp.hpp"

namespace nmcx::image {

/// The four cubic B-spline weights around a position, for value and slope.
struct SplineWeights {
  std::ptrdiff_t first;         ///< index of the first of the four coefficients
  std::array<double, 4> value;  ///< [1], sum 1
  std::array<double, 4> slope;  ///< [1/px], sum 0
};

/// Weights at `position` [px].
SplineWeights spline_weights(double position);

/// Coefficients of the interpolating cubic B-spline with mirrored borders.
///
/// @param image  (ny, nx), finite
/// @returns (ny, nx)
Array<double, 2> spline_coefficients(ArrayView<double, 2> image);

/// Weight of the sample at distance `t` [px] in cubic-spline interpolation: the cardinal spline.
double cardinal_spline(double t);

/// `index` mirrored into [0, n) about the first and the last sample.
std::size_t mirrored(std::ptrdiff_t index, std::size_t n);

/// Normalised Gaussian of odd length, cut at 4 sigma; one tap for sigma = 0.
std::vector<double> gaussian_kernel(double sigma);

/// Separable convolution with an odd `kernel` along both axes; zero outside the image.
Array<double, 2> convolved(const Array<double, 2>& image, const std::vector<double>& kernel);

/// An image with holes made fit for filters that cannot skip them.
struct Filled {
  Array<double, 2> value;          ///< (ny, nx), finite everywhere
  Array<unsigned char, 2> usable;  ///< (ny, nx), 1 where the image was finite
};

/// Gaussian smoothing over the finite pixels only; holes get the mean of their surroundings.
///
/// @param image  (ny, nx), NaN where there is no value
/// @param sigma  [px]; 0 only fills the holes
/// @throws InvalidArgument if no pixel is finite or sigma is negative
Filled smooth_and_fill(ArrayView<double, 2> image, double sigma);

struct Resampled {
  Array<double, 2> value;     ///< (ny, nx), NaN outside the image and beside its holes
  Array<double, 2> variance;  ///< (ny, nx), NaN where `value` is
};

/// value(x) = image(warp(x)) in one cubic-spline interpolation.
///
/// The variance is the sum of the variances times the squared weights of the cardinal spline, cut
/// at eight pixels (weights below 3e-5); neighbours in the result are correlated.
///
/// @param image     (ny, nx), NaN where there is no value
/// @param variance  (ny, nx) of independent pixels
/// @throws InvalidArgument if the shapes differ, the warp is not finite or no pixel is
Resampled resample(ArrayView<double, 2> image, ArrayView<double, 2> variance, const Warp& warp);

}  // namespace nmcx::image
