// The voxels of a particle, put together by the direction they are seen in from an apex.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/geometry/voxel_grid.hpp"

namespace nmcx {

/// Voxel centres as seen from the apex.
struct Lattice {
  std::array<std::size_t, 3> shape;
  Vector3 spacing;
  Vector3 apex;

  [[nodiscard]] Vector3 arm(std::size_t i, std::size_t j, std::size_t k) const {
    return {(static_cast<double>(i) * spacing[0]) - apex[0],
            (static_cast<double>(j) * spacing[1]) - apex[1],
            (static_cast<double>(k) * spacing[2]) - apex[2]};
  }
  [[nodiscard]] Vector3 arm(std::size_t flat) const {
    const std::size_t row = flat / shape[2];
    return arm(row / shape[1], row % shape[1], flat - (row * shape[2]));
  }
};

/// The envelope's voxels, put together by the cell of the sphere they are seen in.
struct Blocks {
  unsigned level = 0;                 ///< of the cells
  std::vector<std::uint64_t> starts;  ///< (n_cell + 1,)
  Array<std::uint64_t, 1> voxels;     ///< (n_voxel,) twice the flat index, plus 1 in a void
  std::uint64_t apex_solids = 0;      ///< voxels whose centre is the apex (0 or 1)
  std::uint64_t apex_voids = 0;
};

/// Sorts the envelope's voxels into blocks. The order within a block depends on the threads.
Blocks sort_voxels(const VolumeView<bool>& envelope, const VolumeView<bool>& solid,
                   const Lattice& lattice, const Execution& execution);

}  // namespace nmcx
