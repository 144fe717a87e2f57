#include "nmcx/image/registration.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/image/coarse_alignment.hpp"
#include "nmcx/image/noise_level.hpp"
#include "nmcx/image/resample.hpp"

namespace nmcx::image {
namespace {

using Signed = std::ptrdiff_t;
using Shift = Eigen::Vector2d;  // (dy, dx)

constexpr std::size_t max_iteration = 40;
constexpr double tolerance = 1e-4;  // [px], far below any standard error
constexpr std::size_t least_pixels = 32;
/// Share of the residuals beyond noise that moves the shift. Where contrasts differ they come alike
/// from both sides of a feature and mostly cancel: 0.1 is calibrated on the benchmark's discs.
constexpr double uncancelled = 0.1;

/// Interpolated value and slopes of one spline on a shifted grid, for the pixels of a region.
struct Sampled {
  Eigen::VectorXd value, slope_y, slope_x;
};

/// Pixels (flat indices) whose comparison is safe for every shift within half a pixel of `centre`.
struct Region {
  Shift centre;
  std::vector<std::size_t> pixels;
};

/// What Gauss-Newton needs to know of the pair; coefficients of the splines of `moving`.
struct Problem {
  Filled fixed, moving;
  Array<double, 2> coefficients;
  int variation;
  NoiseLevel fixed_noise, moving_noise;             ///< of the images before smoothing
  Array<unsigned char, 2> fixed_safe, moving_safe;  ///< smoothed from both sides, splines inside
};

/// 1 where all pixels within two rows and columns are valid and inside.
Array<unsigned char, 2> eroded(const Array<unsigned char, 2>& valid) {
  const auto ny = static_cast<Signed>(valid.shape[0]);
  const auto nx = static_cast<Signed>(valid.shape[1]);
  Array<unsigned char, 2> rows(valid.shape, 0);
  Array<unsigned char, 2> both(valid.shape, 0);
  for (Signed y = 0; y < ny; ++y) {
    for (Signed x = 2; x < nx - 2; ++x) {
      const unsigned char* p = valid.data() + (y * nx) + x;
      rows.data()[(y * nx) + x] = std::min({p[-2], p[-1], p[0], p[1], p[2]});
    }
  }
  for (Signed y = 2; y < ny - 2; ++y) {
    for (Signed x = 0; x < nx; ++x) {
      const unsigned char* p = rows.data() + (y * nx) + x;
      both.data()[(y * nx) + x] = std::min({p[-2 * nx], p[-nx], p[0], p[nx], p[2 * nx]});
    }
  }
  return both;
}

Region make_region(const Problem& problem, const Shift& shift) {
  const auto ny = static_cast<Signed>(problem.moving_safe.shape[0]);
  const auto nx = static_cast<Signed>(problem.moving_safe.shape[1]);
  Region region{.centre = shift, .pixels = {}};
  const auto dy = static_cast<Signed>(std::lround(shift[0]));
  const auto dx = static_cast<Signed>(std::lround(shift[1]));
  region.pixels.reserve(problem.moving_safe.size());
  for (Signed y = std::max<Signed>(0, -dy); y < std::min(ny, ny - dy); ++y) {
    for (Signed x = std::max<Signed>(0, -dx); x < std::min(nx, nx - dx); ++x) {
      const auto here = static_cast<std::size_t>((y * nx) + x);
      const auto there = static_cast<std::size_t>(((y + dy) * nx) + x + dx);
      if (problem.fixed_safe[here] != 0 && problem.moving_safe[there] != 0) {
        region.pixels.push_back(here);
      }
    }
  }
  return region;
}

Sampled sample(const Array<double, 2>& coefficients, const Region& region, const Shift& shift) {
  const auto [ny, nx] = coefficients.shape;
  const SplineWeights rows = spline_weights(shift[0]);
  const SplineWeights columns = spline_weights(shift[1]);
  const auto n = static_cast<Eigen::Index>(region.pixels.size());
  Sampled sampled{
      .value = Eigen::VectorXd(n), .slope_y = Eigen::VectorXd(n), .slope_x = Eigen::VectorXd(n)};
  std::vector<double> value(nx);
  std::vector<double> slope(nx);
  std::size_t row = ny;
  for (Eigen::Index i = 0; i < n; ++i) {
    const std::size_t pixel = region.pixels[static_cast<std::size_t>(i)];
    if (pixel / nx != row) {
      row = pixel / nx;
      std::ranges::fill(value, 0.0);
      std::ranges::fill(slope, 0.0);
      for (std::size_t k = 0; k < 4; ++k) {
        const Signed from = static_cast<Signed>(row + k) + rows.first;
        const double* c = coefficients.data() + (mirrored(from, ny) * nx);
        for (std::size_t x = 0; x < nx; ++x) value[x] += rows.value[k] * c[x];
        for (std::size_t x = 0; x < nx; ++x) slope[x] += rows.slope[k] * c[x];
      }
    }
    // The region keeps two columns clear on both sides, so that these indices lie inside.
    const double* v = value.data() + static_cast<Signed>(pixel % nx) + columns.first;
    const double* s = slope.data() + static_cast<Signed>(pixel % nx) + columns.first;
    sampled.value[i] = (columns.value[0] * v[0]) + (columns.value[1] * v[1]) +
                       (columns.value[2] * v[2]) + (columns.value[3] * v[3]);
    sampled.slope_x[i] = (columns.slope[0] * v[0]) + (columns.slope[1] * v[1]) +
                         (columns.slope[2] * v[2]) + (columns.slope[3] * v[3]);
    sampled.slope_y[i] = (columns.value[0] * s[0]) + (columns.value[1] * s[1]) +
                         (columns.value[2] * s[2]) + (columns.value[3] * s[3]);
  }
  return sampled;
}

/// The model at one shift: its best contrast, what remains, and how it changes with the shift.
struct Linearised {
  Eigen::MatrixXd jacobian;  ///< (n_pixel, n_parameter): dy, dx, then the contrast
  Eigen::VectorXd residual;  ///< fixed - model
  Eigen::VectorXd variance;  ///< of the noise before smoothing; zero where not known
  Eigen::VectorXd weight;    ///< its inverse, mean one
  double correlation;
  double gain;  ///< sign of the relation: positive for images of one thing
};

/// Values of x^i y^j, i + j <= degree, with both coordinates in [-1, 1]: (n_pixel, n_term).
Eigen::MatrixXd polynomials(const Region& region, const std::array<std::size_t, 2>& shape,
                            int degree) {
  const auto n = static_cast<Eigen::Index>(region.pixels.size());
  const Eigen::Index n_term = (degree + 1) * (degree + 2) / 2;
  Eigen::MatrixXd terms(n, n_term);
  for (Eigen::Index i = 0; i < n; ++i) {
    const std::size_t pixel = region.pixels[static_cast<std::size_t>(i)];
    const std::size_t i_row = pixel / shape[1];
    const auto row = static_cast<double>(i_row);
    const auto column = static_cast<double>(pixel % shape[1]);
    const double y = (2.0 * row / static_cast<double>(shape[0])) - 1.0;
    const double x = (2.0 * column / static_cast<double>(shape[1])) - 1.0;
    Eigen::Index term = 0;
    double power_x = 1.0;
    for (int a = 0; a <= degree; ++a) {
      double power = power_x;
      for (int b = 0; a + b <= degree; ++b) {
        terms(i, term++) = power;
        power *= y;
      }
      power_x *= x;
    }
  }
  return terms;
}

/// Variance of fixed - gain moving, by the noise expected at the brightness of each pixel.
///
/// Brightness alone is read, not the residuals: those are largest at rims whose contrast differs,
/// where most of the information sits.
Eigen::VectorXd noise_variance(const Problem& problem, const Eigen::VectorXd& fixed,
                               const Eigen::VectorXd& moving, double gain) {
  Eigen::VectorXd variance(fixed.size());
  for (Eigen::Index i = 0; i < fixed.size(); ++i) {
    variance[i] = problem.fixed_noise.variance(fixed[i]) +
                  (gain * gain * problem.moving_noise.variance(moving[i]));
  }
  return variance;
}

/// Inverse of a variance, mean one; without noise all pixels count the same.
Eigen::VectorXd inverse_weights(const Eigen::VectorXd& variance) {
  const Eigen::VectorXd weight = variance.cwiseInverse();
  const double mean = weight.mean();
  if (!(mean > 0.0 && std::isfinite(mean))) return Eigen::VectorXd::Ones(variance.size());
  return weight / mean;
}

Linearised linearise(const Problem& problem, const Region& region, const Shift& shift) {
  const auto n = static_cast<Eigen::Index>(region.pixels.size());
  Eigen::VectorXd target(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    target[i] = problem.fixed.value[region.pixels[static_cast<std::size_t>(i)]];
  }
  const Sampled moving = sample(problem.coefficients, region, shift);
  const Eigen::ArrayXd t = target.array() - target.mean();
  const Eigen::ArrayXd v = moving.value.array() - moving.value.mean();
  const Eigen::MatrixXd terms = polynomials(region, problem.fixed.value.shape, problem.variation);
  const Eigen::Index n_term = terms.cols();
  const double size = v.square().mean() > 0.0 ? std::sqrt(v.square().mean()) : 1.0;
  Eigen::MatrixXd contrast(n, (2 * n_term) + 1);
  contrast << terms, (terms.array().colwise() * v).matrix(), (v.square() / size).matrix();
  Linearised lin;
  lin.gain = (t * v).sum() / v.square().sum();
  lin.variance = noise_variance(problem, target, moving.value, lin.gain);
  lin.weight = inverse_weights(lin.variance);
  const Eigen::MatrixXd weighted = lin.weight.asDiagonal() * contrast;
  const Eigen::VectorXd strength =
      (weighted.transpose() * contrast).ldlt().solve(weighted.transpose() * t.matrix());
  const Eigen::ArrayXd gain =
      (terms * strength.segment(n_term, n_term)).array() + (2.0 / size * strength[2 * n_term] * v);
  lin.correlation = (t * v).sum() / std::sqrt(t.square().sum() * v.square().sum());
  lin.residual = t.matrix() - (contrast * strength);
  lin.jacobian.resize(n, 2 + contrast.cols());
  lin.jacobian << (gain * moving.slope_y.array()).matrix(),
      (gain * moving.slope_x.array()).matrix(), contrast;
  return lin;
}

/// Standard error of both components, from residuals that are smoothed independent noise.
///
/// With residual = K n and estimator P residual, the variance is sum over pixels of
/// (K^T P)^2 var(n), and residual^2 / |K|^2 stands for var(n): no common noise level is assumed.
/// What this exceeds the images' own noise by counts for a tenth (see `uncancelled`).
/// The slopes of the noise itself say nothing about the shift: their share, with equal noise in
/// both images, is taken off the normal matrix.
double standard_error(const Linearised& lin, const Region& region, const Problem& problem,
                      const std::vector<double>& kernel, double smoothing) {
  const Eigen::Index n_parameter = lin.jacobian.cols();
  const auto n = lin.jacobian.rows();
  double line = 0.0;
  double slope = 0.0;
  const std::size_t middle = kernel.size() / 2;
  for (std::size_t k = 0; k < kernel.size(); ++k) {
    const double t = static_cast<double>(k) - static_cast<double>(middle);
    line += kernel[k] * kernel[k];
    slope += kernel[k] * kernel[k] * t * t;
  }
  const double power = line * line;  // of the two-dimensional kernel
  const double square = lin.gain * lin.gain;
  const double noise = lin.residual.cwiseAbs2().dot(lin.weight) * square / (power * (1.0 + square));
  const Eigen::MatrixXd weighted = lin.weight.asDiagonal() * lin.jacobian;
  Eigen::MatrixXd normal = weighted.transpose() * lin.jacobian;
  for (Eigen::Index k = 0; k < 2; ++k) {
    const double of_slopes = noise * line * slope / std::pow(smoothing, 4);
    normal(k, k) -= std::min(of_slopes, 0.5 * normal(k, k));
  }
  const Eigen::MatrixXd inverse =
      normal.ldlt().solve(Eigen::MatrixXd::Identity(n_parameter, n_parameter));
  const Eigen::MatrixXd estimator = weighted * inverse.leftCols(2);
  double of_residual = 0.0;
  double of_noise = 0.0;
  for (Eigen::Index k = 0; k < 2; ++k) {
    Array<double, 2> plane(problem.fixed.value.shape, 0.0);
    for (Eigen::Index i = 0; i < n; ++i) {
      plane[region.pixels[static_cast<std::size_t>(i)]] = estimator(i, k);
    }
    const Array<double, 2> spread = convolved(plane, kernel);
    for (Eigen::Index i = 0; i < n; ++i) {
      const double w = spread[region.pixels[static_cast<std::size_t>(i)]];
      of_residual += w * w * lin.residual[i] * lin.residual[i] / power;
      of_noise += w * w * lin.variance[i];
    }
  }
  const double freedom = static_cast<double>(n) * power;  // about the number of independent pixels
  const double lost = static_cast<double>(n_parameter);
  of_residual *= freedom / std::max(1.0, freedom - lost);
  return std::sqrt(0.5 * (of_noise < of_residual
                              ? of_noise + (uncancelled * (of_residual - of_noise))
                              : of_residual));
}

Problem make_problem(ArrayView<double, 2> fixed, ArrayView<double, 2> moving,
                     const RegistrationOptions& options) {
  Problem problem{.fixed = smooth_and_fill(fixed, options.smoothing),
                  .moving = smooth_and_fill(moving, options.smoothing),
                  .coefficients = {},
                  .variation = options.variation,
                  .fixed_noise = {},
                  .moving_noise = {},
                  .fixed_safe = {},
                  .moving_safe = {}};
  problem.fixed_noise = noise_level(fixed, problem.fixed.value.view());
  problem.moving_noise = noise_level(moving, problem.moving.value.view());
  problem.coefficients = spline_coefficients(problem.moving.value.view());
  problem.fixed_safe = eroded(problem.fixed.usable);
  problem.moving_safe = eroded(problem.moving.usable);
  return problem;
}

/// No structure but rounding.
bool is_flat(const Filled& image) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (std::size_t i = 0; i < image.value.size(); ++i) {
    if (image.usable[i] == 0) continue;
    low = std::min(low, image.value[i]);
    high = std::max(high, image.value[i]);
  }
  return high - low <= 1e-9 * std::max(std::abs(low), std::abs(high));
}

CoarseAlignment find_start(const Problem& problem, const RegistrationOptions& options) {
  const std::size_t side = std::max(problem.fixed.value.shape[0], problem.fixed.value.shape[1]);
  CoarseAlignment best{};
  // Fine texture averages out in coarse blocks: look closer before giving up.
  for (std::size_t coarsest = 32; coarsest <= 128; coarsest *= 2) {
    const CoarseAlignment found = align_coarsely(
        problem.fixed.value.view(), problem.fixed.usable.view(), problem.moving.value.view(),
        problem.moving.usable.view(), options.max_dy, options.max_dx, coarsest);
    if (coarsest == 32 || found.significance > best.significance) best = found;
    if (best.significance >= options.significance || coarsest >= side) break;
  }
  return best;
}

}  // namespace

Registration register_translation(ArrayView<double, 2> fixed, ArrayView<double, 2> moving,
                                  const RegistrationOptions& options) {
  require(fixed.shape == moving.shape, "moving must have the shape of fixed");
  require(fixed.shape[0] >= 8 && fixed.shape[1] >= 8,
          "fixed and moving must have at least 8 x 8 pixels");
  require(options.max_dy >= 0.0 && options.max_dx >= 0.0 &&
              options.max_dy < static_cast<double>(fixed.shape[0]) &&
              options.max_dx < static_cast<double>(fixed.shape[1]),
          "max_shift must not be negative and must be less than the image");
  require(options.variation >= 0 && options.variation <= 3, "variation must be 0, 1, 2 or 3");
  require(options.smoothing >= 0.5, "smoothing must be at least half a pixel");
  const Problem problem = make_problem(fixed, moving, options);
  const std::vector<double> kernel = gaussian_kernel(options.smoothing);
  if (is_flat(problem.fixed) || is_flat(problem.moving)) {
    throw ConvergenceError(
        "the two images cannot be registered: one of them is constant; is it blank or saturated?");
  }
  const CoarseAlignment start = find_start(problem, options);
  if (!(start.significance >= options.significance)) {
    throw ConvergenceError(
        "the two images cannot be registered: their best match (r = " +
        std::to_string(start.correlation) + ") stands " + std::to_string(start.significance) +
        " standard deviations above chance, " + std::to_string(options.significance) +
        " are needed; are they blank, saturated or of different fields?");
  }
  const Shift first(static_cast<double>(start.dy), static_cast<double>(start.dx));
  Shift shift = first;
  Region region = make_region(problem, shift);
  for (std::size_t iteration = 1; iteration <= max_iteration; ++iteration) {
    if ((shift - region.centre).cwiseAbs().maxCoeff() > 0.5) region = make_region(problem, shift);
    if (region.pixels.size() < least_pixels) break;
    const Linearised lin = linearise(problem, region, shift);
    const Eigen::MatrixXd weighted = lin.weight.asDiagonal() * lin.jacobian;
    const Eigen::MatrixXd normal = weighted.transpose() * lin.jacobian;
    const Eigen::VectorXd gradient = weighted.transpose() * lin.residual;
    const Shift step = normal.ldlt().solve(gradient).head<2>();
    if (!step.allFinite() || !(lin.gain > 0.0)) break;
    if (step.norm() < tolerance) {
      const double std = standard_error(lin, region, problem, kernel, options.smoothing);
      if (!(std < 1.0)) break;
      return {.dy = shift[0],
              .dx = shift[1],
              .std = std,
              .correlation = lin.correlation,
              .significance = start.significance,
              .n_pixel = region.pixels.size(),
              .n_iteration = iteration};
    }
    shift += step / std::max(1.0, step.norm());  // at most one pixel at a time
    if ((shift - first).norm() > 4.0) break;
  }
  throw ConvergenceError(
      "the registration did not converge from (" + std::to_string(start.dy) + ", " +
      std::to_string(start.dx) +
      ") px: the images lack structure in one direction, or do not show the same field");
}

}  // namespace nmcx::image
