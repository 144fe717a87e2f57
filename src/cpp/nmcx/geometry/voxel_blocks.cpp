#include "nmcx/geometry/voxel_blocks.hpp"

#include <algorithm>
#include <atomic>

#include "nmcx/geometry/cubed_sphere.hpp"

namespace nmcx {

namespace {

/// Calls visit(block, voxel) for the envelope's voxels of one plane, block n_cell being the apex.
template <class Visit>
void for_voxels(const VolumeView<bool>& envelope, const VolumeView<bool>& solid,
                const Lattice& lattice, std::size_t plane, unsigned level, const Visit& visit) {
  const auto [nz, ny, nx] = lattice.shape;
  for (std::size_t j = 0; j < ny; ++j) {
    const std::size_t row = ((plane * ny) + j) * nx;
    for (std::size_t k = 0; k < nx; ++k) {
      if (!envelope[row + k]) continue;
      const Vector3 arm = lattice.arm(plane, j, k);
      const std::size_t block = dot(arm, arm) == 0 ? cubed_sphere::n_cell(level)
                                                   : cubed_sphere::cell_of(rounded(arm), level);
      visit(block, (2 * (row + k)) + (solid[row + k] ? 0 : 1));
    }
  }
}

std::uint64_t take(std::uint64_t& counter, std::uint64_t step) {
  return std::atomic_ref(counter).fetch_add(step, std::memory_order_relaxed);
}

}  // namespace

Blocks sort_voxels(const VolumeView<bool>& envelope, const VolumeView<bool>& solid,
                   const Lattice& lattice, const Execution& execution) {
  const auto n_voxel = static_cast<std::size_t>(std::count(envelope.begin(), envelope.end(), true));
  Blocks blocks;
  constexpr std::size_t voxels_per_block = 8192;  // with their directions they fit into a cache
  while (blocks.level < 8 && cubed_sphere::n_cell(blocks.level) * voxels_per_block < n_voxel) {
    ++blocks.level;
  }
  const std::size_t n_block = cubed_sphere::n_cell(blocks.level);
  std::vector<std::uint64_t> next(n_block + 1, 0);
  const auto count_plane = [&](std::size_t plane) {
    std::vector<std::uint64_t> count(n_block + 1, 0);
    for_voxels(envelope, solid, lattice, plane, blocks.level,
               [&](std::size_t block, std::uint64_t) { ++count[block]; });
    return count;
  };

  const std::size_t n_plane = lattice.shape[0];
  parallel_for(n_plane, 1, execution, [&](std::size_t plane, std::size_t, std::size_t) {
    const std::vector<std::uint64_t> count = count_plane(plane);
    for (std::size_t b = 0; b < n_block; ++b) take(next[b], count[b]);
  });
  blocks.starts.resize(n_block + 1);
  for (std::size_t b = 0; b < n_block; ++b) {
    blocks.starts[b + 1] = blocks.starts[b] + next[b];
    next[b] = blocks.starts[b];
  }

  blocks.voxels = Array<std::uint64_t, 1>({n_voxel});
  parallel_for(n_plane, 1, execution, [&](std::size_t plane, std::size_t, std::size_t) {
    std::vector<std::uint64_t> place = count_plane(plane);
    for (std::size_t b = 0; b < n_block; ++b) place[b] = take(next[b], place[b]);
    for_voxels(envelope, solid, lattice, plane, blocks.level,
               [&](std::size_t block, std::uint64_t voxel) {
                 if (block == n_block) {
                   take(voxel % 2 == 0 ? blocks.apex_solids : blocks.apex_voids, 1);
                 } else {
                   blocks.voxels[place[block]++] = voxel;
                 }
               });
  });
  return blocks;
}

}  // namespace nmcx
