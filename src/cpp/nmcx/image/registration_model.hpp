// The model that registration fits: one image as a curved response to the other, warped.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cstddef>
#include <vector>

#include "nmcx/core/views.hpp"
#include "nmcx/image/noise_level.hpp"
#include "nmcx/image/registration.hpp"
#include "nmcx/image/resample.hpp"

namespace nmcx::image {

/// Pixels (flat indices) whose comparison is safe for every warp within half a pixel of `warp`.
struct Region {
  Warp warp;
  std::vector<std::size_t> pixels;
  Eigen::ArrayXd fixed;           ///< (n_pixel,) less its mean
  Eigen::ArrayXd fixed_variance;  ///< (n_pixel,) of its noise
  Eigen::MatrixXd terms;          ///< (n_pixel, n_term) polynomials of gain and offset
};

/// What Gauss-Newton needs to know of the pair; coefficients of the splines of `moving`.
struct Problem {
  Filled fixed, moving;
  Array<double, 2> coefficients;
  int variation;
  NoiseLevel fixed_noise, moving_noise;             ///< of the images before smoothing
  Array<unsigned char, 2> fixed_safe, moving_safe;  ///< smoothed from both sides, splines inside
};

/// The model at one warp: its best contrast, what remains, and how it changes with the warp.
struct Linearised {
  Eigen::MatrixXd jacobian;  ///< (n_pixel, n_parameter): motion, then the contrast
  Eigen::MatrixXd weighted;  ///< the same, each row by its weight
  Eigen::VectorXd residual;  ///< fixed - model
  Eigen::VectorXd variance;  ///< of the noise before smoothing; zero where not known
  Eigen::VectorXd weight;    ///< its inverse, mean one
  double correlation;
  double gain;  ///< sign of the relation: positive for images of one thing
};

/// Smooths both images, learns their noise and makes the spline of `moving`.
Problem make_problem(ArrayView<double, 2> fixed, ArrayView<double, 2> moving,
                     const RegistrationOptions& options);

Region make_region(const Problem& problem, const Warp& warp);

/// Largest displacement of any corner of the image between two warps [px].
double largest_change(const Warp& a, const Warp& b, const std::array<std::size_t, 2>& shape);

/// `warp` with a step along the parameters of a model: dy, dx and the free strains in the scale of
/// `linearise`, the displacement half a side away from the centre [px].
Warp stepped(const Warp& warp, const Eigen::VectorXd& step, MotionModel model,
             const std::array<std::size_t, 2>& shape);

/// @param lin  overwritten; its memory serves again from step to step
void linearise(const Problem& problem, const Region& region, const Warp& warp, MotionModel model,
               Linearised& lin);

/// a^T b of tall, narrow matrices.
Eigen::MatrixXd products(const Eigen::Ref<const Eigen::MatrixXd>& a,
                         const Eigen::Ref<const Eigen::MatrixXd>& b);

/// Standard errors of the motion, from residuals that are smoothed independent noise [px].
///
/// With residual = K n and estimator P residual, the variance is sum over pixels of
/// (K^T P)^2 var(n), and residual^2 / |K|^2 stands for var(n): no common noise level is assumed.
/// What this exceeds the images' own noise by counts for a tenth (see `uncancelled`). A shift is
/// never said to be better known than it changes, beyond noise, with a window on the middle of the
/// structure: parts of the field that tell different shifts show there.
/// The slopes of the noise itself say nothing about the shift: their share, with equal noise in
/// both images, is taken off the normal matrix.
Eigen::VectorXd standard_errors(const Linearised& lin, const Region& region, const Problem& problem,
                                double smoothing, MotionModel model);

}  // namespace nmcx::image
