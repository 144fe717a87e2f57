#include "nmcx/geometry/voxel_blocks.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <numeric>

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
  const auto [n_plane, ny, nx] = lattice.shape;
  require(ny * nx <= std::numeric_limits<std::uint32_t>::max(),
          "the volume is too large: a plane (y, x) may hold at most 2³² − 1 voxels");
  // Voxels of each plane in each block, the last column being the apex.
  Array<std::uint32_t, 2> count({n_plane, n_block + 1}, 0);
  parallel_for(n_plane, 1, execution, [&](std::size_t plane, std::size_t, std::size_t) {
    std::uint32_t* in_plane = count.data() + (plane * (n_block + 1));
    for_voxels(envelope, solid, lattice, plane, blocks.level,
               [&](std::size_t block, std::uint64_t) { ++in_plane[block]; });
  });
  blocks.starts.assign(n_block + 1, 0);
  for (std::size_t plane = 0; plane < n_plane; ++plane) {
    for (std::size_t b = 0; b < n_block; ++b) blocks.starts[b + 1] += count.view()(plane, b);
  }
  std::partial_sum(blocks.starts.begin(), blocks.starts.end(), blocks.starts.begin());

  std::vector<std::uint64_t> next(blocks.starts.begin(), blocks.starts.end());
  blocks.voxels = Array<std::uint64_t, 1>({n_voxel});
  parallel_for(n_plane, 1, execution, [&](std::size_t plane, std::size_t, std::size_t) {
    std::vector<std::uint64_t> place(n_block);
    for (std::size_t b = 0; b < n_block; ++b) {
      place[b] =
          std::atomic_ref(next[b]).fetch_add(count.view()(plane, b), std::memory_order_relaxed);
    }
    for_voxels(envelope, solid, lattice, plane, blocks.level,
               [&](std::size_t block, std::uint64_t voxel) {
                 if (block < n_block) {
                   blocks.voxels[place[block]++] = voxel;
                 } else {
                   std::uint64_t& at_apex = voxel % 2 == 0 ? blocks.apex_solids : blocks.apex_voids;
                   std::atomic_ref(at_apex).fetch_add(1, std::memory_order_relaxed);
                 }
               });
  });
  return blocks;
}

}  // namespace nmcx
