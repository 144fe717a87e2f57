#include "nmcx/geometry/block_tree.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nmcx/geometry/cubed_sphere.hpp"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF  // counts must not depend on whether the machine fuses a·b + c
#endif

namespace nmcx {

unsigned BlockTree::depth_of(std::size_t n_voxel) {
  constexpr std::size_t voxels_per_leaf = 32;
  unsigned depth = 0;
  while ((voxels_per_leaf << (2 * (depth + 1))) <= n_voxel) ++depth;
  return depth;
}

void BlockTree::build(const Blocks& blocks, std::size_t block) {
  const std::size_t begin = blocks.starts[block];
  const std::size_t n_voxel = blocks.starts[block + 1] - begin;
  block_level_ = blocks.level;
  const auto deepest = static_cast<unsigned>(cones_.shells.size() - 1);
  depth_ = std::min(depth_of(n_voxel), deepest - block_level_);
  place_cells(block);
  sort(&blocks.voxels[begin], n_voxel, block << (2 * depth_));
}

/// Cells and voxels of the block, all of them.
void BlockTree::count(const Vector3& axis, CutRange cut, Tally* shells) {
  const VectorFloat axis_float = rounded(axis);
  open_.assign(1, {.cell = 0, .cones = cut});
  for (unsigned level = 1; level <= depth_; ++level) descend(level, axis_float, shells);
  for (const OpenCell& leaf : open_) count_leaf(leaf, axis, axis_float, shells);
}

Tally BlockTree::between(std::size_t begin, std::size_t end) const {
  const std::uint64_t voids = voids_[end] - voids_[begin];
  return {.solids = starts_[end] - starts_[begin] - voids, .voids = voids};
}

void BlockTree::place_cells(std::size_t block) {
  cells_.resize(depth_);
  for (unsigned level = 1; level <= depth_; ++level) {
    std::vector<Siblings>& cells = cells_[level - 1];
    cells.resize(std::size_t{1} << (2 * (level - 1)));
    const std::size_t first = block << (2 * level);
    for (std::size_t cell = 0; cell < 4 * cells.size(); ++cell) {
      const Vector3 centre = cubed_sphere::cell_centre(first + cell, block_level_ + level);
      Siblings& siblings = cells[cell / 4];
      siblings.z[cell % 4] = static_cast<float>(centre[0]);
      siblings.y[cell % 4] = static_cast<float>(centre[1]);
      siblings.x[cell % 4] = static_cast<float>(centre[2]);
    }
  }
}

void BlockTree::sort(const std::uint64_t* voxels, std::size_t n_voxel, std::size_t first_leaf) {
  leaf_.resize(n_voxel);
  starts_.assign(n_leaf() + 1, 0);
  voids_.assign(n_leaf() + 1, 0);
  for (std::size_t i = 0; i < n_voxel; ++i) {
    const Vector3 arm = lattice_.arm(voxels[i] / 2);
    leaf_[i] = cubed_sphere::cell_of(rounded(arm), block_level_ + depth_) - first_leaf;
    ++starts_[leaf_[i] + 1];
    voids_[leaf_[i] + 1] += voxels[i] % 2;
  }
  std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  std::partial_sum(voids_.begin(), voids_.end(), voids_.begin());
  next_solid_.assign(starts_.begin(), starts_.end() - 1);
  next_void_.resize(n_leaf());
  for (std::size_t leaf = 0; leaf < n_leaf(); ++leaf) {
    next_void_[leaf] = starts_[leaf + 1] - (voids_[leaf + 1] - voids_[leaf]);
  }
  for (std::vector<float>* unit : {&z_, &y_, &x_}) unit->resize(n_voxel);
  voxels_.resize(n_voxel);
  for (std::size_t i = 0; i < n_voxel; ++i) {
    const Vector3 arm = lattice_.arm(voxels[i] / 2);
    const bool is_void = voxels[i] % 2 != 0;
    const std::size_t place = (is_void ? next_void_ : next_solid_)[leaf_[i]]++;
    const VectorFloat unit = rounded((1 / std::sqrt(dot(arm, arm))) * arm);
    z_[place] = unit[0];
    y_[place] = unit[1];
    x_[place] = unit[2];
    voxels_[place] = voxels[i] / 2;
  }
}

/// Replaces the open cells by those of their children that cones may cut; adds the other children
/// to their shells.
void BlockTree::descend(unsigned level, const VectorFloat& axis, Tally* shells) {
  const std::vector<Siblings>& cells = cells_[level - 1];
  const ShellTable& table = cones_.shells[block_level_ + level];
  const unsigned shift = 2 * (depth_ - level);
  const auto outside = static_cast<std::int16_t>(cones_.cosines.size());
  next_.resize(4 * open_.size());
  std::size_t n_next = 0;
  for (const OpenCell& parent : open_) {
    const Siblings& s = cells[parent.cell];
    std::array<float, 4> cosine{};
    for (std::size_t c = 0; c < 4; ++c) {
      cosine[c] = (s.z[c] * axis[0]) + (s.y[c] * axis[1]) + (s.x[c] * axis[2]);
    }
    for (std::size_t c = 0; c < 4; ++c) {
      const std::size_t cell = (4 * parent.cell) + c;
      const CutRange cut = table[cosine[c]];
      if (cut.is_cut()) {
        next_[n_next++] = {.cell = cell, .cones = cut};
      } else if (cut.first != outside) {
        shells[cut.first] += between(cell << shift, (cell + 1) << shift);
      }
    }
  }
  next_.resize(n_next);
  open_.swap(next_);
}

void BlockTree::count_leaf(const OpenCell& leaf, const Vector3& axis, const VectorFloat& axis_float,
                           Tally* shells) const {
  const Tally all = between(leaf.cell, leaf.cell + 1);
  const std::size_t begin = starts_[leaf.cell];
  const std::size_t end = starts_[leaf.cell + 1];
  if (begin == end) return;
  const std::size_t first_void = end - all.voids;
  Tally narrower;
  for (std::int16_t k = leaf.cones.first; k < leaf.cones.last; ++k) {
    const double cosine = cones_.cosines[static_cast<std::size_t>(k)];
    const Tally inside{.solids = count_inside(begin, first_void, cosine, axis, axis_float),
                       .voids = count_inside(first_void, end, cosine, axis, axis_float)};
    shells[k] += inside - narrower;
    narrower = inside;
  }
  shells[leaf.cones.last] += all - narrower;
}

/// Single precision tells most voxels; if it leaves doubt about any, those are tested in double.
std::uint64_t BlockTree::count_inside(std::size_t begin, std::size_t end, double cosine,
                                      const Vector3& axis, const VectorFloat& axis_float) const {
  const auto sure = static_cast<float>(cosine + cosine_error);
  const auto possible = static_cast<float>(cosine - cosine_error);
  const auto cosine_of = [&](std::size_t i) {
    return (z_[i] * axis_float[0]) + (y_[i] * axis_float[1]) + (x_[i] * axis_float[2]);
  };
  std::uint32_t n_sure = 0;
  std::uint32_t n_possible = 0;
  for (std::size_t i = begin; i < end; ++i) {
    const float c = cosine_of(i);
    n_sure += c > sure ? 1 : 0;
    n_possible += c >= possible ? 1 : 0;
  }
  if (n_sure == n_possible) return n_sure;
  std::uint64_t n_inside = n_sure;
  for (std::size_t i = begin; i < end; ++i) {
    const float c = cosine_of(i);
    if (c > sure || c < possible) continue;
    const Vector3 arm = lattice_.arm(voxels_[i]);
    n_inside += in_cone(arm, std::sqrt(dot(arm, arm)), axis, cosine) ? 1 : 0;
  }
  return n_inside;
}

}  // namespace nmcx
