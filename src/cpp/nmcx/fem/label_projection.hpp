// Nodes of a labelled mesh moved onto the walls of the image its labels come from.
#pragma once

#include <cstdint>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

namespace nmcx {

struct ProjectionOptions {
  double smoothing = 0;  ///< standard deviation of the weights of voxels, in voxels
  double edge = 0;       ///< edge length of the mesh
  double floor = 0;      ///< sine of the angle below which no cell may fall
  double target = 0;     ///< sine of the angle below which the nodes of a cell are worked on
  int n_sweep = 0;       ///< visits of each node
  int n_settle = 0;      ///< of these the last, without smoothing along walls
};

struct ProjectedMesh {
  Array<double, 2> points;    ///< (n, D)
  Array<double, 1> distance;  ///< (n,) to the wall or line a node belongs to, 0 inside of grains
};

/// Moves nodes between cells of different labels to where these labels' fields meet: onto a
/// surface between two labels, a line between three, a point between more. Nodes of walls are
/// spread evenly along them, nodes inside of grains make room. A move is halved until no cell is
/// below `floor`, or at least none is worse than it was; so the smallest angle of a mesh that
/// begins above stays above. Nodes on the outer boundary of the mesh keep their places.
/// (Our method.)
///
/// Nodes that share no cell are moved at a time: same result on any number of threads.
///
/// @param points  (n, D) along the axes of the image
/// @param cells   (m, D + 1) of positive volume
/// @param label   (m,) 0 where void
/// @param labels, spacing  see `label_lattice`
ProjectedMesh project_labels(const ArrayView<double, 2>& points,
                             const ArrayView<std::int64_t, 2>& cells,
                             const ArrayView<std::int64_t, 1>& label,
                             const ArrayView<std::int32_t, 3>& labels,
                             const ArrayView<double, 1>& spacing, const ProjectionOptions& options,
                             const Execution& execution = {});

}  // namespace nmcx
