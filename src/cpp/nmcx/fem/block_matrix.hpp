// Symmetric matrices of dense blocks, one per pair of nodes that meet, with a border of few
// columns.
#pragma once

#include <cstddef>
#include <span>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/sparse.hpp"

namespace nmcx {

/// [K B; Bᵀ C] as a product needs it: K has a d × d block for each entry of a pattern over nodes,
/// the border has unknowns that belong to no node, such as the strain across a section.
///
/// A vector of it holds the d components of each node one after another, then the border's.
struct BlockMatrix {
  const SparsePattern* pattern = nullptr;
  std::size_t dimension = 0;       ///< d
  std::span<const double> values;  ///< (n_entry × d × d), blocks by rows
  std::span<const double> border;  ///< (n_border × n d), rows of Bᵀ; empty if there is none
  std::span<const double> corner;  ///< (n_border × n_border)

  /// Unknowns at nodes, n d.
  [[nodiscard]] std::size_t inner() const { return pattern->size() * dimension; }
  [[nodiscard]] std::size_t n_border() const { return border.size() / inner(); }
  [[nodiscard]] std::size_t size() const { return inner() + n_border(); }

  /// Diagonal entry of an unknown.
  [[nodiscard]] double diagonal_at(std::size_t i) const {
    if (i >= inner()) return corner[(i - inner()) * (n_border() + 1)];
    const std::size_t k = i % dimension;
    const auto entry = static_cast<std::size_t>(pattern->diagonal[i / dimension]);
    return values[(entry * dimension * dimension) + (k * dimension) + k];
  }
};

/// y = A x.
void multiply(const BlockMatrix& matrix, std::span<const double> x, std::span<double> y,
              Team& team);

}  // namespace nmcx
