#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "nmcx/fem/half_matrix.hpp"

namespace {

using nmcx::Index;

/// A symmetric matrix whose rows have from none to many entries, some far from the diagonal.
struct Example {
  nmcx::Connectivity pairs{.members = {}, .n_member = 2};
  nmcx::SparsePattern pattern;
  std::vector<double> values;
  std::vector<double> diagonal;

  explicit Example(std::size_t n) : diagonal(n) {
    std::mt19937 engine(5);
    std::uniform_real_distribution<double> any(-1, 1);
    for (std::size_t i = 0; i < n; ++i) {
      pairs.members.insert(pairs.members.end(), 2, static_cast<Index>(i));
      diagonal[i] = 20 + any(engine);
      for (std::size_t k = 0; k < i % 9; ++k) {
        const std::size_t reach = k < 6 ? 40 : n;
        pairs.members.push_back(static_cast<Index>(i));
        pairs.members.push_back(static_cast<Index>((i + 1 + (engine() % reach)) % n));
      }
    }
    const nmcx::Connectivity* all[] = {&pairs};
    pattern = nmcx::sparse_pattern(n, all, {.threads = 1, .poll = {}});
    values.resize(pattern.column.size());
    for (std::size_t i = 0; i < n; ++i) {
      for (Index k = pattern.row_start[i]; k < pattern.row_start[i + 1]; ++k) {
        const auto j = static_cast<std::size_t>(pattern.column[static_cast<std::size_t>(k)]);
        if (j < i) continue;
        const double value = any(engine);
        values[static_cast<std::size_t>(k)] = value;
        values[pattern.entry(static_cast<Index>(j), static_cast<Index>(i))] = value;
      }
    }
  }
  [[nodiscard]] nmcx::SparseMatrix matrix() const {
    return {.pattern = &pattern, .values = values, .diagonal = diagonal};
  }
};

struct Product {
  std::vector<double> y;
  double energy = 0;
};

Product product(const Example& example, const std::vector<double>& x, unsigned threads) {
  const nmcx::Execution execution{.threads = threads, .poll = {}};
  nmcx::Team team(execution);
  nmcx::HalfMatrix half(example.pattern, team);
  half.set_values(example.matrix(), team);
  std::vector<double> energy(half.n_block());
  Product result{.y = std::vector<double>(x.size())};
  team.loop(half.n_block(), 1, [&](std::size_t block, std::size_t, std::size_t) {
    energy[block] = half.multiply_block(block, [&](std::size_t i, bool) { return x[i]; });
  });
  team.loop(half.n_block(), 1, [&](std::size_t block, std::size_t, std::size_t) {
    half.collect_block(block, result.y.data());
  });
  for (const double each : energy) result.energy += each;
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(half_matrix)

// One block, an exact number of blocks, and one row more.
BOOST_AUTO_TEST_CASE(a_product_is_that_of_the_whole_matrix) {
  for (const std::size_t n : {7UL, 1024UL, 3072UL, 3073UL, 5000UL}) {
    const Example example(n);
    std::vector<double> x(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = std::sin(static_cast<double>(i));
    const Product found = product(example, x, 1);
    double energy = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double expected = example.matrix().row_product(i, x.data());
      BOOST_TEST(found.y[i] == expected, boost::test_tools::tolerance(1e-12));
      energy += x[i] * expected;
    }
    // Only the order of the sums differs.
    BOOST_TEST(found.energy == energy, boost::test_tools::tolerance(1e-12));
  }
}

BOOST_AUTO_TEST_CASE(a_product_has_the_same_bits_for_any_number_of_threads) {
  const Example example(5000);
  std::vector<double> x(5000);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::cos(static_cast<double>(i));
  const Product serial = product(example, x, 1);
  for (const unsigned threads : {2U, 3U, 7U}) {
    const Product found = product(example, x, threads);
    BOOST_TEST((found.y == serial.y));
    BOOST_TEST(found.energy == serial.energy);
  }
}

BOOST_AUTO_TEST_CASE(every_row_is_asked_as_its_own_by_one_block) {
  const Example example(2500);
  const nmcx::Execution execution{.threads = 1, .poll = {}};
  nmcx::Team team(execution);
  nmcx::HalfMatrix half(example.pattern, team);
  half.set_values(example.matrix(), team);
  std::vector<int> owned(2500, 0);
  for (std::size_t block = 0; block < half.n_block(); ++block) {
    half.multiply_block(block, [&](std::size_t i, bool is_own) {
      if (is_own) {
        ++owned[i];
        BOOST_TEST((i >= half.begin(block) && i < half.begin(block + 1)));
      }
      return 1.0;
    });
  }
  for (const int times : owned) BOOST_TEST(times == 1);
}

BOOST_AUTO_TEST_SUITE_END()
