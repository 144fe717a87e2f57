#include "nmcx/fem/interface_element.hpp"

#include <cmath>
#include <numbers>

#include "nmcx/core/error.hpp"

namespace nmcx {
namespace {

/// A point by its barycentric coordinates; a line has two of them.
struct WeightedPoint {
  double weight;
  std::array<double, 3> at;
};
using Points = std::vector<WeightedPoint>;

Points line_points(std::size_t n_node, FacetQuadrature quadrature) {
  const auto point = [](double weight, double x) {
    return WeightedPoint{.weight = weight, .at = {1 - x, x, 0}};
  };
  if (quadrature == FacetQuadrature::nodal) {
    if (n_node == 2) return {point(0.5, 0), point(0.5, 1)};
    return {point(1.0 / 6, 0), point(1.0 / 6, 1), point(4.0 / 6, 0.5)};
  }
  if (n_node == 2) {
    const double x = 0.5 * std::numbers::inv_sqrt3;
    return {point(0.5, 0.5 - x), point(0.5, 0.5 + x)};
  }
  const double x = 0.5 * std::sqrt(0.6);
  return {point(5.0 / 18, 0.5 - x), point(5.0 / 18, 0.5 + x), point(8.0 / 18, 0.5)};
}

/// Three points (b, a, a), (a, b, a), (a, a, b).
void add_orbit(Points& points, double weight, double a) {
  const double b = 1 - (2 * a);
  points.push_back({.weight = weight, .at = {b, a, a}});
  points.push_back({.weight = weight, .at = {a, b, a}});
  points.push_back({.weight = weight, .at = {a, a, b}});
}

Points triangle_points(std::size_t n_node, FacetQuadrature quadrature) {
  Points points;
  if (quadrature == FacetQuadrature::nodal) {
    add_orbit(points, n_node == 3 ? 1.0 / 3 : 1.0 / 20, 0);
    if (n_node == 6) {
      // Midside nodes of the edges 01, 12, 20.
      points.push_back({.weight = 2.0 / 15, .at = {0.5, 0.5, 0}});
      points.push_back({.weight = 2.0 / 15, .at = {0, 0.5, 0.5}});
      points.push_back({.weight = 2.0 / 15, .at = {0.5, 0, 0.5}});
      points.push_back({.weight = 9.0 / 20, .at = {1.0 / 3, 1.0 / 3, 1.0 / 3}});
    }
    return points;
  }
  if (n_node == 3) {
    add_orbit(points, 1.0 / 3, 1.0 / 6);
    return points;
  }
  // Degree 4: Dunavant, Int. J. Numer. Meth. Eng. 21 (1985) 1129, in closed form.
  const double root = std::sqrt(38.0 - (44.0 * std::sqrt(0.4)));
  const double weight_root = std::sqrt(213125.0 - (53320.0 * std::sqrt(10.0)));
  for (const double sign : {1.0, -1.0}) {
    add_orbit(points, (620.0 + (sign * weight_root)) / 3720.0,
              (8.0 - std::sqrt(10.0) + (sign * root)) / 18.0);
  }
  return points;
}

/// Shape functions of the corners, then of the midside nodes.
void add_shapes(std::vector<double>& shape, const std::array<double, 3>& at, std::size_t n_corner,
                bool quadratic) {
  for (std::size_t i = 0; i < n_corner; ++i) {
    shape.push_back(quadratic ? at[i] * ((2 * at[i]) - 1) : at[i]);
  }
  if (!quadratic) return;
  const std::size_t n_edge = n_corner == 2 ? 1 : 3;
  for (std::size_t i = 0; i < n_edge; ++i) shape.push_back(4 * at[i] * at[(i + 1) % n_corner]);
}

}  // namespace

FacetRule facet_rule(std::size_t dimension, std::size_t n_node, FacetQuadrature quadrature) {
  const bool quadratic = n_node == 3 * (dimension - 1);
  require((dimension == 2 || dimension == 3) && (n_node == dimension || quadratic),
          "a side of a wall facet must have 2 or 3 nodes with d = 2, 3 or 6 with d = 3");
  const Points points =
      dimension == 2 ? line_points(n_node, quadrature) : triangle_points(n_node, quadrature);
  FacetRule rule{.n_node = n_node, .weight = {}, .shape = {}};
  for (const WeightedPoint& point : points) {
    rule.weight.push_back(point.weight);
    add_shapes(rule.shape, point.at, dimension, quadratic);
  }
  return rule;
}

FacetFrame<2> facet_frame(const std::array<Vector<2>, 2>& corner) {
  const double length = facet_area(corner);
  if (!(length > 0)) return {};
  const double x = (corner[1][0] - corner[0][0]) / length;
  const double y = (corner[1][1] - corner[0][1]) / length;
  return {.area = length, .rotation = {y, -x, x, y}};
}

FacetFrame<3> facet_frame(const std::array<Vector<3>, 3>& corner) {
  Vector<3> along{};
  Vector<3> other{};
  for (std::size_t k = 0; k < 3; ++k) {
    along[k] = corner[1][k] - corner[0][k];
    other[k] = corner[2][k] - corner[0][k];
  }
  Vector<3> normal = cross(along, other);
  const double twice = std::sqrt(dot<3>(normal, normal));
  const double length = std::sqrt(dot<3>(along, along));
  if (!(twice > 0)) return {};
  for (std::size_t k = 0; k < 3; ++k) {
    normal[k] /= twice;
    along[k] /= length;
  }
  const Vector<3> across = cross(normal, along);
  FacetFrame<3> frame{.area = 0.5 * twice};
  for (std::size_t k = 0; k < 3; ++k) {
    frame.rotation[k] = normal[k];
    frame.rotation[3 + k] = along[k];
    frame.rotation[6 + k] = across[k];
  }
  return frame;
}

}  // namespace nmcx
