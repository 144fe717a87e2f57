// Stacks of spectra in either memory layout, cut into packed tiles.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <type_traits>

#include "nmcx/core/memory.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/xanes/edge_estimator.hpp"
#include "nmcx/xanes/edge_fit_kernel.hpp"
#include "nmcx/xanes/normalise.hpp"

namespace nmcx::xanes {

// Odd in cache lines, against planes 2^k bytes apart.
inline constexpr std::size_t tile_stride = tile_voxels + 16;

/// A stack in either layout.
template <class T>
struct Stack {
  ArrayView<T, 2> values;
  bool voxel_major;

  [[nodiscard]] std::size_t n_energy() const { return values.shape[voxel_major ? 1 : 0]; }
  [[nodiscard]] std::size_t n_voxel() const { return values.shape[voxel_major ? 0 : 1]; }
  [[nodiscard]] T at(std::size_t energy, std::size_t voxel) const {
    return voxel_major ? values(voxel, energy) : values(energy, voxel);
  }
};

inline void round_row(const double* source, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(source[i]);
}

inline void copy(const Kernel& kernel, const float* image, std::size_t plane, std::size_t n_voxel,
                 std::size_t n_row, float* tile) {
  kernel.copy(image, plane, n_voxel, n_row, tile, tile_stride);
}
inline void copy(const Kernel& /*kernel*/, const double* image, std::size_t plane,
                 std::size_t n_voxel, std::size_t n_row, float* tile) {
  for (std::size_t row = 0; row < n_row; ++row) {
    round_row(image + (row * plane), n_voxel, tile + (row * tile_stride));
  }
}

inline void transpose(const Kernel& kernel, const float* spectra, std::size_t step,
                      std::size_t n_voxel, std::size_t n_row, float* tile, float* /*spare*/) {
  kernel.transpose(spectra, step, n_voxel, n_row, tile, tile_stride);
}
inline void transpose(const Kernel& kernel, const double* spectra, std::size_t step,
                      std::size_t n_voxel, std::size_t n_row, float* tile, float* spare) {
  for (std::size_t v = 0; v < n_voxel; ++v) {
    round_row(spectra + (v * step), n_row, spare + (v * n_row));
  }
  kernel.transpose(spare, n_row, n_voxel, n_row, tile, tile_stride);
}

/// Buffers of one chunk.
struct Workspace {
  explicit Workspace(std::size_t n_row)
      : tile(static_cast<float*>(allocate(n_row * tile_stride * sizeof(float)))),
        spare(std::make_unique_for_overwrite<float[]>(n_row * tile_stride)),
        results(std::make_unique_for_overwrite<float[]>(7 * tile_voxels)),
        integers(std::make_unique_for_overwrite<std::int32_t[]>(2 * tile_voxels)) {}

  [[nodiscard]] KernelOut out() const {
    float* r = results.get();
    const auto next = [&r] {
      float* here = r;
      r += tile_voxels;
      return here;
    };
    KernelOut o{};
    for (float** field :
         {&o.edge, &o.edge_variance, &o.peak, &o.peak_variance, &o.height, &o.jump, &o.variance}) {
      *field = next();
    }
    o.status = integers.get();
    o.peak_index = integers.get() + tile_voxels;
    return o;
  }

  std::unique_ptr<float[], Release> tile;  // aligned: its rows are read in whole cache lines
  std::unique_ptr<float[]> spare, results;
  std::unique_ptr<std::int32_t[]> integers;
};

/// Number of voxels of the tile that begins at `begin`: the first one of a chunk ends where a cache
/// line of the images begins, so that the others are aligned.
template <class T>
std::size_t tile_size(const Stack<T>& mu, const EdgePlan& plan, std::size_t begin,
                      std::size_t end) {
  std::size_t n = tile_voxels;
  if (!mu.voxel_major) {
    const T* first = mu.values.data + (plan.first * mu.n_voxel()) + begin;
    constexpr std::size_t line = 64;
    n -= (reinterpret_cast<std::uintptr_t>(first) % line) / sizeof(T);
  }
  return std::min(n, end - begin);
}

template <class T>
void fill_tile(const Stack<T>& mu, const EdgePlan& plan, const Kernel& kernel, std::size_t begin,
               std::size_t n_voxel, const Workspace& work) {
  float* tile = work.tile.get();
  const std::size_t n_row = plan.size();
  if (mu.voxel_major) {
    const T* spectra = mu.values.data + (begin * mu.n_energy()) + plan.first;
    transpose(kernel, spectra, mu.n_energy(), n_voxel, n_row, tile, work.spare.get());
  } else {
    const T* image = mu.values.data + (plan.first * mu.n_voxel()) + begin;
    copy(kernel, image, mu.n_voxel(), n_voxel, n_row, tile);
  }
  const std::size_t padded = (n_voxel + 15) / 16 * 16;
  if (padded == n_voxel) return;
  for (std::size_t row = 0; row < n_row; ++row) {
    std::fill(tile + (row * tile_stride) + n_voxel, tile + (row * tile_stride) + padded, 0.0F);
  }
}

/// Whether images can be read where they are: their lines are aligned with each other, spread over
/// the sets of the second-level cache, and their offsets fit into an int.
template <class T>
bool has_tiles_in_place(const Stack<T>& mu) {
  if (!std::is_same_v<T, float> || mu.voxel_major) return false;
  constexpr std::size_t line = 16;  // floats
  constexpr std::size_t sets = 1024;
  constexpr std::size_t rows_per_set = 2;
  constexpr std::size_t most = std::size_t{1} << 31U;
  if (mu.n_voxel() % line != 0 || mu.n_voxel() >= most / mu.n_energy()) return false;
  return mu.n_energy() * std::gcd(mu.n_voxel() / line, sets) <= rows_per_set * sets;
}

/// The tile that begins at `begin`: where it is in the stack, or copied.
template <class T>
TileView tile_at(const Stack<T>& mu, const EdgePlan& plan, const Kernel& kernel, bool in_place,
                 std::size_t begin, std::size_t n_voxel, const Workspace& work) {
  if constexpr (std::is_same_v<T, float>) {
    if (in_place && n_voxel % 16 == 0) {
      return {mu.values.data + (plan.first * mu.n_voxel()) + begin, mu.n_voxel(), n_voxel};
    }
  }
  fill_tile(mu, plan, kernel, begin, n_voxel, work);
  return {work.tile.get(), tile_stride, n_voxel};
}

/// The memory of the tile after the one at `begin`.
inline Ahead lines_ahead(const Stack<float>& mu, const EdgePlan& plan, std::size_t begin,
                         std::size_t n_voxel) {
  if (mu.n_voxel() - begin - n_voxel < n_voxel) return {};
  constexpr std::size_t line = 16;  // floats
  const float* values = mu.values.data;
  if (!mu.voxel_major) {
    return {values + (plan.first * mu.n_voxel()) + begin + n_voxel, mu.n_voxel(), 1};
  }
  return {values + ((begin + n_voxel) * mu.n_energy()), line, mu.n_energy()};
}
inline Ahead lines_ahead(const Stack<double>& /*mu*/, const EdgePlan& /*plan*/,
                         std::size_t /*begin*/, std::size_t /*n_voxel*/) {
  return {};  // rounding to float is the bottleneck
}

}  // namespace nmcx::xanes
