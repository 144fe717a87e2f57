#include "nmcx/geometry/cubed_sphere.hpp"

#include <algorithm>

namespace nmcx::cubed_sphere {

namespace {

/// Undoes `warp`.
double gnomonic(double position) {
  const double from_border = position >= 0.5 ? position : 1 - position;
  const double size = ((4 * from_border * from_border) - 1) / 3;
  return position >= 0.5 ? size : -size;
}

/// Undoes `spread_bits` by taking every second bit.
std::size_t gather_bits(std::size_t bits) {
  std::size_t gathered = 0;
  for (unsigned i = 0; i < 32; ++i) gathered |= ((bits >> (2 * i)) & 1U) << i;
  return gathered;
}

/// Unit vector through (major axis, u, v), each position in 0…1.
Vector3 on_face(double u, double v) {
  const Vector3 point{1, gnomonic(u), gnomonic(v)};
  return (1 / std::sqrt(dot(point, point))) * point;
}

}  // namespace

Vector3 cell_centre(std::size_t cell, unsigned level) {
  const std::size_t face = cell >> (2 * level);
  const std::size_t within = cell - (face << (2 * level));
  const double width = 1.0 / static_cast<double>(std::size_t{1} << level);
  const Vector3 point = on_face((static_cast<double>(gather_bits(within >> 1U)) + 0.5) * width,
                                (static_cast<double>(gather_bits(within)) + 0.5) * width);
  const std::size_t axis = face / 2;
  Vector3 centre{};
  centre[axis] = face % 2 == 0 ? point[0] : -point[0];
  centre[axis == 0 ? 1 : 0] = point[1];
  centre[axis == 2 ? 1 : 2] = point[2];
  return centre;
}

double cell_radius(unsigned level) {
  // A cell is a convex spherical polygon: its farthest point is a corner. The quarter of one face
  // stands for all by symmetry.
  const std::size_t n = std::size_t{1} << level;
  const double width = 1.0 / static_cast<double>(n);
  double cosine = 1;
  for (std::size_t i = n / 2; i < n; ++i) {
    for (std::size_t j = n / 2; j <= i; ++j) {
      const double u = static_cast<double>(i) * width;
      const double v = static_cast<double>(j) * width;
      const Vector3 centre = on_face(u + (0.5 * width), v + (0.5 * width));
      for (const double du : {0.0, width}) {
        for (const double dv : {0.0, width}) {
          cosine = std::min(cosine, dot(centre, on_face(u + du, v + dv)));
        }
      }
    }
  }
  return std::acos(cosine);
}

}  // namespace nmcx::cubed_sphere
