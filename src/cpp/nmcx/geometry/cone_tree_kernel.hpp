// The vectorised parts of the cone count: plain arrays in and out, one object file per instruction
// set, chosen at run time. All pointers are borrowed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nmcx {

/// Voxels of a leaf are padded to a multiple of this with NaN, which lies in no cone.
inline constexpr std::size_t leaf_group = 8;

/// The cones first … last − 1 may cut a cell; if there are none, it lies in shell `first`.
struct CutRange {
  std::int16_t first;
  std::int16_t last;

  [[nodiscard]] bool is_cut() const { return first != last; }
};

/// The centres of four sibling cells.
struct Siblings {
  float z[4];
  float y[4];
  float x[4];
};

/// A leaf and a cone that may cut it.
struct LeafCut {
  std::uint32_t first_group;
  std::uint32_t n_group;
  float sure;      ///< cosines above are surely within
  float possible;  ///< cosines from here on are surely or possibly within
};

/// What single precision knows of the voxels of a leaf and one cone.
struct LeafCount {
  std::uint32_t sure;        ///< voxels surely within
  std::uint32_t sure_voids;  ///< voids among them
  std::uint32_t doubtful;    ///< not 0 if there are voxels possibly within
};

/// Unit vectors of the voxels of all leaves, in groups of `leaf_group`.
struct LeafVoxels {
  const float* z;
  const float* y;
  const float* x;
  const std::uint8_t* voids;  ///< (n_group,) one bit per voxel
};

struct ConeTreeKernel {
  /// The cones that may cut the children of open cells.
  /// @param cells    (n_open,) numbers of cells
  /// @param children by cell: centres
  /// @param table    by (cosine + 1) × scale
  /// @param cuts     (n_open, 4) out
  void (*open)(const std::uint32_t* cells, std::size_t n_open, const Siblings* children,
               const float* axis, const CutRange* table, float scale, CutRange* cuts);
  /// Counts the cosines (z, y, x)·axis of each leaf against its limits.
  void (*count)(const LeafVoxels& voxels, const float* axis, const LeafCut* cuts, std::size_t n_cut,
                LeafCount* counts);
  /// The cells that directions (z, y, x) of any length but 0 lie in: `cubed_sphere::cell_of`, up to
  /// level 14.
  void (*cells)(const float* z, const float* y, const float* x, std::size_t n, unsigned level,
                std::uint32_t* cells);
  /// Vectors (z, y, x) of any length but 0, divided by their lengths.
  void (*units)(const double* z, const double* y, const double* x, std::size_t n, float* unit_z,
                float* unit_y, float* unit_x);
};

extern const ConeTreeKernel cone_tree_generic;
#if defined(__x86_64__)
extern const ConeTreeKernel cone_tree_v2;
extern const ConeTreeKernel cone_tree_v3;
#endif

/// The kernel of `active_instruction_set`.
const ConeTreeKernel& active_cone_tree_kernel();

}  // namespace nmcx
