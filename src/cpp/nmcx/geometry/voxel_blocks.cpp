#include "nmcx/geometry/voxel_blocks.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>

#include "nmcx/geometry/cone_tree_kernel.hpp"
#include "nmcx/geometry/cubed_sphere.hpp"

namespace nmcx {

namespace {

/// Successive envelope voxels of a plane in one block: the block above, their number in the lowest
/// byte. Keeping them spares the second pass the search for blocks, for a byte or so per voxel.
class Runs {
 public:
  void add(std::size_t block, std::size_t number) {
    for (; number > 255; number -= 255) {
      runs_.push_back(static_cast<std::uint32_t>((block << 8U) | 255U));
    }
    runs_.push_back(static_cast<std::uint32_t>((block << 8U) | number));
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

/// The blocks that the voxels of rows along x lie in.
class Rows {
 public:
  Rows(const Lattice& lattice, const RadialGate& gate, unsigned level)
      : lattice_(lattice),
        gate_(gate),
        level_(level),
        n_block_(static_cast<std::uint32_t>(cubed_sphere::n_cell(level))),
        kernel_(active_cone_tree_kernel()),
        z_(lattice.shape[2]),
        y_(lattice.shape[2]),
        x_(lattice.shape[2]),
        block_(lattice.shape[2]) {
    for (std::size_t k = 0; k < x_.size(); ++k) x_[k] = static_cast<float>(lattice.arms[2][k]);
  }

  const std::vector<std::uint32_t>& blocks_of(std::size_t plane, std::size_t j) {
    std::fill(z_.begin(), z_.end(), static_cast<float>(lattice_.arms[0][plane]));
    std::fill(y_.begin(), y_.end(), static_cast<float>(lattice_.arms[1][j]));
    kernel_.cells(z_.data(), y_.data(), x_.data(), x_.size(), level_, block_.data());
    const double z = lattice_.arms[0][plane];
    const double y = lattice_.arms[1][j];
    if (!gate_.is_open() || (z * z) + (y * y) == 0) set_apart(plane, j);
    return block_;
  }

 private:
  void set_apart(std::size_t plane, std::size_t j) {
    for (std::size_t k = 0; k < block_.size(); ++k) {
      const Vector3 arm = lattice_.arm(plane, j, k);
      const double squared = dot(arm, arm);
      if (squared == 0) block_[k] = n_block_ + at_apex;
      if (!gate_.holds(squared)) block_[k] = n_block_ + outside_gate;
    }
  }

  const Lattice& lattice_;
  const RadialGate& gate_;
  unsigned level_;
  std::uint32_t n_block_;
  const ConeTreeKernel& kernel_;
  std::vector<float> z_, y_, x_;
  std::vector<std::uint32_t> block_;
};

/// Counts the envelope's voxels of one plane in each block.
void count_plane(const VolumeView<bool>& envelope, std::size_t plane, Rows& rows,
                 std::uint32_t* count, Runs& runs) {
  const auto [nz, ny, nx] = envelope.shape;
  for (std::size_t j = 0; j < ny; ++j) {
    const bool* const row = envelope.data + (((plane * ny) + j) * nx);
    std::size_t k = static_cast<std::size_t>(std::find(row, row + nx, true) - row);
    if (k == nx) continue;
    const std::vector<std::uint32_t>& blocks = rows.blocks_of(plane, j);
    while (k < nx) {
      const std::size_t first = k;
      while (k < nx && row[k] && blocks[k] == blocks[first]) ++k;
      count[blocks[first]] += static_cast<std::uint32_t>(k - first);
      runs.add(blocks[first], k - first);
      while (k < nx && !row[k]) ++k;
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
  constexpr std::size_t voxels_per_block = 32768;  // with their directions they fit into a cache
  while (blocks.level < 8 && cubed_sphere::n_cell(blocks.level) * voxels_per_block < n_envelope) {
    ++blocks.level;
  }
  const std::size_t n_block = cubed_sphere::n_cell(blocks.level);

  // Voxels of each plane in each block.
  Array<std::uint32_t, 2> count({n_plane, n_block + n_beyond}, 0);
  std::vector<Runs> runs(n_plane);
  parallel_for(n_plane, 4, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
    Rows rows(lattice, gate, blocks.level);
    for (std::size_t plane = begin; plane < end; ++plane) {
      count_plane(envelope, plane, rows, count.data() + (plane * (n_block + n_beyond)),
                  runs[plane]);
    }
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
