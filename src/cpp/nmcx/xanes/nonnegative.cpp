#include "nmcx/xanes/nonnegative.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace nmcx::xanes {
namespace {

using Eigen::Index;
using Passive = std::array<bool, most_references>;

/// Least squares with the coefficients of `passive` free and the others zero.
SmallVector solve_passive(const SmallMatrix& gram, const SmallVector& right,
                          const Passive& passive) {
  const Index n = gram.rows();
  // Rows of the others become those of the unit matrix.
  SmallMatrix masked = SmallMatrix::Identity(n, n);
  SmallVector masked_right = SmallVector::Zero(n);
  for (Index i = 0; i < n; ++i) {
    if (!passive[static_cast<std::size_t>(i)]) continue;
    masked_right[i] = right[i];
    for (Index j = 0; j < n; ++j) {
      if (passive[static_cast<std::size_t>(j)]) masked(i, j) = gram(i, j);
    }
  }
  return masked.llt().solve(masked_right);
}

}  // namespace

SmallVector nonnegative_least_squares(const SmallMatrix& gram, const SmallVector& right) {
  const Index n = gram.rows();
  SmallVector trial = gram.llt().solve(right);
  if ((trial.array() > 0.0).all()) return trial;

  Passive passive{};
  SmallVector x = SmallVector::Zero(n);
  const double tolerance = 1e-13 * right.cwiseAbs().maxCoeff();
  for (Index round = 0; round < 10 * n; ++round) {
    const SmallVector gradient = right - gram * x;
    Index enter = -1;
    for (Index i = 0; i < n; ++i) {
      const bool candidate = !passive[static_cast<std::size_t>(i)] && gradient[i] > tolerance;
      if (candidate && (enter < 0 || gradient[i] > gradient[enter])) enter = i;
    }
    if (enter < 0) break;
    passive[static_cast<std::size_t>(enter)] = true;
    for (Index inner = 0; inner < n; ++inner) {
      trial = solve_passive(gram, right, passive);
      double reach = 1.0;
      for (Index i = 0; i < n; ++i) {
        if (passive[static_cast<std::size_t>(i)] && trial[i] <= 0.0) {
          reach = std::min(reach, x[i] / (x[i] - trial[i]));
        }
      }
      if (!(reach < 1.0)) break;
      x += reach * (trial - x);
      for (Index i = 0; i < n; ++i) {
        if (passive[static_cast<std::size_t>(i)] && trial[i] <= 0.0 && x[i] <= tolerance) {
          passive[static_cast<std::size_t>(i)] = false;
          x[i] = 0.0;
        }
      }
    }
    x = trial.cwiseMax(0.0);
  }
  return x;
}

}  // namespace nmcx::xanes
