// The vectorised part of the template estimator: plain arrays in and out, one object file per
// instruction set, chosen at run time. All pointers are borrowed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nmcx::xanes {

/// Voxels that are looked at together: a multiple of what any kernel takes at once.
inline constexpr std::size_t template_block = 64;

/// Energies are padded to a multiple of this.
inline constexpr std::size_t template_unroll = 8;

/// Voxels of a block on the coarse grid of shifts.
struct ScanOut {
  float* gain;          ///< (n_coarse, template_block) gain in chi²
  std::int32_t* best;   ///< (template_block,) the first of the coarse shifts of highest gain
  float* height;        ///< (template_block,) top of the parabola through it and its neighbours
  float* rival_height;  ///< (template_block,) top of the highest other maximum; none: -infinity
};

struct TemplateKernel {
  /// Gain in chi² at all coarse shifts.
  /// @param scan     (n_coarse, n, n_row) projections; n_row is 1, 2 or 3
  /// @param spectra  (n, template_block)
  void (*scan)(const float* scan, std::size_t n_coarse, std::size_t n_row, const float* spectra,
               std::size_t n, const ScanOut& out);
  /// sums[j] = sum over the energies of step(k, j) × spectrum[k]
  /// @param step      (n / 2, 8, 2): energies in pairs
  /// @param spectrum  (n,)
  /// @param n         multiple of `template_unroll`
  void (*project)(const float* step, const float* spectrum, std::size_t n, float* sums);
};

extern const TemplateKernel template_generic;
#if defined(__x86_64__)
extern const TemplateKernel template_v2;
extern const TemplateKernel template_v3;
extern const TemplateKernel template_v4;
#endif

/// The kernel of `active_instruction_set`.
const TemplateKernel& active_template_kernel();

}  // namespace nmcx::xanes
