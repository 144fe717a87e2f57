// Linear and quadratic simplices for displacements: gradients, exact integrals, Voigt notation.
#pragma once

#include <array>
#include <cstddef>

#include "nmcx/fem/element.hpp"

namespace nmcx {

/// Voigt's number of a pair of axes: 11, 22, 33, 23, 13, 12.
inline constexpr std::array<std::array<std::size_t, 3>, 3> voigt{{{0, 5, 4}, {5, 1, 3}, {4, 3, 2}}};

/// Voigt's numbers of what a mesh of the plane leaves out: 33, 23, 13.
inline constexpr std::array<std::size_t, 3> out_of_plane{2, 3, 4};

/// Six numbers of a symmetric tensor: stress, or strain with engineering shears.
using Voigt = std::array<double, 6>;

/// Corners at the ends of the edges that midside nodes lie on.
inline constexpr std::array<std::array<std::size_t, 2>, 6> edge_corners{
    {{0, 1}, {1, 2}, {2, 0}, {0, 3}, {1, 3}, {2, 3}}};

template <std::size_t d>
using Barycentric = std::array<double, d + 1>;

/// d + 1 points of equal weight at which quadratic functions are integrated exactly (A. H. Stroud,
/// Approximate Calculation of Multiple Integrals, 1971).
template <std::size_t d>
constexpr std::array<Barycentric<d>, d + 1> quadrature_points() {
  constexpr double near = d == 2 ? 2.0 / 3 : 0.58541019662496845446;  // (5 + 3 √5) / 20
  constexpr double far = (1 - near) / d;
  std::array<Barycentric<d>, d + 1> points{};
  for (std::size_t q = 0; q <= d; ++q) {
    for (std::size_t i = 0; i <= d; ++i) points[q][i] = i == q ? near : far;
  }
  return points;
}

template <std::size_t d>
constexpr Barycentric<d> centroid() {
  Barycentric<d> place{};
  place.fill(1.0 / (d + 1));
  return place;
}

/// Gradients [1/m] of the shape functions of a cell of n nodes at a place in it.
template <std::size_t d, std::size_t n>
std::array<Vector<d>, n> shape_gradients(const Simplex<d>& s, const Barycentric<d>& place) {
  if constexpr (n == d + 1) {
    return s.gradients;
  } else {
    std::array<Vector<d>, n> result;
    for (std::size_t i = 0; i <= d; ++i) {
      for (std::size_t k = 0; k < d; ++k) result[i][k] = ((4 * place[i]) - 1) * s.gradients[i][k];
    }
    for (std::size_t e = 0; e + d + 1 < n; ++e) {
      const auto [a, b] = edge_corners[e];
      for (std::size_t k = 0; k < d; ++k) {
        result[d + 1 + e][k] =
            4 * ((place[a] * s.gradients[b][k]) + (place[b] * s.gradients[a][k]));
      }
    }
    return result;
  }
}

/// Adds to a strain what a node of given displacement and shape gradient contributes.
template <std::size_t d>
void add_strain(const Vector<d>& gradient, const double* displacement, Voigt& strain) {
  for (std::size_t a = 0; a < d; ++a) {
    for (std::size_t k = 0; k < d; ++k) strain[voigt[a][k]] += gradient[k] * displacement[a];
  }
}

/// Force on a node of given shape gradient by a stress, both per volume.
template <std::size_t d>
Vector<d> force_of(const Vector<d>& gradient, const Voigt& stress) {
  Vector<d> force{};
  for (std::size_t a = 0; a < d; ++a) {
    for (std::size_t k = 0; k < d; ++k) force[a] += gradient[k] * stress[voigt[a][k]];
  }
  return force;
}

/// Stiffness (6 × 6) times strain.
inline Voigt stress_of(const double* stiffness, const Voigt& strain) {
  Voigt stress{};
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t j = 0; j < 6; ++j) stress[i] += stiffness[(i * 6) + j] * strain[j];
  }
  return stress;
}

/// Stresses by unit displacements of a node along each axis.
template <std::size_t d>
std::array<Voigt, d> stresses_of(const double* stiffness, const Vector<d>& gradient) {
  std::array<Voigt, d> result{};
  for (std::size_t b = 0; b < d; ++b) {
    for (std::size_t i = 0; i < 6; ++i) {
      for (std::size_t k = 0; k < d; ++k) {
        result[b][i] += stiffness[(i * 6) + voigt[b][k]] * gradient[k];
      }
    }
  }
  return result;
}

/// Upper blocks of a linear tetrahedron: what the four nodes j contribute is computed side by side.
inline void add_linear_tetrahedron(const Simplex<3>& s, const double* stiffness,
                                   std::array<double, 144>& result) {
  // GCC and Clang vectors, in as many registers as the processor needs for them.
  using Nodes __attribute__((vector_size(32))) = double;
  Nodes gradient[3];
  for (std::size_t k = 0; k < 3; ++k) {
    for (std::size_t j = 0; j < 4; ++j) gradient[k][static_cast<int>(j)] = s.gradients[j][k];
  }
  for (std::size_t b = 0; b < 3; ++b) {
    // Stresses by unit displacements of the nodes along b, times the volume.
    Nodes stress[6];
    for (std::size_t i = 0; i < 6; ++i) {
      const double* row = stiffness + (i * 6);
      stress[i] = s.volume * ((row[voigt[b][0]] * gradient[0]) + (row[voigt[b][1]] * gradient[1]) +
                              (row[voigt[b][2]] * gradient[2]));
    }
    for (std::size_t i = 0; i < 4; ++i) {
      const Vector<3>& g = s.gradients[i];
      for (std::size_t a = 0; a < 3; ++a) {
        const Nodes force = (g[0] * stress[voigt[a][0]]) + (g[1] * stress[voigt[a][1]]) +
                            (g[2] * stress[voigt[a][2]]);
        for (std::size_t j = i; j < 4; ++j) {
          result[(((i * 4) + j) * 9) + (a * 3) + b] = force[static_cast<int>(j)];
        }
      }
    }
  }
}

/// ∫ Bᵀ C B of a cell: n × n blocks of d × d, all by rows.
template <std::size_t d, std::size_t n>
std::array<double, n * d * n * d> cell_stiffness(const Simplex<d>& s, const double* stiffness) {
  std::array<double, n * d * n * d> result{};
  [[maybe_unused]] const auto add = [&](const std::array<Vector<d>, n>& gradients, double weight) {
    for (std::size_t j = 0; j < n; ++j) {
      const std::array<Voigt, d> stress = stresses_of<d>(stiffness, gradients[j]);
      for (std::size_t i = 0; i <= j; ++i) {
        double* block = result.data() + (((i * n) + j) * d * d);
        for (std::size_t b = 0; b < d; ++b) {
          const Vector<d> force = force_of<d>(gradients[i], stress[b]);
          for (std::size_t a = 0; a < d; ++a) block[(a * d) + b] += weight * force[a];
        }
      }
    }
  };
  if constexpr (d == 3 && n == 4) {
    add_linear_tetrahedron(s, stiffness, result);
  } else if constexpr (n == d + 1) {
    add(s.gradients, s.volume);
  } else {
    for (const Barycentric<d>& place : quadrature_points<d>()) {
      add(shape_gradients<d, n>(s, place), s.volume / (d + 1));
    }
  }
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i < j; ++i) {
      const double* block = result.data() + (((i * n) + j) * d * d);
      double* mirrored = result.data() + (((j * n) + i) * d * d);
      for (std::size_t a = 0; a < d; ++a) {
        for (std::size_t b = 0; b < d; ++b) mirrored[(b * d) + a] = block[(a * d) + b];
      }
    }
  }
  return result;
}

}  // namespace nmcx
