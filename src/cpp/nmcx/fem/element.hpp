// Linear (P1) simplices: triangles for d = 2, tetrahedra for d = 3, by one code path.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

namespace nmcx {

/// Point or vector in d dimensions [m].
template <std::size_t d>
using Vector = std::array<double, d>;

/// Symmetric or full d × d tensor by rows.
template <std::size_t d>
using Tensor = std::array<double, d * d>;

/// A simplex and the constant gradients of its barycentric coordinates.
template <std::size_t d>
struct Simplex {
  double volume = 0;                         ///< [m³], its area [m²] for d = 2; signed
  std::array<Vector<d>, d + 1> gradients{};  ///< [1/m], one per corner
};

/// Simplex of a triangle's corners; gradients are not finite when the corners lie on a line.
inline Simplex<2> simplex(const std::array<Vector<2>, 3>& corner) {
  const double ax = corner[1][0] - corner[0][0];
  const double ay = corner[1][1] - corner[0][1];
  const double bx = corner[2][0] - corner[0][0];
  const double by = corner[2][1] - corner[0][1];
  const double det = (ax * by) - (ay * bx);
  const double scale = 1 / det;
  Simplex<2> s;
  s.volume = det / 2;
  s.gradients[1] = {by * scale, -bx * scale};
  s.gradients[2] = {-ay * scale, ax * scale};
  s.gradients[0] = {(ay - by) * scale, (bx - ax) * scale};
  return s;
}

/// Cross product.
inline Vector<3> cross(const Vector<3>& a, const Vector<3>& b) {
  return {(a[1] * b[2]) - (a[2] * b[1]), (a[2] * b[0]) - (a[0] * b[2]),
          (a[0] * b[1]) - (a[1] * b[0])};
}

/// Simplex of a tetrahedron's corners; gradients are not finite when the corners lie in a plane.
inline Simplex<3> simplex(const std::array<Vector<3>, 4>& corner) {
  std::array<Vector<3>, 3> edge{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t k = 0; k < 3; ++k) edge[i][k] = corner[i + 1][k] - corner[0][k];
  }
  const Vector<3> bc = cross(edge[1], edge[2]);
  const Vector<3> ca = cross(edge[2], edge[0]);
  const Vector<3> ab = cross(edge[0], edge[1]);
  const double det = (edge[0][0] * bc[0]) + (edge[0][1] * bc[1]) + (edge[0][2] * bc[2]);
  const double scale = 1 / det;
  Simplex<3> s;
  s.volume = det / 6;
  for (std::size_t k = 0; k < 3; ++k) {
    s.gradients[1][k] = bc[k] * scale;
    s.gradients[2][k] = ca[k] * scale;
    s.gradients[3][k] = ab[k] * scale;
    s.gradients[0][k] = -(s.gradients[1][k] + s.gradients[2][k] + s.gradients[3][k]);
  }
  return s;
}

template <std::size_t d>
double dot(const Vector<d>& a, const Vector<d>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < d; ++k) sum += a[k] * b[k];
  return sum;
}

/// Tensor times vector.
template <std::size_t d>
Vector<d> product(const Tensor<d>& tensor, const Vector<d>& v) {
  Vector<d> result{};
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t k = 0; k < d; ++k) result[i] += tensor[(i * d) + k] * v[k];
  }
  return result;
}

/// Length of a surface edge (d = 2) [m].
inline double facet_area(const std::array<Vector<2>, 2>& corner) {
  return std::hypot(corner[1][0] - corner[0][0], corner[1][1] - corner[0][1]);
}

/// Area of a surface triangle (d = 3) [m²].
inline double facet_area(const std::array<Vector<3>, 3>& corner) {
  Vector<3> a{};
  Vector<3> b{};
  for (std::size_t k = 0; k < 3; ++k) {
    a[k] = corner[1][k] - corner[0][k];
    b[k] = corner[2][k] - corner[0][k];
  }
  const Vector<3> normal = cross(a, b);
  return 0.5 * std::sqrt(dot<3>(normal, normal));
}

/// Gradients within a facet of the barycentric coordinates of its corners [1/m].
template <std::size_t d>
using FacetGradients = std::array<Vector<d>, d>;

inline FacetGradients<2> facet_gradients(const std::array<Vector<2>, 2>& corner) {
  const double x = corner[1][0] - corner[0][0];
  const double y = corner[1][1] - corner[0][1];
  const double square = (x * x) + (y * y);
  return {{{-x / square, -y / square}, {x / square, y / square}}};
}

inline FacetGradients<3> facet_gradients(const std::array<Vector<3>, 3>& corner) {
  std::array<Vector<3>, 3> opposite{};  // edge that faces each corner
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t k = 0; k < 3; ++k) {
      opposite[i][k] = corner[(i + 2) % 3][k] - corner[(i + 1) % 3][k];
    }
  }
  const Vector<3> normal = cross(opposite[0], opposite[1]);
  const double square = dot<3>(normal, normal);
  FacetGradients<3> gradients{};
  for (std::size_t i = 0; i < 3; ++i) {
    gradients[i] = cross(normal, opposite[i]);
    for (double& g : gradients[i]) g /= square;
  }
  return gradients;
}

}  // namespace nmcx
