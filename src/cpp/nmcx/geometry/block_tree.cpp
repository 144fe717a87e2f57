#include "nmcx/geometry/block_tree.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "nmcx/core/instruction_set.hpp"
#include "nmcx/geometry/cubed_sphere.hpp"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF  // counts must not depend on whether the machine fuses a·b + c
#endif

namespace nmcx {

const ConeTreeKernel& active_cone_tree_kernel() {
  switch (active_instruction_set()) {
#if defined(__x86_64__)
    case InstructionSet::v4:  // a leaf is too short for wider vectors
    case InstructionSet::v3:
      return cone_tree_v3;
    case InstructionSet::v2:
      return cone_tree_v2;
#endif
    default:
      return cone_tree_generic;
  }
}

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
  sum_leaves();
}

/// Cells and voxels of the block, all of them.
void BlockTree::count(const Vector3& axis, CutRange cut, Tally* shells) {
  const VectorFloat axis_float = rounded(axis);
  open_.assign(1, 0);
  open_cuts_.assign(1, cut);
  for (unsigned level = 1; level <= depth_; ++level) descend(level, axis_float, shells);
  count_leaves(axis, axis_float, shells);
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

/// Leaf and unit vector of each voxel.
void BlockTree::locate(const PackedVoxel* voxels, std::size_t n_voxel, std::size_t first_leaf) {
  leaf_.resize(n_voxel);
  for (std::vector<float>& component : unit_) component.resize(n_voxel);
  constexpr std::size_t at_once = 512;  // stays in the first cache
  std::array<std::array<double, at_once>, 3> arm;
  std::array<std::array<float, at_once>, 3> near;
  for (std::size_t first = 0; first < n_voxel; first += at_once) {
    const std::size_t n = std::min(at_once, n_voxel - first);
    for (std::size_t i = 0; i < n; ++i) {
      const Vector3 one = lattice_.arm(voxels[first + i]);
      for (std::size_t a = 0; a < 3; ++a) {
        arm[a][i] = one[a];
        near[a][i] = static_cast<float>(one[a]);
      }
    }
    kernel_.cells(near[0].data(), near[1].data(), near[2].data(), n, block_level_ + depth_,
                  &leaf_[first]);
    kernel_.units(arm[0].data(), arm[1].data(), arm[2].data(), n, &unit_[0][first],
                  &unit_[1][first], &unit_[2][first]);
  }
  for (std::uint32_t& leaf : leaf_) leaf -= static_cast<std::uint32_t>(first_leaf);
}

void BlockTree::sort(const PackedVoxel* voxels, std::size_t n_voxel, std::size_t first_leaf) {
  locate(voxels, n_voxel, first_leaf);
  starts_.assign(n_leaf() + 1, 0);
  for (const std::uint32_t leaf : leaf_) ++starts_[leaf + 1];
  for (std::size_t leaf = 0; leaf < n_leaf(); ++leaf) {
    const std::size_t n_group = (starts_[leaf + 1] + leaf_group - 1) / leaf_group;
    starts_[leaf + 1] = starts_[leaf] + (n_group * leaf_group);
  }
  next_place_.assign(starts_.begin(), starts_.end() - 1);
  for (std::vector<float>* unit : {&z_, &y_, &x_}) {
    unit->assign(starts_.back(), std::numeric_limits<float>::quiet_NaN());
  }
  voids_.assign(starts_.back() / leaf_group, 0);
  voxels_.resize(starts_.back());
  for (std::size_t i = 0; i < n_voxel; ++i) {
    const std::size_t place = next_place_[leaf_[i]]++;
    z_[place] = unit_[0][i];
    y_[place] = unit_[1][i];
    x_[place] = unit_[2][i];
    voxels_[place] = voxels[i];
    if (voxels[i].is_void()) {
      std::uint8_t& group = voids_[place / leaf_group];
      group = static_cast<std::uint8_t>(group | (1U << (place % leaf_group)));
    }
  }
}

void BlockTree::sum_leaves() {
  weight_.clear();
  if (!weights_.are_one()) {
    weight_.assign(starts_.back(), Tally{});
    for (std::size_t leaf = 0; leaf < n_leaf(); ++leaf) {
      for (std::size_t place = starts_[leaf]; place < next_place_[leaf]; ++place) {
        const Vector3 arm = lattice_.arm(voxels_[place]);
        weight_[place] = weights_(lattice_, voxels_[place], dot(arm, arm));
      }
    }
  }
  before_.assign(n_leaf() + 1, Tally{});
  for (std::size_t leaf = 0; leaf < n_leaf(); ++leaf) {
    Tally sum = before_[leaf];
    for (std::size_t place = starts_[leaf]; place < next_place_[leaf]; ++place) {
      sum += weight_of(place);
    }
    before_[leaf + 1] = sum;
  }
}

/// Replaces the open cells by those of their children that cones may cut; adds the other children
/// to their shells.
void BlockTree::descend(unsigned level, const VectorFloat& axis, Tally* shells) {
  const std::size_t n_open = open_.size();
  child_cuts_.resize(4 * n_open);
  kernel_.open(open_.data(), n_open, cells_[level - 1].data(), axis.data(),
               cones_.shells[block_level_ + level].data(), ShellTable::scale, child_cuts_.data());
  const unsigned shift = 2 * (depth_ - level);
  const Tally* before = before_.data();
  next_.resize(4 * n_open);
  open_cuts_.resize(4 * n_open);
  std::size_t n_next = 0;
  for (std::size_t i = 0; i < n_open; ++i) {
    for (std::uint32_t c = 0; c < 4; ++c) {
      const std::uint32_t cell = (4 * open_[i]) + c;
      const CutRange cut = child_cuts_[(4 * i) + c];
      // Which of the two holds is a coin's toss: doing both costs less than guessing.
      const std::uint32_t is_cut = cut.is_cut() ? 1 : 0;
      next_[n_next] = cell;
      open_cuts_[n_next] = cut;
      n_next += is_cut;
      shells[cut.first] += before[(cell + 1 - is_cut) << shift] - before[cell << shift];
    }
  }
  next_.resize(n_next);
  open_cuts_.resize(n_next);
  open_.swap(next_);
}

/// Single precision tells most voxels; a leaf in which it leaves doubt is counted in double.
void BlockTree::count_leaves(const Vector3& axis, const VectorFloat& axis_float, Tally* shells) {
  cuts_.clear();
  for (std::size_t i = 0; i < open_.size(); ++i) {
    const auto first = static_cast<std::uint32_t>(starts_[open_[i]] / leaf_group);
    const auto last = static_cast<std::uint32_t>(starts_[open_[i] + 1] / leaf_group);
    for (std::int16_t k = open_cuts_[i].first; k < open_cuts_[i].last; ++k) {
      const double cosine = cones_.cosines[static_cast<std::size_t>(k)];
      cuts_.push_back({.first_group = first,
                       .n_group = last - first,
                       .sure = static_cast<float>(cosine + cosine_error),
                       .possible = static_cast<float>(cosine - cosine_error)});
    }
  }
  counts_.resize(cuts_.size());
  // Weights are no whole voxels: nothing is sure but by adding them up.
  const bool weighed = !weight_.empty();
  if (!weighed) {
    kernel_.count({.z = z_.data(), .y = y_.data(), .x = x_.data(), .voids = voids_.data()},
                  axis_float.data(), cuts_.data(), cuts_.size(), counts_.data());
  }
  const LeafCount* found = counts_.data();
  for (std::size_t i = 0; i < open_.size(); ++i) {
    const CutRange cut = open_cuts_[i];
    Tally narrower;
    for (std::int16_t k = cut.first; k < cut.last; ++k, ++found) {
      Tally within{.solids = found->sure - found->sure_voids, .voids = found->sure_voids};
      if (weighed || found->doubtful != 0) {
        within = one_by_one(open_[i], cones_.cosines[static_cast<std::size_t>(k)], axis);
      }
      shells[k] += within - narrower;
      narrower = within;
    }
    shells[cut.last] += between(open_[i], open_[i] + 1) - narrower;
  }
}

Tally BlockTree::one_by_one(std::size_t leaf, double cosine, const Vector3& axis) const {
  const VectorFloat near = rounded(axis);
  // The kernel may round its sums otherwise; `cosine_error` has room for both.
  const auto sure = static_cast<float>(cosine + cosine_error);
  const auto possible = static_cast<float>(cosine - cosine_error);
  Tally total;
  for (std::size_t place = starts_[leaf]; place < starts_[leaf + 1]; ++place) {
    const float c = (z_[place] * near[0]) + (y_[place] * near[1]) + (x_[place] * near[2]);
    if (!(c >= possible)) continue;  // too far out, or NaN where there is no voxel
    if (c > sure || in_cone(lattice_.arm(voxels_[place]), axis, cosine)) total += weight_of(place);
  }
  return total;
}

}  // namespace nmcx
