// Least squares with non-negative coefficients, from the normal equations.
#pragma once

#include <Eigen/Dense>

namespace nmcx::xanes {

inline constexpr int most_references = 12;

using SmallMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor,
                                  most_references + 1, most_references + 1>;
using SmallVector =
    Eigen::Matrix<double, Eigen::Dynamic, 1, Eigen::ColMajor, most_references + 1, 1>;

/// The x >= 0 that minimises xᵀ gram x / 2 - xᵀ right, by the active sets of Lawson and Hanson,
/// after trying whether no constraint is active. It is exact up to rounding.
///
/// @param gram  (n, n) positive definite, n <= most_references
SmallVector nonnegative_least_squares(const SmallMatrix& gram, const SmallVector& right);

}  // namespace nmcx::xanes
