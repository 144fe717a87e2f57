// A lattice of nearly regular cells over an image, each with the label of the voxels about it.
#pragma once

#include <cstdint>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

namespace nmcx {

struct LatticeOptions {
  double edge = 0;       ///< length of the lattice's edges, on average
  double smoothing = 0;  ///< standard deviation of the weights of voxels, in voxels
};

struct LabelLattice {
  Array<double, 2> points;       ///< (n, D) along the axes of the image
  Array<std::int64_t, 2> cells;  ///< (m, D + 1) of positive volume
  Array<std::int64_t, 1> label;  ///< (m,) 0 where void
};

/// The body-centred cubic lattice of tetrahedra (D = 3), or that of equilateral triangles (D = 2),
/// over the part of an image that is not void and two layers of void around it.
///
/// Each cell takes the label that wins at its centre. Cells all of whose nodes lie on the boundary
/// of one and the same neighbour would be flat once these nodes are moved onto the boundary;
/// labels are changed where that leaves fewer such cells. Pieces of a label without a node of
/// their own are given to what surrounds them. (Our method.)
///
/// @param labels  (n0, n1, n2) of labels from 0, which is void; with two dimensions n0 = 1
/// @param spacing (D,) of the voxels along the last D axes; D is 2 or 3
/// @throws InvalidArgument if all is void, or the lattice would have too many nodes
LabelLattice label_lattice(const ArrayView<std::int32_t, 3>& labels,
                           const ArrayView<double, 1>& spacing, const LatticeOptions& options,
                           const Execution& execution = {});

}  // namespace nmcx
