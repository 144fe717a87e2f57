// The matrix of a coarse level, Pᵀ A P, by blocks.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/prolongation.hpp"
#include "nmcx/fem/sparse.hpp"

namespace nmcx {

/// Products of one pattern and one prolongation, for as many matrices as there are.
///
/// In double precision: a grain that walls of 1e-8 of a crystal's stiffness hold is felt by what is
/// left when its own stiffness has cancelled.
class GalerkinProduct {
 public:
  /// Both must live on.
  GalerkinProduct(const SparsePattern& pattern, const Prolongation& prolongation, Team& team);

  /// Of the coarse nodes.
  [[nodiscard]] const SparsePattern& pattern() const { return coarse_; }

  /// (n_entry × 6 × 6) blocks by rows.
  /// @param values (n_entry × m × m) of the finer level
  [[nodiscard]] std::vector<double> multiply(std::span<const double> values, std::size_t m,
                                             Team& team) const;

 private:
  template <std::size_t m>
  void multiply_left(std::span<const double> values, std::vector<double>& half, Team& team) const;
  template <std::size_t m>
  std::vector<double> multiply_blocks(std::span<const double> values, Team& team) const;

  const SparsePattern* fine_;
  const Prolongation* prolongation_;
  std::vector<Index> half_start_;   ///< (n + 1) rows of A P
  std::vector<Index> half_column_;  ///< ascending in a row
  SparsePattern coarse_;
};

}  // namespace nmcx
