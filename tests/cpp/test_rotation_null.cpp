#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>
#include <vector>

#include "nmcx/geometry/cap_means.hpp"
#include "nmcx/geometry/distance_classes.hpp"
#include "nmcx/geometry/nearest_direction.hpp"
#include "nmcx/geometry/rotation_null.hpp"

namespace {

nmcx::Array<double, 2> random_directions(std::size_t n, std::mt19937& random) {
  std::normal_distribution<double> normal;
  nmcx::Array<double, 2> result({n, 3});
  for (std::size_t i = 0; i < n; ++i) {
    const nmcx::Vector3 unit =
        nmcx::normalised({normal(random), normal(random), normal(random)}, "direction");
    std::copy(unit.begin(), unit.end(), result.data() + (3 * i));
  }
  return result;
}

nmcx::Array<double, 2> random_columns(std::size_t n, std::size_t n_column, std::mt19937& random) {
  std::normal_distribution<double> normal;
  nmcx::Array<double, 2> result({n, n_column});
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = normal(random);
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rotation_null)

BOOST_AUTO_TEST_CASE(the_nearest_direction_is_the_one_a_search_finds) {
  std::mt19937 random(1);
  for (const std::size_t n : {1U, 3U, 50U, 2000U}) {
    const nmcx::Array<double, 2> directions = random_directions(n, random);
    const nmcx::NearestDirection nearest(directions.view());
    const nmcx::Array<double, 2> places = random_directions(500, random);
    for (std::size_t p = 0; p < 500; ++p) {
      const nmcx::Vector3 place{places[3 * p], places[(3 * p) + 1], places[(3 * p) + 2]};
      double best = -2;
      for (std::size_t i = 0; i < n; ++i) {
        best = std::max(best, nmcx::dot(place, {directions[3 * i], directions[(3 * i) + 1],
                                                directions[(3 * i) + 2]}));
      }
      BOOST_TEST(nearest(place).cosine == best, boost::test_tools::tolerance(1e-12));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_patch_that_carries_the_field_itself_correlates_fully_where_it_lies) {
  std::mt19937 random(2);
  const nmcx::Array<double, 2> directions = random_directions(300, random);
  const nmcx::Array<double, 2> field = random_columns(300, 3, random);
  const nmcx::Array<double, 2> weights({300, 3}, 1.0);
  nmcx::Array<double, 3> rotations({40, 3, 3}, 0.0);
  std::uniform_real_distribution<double> angle(0.3, 3.0);
  for (std::size_t r = 0; r < 40; ++r) {
    const double turn = r == 0 ? 0 : angle(random);
    double* m = rotations.data() + (9 * r);
    m[0] = 1;
    m[4] = m[8] = std::cos(turn);
    m[5] = -std::sin(turn);
    m[7] = std::sin(turn);
  }
  const nmcx::ArrayView<double, 3> none{.data = nullptr, .shape = {0, 300, 3}};
  const auto turned = nmcx::rotation_null(field.view(), directions.view(),
                                          {directions.view(), field.view(), weights.view(), none},
                                          rotations.view(), {.threads = 4, .poll = {}});
  for (std::size_t column = 0; column < 3; ++column) {
    BOOST_TEST(turned.correlation[column] == 1.0, boost::test_tools::tolerance(1e-9));
    // White noise turned away from itself: 300 pairs spread r by 0.06.
    for (std::size_t r = 1; r < 40; ++r) {
      BOOST_TEST(std::abs(turned.correlation[(3 * r) + column]) < 0.3);
    }
  }
}

BOOST_AUTO_TEST_CASE(where_it_lies_the_correlation_is_that_of_the_pairs) {
  // Of quantities in different units: each is divided by its own spread.
  std::mt19937 random(3);
  constexpr std::size_t n = 200;
  const nmcx::Array<double, 2> directions = random_directions(n, random);
  const nmcx::Array<double, 2> field = random_columns(n, 2, random);
  nmcx::Array<double, 2> values = random_columns(n, 2, random);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 3 + 5 * values[i] - 4 * field[i];
  const nmcx::Array<double, 2> weights({n, 2}, 1.0);
  nmcx::Array<double, 3> rotations({1, 3, 3}, 0.0);
  for (const std::size_t i : {0U, 4U, 8U}) rotations[i] = 1;
  const nmcx::ArrayView<double, 3> none{.data = nullptr, .shape = {0, n, 2}};
  const auto found = nmcx::rotation_null(field.view(), directions.view(),
                                         {directions.view(), values.view(), weights.view(), none},
                                         rotations.view(), {.threads = 1, .poll = {}});
  for (std::size_t column = 0; column < 2; ++column) {
    double f = 0, v = 0, ff = 0, vv = 0, fv = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double a = field[(2 * i) + column];
      const double b = values[(2 * i) + column];
      f += a;
      v += b;
      ff += a * a;
      vv += b * b;
      fv += a * b;
    }
    const double expected = (fv - f * v / n) / std::sqrt((ff - f * f / n) * (vv - v * v / n));
    BOOST_TEST(std::abs(expected) < 0.8);
    BOOST_TEST(found.correlation[column] == expected, boost::test_tools::tolerance(1e-9));
  }
}

BOOST_AUTO_TEST_CASE(wrong_shapes_are_refused) {
  std::mt19937 random(3);
  const nmcx::Array<double, 2> directions = random_directions(10, random);
  const nmcx::Array<double, 2> columns = random_columns(10, 2, random);
  const nmcx::Array<double, 2> other = random_columns(9, 2, random);
  const nmcx::Array<double, 1> weights({10}, 1.0);
  const nmcx::Array<double, 1> cosines({1}, 0.5);
  BOOST_CHECK_THROW(nmcx::cap_means(directions.view(), columns.view(), weights.view(),
                                    directions.view(), cosines.view(), {}),
                    nmcx::InvalidArgument);
  BOOST_CHECK_THROW(nmcx::distance_classes(directions.view(), other.view(), 5, {}),
                    nmcx::InvalidArgument);
  BOOST_CHECK_THROW(nmcx::distance_classes(directions.view(), columns.view(), 1, {}),
                    nmcx::InvalidArgument);
  const nmcx::Array<double, 2> nothing({0, 3});
  BOOST_CHECK_THROW(nmcx::NearestDirection{nothing.view()}, nmcx::InvalidArgument);
}

BOOST_AUTO_TEST_SUITE_END()
