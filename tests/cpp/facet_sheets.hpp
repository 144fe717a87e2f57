// Sheets of facets that stand alone, for the tests of interface elements.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nmcx/fem/cohesive_walls.hpp"

namespace sheets {

using nmcx::CohesiveWalls;
using nmcx::FacetQuadrature;
using nmcx::Vector;

inline nmcx::CohesiveLaw stiff_law() {
  return {.stiffness = 1e18,
          .strength = 200e6,
          .fracture_energy = 1,
          .shear_strength = 300e6,
          .shear_fracture_energy = 2};
}

/// Facets of one flat side in d dimensions, cut: every node occurs once per side.
template <std::size_t d>
struct Sheet {
  std::vector<double> side;          ///< (n × d) positions of the first side's nodes
  std::vector<std::int64_t> facets;  ///< (k × m)
  std::size_t m = d;

  [[nodiscard]] std::size_t n_side() const { return side.size() / d; }
  [[nodiscard]] std::vector<double> positions() const {
    std::vector<double> both = side;
    both.insert(both.end(), side.begin(), side.end());
    return both;
  }
  [[nodiscard]] std::vector<std::int64_t> rows() const {
    std::vector<std::int64_t> result;
    for (std::size_t f = 0; f < facets.size() / m; ++f) {
      for (std::size_t i = 0; i < 2 * m; ++i) {
        result.push_back(facets[(f * m) + (i % m)] +
                         (i < m ? 0 : static_cast<std::int64_t>(n_side())));
      }
    }
    return result;
  }
  [[nodiscard]] CohesiveWalls walls(FacetQuadrature quadrature,
                                    const nmcx::CohesiveLaw& law = stiff_law()) const {
    const std::vector<double> points = positions();
    const std::vector<std::int64_t> all = rows();
    const std::vector<std::int64_t> which(facets.size() / m, 0);
    return {{points.data(), {points.size() / d, d}},
            {all.data(), {all.size() / (2 * m), 2 * m}},
            {law},
            {which.data(), {which.size()}},
            quadrature};
  }
  /// Displacement of the second side by a function of the position, the first at rest.
  template <class Function>
  [[nodiscard]] std::vector<double> opened(const Function& function) const {
    std::vector<double> u(2 * side.size(), 0.0);
    for (std::size_t i = 0; i < n_side(); ++i) {
      Vector<d> x{};
      std::copy_n(side.data() + (i * d), d, x.begin());
      const Vector<d> apart = function(x);
      std::copy_n(apart.begin(), d, u.data() + side.size() + (i * d));
    }
    return u;
  }
};

/// Any direction: turned by Rodrigues' formula about (1, 2, 3).
template <std::size_t d>
Vector<d> turned(const Vector<d>& x) {
  constexpr double angle = 0.8;
  if constexpr (d == 2) {
    return {(std::cos(angle) * x[0]) - (std::sin(angle) * x[1]),
            (std::sin(angle) * x[0]) + (std::cos(angle) * x[1])};
  } else {
    const double length = std::sqrt(14.0);
    const Vector<3> axis{1 / length, 2 / length, 3 / length};
    const Vector<3> side = nmcx::cross(axis, x);
    Vector<3> result{};
    for (std::size_t k = 0; k < 3; ++k) {
      result[k] = (std::cos(angle) * x[k]) + (std::sin(angle) * side[k]) +
                  ((1 - std::cos(angle)) * nmcx::dot<3>(axis, x) * axis[k]);
    }
    return result;
  }
}

/// Two edges of different length, with midside nodes if m is 3.
inline Sheet<2> line(std::size_t m) {
  Sheet<2> sheet{.side = {}, .facets = {0, 1, 1, 2}, .m = m};
  std::vector<double> along{0, 1e-7, 2.5e-7};
  if (m == 3) {
    along.insert(along.end(), {0.5e-7, 1.75e-7});
    sheet.facets = {0, 1, 3, 1, 2, 4};
  }
  for (const double x : along) {
    const Vector<2> at = turned<2>({x, 3e-7});
    sheet.side.insert(sheet.side.end(), at.begin(), at.end());
  }
  return sheet;
}

/// A square of two triangles, with midside nodes if m is 6.
inline Sheet<3> square(std::size_t m) {
  Sheet<3> sheet{.side = {}, .facets = {0, 1, 2, 0, 2, 3}, .m = m};
  std::vector<Vector<3>> at{{0, 0, 0}, {1e-7, 0, 0}, {1e-7, 2e-7, 0}, {0, 2e-7, 0}};
  if (m == 6) {
    const std::vector<std::array<std::size_t, 2>> ends{{0, 1}, {1, 2}, {2, 0}, {2, 3}, {3, 0}};
    for (const auto& [a, b] : ends) {
      Vector<3> middle{};
      for (std::size_t k = 0; k < 3; ++k) middle[k] = 0.5 * (at[a][k] + at[b][k]);
      at.push_back(middle);
    }
    sheet.facets = {0, 1, 2, 4, 5, 6, 0, 2, 3, 6, 7, 8};
  }
  for (const Vector<3>& x : at) {
    const Vector<3> there = turned<3>(x);
    sheet.side.insert(sheet.side.end(), there.begin(), there.end());
  }
  return sheet;
}

template <class Check>
void on_every_sheet(const Check& check) {
  for (const auto quadrature : {FacetQuadrature::nodal, FacetQuadrature::gauss}) {
    check(line(2), quadrature);
    check(line(3), quadrature);
    check(square(3), quadrature);
    check(square(6), quadrature);
  }
}

template <std::size_t d>
constexpr double sheet_area() {
  return d == 2 ? 2.5e-7 : 2e-14;
}

/// Normal of the sheets: to the right of the line, up from the square.
template <std::size_t d>
Vector<d> sheet_normal() {
  if constexpr (d == 2) {
    return turned<2>({0, -1});
  } else {
    return turned<3>({0, 0, 1});
  }
}

}  // namespace sheets
