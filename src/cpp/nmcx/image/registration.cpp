#include "nmcx/image/registration.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "nmcx/core/dense_matrix.hpp"
#include "nmcx/core/error.hpp"
#include "nmcx/core/parallel.hpp"
#include "nmcx/image/coarse_alignment.hpp"
#include "nmcx/image/registration_model.hpp"

namespace nmcx::image {
namespace {

constexpr std::size_t max_iteration = 40;
constexpr double tolerance = 1e-4;           // [px] of the shift, far below any standard error
constexpr double tolerance_strained = 2e-3;  // [px] at the rim, where errors are larger
constexpr double farthest = 4.0;             // [px] that any corner may move from the start
constexpr std::size_t least_pixels = 32;

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

CoarseAlignment find_start(const Problem& problem, const RegistrationOptions& options, Poll& poll) {
  const std::size_t side = std::max(problem.fixed.value.shape[0], problem.fixed.value.shape[1]);
  CoarseAlignment best{};
  // Fine texture averages out in coarse blocks: look closer before giving up.
  for (std::size_t coarsest = 32; coarsest <= 128; coarsest *= 2) {
    poll();
    const CoarseAlignment found = align_coarsely(
        problem.fixed.value.view(), problem.fixed.usable.view(), problem.moving.value.view(),
        problem.moving.usable.view(), options.max_dy, options.max_dx, coarsest);
    if (coarsest == 32 || found.significance > best.significance) best = found;
    if (best.significance >= options.significance || coarsest >= side) break;
  }
  return best;
}

/// Gauss-Newton from `first`; nothing if it runs away, or if the images do not hold the answer.
std::optional<Registration> refine(const Problem& problem, const Warp& first, MotionModel model,
                                   const RegistrationOptions& options, Poll& poll) {
  const auto& shape = problem.fixed.value.shape;
  const Eigen::Index n_motion = 2 + static_cast<Eigen::Index>(free_strains(model).size());
  Warp warp = first;
  Region region = make_region(problem, warp);
  Linearised lin;
  for (std::size_t iteration = 1; iteration <= max_iteration; ++iteration) {
    poll();
    if (largest_change(warp, region.warp, shape) > 0.5) region = make_region(problem, warp);
    if (region.pixels.size() < least_pixels) return std::nullopt;
    linearise(problem, region, warp, model, lin);
    const Eigen::MatrixXd normal = products(lin.weighted, lin.jacobian);
    const Eigen::VectorXd gradient = lin.weighted.transpose() * lin.residual;
    const Eigen::VectorXd step = solve_symmetric(normal, gradient).topRows(n_motion);
    if (!step.allFinite() || !(lin.gain > 0.0)) return std::nullopt;
    if (step.norm() < (model == MotionModel::translation ? tolerance : tolerance_strained)) {
      const Eigen::VectorXd errors =
          standard_errors(lin, region, problem, options.smoothing, model);
      if (!(errors.head<2>().maxCoeff() < 1.0)) return std::nullopt;
      Registration found{.warp = warp,
                         .error = stepped({}, errors, model, shape),
                         .correlation = lin.correlation,
                         .significance = 0.0,
                         .n_pixel = region.pixels.size(),
                         .n_iteration = iteration};
      return found;
    }
    warp = stepped(warp, step / std::max(1.0, step.norm()), model,
                   shape);  // at most one pixel at a time
    if (largest_change(warp, first, shape) > farthest) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

Registration register_images(ArrayView<double, 2> fixed, ArrayView<double, 2> moving,
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
  Poll poll(options.poll);
  const Problem problem = make_problem(fixed, moving, options);
  if (is_flat(problem.fixed) || is_flat(problem.moving)) {
    throw ConvergenceError(
        "the two images cannot be registered: one of them is constant; is it blank or saturated?");
  }
  const CoarseAlignment start = find_start(problem, options, poll);
  if (!(start.significance >= options.significance)) {
    throw ConvergenceError(
        "the two images cannot be registered: their best match (r = " +
        std::to_string(start.correlation) + ") stands " + std::to_string(start.significance) +
        " standard deviations above chance, " + std::to_string(options.significance) +
        " are needed; are they blank, saturated or of different fields?");
  }
  const Warp first{.dy = static_cast<double>(start.dy), .dx = static_cast<double>(start.dx)};
  std::optional<Registration> found =
      refine(problem, first, MotionModel::translation, options, poll);
  if (found && options.model != MotionModel::translation) {
    found = refine(problem, found->warp, options.model, options, poll);
    if (!found && options.model == MotionModel::drift) {
      throw ConvergenceError(
          "the drift model did not converge: the images do not hold a drift from row to row apart "
          "from a shift (too few rows with structure); use motion=\"translation\"");
    }
    if (!found) {
      throw ConvergenceError(
          "the affine model did not converge: the images do not hold scale, rotation and shear "
          "apart (a round particle without texture has no rotation); use motion=\"translation\"");
    }
  }
  if (found) {
    found->significance = start.significance;
    return *found;
  }
  throw ConvergenceError(
      "the registration did not converge from (" + std::to_string(start.dy) + ", " +
      std::to_string(start.dx) +
      ") px: the images lack structure in one direction, or do not show the same field");
}

}  // namespace nmcx::image
