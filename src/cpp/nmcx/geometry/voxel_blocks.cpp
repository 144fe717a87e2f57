#include "nmcx/geometry/voxel_blocks.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>

#include "nmcx/geometry/cubed_sphere.hpp"

namespace nmcx {

namespace {

/// Successive envelope voxels of a plane in one block: the block above, their number in the lowest
/// byte. Keeping them spares the second pass the search for blocks, for a byte or so per voxel.
class Runs {
 public:
  void add(std::size_t block) {
    if (!runs_.empty() && (runs_.back() >> 8U) == block && (runs_.back() & 255U) < 255) {
      ++runs_.back();
    } else {
      runs_.push_back(static_cast<std::uint32_t>((block << 8U) | 1U));
    }
  }

  class Reader {
   public:
    explicit Reader(const Runs& runs) : next_(runs.runs_.data()) {}
    std::size_t block() {
      if (left_ == 0) {
        left_ = *next_ & 255U;
        block_ = *next_++ >> 8U;
      }
      --left_;
      return block_;
    }

   private:
    const std::uint32_t* next_;
    std::uint32_t left_ = 0;
    std::size_t block_ = 0;
  };

 private:
  std::vector<std::uint32_t> runs_;
};

/// Two more columns after those of the blocks.
enum Beyond : std::size_t { at_apex, outside_gate, n_beyond };

/// Calls visit(flat, j, k) for the envelope's voxels of one plane.
template <class Visit>
void for_voxels(const VolumeView<bool>& envelope, std::size_t plane, const Visit& visit) {
  const auto [nz, ny, nx] = envelope.shape;
  for (std::size_t j = 0; j < ny; ++j) {
    const std::size_t row = ((plane * ny) + j) * nx;
    for (std::size_t k = 0; k < nx; ++k) {
      if (envelope[row + k]) visit(row + k, j, k);
    }
  }
}

}  // namespace

Blocks sort_voxels(const VolumeView<bool>& envelope, const VolumeView<bool>& solid,
                   const Lattice& lattice, const RadialGate& gate, const Execution& execution) {
  const auto [n_plane, ny, nx] = lattice.shape;
  require(std::max({n_plane, ny, nx}) <= std::size_t{1} << PackedVoxel::axis_bits,
          "the volume is too large: an axis may hold at most 2²¹ voxels");
  require(ny * nx <= std::numeric_limits<std::uint32_t>::max(),
          "the volume is too large: a plane (y, x) may hold at most 2³² − 1 voxels");
  const auto n_envelope =
      static_cast<std::size_t>(std::count(envelope.begin(), envelope.end(), true));
  Blocks blocks;
  constexpr std::size_t voxels_per_block = 8192;  // with their directions they fit into a cache
  while (blocks.level < 8 && cubed_sphere::n_cell(blocks.level) * voxels_per_block < n_envelope) {
    ++blocks.level;
  }
  const std::size_t n_block = cubed_sphere::n_cell(blocks.level);

  // Voxels of each plane in each block.
  Array<std::uint32_t, 2> count({n_plane, n_block + n_beyond}, 0);
  std::vector<Runs> runs(n_plane);
  parallel_for(n_plane, 1, execution, [&](std::size_t plane, std::size_t, std::size_t) {
    std::uint32_t* in_plane = count.data() + (plane * (n_block + n_beyond));
    for_voxels(envelope, plane, [&](std::size_t, std::size_t j, std::size_t k) {
      const Vector3 arm = lattice.arm(plane, j, k);
      const double squared = dot(arm, arm);
      const std::size_t block = !gate.holds(squared) ? n_block + outside_gate
                                : squared == 0 ? n_block + at_apex
                                               : cubed_sphere::cell_of(rounded(arm), blocks.level);
      ++in_plane[block];
      runs[plane].add(block);
    });
  });
  blocks.starts.assign(n_block + 1, 0);
  for (std::size_t plane = 0; plane < n_plane; ++plane) {
    for (std::size_t b = 0; b < n_block; ++b) blocks.starts[b + 1] += count.view()(plane, b);
  }
  std::partial_sum(blocks.starts.begin(), blocks.starts.end(), blocks.starts.begin());

  std::vector<std::uint64_t> next(blocks.starts.begin(), blocks.starts.end());
  blocks.voxels = Array<PackedVoxel, 1>({blocks.starts.back()});
  parallel_for(n_plane, 1, execution, [&](std::size_t plane, std::size_t, std::size_t) {
    std::vector<std::uint64_t> place(n_block);
    for (std::size_t b = 0; b < n_block; ++b) {
      place[b] =
          std::atomic_ref(next[b]).fetch_add(count.view()(plane, b), std::memory_order_relaxed);
    }
    Runs::Reader reader(runs[plane]);
    for_voxels(envelope, plane, [&](std::size_t flat, std::size_t j, std::size_t k) {
      const std::size_t block = reader.block();
      if (block < n_block) {
        blocks.voxels[place[block]++] = PackedVoxel(plane, j, k, !solid[flat]);
      } else if (block == n_block + at_apex) {
        std::uint64_t& apex = solid[flat] ? blocks.apex_solids : blocks.apex_voids;
        std::atomic_ref(apex).fetch_add(1, std::memory_order_relaxed);
      }
    });
  });
  return blocks;
}

}  // namespace nmcx
