// The vectorised part of the edge fit: plain arrays in and out, one object file per instruction
// set, chosen at run time. All pointers are borrowed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nmcx::xanes {

/// Least-squares parabolas around each scan energy.
struct ParabolaTable {
  int points;           ///< longest window
  const int* first;     ///< (n_scan,) first scan energy of the window
  const float* weight;  ///< (3, points, n_scan): coefficients in powers of eV
  const float* moment;  ///< (4, n_scan): variances V11, V12, V22 and largest shift [eV]
  int run[2];           ///< first and last energy of the longest run of equal windows
};

/// The constants of `EdgePlan` in float. Rows of a tile are the used energies: pre, scan, post.
/// Tables with one entry per scan energy or stencil have the entry as the last index.
struct KernelPlan {
  std::size_t n_pre;
  std::size_t n_scan;
  std::size_t n_post;
  const float* x;             ///< (n,) scaled energies
  const float* pre_weights;   ///< (2, n_pre)
  const float* post_weights;  ///< (3, n_post)
  float coupling[6];
  float level_variance[5];
  float level;
  float inverse_scale;  ///< [1/eV]
  float inverse_freedom;
  float saturation;  ///< absorption above which detectors leak
  // Crossing: cubic through the energies i..i + 3 of the scan range, i < n_scan - 3.
  const float* stencil_ev;      ///< (4, n_scan - 3): first energy - reference, then offsets [eV]
  const float* stencil_weight;  ///< (4, n_scan - 3): 1 / prod(y_k - y_j) [1/eV³]
  int stencil_run[2];           ///< first and last stencil of the longest run of equal spacing
  const float* scan_ev;         ///< (n_scan,) energy - reference of the scan range [eV]
  ParabolaTable wide;           ///< finds the sample nearest to the white line
  ParabolaTable white_line;     ///< measures it
  float pre_slope_variance;     ///< [1/eV²]
};

/// Status bit of the kernel's own beside those of `EdgeStatus`: the white line is at the border of
/// the scan range.
inline constexpr int32_t peak_border = 1 << 16;

/// Results of the voxels of a tile; energies are relative to the plan's reference [eV].
struct KernelOut {
  float* edge;
  float* edge_variance;  ///< [eV²] per unit noise
  float* peak;
  float* peak_variance;  ///< [eV²] per unit noise
  float* height;
  float* jump;
  float* variance;      ///< residual variance of both fits
  int32_t* status;      ///< bits 1, 8 (of the edge), 16, 64, 128 and `peak_border`
  int32_t* peak_index;  ///< scan energy of the peak sample
};

/// A tile has `size()` rows of `stride` floats, of which the first n_voxel, rounded up to 16, may
/// be read and as many results be written.
struct Kernel {
  void (*fit)(const KernelPlan& plan, const float* tile, std::size_t stride, std::size_t n_voxel,
              const KernelOut& out);
  /// Rows 0..n_row - 1 of the tile from images `plane` floats apart. Fetches what lies `ahead`
  /// floats further into the cache: the next tile, while this one is being fitted.
  void (*copy)(const float* image, std::size_t plane, std::size_t n_voxel, std::size_t n_row,
               std::size_t ahead, float* tile, std::size_t stride);
  /// Rows 0..n_row - 1 of the tile from voxel-major spectra `step` floats apart.
  void (*transpose)(const float* spectra, std::size_t step, std::size_t n_voxel, std::size_t n_row,
                    float* tile, std::size_t stride);
};

extern const Kernel edge_fit_generic;
#if defined(__x86_64__)
extern const Kernel edge_fit_v2;
extern const Kernel edge_fit_v3;
extern const Kernel edge_fit_v4;
#endif

}  // namespace nmcx::xanes
