// One block of voxels as a tree of cells on the sphere, counted for one direction after another.
#pragma once

#include <cstdint>
#include <vector>

#include "nmcx/geometry/cone_shells.hpp"
#include "nmcx/geometry/voxel_blocks.hpp"

namespace nmcx {

/// The centres of four sibling cells.
struct Siblings {
  std::array<float, 4> z, y, x;
};

/// The voxels of one block, sorted into the leaves of a tree of cells below the block's.
class BlockTree {
 public:
  BlockTree(const Lattice& lattice, const Cones& cones) : lattice_(lattice), cones_(cones) {}

  /// Levels of cells below a block that holds so many voxels.
  static unsigned depth_of(std::size_t n_voxel);

  /// Takes the voxels of another block; memory is used again.
  void build(const Blocks& blocks, std::size_t block);

  /// All voxels of the block.
  [[nodiscard]] Tally all() const { return between(0, n_leaf()); }

  /// Adds each voxel to its shell among shells[0 … number of cones] of the cones around `axis`, of
  /// which those in `cut` may cut the block.
  void count(const Vector3& axis, CutRange cut, Tally* shells);

 private:
  /// A cell that cones cut.
  struct OpenCell {
    std::size_t cell;
    CutRange cones;
  };

  [[nodiscard]] std::size_t n_leaf() const { return std::size_t{1} << (2 * depth_); }
  [[nodiscard]] Tally between(std::size_t begin, std::size_t end) const;
  void place_cells(std::size_t block);
  void sort(const std::uint64_t* voxels, std::size_t n_voxel, std::size_t first_leaf);
  void descend(unsigned level, const VectorFloat& axis, Tally* shells);
  void count_leaf(const OpenCell& leaf, const Vector3& axis, const VectorFloat& axis_float,
                  Tally* shells) const;
  [[nodiscard]] std::uint64_t count_inside(std::size_t begin, std::size_t end, double cosine,
                                           const Vector3& axis,
                                           const VectorFloat& axis_float) const;

  const Lattice& lattice_;
  const Cones& cones_;
  unsigned block_level_ = 0;
  unsigned depth_ = 0;
  std::vector<std::vector<Siblings>> cells_;  // [level − 1][parent cell]
  std::vector<std::uint64_t> starts_;         // (n_leaf + 1,) voxels in the leaves before
  std::vector<std::uint64_t> voids_;          // (n_leaf + 1,) voids among them; last in each leaf
  std::vector<float> z_, y_, x_;              // (n_voxel,) unit vectors from the apex
  std::vector<std::uint64_t> voxels_;         // (n_voxel,) flat indices
  std::vector<std::size_t> leaf_, next_solid_, next_void_;  // for sorting
  std::vector<OpenCell> open_, next_;                       // for descending
};

}  // namespace nmcx
