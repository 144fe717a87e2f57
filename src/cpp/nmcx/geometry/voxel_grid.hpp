// Where voxels are: the centre of voxel (i, j, k) lies at (i dz, j dy, k dx), so that of voxel
// (0, 0, 0) is the origin.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>

#include "nmcx/core/views.hpp"

namespace nmcx {

/// Three numbers in (z, y, x) order.
using Vector3 = std::array<double, 3>;

inline double dot(const Vector3& a, const Vector3& b) {
  return (a[0] * b[0]) + (a[1] * b[1]) + (a[2] * b[2]);
}

inline Vector3 operator+(const Vector3& a, const Vector3& b) {
  return {a[0] + b[0], a[1] + b[1], a[2] + b[2]};
}

inline Vector3 operator-(const Vector3& a, const Vector3& b) {
  return {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}

inline Vector3 operator*(double factor, const Vector3& a) {
  return {factor * a[0], factor * a[1], factor * a[2]};
}

/// @throws InvalidArgument unless `values` holds three finite numbers
inline Vector3 checked_vector(const ArrayView<double, 1>& values, const char* name) {
  require(values.size() == 3 && std::isfinite(values[0]) && std::isfinite(values[1]) &&
              std::isfinite(values[2]),
          std::string(name) + " must be three finite numbers (z, y, x)");
  return {values[0], values[1], values[2]};
}

/// (dz, dy, dx). @throws InvalidArgument unless all are positive and finite
inline Vector3 checked_spacing(const ArrayView<double, 1>& spacing) {
  const Vector3 h = checked_vector(spacing, "voxel_size_um");
  require(h[0] > 0 && h[1] > 0 && h[2] > 0, "voxel_size_um must be positive (dz, dy, dx)");
  return h;
}

/// The unit vector along `direction`.
/// @throws InvalidArgument if it has no length or is not finite
inline Vector3 normalised(const Vector3& direction, const char* name) {
  // Scaled first, so that neither tiny nor huge vectors lose their length.
  const double largest =
      std::max({std::abs(direction[0]), std::abs(direction[1]), std::abs(direction[2])});
  const bool usable = largest > 0 && std::isfinite(largest) &&
                      std::isfinite(direction[0] + direction[1] + direction[2]);
  require(usable, std::string(name) + " must be finite and not (0, 0, 0)");
  const Vector3 scaled{direction[0] / largest, direction[1] / largest, direction[2] / largest};
  const double length = std::sqrt(dot(scaled, scaled));
  return {scaled[0] / length, scaled[1] / length, scaled[2] / length};
}

}  // namespace nmcx
