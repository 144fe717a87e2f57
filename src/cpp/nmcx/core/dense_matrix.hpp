// Factorisations of dense matrices of a size known at run time, compiled once for all who use them:
// each instance of Eigen's costs a file many seconds of its compilation.
#pragma once

#include <Eigen/Core>

namespace nmcx {

/// Eigenvalues of a symmetric matrix in ascending order, and their vectors as columns.
struct SymmetricModes {
  Eigen::VectorXd values;
  Eigen::MatrixXd vectors;
};

/// @param a symmetric; its lower triangle is read
SymmetricModes symmetric_modes(const Eigen::MatrixXd& a);

/// x of a x = b, with a symmetric of either sign (LDLᵀ with pivots).
Eigen::MatrixXd solve_symmetric(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b);

/// The inverse of a symmetric matrix of either sign.
Eigen::MatrixXd symmetric_inverse(const Eigen::MatrixXd& a);

/// Weights w so that w y minimises |basis x - y|, (columns × rows) of the basis.
Eigen::MatrixXd least_squares_weights(const Eigen::MatrixXd& basis);

/// Orthonormal columns that span those of a matrix, fewer where they depend on each other.
///
/// @param threshold share of the largest pivot below which a column adds nothing
Eigen::MatrixXd orthonormal_columns(const Eigen::MatrixXd& columns, double threshold);

/// Directions that a symmetric, positive semidefinite matrix maps to less than `limit`, as columns.
Eigen::MatrixXd null_space(const Eigen::MatrixXd& a, double limit);

}  // namespace nmcx
