// The vectorised part of the edge fit: plain arrays in and out, one object file per instruction
// set, chosen at run time. All pointers are borrowed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nmcx::xanes {

/// Voxels of a full tile: a tile of 64 energies fills 64 kB, so that it and the next one, which is
/// being fetched, fit into the second-level cache of any processor.
inline constexpr std::size_t tile_voxels = 256;

/// Most energies between the windows.
inline constexpr std::size_t most_scan_energies = 2048;

/// Least-squares parabolas around each scan energy.
struct ParabolaTable {
  int points;           ///< longest window
  const int* first;     ///< (n_scan,) first scan energy of the window
  const float* weight;  ///< (3, points, n_scan): coefficients in powers of eV
  const float* moment;  ///< (4, n_scan): variances V11, V12, V22 and largest shift [eV]
  int run[2];           ///< first and last energy of the longest run of equal windows, if they have
                        ///< at most 15 points; else last < first
  const float* shared;  ///< (3, 16) their weights, padded with zeros
  int reach_down;       ///< their first energy - the energy in the middle
};

/// Cubics near a crossing, one stencil for each i < n_scan - 3, in powers of energy - energy i
/// [eV]: the interpolation of the scan energies i..i + 3 and, if `is_wide`, least squares over
/// those of i - 1..i + 4 that exist.
struct CrossingTable {
  bool is_wide;            ///< n_sum = 7 and points = 6; else 4 and 4
  const float* weight;     ///< (n_sum, points, n_stencil): coefficients 0 to 3 of the interpolation
                           ///< and 1 to 3 of the least squares from the samples
  const float* offset_ev;  ///< (3, n_stencil): energies i + 1..i + 3
  const float* variance;   ///< (7, n_stencil): variance of the interpolation per unit noise, a
                           ///< polynomial of degree 6
  const float* shared;     ///< (n_sum, 16) weights of the run, padded with zeros
  int run[2];              ///< first and last of the longest run of equal stencils
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
  float mix[25];  ///< (5, 5): coefficients pre0, pre1, post0, post1, post2 from the five sums
  float level_variance[5];
  float level;
  float inverse_scale;  ///< [1/eV]
  float inverse_freedom;
  float saturation;  ///< absorption above which detectors leak
  CrossingTable crossing;
  const float* scan_ev;  ///< (n_scan,) energy - reference of the scan range [eV]
  int even_run[2];    ///< first and last energy of the longest evenly spaced run, where scan_ev is
  float even_origin;  ///< fma(index, even_step, even_origin); last < first if there is none
  float even_step;    ///< [eV]
  float even_inverse_step;   ///< [1/eV]
  int index_bits;            ///< as many low bits as a scan index needs
  const int* index_code;     ///< (n_scan,) index_bits - index
  ParabolaTable wide;        ///< finds the sample nearest to the white line
  ParabolaTable white_line;  ///< measures it
  float pre_slope_variance;  ///< [1/eV²]
  float hopeless;  ///< a post-edge below this many standard deviations of the residuals is no edge
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
  float* variance;      ///< residual variance of both fits; NaN with bit 1
  int32_t* status;      ///< bits 1, 8 (of the edge), 16, 64, 128 and `peak_border`
  int32_t* peak_index;  ///< scan energy of the peak sample
};

/// A map from some voxel on: absolute energies, standard errors (per unit noise until finished),
/// all bits of the status.
struct MapOut {
  double* edge_energy_ev;
  double* white_line_ev;
  float* edge_energy_std_ev;
  float* white_line_std_ev;
  float* white_line_height;
  float* edge_jump;
  float* noise;
  float* residual;
  std::uint16_t* status;
};

/// What to fetch into the cache while a tile is being fitted: for each voxel v of a vector's first
/// lane and each of the plan's energies i the line at origin + i * row + v * voxel. Without a next
/// tile all of them are one line.
struct Ahead {
  const float* origin = nullptr;
  std::size_t row = 0;
  std::size_t voxel = 0;
};

/// A tile has `size()` rows of `stride` floats, of which the first n_voxel <= tile_voxels, rounded
/// up to 16, may be read and as many results be written.
struct Kernel {
  void (*fit)(const KernelPlan& plan, const float* tile, std::size_t stride, std::size_t n_voxel,
              const Ahead& ahead, const KernelOut& out);
  /// Rows 0..n_row - 1 of the tile from images `plane` floats apart.
  void (*copy)(const float* image, std::size_t plane, std::size_t n_voxel, std::size_t n_row,
               float* tile, std::size_t stride);
  /// Rows 0..n_row - 1 of the tile from voxel-major spectra `step` floats apart.
  void (*transpose)(const float* spectra, std::size_t step, std::size_t n_voxel, std::size_t n_row,
                    float* tile, std::size_t stride);
  void (*write)(const KernelOut& tile, double reference_ev, std::size_t n_voxel, const MapOut& map);
  /// Status bits 2 and 4 by the voxel's own noise.
  void (*judge_alone)(const MapOut& map, std::size_t n_voxel, bool noise_given, float partial_jump);
  /// Status bits 2 and 32 by the map's noise; marks voxels with one of the bits 1, 2, 4.
  void (*judge_noise)(const MapOut& map, std::size_t n_voxel, float largest_residual,
                      std::uint8_t* is_outside);
  /// Adds the residual variance of a row's usable voxels, and their number, by their own noise.
  void (*add_usable)(const float* residual, const float* jump, std::size_t n, float partial_jump,
                     float* variance, float* count);
  /// out[x + 1] = a[x] + b[x] + c[x]
  void (*add_lines)(const float* a, const float* b, const float* c, std::size_t n, float* out);
  /// Noise of a row's usable voxels from sums over nine rows, with a zero at both ends.
  void (*pool_row)(const float* sum, const float* count, const std::uint16_t* status, std::size_t n,
                   float* noise);
  /// sum[x] |= marks[x]
  void (*add_marks)(const std::uint8_t* marks, std::size_t n, std::uint8_t* sum);
  /// Status bit 256 of a row from marks in the rows beside it and its own.
  void (*mark_rim)(const std::uint8_t* near, const std::uint8_t* diagonal, const std::uint8_t* own,
                   std::size_t n, std::uint16_t* status);
  /// Standard errors, and bit 1 where there is none.
  void (*finish_errors)(const MapOut& map, std::size_t n_voxel, bool noise_given);
  /// NaN where not ok.
  void (*refuse_bad)(const MapOut& map, std::size_t n_voxel);
};

/// The kernel of `active_instruction_set`.
const Kernel& active_kernel();

extern const Kernel edge_fit_generic;
#if defined(__x86_64__)
extern const Kernel edge_fit_v2;
extern const Kernel edge_fit_v3;
extern const Kernel edge_fit_v4;
#endif

}  // namespace nmcx::xanes
