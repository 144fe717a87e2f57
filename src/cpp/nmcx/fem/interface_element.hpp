// Facets of zero thickness between two grains: shape functions, quadrature and local axes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nmcx/fem/element.hpp"

namespace nmcx {

/// Where traction is evaluated on a facet.
enum class FacetQuadrature : std::uint8_t {
  /// At the nodes (Newton–Cotes), so that stiff boundaries do not make tractions oscillate: ends,
  /// Simpson's three points, the corners of a triangle; on a quadratic triangle its six nodes and
  /// its centre (weights 1/20, 2/15, 9/20), because its nodes alone leave corners without weight.
  nodal,
  /// Inside, exact for the product of two shape functions: 2, 3, 3 and 6 points.
  gauss,
};

/// Shape functions of one side at the points of a quadrature rule.
struct FacetRule {
  std::size_t n_node = 0;      ///< of one side
  std::vector<double> weight;  ///< (q), positive, of sum 1
  std::vector<double> shape;   ///< (q × n_node)

  [[nodiscard]] std::size_t n_point() const { return weight.size(); }
  [[nodiscard]] std::span<const double> at(std::size_t point) const {
    return {shape.data() + (point * n_node), n_node};
  }
};

/// Rule of a facet with `n_node` nodes in one side: 2 or 3 in d = 2, 3 or 6 in d = 3. Corners come
/// first, then the midside nodes of the edges 01 (, 12, 20).
/// @throws InvalidArgument for another number of nodes
FacetRule facet_rule(std::size_t dimension, std::size_t n_node, FacetQuadrature quadrature);

/// Area and axes of a flat facet; rows of the rotation are the normal, from the first side to the
/// second, and the directions of sliding. The first of these follows the edge from corner 0 to 1.
template <std::size_t d>
struct FacetFrame {
  double area = 0;  ///< [m²], its length [m] for d = 2; zero where the corners lie on a line
  Tensor<d> rotation{};
};

/// Frame of a facet from its corners, which turn about the normal (d = 3) or have it to their right
/// (d = 2), as those of a cell's outer facets do.
FacetFrame<2> facet_frame(const std::array<Vector<2>, 2>& corner);
FacetFrame<3> facet_frame(const std::array<Vector<3>, 3>& corner);

}  // namespace nmcx
