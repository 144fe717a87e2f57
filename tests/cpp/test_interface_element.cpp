#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>

#include "nmcx/fem/interface_element.hpp"

using boost::test_tools::tolerance;
using nmcx::FacetQuadrature;

BOOST_AUTO_TEST_SUITE(interface_element)

BOOST_AUTO_TEST_CASE(rules_have_positive_weights_and_integrate_what_they_should) {
  // ∫ x^a y^b over the triangle of area 1 is 2 a! b! / (a + b + 2)!, over the line 1 / (a + 1).
  const auto factorial = [](int n) { return std::tgamma(n + 1.0); };
  struct Row {
    std::size_t dimension, n_node;
    FacetQuadrature quadrature;
    int degree;
  };
  for (const Row& row :
       {Row{2, 2, FacetQuadrature::nodal, 1}, Row{2, 3, FacetQuadrature::nodal, 3},
        Row{2, 2, FacetQuadrature::gauss, 3}, Row{2, 3, FacetQuadrature::gauss, 5},
        Row{3, 3, FacetQuadrature::nodal, 1}, Row{3, 6, FacetQuadrature::nodal, 3},
        Row{3, 3, FacetQuadrature::gauss, 2}, Row{3, 6, FacetQuadrature::gauss, 4}}) {
    const nmcx::FacetRule rule = nmcx::facet_rule(row.dimension, row.n_node, row.quadrature);
    BOOST_TEST(*std::ranges::min_element(rule.weight) > 0);
    const std::size_t n_corner = row.dimension;
    const auto coordinate = [&](std::size_t point, std::size_t axis) {
      // x belongs to corner 1, y to corner 2; midside nodes have the mean of their ends.
      const auto shape = rule.at(point);
      double x = shape[axis + 1];
      if (row.n_node == 3 && row.dimension == 2) x += 0.5 * shape[2];
      if (row.n_node == 6) x += 0.5 * (shape[3 + axis] + shape[4 + axis]);
      return x;
    };
    for (int a = 0; a <= row.degree; ++a) {
      for (int b = 0; b <= (n_corner == 2 ? 0 : row.degree - a); ++b) {
        double sum = 0;
        for (std::size_t p = 0; p < rule.n_point(); ++p) {
          sum += rule.weight[p] * std::pow(coordinate(p, 0), a) *
                 (n_corner == 2 ? 1 : std::pow(coordinate(p, 1), b));
        }
        const double exact =
            n_corner == 2 ? 1.0 / (a + 1) : 2 * factorial(a) * factorial(b) / factorial(a + b + 2);
        BOOST_TEST(sum == exact, tolerance(1e-14));
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
