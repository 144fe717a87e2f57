#include "nmcx/core/dense_matrix.hpp"

#include <Eigen/Dense>

namespace nmcx {

SymmetricModes symmetric_modes(const Eigen::MatrixXd& a) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> modes(a);
  return {.values = modes.eigenvalues(), .vectors = modes.eigenvectors()};
}

Eigen::MatrixXd solve_symmetric(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
  return a.ldlt().solve(b);
}

Eigen::MatrixXd symmetric_inverse(const Eigen::MatrixXd& a) {
  return solve_symmetric(a, Eigen::MatrixXd::Identity(a.rows(), a.cols()));
}

Eigen::MatrixXd least_squares_weights(const Eigen::MatrixXd& basis) {
  return basis.colPivHouseholderQr().solve(Eigen::MatrixXd::Identity(basis.rows(), basis.rows()));
}

Eigen::MatrixXd orthonormal_columns(const Eigen::MatrixXd& columns, double threshold) {
  if (columns.cols() == 0) return columns;
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(columns);
  qr.setThreshold(threshold);
  return qr.householderQ() * Eigen::MatrixXd::Identity(columns.rows(), qr.rank());
}

Eigen::MatrixXd null_space(const Eigen::MatrixXd& a, double limit) {
  // One-sided rotations find small values more accurately than a tridiagonal form does.
  const Eigen::JacobiSVD<Eigen::MatrixXd, Eigen::NoQRPreconditioner> svd(a, Eigen::ComputeFullV);
  Eigen::Index rank = 0;
  while (rank < a.cols() && svd.singularValues()[rank] > limit) ++rank;
  return svd.matrixV().rightCols(a.cols() - rank);
}

}  // namespace nmcx
