// Motions that strain nothing: what a free body's displacements are determined up to.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
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

  /// Number of modes, of all bodies.
  [[nodiscard]] std::size_t size() const { return n_mode_; }
  [[nodiscard]] std::size_t n_body() const { return bodies_.size(); }

  /// Nodes that hang together, and the modes they have.
  struct Body {
    std::vector<Index> nodes;
    std::size_t first_mode = 0;
    std::size_t n_mode = 0;
    std::vector<double> values;  ///< (n_node × d × n_mode)
  };
  [[nodiscard]] const Body& body(std::size_t i) const { return bodies_[i]; }

  /// (n_mode) parts of a vector along the modes; entries beyond n d are not looked at.
  [[nodiscard]] std::vector<double> along(std::span<const double> x, Team& team) const;
  /// Adds the modes, each times its factor.
  void add(std::span<const double> factors, std::span<double> x, Team& team) const;
  /// Takes the rigid part out of a vector; entries beyond n d are left alone.
  void project(std::span<double> x, Team& team) const;

  /// Share of forces (n d) that would move a body: the largest part along a mode, relative to what
  /// it would be if no force cancelled another.
  [[nodiscard]] double imbalance(std::span<const double> force) const;

 private:
  /// Nodes of one body that are summed together.
  struct Chunk {
    std::size_t body, begin, end;
  };

  std::size_t dimension_;
  std::size_t n_mode_ = 0;
  std::vector<Body> bodies_;
  std::vector<Chunk> chunks_;
};

}  // namespace nmcx
