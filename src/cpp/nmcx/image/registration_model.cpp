#include "nmcx/image/registration_model.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "nmcx/core/dense_matrix.hpp"

namespace nmcx::image {
namespace {

using Signed = std::ptrdiff_t;

/// Share of the residuals beyond noise that moves the shift. Where contrasts differ they come alike
/// from both sides of a feature and mostly cancel: 0.1 is calibrated on the benchmark's discs.
constexpr double uncancelled = 0.1;

Eigen::Index n_parameter_of(MotionModel model) {
  return 2 + static_cast<Eigen::Index>(free_strains(model).size());
}

double half_side(const std::array<std::size_t, 2>& shape) {
  return 0.5 * static_cast<double>(std::max(shape[0], shape[1]));
}

/// Interpolated value and slopes of one spline on a shifted grid, for the pixels of a region.
struct Sampled {
  Eigen::VectorXd value, slope_y, slope_x;
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

/// The same fraction everywhere: rows are combined once for all their pixels.
Sampled sample_shifted(const Array<double, 2>& coefficients, const Region& region,
                       const Warp& warp) {
  const auto [ny, nx] = coefficients.shape;
  const SplineWeights rows = spline_weights(warp.dy);
  const SplineWeights columns = spline_weights(warp.dx);
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

Sampled sample_warped(const Array<double, 2>& coefficients, const Region& region,
                      const Warp& warp) {
  const auto [ny, nx] = coefficients.shape;
  const auto n = static_cast<Eigen::Index>(region.pixels.size());
  Sampled sampled{.value = Eigen::VectorXd::Zero(n),
                  .slope_y = Eigen::VectorXd::Zero(n),
                  .slope_x = Eigen::VectorXd::Zero(n)};
  for (Eigen::Index i = 0; i < n; ++i) {
    const std::size_t pixel = region.pixels[static_cast<std::size_t>(i)];
    const auto [y, x] = warp.position(pixel / nx, pixel % nx, coefficients.shape);
    const SplineWeights rows = spline_weights(y);
    const SplineWeights columns = spline_weights(x);
    for (std::size_t j = 0; j < 4; ++j) {
      const std::size_t row = mirrored(rows.first + static_cast<Signed>(j), ny);
      double value = 0.0;
      double slope = 0.0;
      for (std::size_t k = 0; k < 4; ++k) {
        const std::size_t column = mirrored(columns.first + static_cast<Signed>(k), nx);
        const double c = coefficients[(row * nx) + column];
        value += columns.value[k] * c;
        slope += columns.slope[k] * c;
      }
      sampled.value[i] += rows.value[j] * value;
      sampled.slope_y[i] += rows.slope[j] * value;
      sampled.slope_x[i] += rows.value[j] * slope;
    }
  }
  return sampled;
}

/// Row and column of the pixels from the centre, in half sides: (n_pixel, 2).
Eigen::MatrixXd from_centre(const Region& region, const std::array<std::size_t, 2>& shape) {
  Eigen::MatrixXd u(static_cast<Eigen::Index>(region.pixels.size()), 2);
  const double half = half_side(shape);
  for (Eigen::Index i = 0; i < u.rows(); ++i) {
    const std::size_t pixel = region.pixels[static_cast<std::size_t>(i)];
    const std::size_t row = pixel / shape[1];
    u(i, 0) = (static_cast<double>(row) - (0.5 * static_cast<double>(shape[0] - 1))) / half;
    u(i, 1) =
        (static_cast<double>(pixel % shape[1]) - (0.5 * static_cast<double>(shape[1] - 1))) / half;
  }
  return u;
}

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
Eigen::VectorXd noise_variance(const Problem& problem, const Region& region,
                               const Eigen::VectorXd& moving, double gain) {
  Eigen::VectorXd variance(moving.size());
  for (Eigen::Index i = 0; i < moving.size(); ++i) {
    variance[i] =
        region.fixed_variance[i] + (gain * gain * problem.moving_noise.variance(moving[i]));
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

/// Products of the levers by which two motions move a pixel, means over pixels: what white noise in
/// the slopes adds to the normal matrix, but for its strength.
Eigen::MatrixXd lever_products(const Eigen::MatrixXd& from_centre, MotionModel model) {
  Eigen::MatrixXd levers(from_centre.rows(), 3);
  levers << Eigen::VectorXd::Ones(from_centre.rows()), from_centre;
  const Eigen::Matrix3d moments = levers.transpose() * levers / static_cast<double>(levers.rows());
  // Of each motion: what it moves (0: rows, 1: columns), and by which lever.
  std::vector<std::array<Eigen::Index, 2>> motions{{0, 0}, {1, 0}};
  for (const std::size_t strain : free_strains(model)) {
    const auto i = static_cast<Eigen::Index>(strain);
    motions.push_back({i / 2, 1 + (i % 2)});
  }
  const auto n = static_cast<Eigen::Index>(motions.size());
  Eigen::MatrixXd products = Eigen::MatrixXd::Zero(n, n);
  for (Eigen::Index k = 0; k < n; ++k) {
    for (Eigen::Index l = 0; l < n; ++l) {
      const auto& one = motions[static_cast<std::size_t>(k)];
      const auto& other = motions[static_cast<std::size_t>(l)];
      if (one[0] == other[0]) products(k, l) = moments(one[1], other[1]);
    }
  }
  return products;
}

/// Whether some combination of the motions is held by the slopes of noise rather than of structure,
/// like the rotation of a round particle.
bool rests_on_noise(const Eigen::MatrixXd& normal, const Eigen::MatrixXd& of_slopes) {
  const Eigen::LLT<Eigen::MatrixXd> noise(of_slopes);
  if (noise.info() != Eigen::Success) return false;
  const Eigen::Index n_motion = of_slopes.rows();
  const Eigen::Index n_rest = normal.rows() - n_motion;
  const Eigen::MatrixXd mixed = normal.topRightCorner(n_motion, n_rest);
  const Eigen::MatrixXd held =
      normal.topLeftCorner(n_motion, n_motion) -
      (mixed * solve_symmetric(normal.bottomRightCorner(n_rest, n_rest), mixed.transpose()));
  // In units of what the noise holds: L^-1 held L^-T, with L L^T of the noise.
  const Eigen::MatrixXd half = noise.matrixL().solve(held);
  const Eigen::MatrixXd scaled = noise.matrixL().solve(half.transpose());
  constexpr double least = 2.0;  // structure must hold as much as noise
  return symmetric_modes(scaled).values[0] < least;
}

/// Weights of an estimator carried back through the smoothing to the pixels' own noise, squared.
Eigen::ArrayXd squared_sensitivity(const Eigen::VectorXd& estimator, const Region& region,
                                   const std::array<std::size_t, 2>& shape,
                                   const std::vector<double>& kernel) {
  Array<double, 2> plane(shape, 0.0);
  for (Eigen::Index i = 0; i < estimator.size(); ++i) {
    plane[region.pixels[static_cast<std::size_t>(i)]] = estimator[i];
  }
  const Array<double, 2> spread = convolved(plane, kernel);
  Eigen::ArrayXd square(estimator.size());
  for (Eigen::Index i = 0; i < estimator.size(); ++i) {
    const double w = spread[region.pixels[static_cast<std::size_t>(i)]];
    square[i] = w * w;
  }
  return square;
}

/// Squared change of the shift, beyond noise, when the middle of the structure counts more.
///
/// The window is even about the centroid of what holds the shift, so that a rim of another contrast
/// cancels in it as it does in the whole; a model that holds everywhere gives the same shift.
Eigen::VectorXd reweighting_errors(const Linearised& lin, const Region& region,
                                   const Problem& problem, const std::vector<double>& kernel) {
  const auto& shape = problem.fixed.value.shape;
  const Eigen::MatrixXd u = from_centre(region, shape);
  const Eigen::VectorXd held =
      lin.weight.cwiseProduct(lin.jacobian.leftCols(2).rowwise().squaredNorm());
  const Eigen::RowVector2d middle = (held.transpose() * u) / held.sum();
  const Eigen::VectorXd square = (u.rowwise() - middle).rowwise().squaredNorm();
  const double size = held.dot(square) / held.sum();
  const Eigen::VectorXd window = (-square.array() / size).exp().matrix();
  const auto estimator = [&](const Eigen::VectorXd& weight) {
    const Eigen::MatrixXd weighted = weight.asDiagonal() * lin.jacobian;
    const Eigen::MatrixXd normal = products(weighted, lin.jacobian);
    return Eigen::MatrixXd(weighted * symmetric_inverse(normal).leftCols(2));
  };
  const Eigen::MatrixXd change = estimator(lin.weight.cwiseProduct(window)) - estimator(lin.weight);
  double beyond = 0.0;
  for (Eigen::Index k = 0; k < 2; ++k) {
    beyond +=
        std::pow(change.col(k).dot(lin.residual), 2) -
        (squared_sensitivity(change.col(k), region, shape, kernel) * lin.variance.array()).sum();
  }
  return Eigen::VectorXd::Constant(2, std::max(0.0, 0.5 * beyond));
}

}  // namespace

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

Region make_region(const Problem& problem, const Warp& warp) {
  const auto [ny, nx] = problem.moving_safe.shape;
  Region region{.warp = warp, .pixels = {}, .fixed = {}, .fixed_variance = {}, .terms = {}};
  region.pixels.reserve(problem.moving_safe.size());
  for (std::size_t y = 0; y < ny; ++y) {
    for (std::size_t x = 0; x < nx; ++x) {
      if (problem.fixed_safe[(y * nx) + x] == 0) continue;
      const auto [to_y, to_x] = warp.position(y, x, problem.moving_safe.shape);
      const auto row = static_cast<Signed>(std::lround(to_y));
      const auto column = static_cast<Signed>(std::lround(to_x));
      if (row < 0 || column < 0 || std::cmp_greater_equal(row, ny) ||
          std::cmp_greater_equal(column, nx)) {
        continue;
      }
      const auto there = (static_cast<std::size_t>(row) * nx) + static_cast<std::size_t>(column);
      if (problem.moving_safe[there] != 0) region.pixels.push_back((y * nx) + x);
    }
  }
  const auto n = static_cast<Eigen::Index>(region.pixels.size());
  region.fixed.resize(n);
  region.fixed_variance.resize(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    region.fixed[i] = problem.fixed.value[region.pixels[static_cast<std::size_t>(i)]];
    region.fixed_variance[i] = problem.fixed_noise.variance(region.fixed[i]);
  }
  if (n > 0) region.fixed -= region.fixed.mean();
  region.terms = polynomials(region, problem.fixed.value.shape, problem.variation);
  return region;
}

double largest_change(const Warp& a, const Warp& b, const std::array<std::size_t, 2>& shape) {
  double largest = 0.0;
  for (const std::size_t y : {std::size_t{0}, shape[0] - 1}) {
    for (const std::size_t x : {std::size_t{0}, shape[1] - 1}) {
      const auto p = a.position(y, x, shape);
      const auto q = b.position(y, x, shape);
      largest = std::max({largest, std::abs(p[0] - q[0]), std::abs(p[1] - q[1])});
    }
  }
  return largest;
}

Warp stepped(const Warp& warp, const Eigen::VectorXd& step, MotionModel model,
             const std::array<std::size_t, 2>& shape) {
  Warp next = warp;
  next.dy += step[0];
  next.dx += step[1];
  Eigen::Index k = 2;
  for (const std::size_t strain : free_strains(model)) {
    next.strain[strain] += step[k++] / half_side(shape);
  }
  return next;
}

void linearise(const Problem& problem, const Region& region, const Warp& warp, MotionModel model,
               Linearised& lin) {
  const auto n = static_cast<Eigen::Index>(region.pixels.size());
  const Eigen::Index n_motion = n_parameter_of(model);
  const Eigen::Index n_term = region.terms.cols();
  const Eigen::Index n_contrast = (2 * n_term) + 1;
  const Sampled moving = warp.is_translation() ? sample_shifted(problem.coefficients, region, warp)
                                               : sample_warped(problem.coefficients, region, warp);
  const Eigen::ArrayXd& t = region.fixed;
  const Eigen::ArrayXd v = moving.value.array() - moving.value.mean();
  const double square = v.square().sum();
  const double size = square > 0.0 ? std::sqrt(square / static_cast<double>(n)) : 1.0;
  lin.gain = (t * v).sum() / square;
  lin.correlation = (t * v).sum() / std::sqrt(t.square().sum() * square);
  lin.variance = noise_variance(problem, region, moving.value, lin.gain);
  lin.weight = inverse_weights(lin.variance);
  lin.jacobian.resize(n, n_motion + n_contrast);
  lin.weighted.resize(n, n_motion + n_contrast);
  auto contrast = lin.jacobian.rightCols(n_contrast);
  contrast.leftCols(n_term) = region.terms;
  contrast.middleCols(n_term, n_term).array() = region.terms.array().colwise() * v;
  contrast.col(2 * n_term) = v.square() / size;
  lin.weighted.rightCols(n_contrast) = lin.weight.asDiagonal() * contrast;
  const auto weighted = lin.weighted.rightCols(n_contrast);
  const Eigen::VectorXd strength =
      solve_symmetric(products(weighted, contrast), weighted.transpose() * t.matrix());
  const Eigen::ArrayXd gain = (region.terms * strength.segment(n_term, n_term)).array() +
                              (2.0 / size * strength[2 * n_term] * v);
  lin.residual = t.matrix() - (contrast * strength);
  lin.jacobian.col(0) = gain * moving.slope_y.array();
  lin.jacobian.col(1) = gain * moving.slope_x.array();
  if (n_motion > 2) {
    const Eigen::ArrayXXd u = from_centre(region, problem.fixed.value.shape).array();
    Eigen::Index column = 2;
    for (const std::size_t strain : free_strains(model)) {
      lin.jacobian.col(column++) = lin.jacobian.col(strain / 2).array() * u.col(strain % 2);
    }
  }
  lin.weighted.leftCols(n_motion) = lin.weight.asDiagonal() * lin.jacobian.leftCols(n_motion);
}

Eigen::MatrixXd products(const Eigen::Ref<const Eigen::MatrixXd>& a,
                         const Eigen::Ref<const Eigen::MatrixXd>& b) {
  // Coefficient by coefficient: packing for a large product would cost more than these.
  return a.transpose().lazyProduct(b);
}

Eigen::VectorXd standard_errors(const Linearised& lin, const Region& region, const Problem& problem,
                                double smoothing, MotionModel model) {
  const Eigen::Index n_motion = n_parameter_of(model);
  const std::vector<double> kernel = gaussian_kernel(smoothing);
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
  Eigen::MatrixXd normal = products(lin.weighted, lin.jacobian);
  const Eigen::MatrixXd u = from_centre(region, problem.fixed.value.shape);
  const Eigen::MatrixXd of_slopes =
      noise * line * slope / std::pow(smoothing, 4) * lever_products(u, model);
  // Residuals beyond the images' own noise are contrast that does not fit: no slopes of noise.
  const double own = lin.variance.dot(lin.weight) * square / (1.0 + square);
  const double share_of_noise = own > 0.0 ? std::min(1.0, own / noise) : 1.0;
  if (n_motion > 2 && rests_on_noise(normal, share_of_noise * of_slopes)) {
    return Eigen::VectorXd::Constant(n_motion, std::numeric_limits<double>::infinity());
  }
  // At least half is left along each motion, whatever the noise.
  const double left =
      0.5 * (normal.diagonal().head(n_motion).array() / of_slopes.diagonal().array()).minCoeff();
  normal.topLeftCorner(n_motion, n_motion) -= (left < 1.0 ? left : 1.0) * of_slopes;
  const Eigen::MatrixXd estimator = lin.weighted * symmetric_inverse(normal).leftCols(n_motion);
  const Eigen::VectorXd least = n_motion == 2 ? reweighting_errors(lin, region, problem, kernel)
                                              : Eigen::VectorXd::Zero(n_motion);
  const double freedom = static_cast<double>(n) * power;  // about the number of independent pixels
  const double lost = static_cast<double>(n_parameter);
  Eigen::VectorXd errors(n_motion);
  for (Eigen::Index k = 0; k < n_motion; ++k) {
    const Eigen::ArrayXd influence =
        squared_sensitivity(estimator.col(k), region, problem.fixed.value.shape, kernel);
    double of_residual = (influence * lin.residual.array().square()).sum() / power;
    const double of_noise = (influence * lin.variance.array()).sum();
    of_residual *= freedom / std::max(1.0, freedom - lost);
    const double beyond = of_residual - of_noise;
    // A rim of another contrast looks like a change of scale: nothing cancels there.
    const double share = k < 2 ? uncancelled : 1.0;
    const double formula = beyond > 0.0 ? of_noise + (share * beyond) : of_residual;
    errors[k] = std::sqrt(std::max(formula, least[k]));
  }
  return errors;
}

}  // namespace nmcx::image
