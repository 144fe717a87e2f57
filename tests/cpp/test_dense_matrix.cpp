#include <Eigen/Core>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "nmcx/core/dense_matrix.hpp"

namespace {

using Eigen::MatrixXd;

/// A rotation in the planes 01 and 12, so that no entry of what it turns is 0.
MatrixXd rotation() {
  MatrixXd first = MatrixXd::Identity(3, 3);
  MatrixXd second = first;
  first.topLeftCorner(2, 2) << std::cos(0.7), -std::sin(0.7), std::sin(0.7), std::cos(0.7);
  second.bottomRightCorner(2, 2) << std::cos(1.1), -std::sin(1.1), std::sin(1.1), std::cos(1.1);
  return first * second;
}

// A few roundings of numbers of size 10.
constexpr double rounding = 1e-14;

}  // namespace

BOOST_AUTO_TEST_SUITE(dense_matrix)

BOOST_AUTO_TEST_CASE(modes_and_inverse_of_an_indefinite_matrix) {
  const Eigen::Vector3d values(-2, 1, 5);
  const MatrixXd a = rotation() * values.asDiagonal() * rotation().transpose();
  const nmcx::SymmetricModes modes = nmcx::symmetric_modes(a);
  BOOST_TEST((modes.values - values).norm() < rounding);
  BOOST_TEST((a * modes.vectors - modes.vectors * modes.values.asDiagonal()).norm() < rounding);
  BOOST_TEST((nmcx::symmetric_inverse(a) * a - MatrixXd::Identity(3, 3)).norm() < rounding);
  const Eigen::Vector3d x(1, -2, 3);
  BOOST_TEST((nmcx::solve_symmetric(a, a * x) - x).norm() < rounding);
}

BOOST_AUTO_TEST_CASE(a_null_space_is_what_is_mapped_to_nothing) {
  const Eigen::Vector3d values(4, 0, 1e-3);
  const MatrixXd turn = rotation();
  const MatrixXd a = turn * values.asDiagonal() * turn.transpose();
  const MatrixXd found = nmcx::null_space(a, 1e-12);
  BOOST_REQUIRE(found.cols() == 1);
  BOOST_TEST(std::abs(found.col(0).dot(turn.col(1))) > 1 - rounding);
  BOOST_TEST(nmcx::null_space(a, 1e-2).cols() == 2);
  BOOST_TEST(nmcx::null_space(MatrixXd::Zero(3, 3), 1e-12).cols() == 3);
}

BOOST_AUTO_TEST_CASE(columns_that_depend_on_others_add_nothing) {
  MatrixXd columns(4, 3);
  columns << 1, 2, 3, 0, 1, 1, 2, -1, 1, 1, 1, 2;  // the third is the sum of the others
  const MatrixXd basis = nmcx::orthonormal_columns(columns, 1e-9);
  BOOST_REQUIRE(basis.cols() == 2);
  BOOST_TEST((basis.transpose() * basis - MatrixXd::Identity(2, 2)).norm() < rounding);
  BOOST_TEST((columns - basis * (basis.transpose() * columns)).norm() < rounding);
  BOOST_TEST(nmcx::orthonormal_columns(MatrixXd(4, 0), 1e-9).cols() == 0);
}

BOOST_AUTO_TEST_CASE(weights_of_least_squares_leave_a_residual_across_the_basis) {
  MatrixXd basis(4, 2);
  basis << 1, 0, 1, 1, 1, 2, 1, 4;
  const Eigen::Vector4d y(1, -1, 2, 0.5);
  const Eigen::VectorXd x = nmcx::least_squares_weights(basis) * y;
  BOOST_TEST((basis.transpose() * (y - basis * x)).norm() < rounding);
  BOOST_TEST((nmcx::least_squares_weights(basis) * basis - MatrixXd::Identity(2, 2)).norm() <
             rounding);
}

BOOST_AUTO_TEST_SUITE_END()
