// Chebyshev polynomials of block Jacobi in single precision: the smoother of a multigrid level.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/prolongation.hpp"
#include "nmcx/fem/sparse.hpp"

namespace nmcx {

/// A level's matrix with blocks of m = 3 or 6 unknowns, and the vectors of a cycle.
///
/// Each polynomial step is one pass through the matrix that leaves residual, direction and solution
/// up to date (Adams, Brezina, Hu & Tuminaro, J. Comput. Phys. 188 (2003) 593–610).
class BlockSmoother {
 public:
  /// @param pattern must live on
  /// @param inverse (n × m × m) of the diagonal blocks, D⁻¹
  void set(const SparsePattern& pattern, std::span<const double> values,
           std::span<const double> inverse, std::size_t m, Team& team);

  /// Estimate of the largest eigenvalue of D⁻¹ A, from above.
  [[nodiscard]] double largest() const { return largest_; }

  [[nodiscard]] float* right() { return right_.data(); }
  [[nodiscard]] float* solution() { return solution_.data(); }

  /// A step from solution 0; leaves the residual.
  void smooth_from_zero(Team& team);
  /// A step from where the solution is.
  void smooth(Team& team);
  /// Pᵀ times the residual.
  void restrict_residual(const Prolongation& prolongation, float* coarse, Team& team) const;
  /// Adds P times a coarse solution.
  void correct(const Prolongation& prolongation, const float* coarse, Team& team);

 private:
  template <std::size_t m>
  void smooth_blocks(bool is_from_zero, Team& team);
  template <std::size_t m>
  void estimate_largest(Team& team);
  /// Calls body.operator()<m>().
  template <class Body>
  void with_size(const Body& body) const {
    if (m_ == 3) {
      body.template operator()<3>();
    } else {
      body.template operator()<6>();
    }
  }

  const SparsePattern* pattern_ = nullptr;
  std::size_t m_ = 3;
  std::vector<float> matrix_;   ///< blocks by columns, padded as in `block_rows.hpp`
  std::vector<float> inverse_;  ///< likewise
  double largest_ = 1;
  std::vector<float> right_, solution_, residual_, direction_, next_;
};

}  // namespace nmcx
