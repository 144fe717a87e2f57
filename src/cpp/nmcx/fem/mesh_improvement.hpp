// Better shapes for the cells of a conforming mesh of grains, its walls kept where they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "nmcx/core/views.hpp"

namespace nmcx {

/// Where a point of the mesh may go; the ball is centred at the origin.
enum class Freedom : std::uint8_t {
  fixed,    ///< a corner where walls meet
  line,     ///< along a line in which walls meet
  wall,     ///< in the plane of its wall; with two dimensions along it
  rim,      ///< along the circle in which its wall meets the sphere
  surface,  ///< on the sphere, or on the circle around a disc
  free,     ///< anywhere inside its grain
};

struct ImprovementOptions {
  double radius = 0;           ///< of the ball
  double target = 0;           ///< sine of the angle below which a cell is worked on
  int n_pass = 0;              ///< most passes over such cells
  double floor = 0;            ///< sine of the angle below which corners may be merged
  double collapse_length = 0;  ///< longest edge that is collapsed, in units of the spacing
  std::function<bool()> poll;  ///< true stops it
};

struct ImprovedMesh {
  Array<double, 2> points;        ///< (n, d) those still in use
  Array<std::int64_t, 2> cells;   ///< (m, d + 1)
  Array<std::int64_t, 1> grain;   ///< (m,)
  Array<std::int64_t, 1> source;  ///< (n,) number that each point had
  double worst = 0;               ///< quality of the worst cell
  std::int64_t n_move = 0;        ///< accepted moves of points
  std::int64_t n_flip = 0;        ///< edges and faces replaced
  std::int64_t n_collapse = 0;    ///< edges collapsed with every wall kept in its plane
  std::int64_t n_merge = 0;       ///< corners merged, which tilts the walls about them
};

/// Works on the cells of a mesh, worst first: edges and faces are replaced, points moved as far as
/// they are free to, short edges collapsed. Each step is taken only if the worst of the cells it
/// changes gets better, so no cell is ever worse than the worst was. The quality of a cell is the
/// smallest sine of its dihedral angles (of its angles, with two dimensions), negative if it is
/// inside out.
///
/// Edges within a flat wall are replaced on both sides at once, edges of the outer surface where it
/// is the sphere of the given radius. An edge is collapsed only if the link condition holds in
/// every grain.
///
/// Sources: edge removal after L. A. Freitag and C. Ollivier-Gooch, Int. J. Numer. Methods Eng. 40
/// (1997) 3979; link condition after T. K. Dey, H. Edelsbrunner, S. Guha and D. V. Nekhayev, Publ.
/// Inst. Math. 66 (1999) 23. Order and constraints are our method.
///
/// @param points    (n, d), d = 2 or 3, in units of about an edge length
/// @param cells     (m, d + 1) of positive volume
/// @param grain     (m,)
/// @param freedom   (n,)
/// @param direction (n, d) unit tangent of a line, unit normal of the wall of a wall or rim point
/// @param spacing   (n,) wanted edge length
ImprovedMesh improve_mesh(const ArrayView<double, 2>& points,
                          const ArrayView<std::int64_t, 2>& cells,
                          const ArrayView<std::int64_t, 1>& grain,
                          const ArrayView<std::uint8_t, 1>& freedom,
                          const ArrayView<double, 2>& direction,
                          const ArrayView<double, 1>& spacing, const ImprovementOptions& options);

}  // namespace nmcx
