#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "box_mesh.hpp"
#include "nmcx/fem/elasticity.hpp"
#include "nmcx/fem/elimination_order.hpp"
#include "nmcx/fem/multifrontal.hpp"
#include "nmcx/fem/uniform_numbers.hpp"
#include "relative_difference.hpp"

namespace {

const nmcx::Execution one_thread{.threads = 1, .poll = {}};
constexpr std::size_t keep_all = std::size_t{1} << 30U;

nmcx::BlockMatrix block_matrix(const nmcx::SparsePattern& pattern, std::span<const double> values) {
  return {.pattern = &pattern, .dimension = 2, .values = values, .border = {}, .corner = {}};
}

/// A symmetric matrix of random blocks on the pattern of a mesh of boxes.
struct Random {
  box::Mesh mesh;
  std::vector<double> c = box::stiffnesses(2);
  nmcx::Elasticity elasticity;
  std::vector<double> values;
  std::unique_ptr<bool[]> fixed;
  std::vector<nmcx::Index> order;

  /// @param diagonal added to it: what rows sum up to makes the matrix positive definite
  Random(std::size_t d, std::size_t n, std::size_t mesh_order, double diagonal)
      : mesh(d, n, mesh_order, false),
        elasticity(mesh.view(), {c.data(), {2, 6, 6}},
                   d == 3 ? nmcx::PlaneState::solid : nmcx::PlaneState::plane_strain, one_thread),
        values(pattern().column.size() * d * d),
        fixed(std::make_unique<bool[]>(size())),
        order(nmcx::elimination_order(pattern(), elasticity.unknowns().positions, d)) {
    nmcx::UniformNumbers random(5);
    for (std::size_t i = 0; i < pattern().size(); ++i) {
      for (auto k = static_cast<std::size_t>(pattern().row_start[i]);
           std::cmp_less(k, pattern().row_start[i + 1]); ++k) {
        const auto j = static_cast<std::size_t>(pattern().column[k]);
        if (j > i) continue;
        const std::size_t other =
            pattern().entry(static_cast<nmcx::Index>(j), static_cast<nmcx::Index>(i));
        for (std::size_t a = 0; a < d; ++a) {
          for (std::size_t b = 0; b < (i == j ? a + 1 : d); ++b) {
            const double value = random() + (i == j && a == b ? diagonal : 0);
            values[(k * d * d) + (a * d) + b] = value;
            values[(other * d * d) + (b * d) + a] = value;
          }
        }
      }
    }
  }

  [[nodiscard]] std::size_t dimension() const { return elasticity.dimension(); }
  [[nodiscard]] const nmcx::SparsePattern& pattern() const { return elasticity.pattern(); }
  [[nodiscard]] std::size_t size() const { return pattern().size() * dimension(); }
  [[nodiscard]] std::span<const bool> is_fixed() const { return {fixed.get(), size()}; }
  [[nodiscard]] nmcx::BlockMatrix matrix() const {
    return {.pattern = &pattern(),
            .dimension = dimension(),
            .values = values,
            .border = {},
            .corner = {}};
  }
  /// With fixed rows and columns those of the identity.
  [[nodiscard]] Eigen::MatrixXd dense(double shift) const {
    const auto d = static_cast<long>(dimension());
    Eigen::MatrixXd a = Eigen::MatrixXd::Zero(static_cast<long>(size()), static_cast<long>(size()));
    for (std::size_t i = 0; i < pattern().size(); ++i) {
      for (nmcx::Index k = pattern().row_start[i]; k < pattern().row_start[i + 1]; ++k) {
        using Block = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
        a.block(static_cast<long>(i) * d, pattern().column[static_cast<std::size_t>(k)] * d, d, d) =
            Eigen::Map<const Block>(values.data() + (k * d * d), d, d);
      }
    }
    a.diagonal() *= 1 + shift;
    for (long i = 0; i < a.rows(); ++i) {
      if (!fixed[static_cast<std::size_t>(i)]) continue;
      a.row(i).setZero();
      a.col(i).setZero();
      a(i, i) = 1;
    }
    return a;
  }
  void change(std::size_t node, double by) {
    const auto k = static_cast<std::size_t>(pattern().diagonal[node]);
    values[k * dimension() * dimension()] += by;
  }
  [[nodiscard]] bool factorise(nmcx::Multifrontal& factor, unsigned threads = 1,
                               double shift = 0) const {
    const nmcx::Execution execution{.threads = threads, .poll = {}};
    nmcx::Team team(execution);
    return factor.factorise(matrix(), is_fixed(), shift, team);
  }
  [[nodiscard]] std::vector<double> solution(const nmcx::Multifrontal& factor,
                                             unsigned threads = 1) const {
    std::vector<double> r(size());
    nmcx::UniformNumbers random(8);
    for (double& each : r) each = random();
    std::vector<double> z(size());
    const nmcx::Execution execution{.threads = threads, .poll = {}};
    nmcx::Team team(execution);
    factor.solve(r, z, 1, team);
    return z;
  }
};

/// Largest residual of several solutions at once, relative to the right-hand sides.
double residual(const Random& system, const nmcx::Multifrontal& factor, double shift) {
  constexpr long n_vector = 3;
  const Eigen::MatrixXd a = system.dense(shift);
  const Eigen::MatrixXd r = Eigen::MatrixXd::Random(a.rows(), n_vector);
  Eigen::MatrixXd z(a.rows(), n_vector);
  const auto n = static_cast<std::size_t>(r.size());
  const nmcx::Execution execution{.threads = 2, .poll = {}};
  nmcx::Team team(execution);
  factor.solve({r.data(), n}, {z.data(), n}, n_vector, team);
  return ((a * z) - r).norm() / (r.norm() + (a.norm() * z.norm()));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(multifrontal)

// Rounding alone is left where the matrix is positive definite; the largest has fronts of more
// columns than are eliminated at once.
BOOST_AUTO_TEST_CASE(positive_definite_matrices_are_solved_to_rounding) {
  struct Case {
    std::size_t d, n, mesh_order;
  };
  for (const auto& [d, n, mesh_order] : std::vector<Case>{
           {2, 2, 1}, {2, 6, 1}, {2, 16, 1}, {2, 4, 2}, {3, 2, 1}, {3, 8, 1}, {3, 2, 2}}) {
    for (const double shift : {0.0, 0.25}) {
      const Random system(d, n, mesh_order, 400);
      for (std::size_t i = 0; i < system.size(); i += 7) system.fixed[i] = true;
      nmcx::Multifrontal factor(system.pattern(), system.order, d, keep_all);
      BOOST_TEST(system.factorise(factor, 1, shift));
      BOOST_TEST(factor.n_negative() == 0U);
      BOOST_TEST(residual(system, factor, shift) < 1e-15);
    }
  }
}

// Sylvester: as many pivots are negative as eigenvalues, whatever the order. Without pivoting the
// factor may grow by a few orders of magnitude, and the residual with it.
BOOST_AUTO_TEST_CASE(negative_pivots_are_as_many_as_negative_eigenvalues) {
  for (const std::size_t d : {2U, 3U}) {
    for (const double diagonal : {-400.0, -3.0, 0.5, 3.0}) {
      const Random system(d, 4, 1, diagonal);
      for (std::size_t i = 0; i < 20; ++i) system.fixed[i] = true;
      nmcx::Multifrontal factor(system.pattern(), system.order, d, keep_all);
      BOOST_TEST(system.factorise(factor));
      const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> modes(system.dense(0),
                                                                 Eigen::EigenvaluesOnly);
      const auto n_negative = (modes.eigenvalues().array() < 0).count();
      BOOST_TEST(n_negative > 0);
      BOOST_TEST(factor.n_negative() == static_cast<std::size_t>(n_negative));
      BOOST_TEST(residual(system, factor, 0) < 1e-10);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_few_other_entries_renew_few_fronts_and_give_the_bits_of_a_whole_factor) {
  for (const std::size_t d : {2U, 3U}) {
    Random system(d, d == 2 ? 24 : 7, 1, 400);
    nmcx::Multifrontal factor(system.pattern(), system.order, d, keep_all);
    nmcx::Multifrontal unkept(system.pattern(), system.order, d, 0);
    // What the first factorisation leaves is not kept yet.
    for (const std::size_t n_renewed : {factor.n_front(), factor.n_front(), 0UL}) {
      BOOST_TEST(system.factorise(factor));
      BOOST_TEST(factor.n_renewed() == n_renewed);
    }
    for (const std::size_t node : {0UL, system.pattern().size() / 2, system.pattern().size() - 1}) {
      system.change(node, 0.1);
      BOOST_TEST(system.factorise(factor));
      BOOST_TEST(factor.n_renewed() > 0U);
      BOOST_TEST(2 * factor.n_renewed() < factor.n_front());
      nmcx::Multifrontal whole(system.pattern(), system.order, d, keep_all);
      BOOST_TEST(system.factorise(whole));
      BOOST_TEST((system.solution(factor) == system.solution(whole)));
      BOOST_TEST(system.factorise(unkept));
      BOOST_TEST(unkept.n_renewed() == unkept.n_front());
      BOOST_TEST((system.solution(unkept) == system.solution(whole)));
    }
    // Another shift changes every front that has a diagonal, which is each.
    BOOST_TEST(system.factorise(factor, 1, 0.25));
    BOOST_TEST(factor.n_renewed() == factor.n_front());
  }
}

BOOST_AUTO_TEST_CASE(threads_change_no_bit) {
  for (const std::size_t d : {2U, 3U}) {
    const Random system(d, d == 2 ? 40 : 10, 1, 400);
    nmcx::Multifrontal factor(system.pattern(), system.order, d, keep_all);
    BOOST_TEST(system.factorise(factor));
    const std::vector<double> one = system.solution(factor);
    for (const unsigned threads : {2U, 3U}) {
      nmcx::Multifrontal other(system.pattern(), system.order, d, keep_all);
      BOOST_TEST(system.factorise(other, threads));
      BOOST_TEST((system.solution(other, threads) == one));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_bad_pivot_is_told_and_the_next_factor_is_whole_again) {
  Random system(2, 8, 1, 400);
  nmcx::Multifrontal factor(system.pattern(), system.order, 2, keep_all);
  BOOST_TEST(system.factorise(factor));
  const std::vector<double> good = system.solution(factor);
  const std::vector<double> before = system.values;
  system.change(3, std::numeric_limits<double>::quiet_NaN());
  BOOST_TEST(!system.factorise(factor));
  system.values.assign(before.size(), 0.0);
  BOOST_TEST(!system.factorise(factor));
  system.values = before;
  BOOST_TEST(system.factorise(factor));
  BOOST_TEST((system.solution(factor) == good));
}

BOOST_AUTO_TEST_CASE(no_node_and_single_ones_are_factorised) {
  const nmcx::SparsePattern empty{.row_start = {0}, .column = {}, .diagonal = {}};
  nmcx::Multifrontal nothing(empty, {}, 2, keep_all);
  nmcx::Team team(one_thread);
  BOOST_TEST(nothing.factorise(block_matrix(empty, {}), {}, 0, team));
  nothing.solve({}, {}, 1, team);
  BOOST_TEST(nothing.n_negative() == 0U);

  // Two nodes that do not meet: [[2, 1], [1, -3]] each.
  const nmcx::SparsePattern two{.row_start = {0, 1, 2}, .column = {0, 1}, .diagonal = {0, 1}};
  const std::array<nmcx::Index, 2> order{1, 0};
  nmcx::Multifrontal factor(two, order, 2, keep_all);
  const std::array<double, 8> values{2, 1, 1, -3, 2, 1, 1, -3};
  const auto fixed = std::make_unique<bool[]>(4);
  BOOST_TEST(factor.factorise(block_matrix(two, values), {fixed.get(), 4}, 0, team));
  BOOST_TEST(factor.n_negative() == 2U);
  const std::vector<double> r{3, -2, 5, 6};
  std::vector<double> z(4);
  factor.solve(r, z, 1, team);
  const std::vector<double> exact{1, 1, 3, -1};
  BOOST_TEST(relative_difference(z, exact) < 1e-15);
}

BOOST_AUTO_TEST_SUITE_END()
