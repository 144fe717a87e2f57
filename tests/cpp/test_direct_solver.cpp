#include <Eigen/Dense>
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <memory>
#include <numeric>
#include <tuple>
#include <vector>

#include "box_mesh.hpp"
#include "nmcx/core/error.hpp"
#include "nmcx/fem/direct_solver.hpp"
#include "nmcx/fem/elasticity.hpp"
#include "nmcx/fem/elimination_order.hpp"
#include "nmcx/fem/nested_dissection.hpp"
#include "relative_difference.hpp"

namespace {

using nmcx::PlaneState;

const nmcx::Execution one_thread{.threads = 1, .poll = {}};

/// A box, its matrix also in dense form, and a solver with some displacements held.
struct System {
  box::Mesh mesh;
  std::vector<double> c = box::stiffnesses(2);
  nmcx::Elasticity elasticity;
  std::unique_ptr<bool[]> fixed;
  nmcx::DirectSolver solver;

  System(std::size_t d, PlaneState plane, std::size_t n_fixed)
      : mesh(d, 4, 1),
        elasticity(mesh.view(), {c.data(), {2, 6, 6}}, plane, one_thread),
        fixed(std::make_unique<bool[]>(inner())),
        solver(elasticity.pattern(), elasticity.unknowns().positions, d,
               {held(fixed.get(), n_fixed), inner()}) {
    solver.set_matrix(elasticity.matrix());
  }

  [[nodiscard]] std::size_t inner() const { return elasticity.size() - elasticity.n_border(); }
  static bool* held(bool* fixed, std::size_t n) {
    std::fill_n(fixed, n, true);
    return fixed;
  }
  [[nodiscard]] static Eigen::MatrixXd dense(const nmcx::BlockMatrix& matrix) {
    const auto n = static_cast<long>(matrix.size());
    Eigen::MatrixXd result(n, n);
    std::vector<double> unit(matrix.size());
    for (long j = 0; j < n; ++j) {
      unit.assign(matrix.size(), 0.0);
      unit[static_cast<std::size_t>(j)] = 1;
      std::vector<double> column(matrix.size());
      nmcx::Team team(one_thread);
      nmcx::multiply(matrix, unit, column, team);
      result.col(j) = Eigen::Map<Eigen::VectorXd>(column.data(), n);
    }
    return result;
  }
  [[nodiscard]] std::vector<double> some_vector(std::uint64_t seed) const {
    nmcx::UniformNumbers random(seed);
    std::vector<double> result(elasticity.size());
    for (double& value : result) value = random();
    return result;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(direct_solver)

BOOST_AUTO_TEST_CASE(the_matrix_is_symmetric_and_has_the_rigid_motions_as_kernel) {
  for (const auto& [d, plane, n_rigid] :
       {std::tuple(std::size_t{2}, PlaneState::generalised_plane_strain, 3),
        std::tuple(std::size_t{3}, PlaneState::solid, 6)}) {
    const System system(d, plane, 0);
    const Eigen::MatrixXd a = System::dense(system.elasticity.matrix());
    BOOST_TEST((a - a.transpose()).cwiseAbs().maxCoeff() < 1e-12 * a.cwiseAbs().maxCoeff());
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> modes(a);
    const double largest = modes.eigenvalues().maxCoeff();
    BOOST_TEST((modes.eigenvalues().array().abs() < 1e-12 * largest).count() == n_rigid);
    BOOST_TEST((modes.eigenvalues().array() < -1e-12 * largest).count() == 0);
    BOOST_TEST(system.solver.rigid_modes().size() == static_cast<std::size_t>(n_rigid));
  }
}

// Free bodies and held ones beside a dense solution; 2 to 4 iterations reach 1e-13.
BOOST_AUTO_TEST_CASE(solutions_are_those_of_a_dense_factorisation) {
  for (const std::size_t d : {2U, 3U}) {
    for (const std::size_t n_fixed : {0U, 1U, 20U}) {
      const auto plane = d == 3 ? PlaneState::solid : PlaneState::generalised_plane_strain;
      System system(d, plane, n_fixed);
      system.solver.prepare(one_thread);
      BOOST_TEST(system.solver.n_negative() == 0U);
      const std::size_t n_rigid = d == 3 ? 6 : 3;
      if (n_fixed <= 1) BOOST_TEST(system.solver.rigid_modes().size() == n_rigid - n_fixed);
      // Held unknowns at values of their own; forces from displacements known beforehand.
      std::vector<double> exact = system.some_vector(1);
      nmcx::Team team(one_thread);
      system.solver.rigid_modes().project(exact, team);
      std::vector<double> b(exact.size());
      nmcx::multiply(system.elasticity.matrix(), exact, b, team);
      std::vector<double> x(exact.size(), 0.0);
      for (std::size_t i = 0; i < n_fixed; ++i) x[i] = exact[i];
      const auto report =
          system.solver.solve(b, x, {.tolerance = 1e-13, .max_iterations = 9}, one_thread);
      BOOST_TEST(report.converged);
      BOOST_TEST(report.iterations <= 4U);
      // Conditioned like 1e4, a residual of 1e-13 leaves an error of 1e-9 at most.
      BOOST_TEST(relative_difference(x, exact) < 1e-9);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_old_factor_solves_with_the_new_matrix) {
  System system(2, PlaneState::generalised_plane_strain, 0);
  system.solver.prepare(one_thread);
  // One grain softer by a fifth: eigenvalues of the preconditioned matrix lie in 0.8 … 1.
  std::vector<double> softer = system.c;
  for (std::size_t i = 0; i < 36; ++i) softer[i] *= 0.8;
  const nmcx::Elasticity other(system.mesh.view(), {softer.data(), {2, 6, 6}},
                               PlaneState::generalised_plane_strain, one_thread);
  nmcx::BlockMatrix matrix = other.matrix();
  matrix.pattern = &system.elasticity.pattern();
  system.solver.set_matrix(matrix);
  std::vector<double> exact = system.some_vector(2);
  nmcx::Team team(one_thread);
  system.solver.rigid_modes().project(exact, team);
  std::vector<double> b(exact.size());
  nmcx::multiply(matrix, exact, b, team);
  std::vector<double> x(exact.size(), 0.0);
  const auto stopped =
      system.solver.solve(b, x, {.tolerance = 1e-12, .max_iterations = 2}, one_thread);
  BOOST_TEST(!stopped.converged);
  const auto report =
      system.solver.solve(b, x, {.tolerance = 1e-12, .max_iterations = 30}, one_thread);
  BOOST_TEST(report.converged);
  BOOST_TEST(report.iterations > 2U);
  BOOST_TEST(relative_difference(x, exact) < 1e-8);
}

BOOST_AUTO_TEST_CASE(negative_pivots_are_counted_and_refinement_solves_all_the_same) {
  System system(2, PlaneState::plane_strain, 20);
  const auto values = system.elasticity.matrix().values;
  std::vector<double> lowered(values.begin(), values.end());
  const nmcx::SparsePattern& pattern = system.elasticity.pattern();
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    for (std::size_t k = 0; k < 2; ++k) {
      lowered[(static_cast<std::size_t>(pattern.diagonal[i]) * 4) + (3 * k)] -= 8e10;
    }
  }
  nmcx::BlockMatrix matrix = system.elasticity.matrix();
  matrix.values = lowered;
  const Eigen::MatrixXd a = System::dense(matrix);
  const auto n_free = static_cast<long>(system.inner()) - 20;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> modes(a.bottomRightCorner(n_free, n_free));
  const auto n_negative = static_cast<std::size_t>((modes.eigenvalues().array() < 0).count());
  BOOST_TEST(n_negative > 0U);
  system.solver.set_matrix(matrix);
  system.solver.prepare(one_thread);
  BOOST_TEST(system.solver.n_negative() == n_negative);
  const std::vector<double> exact = system.some_vector(4);
  std::vector<double> b(exact.size());
  nmcx::Team team(one_thread);
  nmcx::multiply(matrix, exact, b, team);
  std::vector<double> x(exact.size(), 0.0);
  std::copy_n(exact.begin(), 20, x.begin());
  const auto report =
      system.solver.solve(b, x, {.tolerance = 1e-12, .max_iterations = 9}, one_thread);
  BOOST_TEST(report.converged);
  BOOST_TEST(relative_difference(x, exact) < 1e-8);

  // The factor of a positive definite matrix meets the negative curvature and says so.
  System stale(2, PlaneState::plane_strain, 20);
  stale.solver.prepare(one_thread);
  nmcx::BlockMatrix softened = stale.elasticity.matrix();
  softened.values = lowered;
  stale.solver.set_matrix(softened);
  std::vector<double> y(exact.size(), 0.0);
  const auto refused =
      stale.solver.solve(b, y, {.tolerance = 1e-12, .max_iterations = 500}, one_thread);
  BOOST_TEST(refused.indefinite);
  BOOST_TEST(!refused.converged);
}

// Softening walls can cancel what cells put on the diagonal. A force there of a millionth is still
// a residual of a millionth, not of its size over next to nothing.
BOOST_AUTO_TEST_CASE(residuals_are_weighed_by_stiffness_also_where_the_diagonal_cancels) {
  System system(2, PlaneState::plane_strain, 20);
  const auto values = system.elasticity.matrix().values;
  std::vector<double> cancelled(values.begin(), values.end());
  const std::size_t last = system.inner() - 1;
  cancelled[(static_cast<std::size_t>(system.elasticity.pattern().diagonal.back()) * 4) + 3] *=
      1e-12;
  nmcx::BlockMatrix matrix = system.elasticity.matrix();
  matrix.values = cancelled;
  system.solver.set_matrix(matrix);
  system.solver.prepare(one_thread);
  std::vector<double> b = system.some_vector(6);
  b[last] = 0;
  std::vector<double> x(b.size(), 0.0);
  BOOST_TEST(
      system.solver.solve(b, x, {.tolerance = 1e-12, .max_iterations = 9}, one_thread).converged);
  b[last] = 1e-6;
  const auto report = system.solver.solve(b, x, {.max_iterations = 0}, one_thread);
  BOOST_TEST(report.residual > 1e-8);
  BOOST_TEST(report.residual < 1e-5);
}

BOOST_AUTO_TEST_CASE(orders_of_elimination_are_permutations_whose_cost_is_that_of_the_factor) {
  for (const std::size_t d : {2U, 3U}) {
    const System system(d, d == 3 ? PlaneState::solid : PlaneState::plane_strain, 0);
    const nmcx::SparsePattern& pattern = system.elasticity.pattern();
    const auto& positions = system.elasticity.unknowns().positions;
    std::vector<nmcx::Index> natural(pattern.size());
    std::iota(natural.begin(), natural.end(), 0);
    const double as_it_is = nmcx::factorisation_cost(pattern, natural);
    for (const auto& order : {nmcx::nested_dissection(pattern, positions, d),
                              nmcx::elimination_order(pattern, positions, d)}) {
      std::vector<nmcx::Index> sorted = order;
      std::ranges::sort(sorted);
      BOOST_TEST(sorted == natural);
      // By elimination of a dense matrix of ones and zeros.
      const auto n = static_cast<long>(order.size());
      Eigen::MatrixXd filled = Eigen::MatrixXd::Zero(n, n);
      for (long i = 0; i < n; ++i) {
        for (long j = 0; j < n; ++j) {
          const auto row = static_cast<std::size_t>(order[static_cast<std::size_t>(i)]);
          const auto begin = pattern.column.begin() + pattern.row_start[row];
          const auto end = pattern.column.begin() + pattern.row_start[row + 1];
          filled(i, j) = std::binary_search(begin, end, order[static_cast<std::size_t>(j)]) ? 1 : 0;
        }
      }
      double cost = 0;
      for (long k = 0; k < n; ++k) {
        const Eigen::VectorXd column = filled.col(k).tail(n - k);
        cost += std::pow(column.cwiseMin(1.0).sum(), 2);
        filled.bottomRightCorner(n - k, n - k) += column * column.transpose();
        filled = filled.cwiseMin(1.0);
      }
      BOOST_TEST(nmcx::factorisation_cost(pattern, order) == cost);
      BOOST_TEST(cost < as_it_is);
    }
  }
}

BOOST_AUTO_TEST_CASE(rigid_parts_of_loads_are_seen) {
  const System system(3, PlaneState::solid, 0);
  const nmcx::RigidModes& modes = system.solver.rigid_modes();
  std::vector<double> force = system.some_vector(6);
  BOOST_TEST(modes.imbalance(force) > 1e-3);
  nmcx::Team team(one_thread);
  modes.project(force, team);
  BOOST_TEST(modes.imbalance(force) < 1e-14);
  std::vector<double> again = force;
  modes.project(again, team);
  BOOST_TEST(relative_difference(again, force) < 1e-14);
}

BOOST_AUTO_TEST_SUITE_END()
