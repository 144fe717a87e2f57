#include "nmcx/fem/block_inverse.hpp"

#include <Eigen/Cholesky>
#include <cmath>

#include "nmcx/core/dense_matrix.hpp"
#include "nmcx/core/error.hpp"

namespace nmcx {
namespace {

// Of a block whose diagonal is 1. Prolongations in single precision turn what should be 0 into
// 1e-14; what is stiff has 1e-3 and more.
constexpr double no_energy = 1e-10;
constexpr double safe_pivot = 1e-6;

template <int m>
using Block = Eigen::Matrix<double, m, m, Eigen::RowMajor>;

/// @param is_fixed rows and columns left out, or null
template <int m>
Block<m> inverse_of(const Block<m>& block, const bool* is_fixed) {
  const double largest = block.diagonal().cwiseAbs().maxCoeff();
  Eigen::Matrix<double, m, 1> scale;
  for (int k = 0; k < m; ++k) {
    const bool is_held = is_fixed != nullptr && is_fixed[k];
    const bool is_out = is_held || std::abs(block(k, k)) <= no_energy * largest;
    scale[k] = is_out ? 0 : 1 / std::sqrt(block(k, k));
  }
  // A negative diagonal has no root; nothing below holds of what is not a number.
  if (!scale.allFinite()) {
    throw ConvergenceError(
        "multigrid cannot be set up: the stiffness is not positive definite; take the secant of "
        "softening walls, or the direct solver");
  }
  Block<m> scaled = scale.asDiagonal() * block * scale.asDiagonal();
  for (int k = 0; k < m; ++k) {
    if (scale[k] == 0) scaled(k, k) = 1;
  }
  const Eigen::LLT<Block<m>> llt(scaled);
  Block<m> inverse;
  if (llt.info() == Eigen::Success && llt.matrixLLT().diagonal().minCoeff() > safe_pivot) {
    inverse = llt.solve(Block<m>::Identity());
  } else {
    const SymmetricModes modes = symmetric_modes(scaled);
    Eigen::VectorXd of_mode = modes.values;
    for (int k = 0; k < m; ++k) of_mode[k] = of_mode[k] > no_energy ? 1 / of_mode[k] : 0;
    inverse = modes.vectors * of_mode.asDiagonal() * modes.vectors.transpose();
  }
  return scale.asDiagonal() * inverse * scale.asDiagonal();
}

template <int m>
std::vector<double> inverse_blocks(const SparsePattern& pattern, std::span<const double> values,
                                   std::span<const bool> is_fixed, Team& team) {
  constexpr auto size = static_cast<std::size_t>(m);
  std::vector<double> result(pattern.size() * size * size);
  team.loop(
      pattern.size(), rows_of_chunk / size, [&](std::size_t begin, std::size_t end, std::size_t) {
        for (std::size_t i = begin; i < end; ++i) {
          const auto k = static_cast<std::size_t>(pattern.diagonal[i]);
          const Eigen::Map<const Block<m>> block(values.data() + (k * size * size));
          const bool* fixed = is_fixed.empty() ? nullptr : is_fixed.data() + (i * size);
          Eigen::Map<Block<m>>(result.data() + (i * size * size)) = inverse_of<m>(block, fixed);
        }
      });
  return result;
}

}  // namespace

std::vector<double> inverse_diagonal_blocks(const SparsePattern& pattern,
                                            std::span<const double> values, std::size_t m,
                                            std::span<const bool> is_fixed, Team& team) {
  return m == 3 ? inverse_blocks<3>(pattern, values, is_fixed, team)
                : inverse_blocks<6>(pattern, values, is_fixed, team);
}

}  // namespace nmcx
