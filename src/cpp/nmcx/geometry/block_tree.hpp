// One block of voxels as a tree of cells on the sphere, counted for one direction after another.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "nmcx/geometry/cone_shells.hpp"
#include "nmcx/geometry/cone_tree_kernel.hpp"
#include "nmcx/geometry/voxel_blocks.hpp"
#include "nmcx/geometry/voxel_weights.hpp"

namespace nmcx {

/// The voxels of one block, sorted into the leaves of a tree of cells below the block's.
class BlockTree {
 public:
  BlockTree(const Lattice& lattice, const Cones& cones, const VoxelWeights& weights)
      : lattice_(lattice), cones_(cones), weights_(weights), kernel_(active_cone_tree_kernel()) {}

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
  [[nodiscard]] std::size_t n_leaf() const { return std::size_t{1} << (2 * depth_); }
  [[nodiscard]] Tally between(std::size_t begin, std::size_t end) const {
    return before_[end] - before_[begin];
  }
  void place_cells(std::size_t block);
  void locate(const PackedVoxel* voxels, std::size_t n_voxel, std::size_t first_leaf);
  void sort(const PackedVoxel* voxels, std::size_t n_voxel, std::size_t first_leaf);
  void sum_leaves();
  void descend(unsigned level, const VectorFloat& axis, Tally* shells);
  void count_leaves(const Vector3& axis, const VectorFloat& axis_float, Tally* shells);
  [[nodiscard]] Tally one_by_one(std::size_t leaf, double cosine, const Vector3& axis) const;
  [[nodiscard]] Tally weight_of(std::size_t place) const {
    if (!weight_.empty()) return weight_[place];
    const bool is_void = ((voids_[place / leaf_group] >> (place % leaf_group)) & 1U) != 0;
    return {.solids = is_void ? 0U : 1U, .voids = is_void ? 1U : 0U};
  }

  const Lattice& lattice_;
  const Cones& cones_;
  const VoxelWeights& weights_;
  const ConeTreeKernel& kernel_;
  unsigned block_level_ = 0;
  unsigned depth_ = 0;
  std::vector<std::vector<Siblings>> cells_;  // [level − 1][parent cell]
  std::vector<Tally> before_;                 // (n_leaf + 1,) voxels, or weights, in earlier leaves
  std::vector<std::size_t> starts_;           // (n_leaf + 1,) first place of each leaf, padded
  std::vector<float> z_, y_, x_;              // by place: unit vectors from the apex, or NaN
  std::vector<std::uint8_t> voids_;           // by group of places, one bit each
  std::vector<PackedVoxel> voxels_;           // by place
  std::vector<Tally> weight_;                 // by place, if voxels have weights
  std::vector<std::uint32_t> leaf_;           // by voxel, for sorting
  std::array<std::vector<float>, 3> unit_;    // by voxel, for sorting
  std::vector<std::size_t> next_place_;       // for sorting
  std::vector<std::uint32_t> open_, next_;    // cells that cones cut, for descending
  std::vector<CutRange> open_cuts_;           // by open cell
  std::vector<CutRange> child_cuts_;          // by open cell and child
  std::vector<LeafCut> cuts_;                 // for counting
  std::vector<LeafCount> counts_;             // by cut
};

}  // namespace nmcx
