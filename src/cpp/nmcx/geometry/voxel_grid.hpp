// Where voxels are: the centre of voxel (i, j, k) lies at (i dz, j dy, k dx), so that of voxel
// (0, 0, 0) is the origin.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
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

/// A direction, or a vector in single precision.
using VectorFloat = std::array<float, 3>;

inline VectorFloat rounded(const Vector3& vector) {
  return {static_cast<float>(vector[0]), static_cast<float>(vector[1]),
          static_cast<float>(vector[2])};
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

/// The unit vector along `direction`; one that has unit length already is returned as it is.
/// @throws InvalidArgument if it has no length or is not finite
inline Vector3 normalised(Vector3 direction, const char* name) {
  double largest = 0;
  for (const double component : direction) {
    require(std::isfinite(component), std::string(name) + " must be finite");
    largest = std::max(largest, std::abs(component));
  }
  require(largest > 0, std::string(name) + " must not be (0, 0, 0)");
  if (largest < 1e-100 || largest > 1e100) {  // the square would leave the range of a double
    const int exponent = std::ilogb(largest);
    for (double& component : direction) component = std::scalbn(component, -exponent);
  }
  const double squared = dot(direction, direction);
  if (std::abs(squared - 1) <= 4 * std::numeric_limits<double>::epsilon()) return direction;
  const double length = std::sqrt(squared);
  return {direction[0] / length, direction[1] / length, direction[2] / length};
}

}  // namespace nmcx
