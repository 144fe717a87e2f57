// Smoothed-aggregation multigrid for elasticity in space: levels, and a cycle in single precision.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/galerkin.hpp"
#include "nmcx/fem/prolongation.hpp"
#include "nmcx/fem/sparse.hpp"

namespace nmcx {

/// A V-cycle with Chebyshev polynomials of block Jacobi before and after: a symmetric, positive
/// definite approximation of A⁻¹.
///
/// Coarse spaces are the rigid motions of aggregates (Vaněk, Mandel & Brezina 1996), so that each
/// coarse node has six unknowns, a displacement and a rotation about its aggregate's centre: no
/// basis has to be orthogonalised, and that of the next level follows from positions alone.
class Multigrid {
 public:
  /// @param pattern   of nodes with three unknowns; must live on
  /// @param positions (n × 3) [m]
  /// @param is_fixed  (3 n) unknowns that are held; must live on
  Multigrid(const SparsePattern& pattern, std::span<const double> positions,
            std::span<const bool> is_fixed);
  ~Multigrid();
  Multigrid(const Multigrid&) = delete;
  Multigrid& operator=(const Multigrid&) = delete;

  /// Aggregates, prolongations and matrices of all levels.
  /// @param values (n_entry × 3 × 3)
  void build(std::span<const double> values, Team& team);
  /// Matrices of all levels by the aggregates and prolongations of another matrix.
  void refresh(std::span<const double> values, Team& team);

  /// z ≈ A⁻¹ r; entries that are held are 0.
  void cycle(std::span<const double> r, std::span<double> z, Team& team);

  /// Nodes of each level, finest first.
  [[nodiscard]] std::vector<std::size_t> level_sizes() const;
  /// Entries of all levels' matrices in those of the finest one.
  [[nodiscard]] double operator_complexity() const;

 private:
  struct Level;
  struct Coarsest;

  void set_matrix(Level& level, std::span<const double> values, std::vector<double>& inverse,
                  Team& team) const;
  bool coarsen(std::span<const double> values, std::span<const double> inverse, Team& team);
  void descend(std::size_t depth, Team& team);

  std::span<const bool> is_fixed_;
  std::vector<std::unique_ptr<Level>> levels_;
  std::unique_ptr<Coarsest> coarsest_;
};

}  // namespace nmcx
