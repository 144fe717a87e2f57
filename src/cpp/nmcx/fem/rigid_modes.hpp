// Motions that strain nothing: what a free body's displacements are determined up to.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nmcx/fem/sparse.hpp"

namespace nmcx {

/// Translations and rotations that held displacements leave free, orthonormal.
///
/// Nodes that a pattern connects are one body; each body has modes of its own: 3 (d = 2) or 6
/// (d = 3) if it is free, fewer or none where displacements are held.
class RigidModes {
 public:
  /// @param positions (n × d) [m]
  /// @param is_fixed  (n d) displacements that are held
  RigidModes(const SparsePattern& pattern, std::span<const double> positions, std::size_t dimension,
             std::span<const bool> is_fixed);

  [[nodiscard]] std::size_t size() const { return modes_.size(); }

  /// Takes the rigid part out of a vector; entries beyond n d are left alone.
  void project(std::span<double> x) const;

  /// Share of forces (n d) that would move a body: the largest part along a mode, relative to what
  /// it would be if no force cancelled another.
  [[nodiscard]] double imbalance(std::span<const double> force) const;

 private:
  struct Mode {
    std::size_t body = 0;
    std::vector<double> values;  ///< (n_body d), over the nodes of the body in turn
  };

  std::size_t dimension_;
  std::vector<std::vector<Index>> bodies_;  ///< nodes of each
  std::vector<Mode> modes_;
};

}  // namespace nmcx
