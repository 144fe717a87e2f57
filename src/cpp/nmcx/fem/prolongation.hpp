// How displacements of a coarse level become displacements of the finer one: rigid motions of
// aggregates, smoothed.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/aggregation.hpp"
#include "nmcx/fem/sparse.hpp"

namespace nmcx {

/// Where the nodes of a level are and what they do. Nodes of the finest level have 3 unknowns, the
/// displacement; coarser ones 6, displacement and rotation times a length.
struct LevelNodes {
  std::size_t n_unknown = 3;      ///< of a node
  std::vector<double> positions;  ///< (n × 3) [m]
  std::vector<double> lengths;    ///< (n) [m] of the rotations; empty on the finest level

  [[nodiscard]] std::size_t size() const { return positions.size() / 3; }
};

/// Sparse matrix P of n_unknown × 6 blocks, by rows, and its transpose, whose blocks lie the same
/// way.
struct Prolongation {
  std::vector<Index> row_start;  ///< (n + 1)
  std::vector<Index> column;     ///< coarse node
  std::vector<float> values;     ///< (n_entry × n_unknown × 6), padded as in `block_rows.hpp`

  std::vector<Index> transposed_start;  ///< (n_coarse + 1)
  std::vector<Index> transposed_row;    ///< fine node
  std::vector<float> transposed_values;

  [[nodiscard]] std::size_t n_coarse() const { return transposed_start.size() - 1; }
};

/// A level's matrix as its prolongation is made from it.
struct LevelMatrix {
  const SparsePattern* pattern = nullptr;
  std::span<const double> values;            ///< (n_entry × m × m) by rows
  std::span<const double> inverse_diagonal;  ///< (n × m × m), 0 in rows and columns held
  double largest = 1;                        ///< eigenvalue of D⁻¹ A
};

/// Aggregates as nodes: means of their nodes, lengths the root mean square distance from there.
LevelNodes coarse_nodes(const LevelNodes& nodes, const Aggregation& aggregation);

/// (I − 4/3 D⁻¹ A / λ) times the rigid motions of each aggregate.
///
/// Where a coupling is not strong, the neighbour is taken to move with the node's own aggregate: a
/// wall that is nearly open smears nothing across, and rigid motions, of the whole and of each
/// side, are still had exactly.
/// @param is_fixed (n m) unknowns that are held, or empty
Prolongation smoothed_prolongation(const LevelMatrix& matrix, const LevelNodes& nodes,
                                   const Aggregation& aggregation,
                                   std::span<const unsigned char> is_strong,
                                   const LevelNodes& coarse, std::span<const bool> is_fixed,
                                   Team& team);

}  // namespace nmcx
