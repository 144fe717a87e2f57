#include <Eigen/Dense>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "box_mesh.hpp"
#include "nmcx/core/error.hpp"
#include "nmcx/fem/elastic_equilibrium.hpp"
#include "nmcx/fem/elasticity.hpp"

namespace {

using nmcx::PlaneState;

constexpr double none = std::numeric_limits<double>::quiet_NaN();
const nmcx::Execution one_thread{.threads = 1, .poll = {}};

struct Case {
  std::size_t d;
  std::size_t order;
  PlaneState plane;
};
const std::vector<Case> cases{{2, 1, PlaneState::generalised_plane_strain},
                              {2, 2, PlaneState::generalised_plane_strain},
                              {2, 1, PlaneState::plane_strain},
                              {2, 2, PlaneState::plane_stress},
                              {3, 1, PlaneState::solid},
                              {3, 2, PlaneState::solid}};

nmcx::ArrayView<double, 2> rows(const std::vector<double>& values, std::size_t width) {
  return {values.data(), {values.size() / width, width}};
}

/// Strain of u = G x in the plane or in space, engineering shears.
std::array<double, 6> strain_of(const Eigen::Matrix3d& g) {
  return {g(0, 0), g(1, 1), g(2, 2), g(1, 2) + g(2, 1), g(0, 2) + g(2, 0), g(0, 1) + g(1, 0)};
}

Eigen::Matrix3d some_gradient(std::size_t d) {
  Eigen::Matrix3d g;
  g << 1.1e-3, -2.3e-3, 0.7e-3, 0.4e-3, -1.7e-3, 1.9e-3, -0.6e-3, 0.2e-3, 0.9e-3;
  if (d == 2) {
    g.row(2).setZero();
    g.col(2).setZero();
  }
  return g;
}

std::vector<double> affine(const box::Mesh& mesh, const Eigen::Matrix3d& g) {
  std::vector<double> u(mesh.points.size());
  for (std::size_t i = 0; i < mesh.n_node(); ++i) {
    for (std::size_t a = 0; a < mesh.d; ++a) {
      for (std::size_t k = 0; k < mesh.d; ++k) {
        u[(i * mesh.d) + a] +=
            g(static_cast<long>(a), static_cast<long>(k)) * mesh.points[(i * mesh.d) + k];
      }
    }
  }
  return u;
}

bool is_on_rim(const box::Mesh& mesh, std::size_t node) {
  for (std::size_t k = 0; k < mesh.d; ++k) {
    const double x = mesh.points[(node * mesh.d) + k];
    if (x < 1e-9 || x > 1 - 1e-9) return true;
  }
  return false;
}

void fails(const box::Mesh& mesh, const std::vector<double>& c, PlaneState plane,
           const std::string& words) {
  BOOST_CHECK_EXCEPTION(
      nmcx::Elasticity(mesh.view(), {c.data(), {c.size() / 36, 6, 6}}, plane, one_thread),
      nmcx::InvalidArgument, [&](const nmcx::InvalidArgument& error) {
        BOOST_TEST_MESSAGE(error.what());
        return std::string(error.what()).find(words) != std::string::npos;
      });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(elasticity)

// A crystal whose rim follows an affine motion has the same strain everywhere, in every cell of an
// irregular mesh and whatever its symmetry; rounding of some hundred unknowns is below 1e-12.
BOOST_AUTO_TEST_CASE(an_affine_rim_strains_all_cells_alike) {
  for (const Case& each : cases) {
    const box::Mesh mesh(each.d, 4, each.order);
    std::vector<double> c = box::stiffnesses(1);
    c.insert(c.end(), c.begin(), c.begin() + 36);  // one crystal in both grains
    const nmcx::Elasticity elasticity(mesh.view(), {c.data(), {2, 6, 6}}, each.plane, one_thread);
    const Eigen::Matrix3d g = some_gradient(each.d);
    const std::vector<double> u = affine(mesh, g);
    std::vector<double> fixed(u.size(), none);
    for (std::size_t i = 0; i < mesh.n_node(); ++i) {
      if (!is_on_rim(mesh, i)) continue;
      for (std::size_t k = 0; k < each.d; ++k) fixed[(i * each.d) + k] = u[(i * each.d) + k];
    }
    const std::vector<double> lattice(elasticity.n_corner() * 6, 0.0);
    const std::vector<double> force(u.size(), 0.0);
    const auto found = nmcx::elastic_equilibrium(
        elasticity, {rows(lattice, 6), rows(fixed, each.d), rows(force, each.d)}, {}, one_thread);
    for (std::size_t i = 0; i < u.size(); ++i) {
      BOOST_TEST(std::abs(found.displacement[i] - u[i]) < 1e-12 * 3e-3);
    }
    // Out of the plane: no stress where the section is free, no strain where it is held.
    const Eigen::Matrix<double, 6, 6, Eigen::RowMajor> stiffness =
        Eigen::Map<const Eigen::Matrix<double, 6, 6, Eigen::RowMajor>>(c.data());
    const auto given = strain_of(g);
    Eigen::Matrix<double, 6, 1> strain =
        Eigen::Map<const Eigen::Matrix<double, 6, 1>>(given.data());
    if (each.d == 2 && each.plane != PlaneState::plane_strain) {
      const Eigen::Vector3i across(2, 3, 4);
      const Eigen::Vector3i within(0, 1, 5);
      const Eigen::Vector3d free =
          -stiffness(across, across).inverse() * stiffness(across, within) * strain(within);
      strain(across) = free;
    }
    const Eigen::Matrix<double, 6, 1> stress = stiffness * strain;
    for (std::size_t cell = 0; cell < elasticity.n_cell(); ++cell) {
      for (long v = 0; v < 6; ++v) {
        const double off = found.state.stress[(cell * 6) + static_cast<std::size_t>(v)] - stress[v];
        BOOST_TEST(std::abs(off) < 1e-11 * stress.cwiseAbs().maxCoeff());
      }
    }
    const double energy = 0.5 * stress.dot(strain);  // of a unit volume
    BOOST_TEST(found.state.stored_energy == energy, boost::test_tools::tolerance(1e-11));
  }
}

// A free crystal takes any uniform lattice strain without stress. Stresses of the order C ε*
// cancel: what is left is the tolerance of the solver.
BOOST_AUTO_TEST_CASE(a_free_crystal_shrinks_without_stress) {
  for (const Case& each : cases) {
    if (each.plane == PlaneState::plane_strain) continue;  // which hinders it
    const box::Mesh mesh(each.d, 4, each.order);
    std::vector<double> c = box::stiffnesses(1);
    c.insert(c.end(), c.begin(), c.begin() + 36);
    const nmcx::Elasticity elasticity(mesh.view(), {c.data(), {2, 6, 6}}, each.plane, one_thread);
    const std::array<double, 6> uniform{-0.02, 0.018, -0.007, 0.011, -0.013, 0.005};
    std::vector<double> lattice;
    for (std::size_t i = 0; i < elasticity.n_corner(); ++i) {
      lattice.insert(lattice.end(), uniform.begin(), uniform.end());
    }
    const std::vector<double> fixed(mesh.points.size(), none);
    const std::vector<double> force(mesh.points.size(), 0.0);
    const auto found = nmcx::elastic_equilibrium(
        elasticity, {rows(lattice, 6), rows(fixed, each.d), rows(force, each.d)},
        {.tolerance = 1e-13, .max_iterations = 20}, one_thread);
    for (std::size_t i = 0; i < elasticity.n_cell() * 6; ++i) {
      BOOST_TEST(std::abs(found.state.stress[i]) < 1e-11 * 3e11 * 0.02);
    }
    BOOST_TEST(found.iterations <= 4);
    if (each.plane == PlaneState::generalised_plane_strain) {
      BOOST_TEST(found.section_strain[0] == uniform[2], boost::test_tools::tolerance(1e-10));
      BOOST_TEST(found.section_strain[1] == uniform[3], boost::test_tools::tolerance(1e-10));
      BOOST_TEST(found.section_strain[2] == uniform[4], boost::test_tools::tolerance(1e-10));
    }
  }
}

// The energy's derivative by any displacement is the residual: forces and matrix belong together.
BOOST_AUTO_TEST_CASE(forces_are_the_slope_of_the_energy) {
  for (const Case& each : cases) {
    const box::Mesh mesh(each.d, 2, each.order, false);
    const std::vector<double> c = box::stiffnesses(2);
    const nmcx::Elasticity elasticity(mesh.view(), {c.data(), {2, 6, 6}}, each.plane, one_thread);
    nmcx::UniformNumbers random(5);
    std::vector<double> x(elasticity.size());
    std::vector<double> lattice(elasticity.n_corner() * 6);
    for (double& value : x) value = 1e-2 * random();
    for (double& value : lattice) value = 1e-2 * random();
    std::vector<double> residual(x.size());
    nmcx::Team team(one_thread);
    nmcx::multiply(elasticity.matrix(), x, residual, team);
    const std::vector<double> load = elasticity.load(rows(lattice, 6), one_thread);
    // Energies are quadratic, so that central differences are exact but for rounding.
    for (std::size_t i = 0; i < x.size(); i += std::max<std::size_t>(1, x.size() / 9)) {
      const double step = 1e-2;
      double energy[2];
      for (const int side : {0, 1}) {
        std::vector<double> moved = x;
        moved[i] += side == 0 ? -step : step;
        energy[side] = elasticity.state(moved, rows(lattice, 6), one_thread).stored_energy;
      }
      const double slope = (energy[1] - energy[0]) / (2 * step);
      BOOST_TEST(slope == residual[i] - load[i], boost::test_tools::tolerance(1e-8));
    }
  }
}

BOOST_AUTO_TEST_CASE(wall_matrices_act_on_the_jump_across_untied_walls) {
  for (const std::size_t order : {1U, 2U}) {
    for (const std::size_t d : {2U, 3U}) {
      const box::Mesh mesh(d, 2, order, false);
      const std::vector<double> c = box::stiffnesses(2);
      const auto plane = d == 3 ? PlaneState::solid : PlaneState::plane_strain;
      const nmcx::Elasticity elasticity(mesh.view(), {c.data(), {2, 6, 6}}, plane, one_thread);
      BOOST_TEST(elasticity.unknowns().size(d) == mesh.n_node());
      const std::size_t side = elasticity.walls().n_member / 2 * d;
      const std::size_t n_wall = elasticity.walls().size();
      BOOST_TEST(n_wall == mesh.n_interface);
      nmcx::UniformNumbers random(9);
      std::vector<double> matrices(n_wall * side * side);
      for (std::size_t w = 0; w < n_wall; ++w) {
        for (std::size_t i = 0; i < side; ++i) {
          for (std::size_t j = 0; j <= i; ++j) {
            const double value = random();
            matrices[(((w * side) + i) * side) + j] = value;
            matrices[(((w * side) + j) * side) + i] = value;
          }
        }
      }
      std::vector<double> values(elasticity.matrix().values.size(), 0.0);
      elasticity.add_wall_matrices({matrices.data(), {n_wall, side, side}}, values, one_thread);
      nmcx::BlockMatrix walls = elasticity.matrix();
      walls.values = values;
      std::vector<double> x(elasticity.size());
      for (double& value : x) value = random();
      std::vector<double> y(x.size());
      nmcx::Team team(one_thread);
      nmcx::multiply(walls, x, y, team);
      // A times the jump, on the second side; the opposite on the first.
      std::vector<double> expected(x.size(), 0.0);
      for (std::size_t w = 0; w < n_wall; ++w) {
        const auto group = elasticity.walls().group(w);
        const auto at = [&](std::size_t i, std::size_t second) {
          return (static_cast<std::size_t>(group[(i / d) + (second * side / d)]) * d) + (i % d);
        };
        for (std::size_t i = 0; i < side; ++i) {
          for (std::size_t j = 0; j < side; ++j) {
            const double force =
                matrices[(((w * side) + i) * side) + j] * (x[at(j, 1)] - x[at(j, 0)]);
            expected[at(i, 1)] += force;
            expected[at(i, 0)] -= force;
          }
        }
      }
      for (std::size_t i = 0; i < x.size(); ++i) {
        BOOST_TEST(std::abs(y[i] - expected[i]) < 1e-12);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(tied_walls_share_unknowns) {
  const box::Mesh mesh(3, 2, 2);
  const std::vector<double> c = box::stiffnesses(2);
  const nmcx::Elasticity elasticity(mesh.view(), {c.data(), {2, 6, 6}}, PlaneState::solid,
                                    one_thread);
  BOOST_TEST(elasticity.unknowns().size(3) == 125U);  // 5 × 5 × 5 nodes, midside ones counted
  BOOST_TEST(elasticity.walls().size() == 0U);
}

// 24,389 nodes: more than one range of rows is assembled, more than one chunk summed.
BOOST_AUTO_TEST_CASE(every_number_of_threads_gives_the_same_bits) {
  const box::Mesh mesh(3, 14, 2);
  const std::vector<double> c = box::stiffnesses(2);
  std::vector<std::vector<double>> found;
  for (const unsigned threads : {1U, 2U, 3U}) {
    const nmcx::Execution execution{.threads = threads, .poll = {}};
    const nmcx::Elasticity elasticity(mesh.view(), {c.data(), {2, 6, 6}}, PlaneState::solid,
                                      execution);
    nmcx::UniformNumbers random(5);
    std::vector<double> lattice(elasticity.n_corner() * 6);
    for (double& value : lattice) value = 1e-2 * random();
    const auto values = elasticity.matrix().values;
    std::vector<double> all(values.begin(), values.end());
    const auto load = elasticity.load(rows(lattice, 6), execution);
    all.insert(all.end(), load.begin(), load.end());
    const auto state = elasticity.state(load, rows(lattice, 6), execution);
    all.push_back(state.stored_energy);
    all.insert(all.end(), state.nodal_stress.data(),
               state.nodal_stress.data() + state.nodal_stress.size());
    found.push_back(all);
  }
  BOOST_TEST((found[0] == found[1] && found[0] == found[2]));
}

BOOST_AUTO_TEST_CASE(impossible_meshes_materials_and_loads_are_named) {
  const std::vector<double> c = box::stiffnesses(2);
  box::Mesh mesh(2, 2, 1);
  std::vector<double> bad = c;
  bad[36] = -1e9;
  fails(mesh, bad, PlaneState::plane_strain, "grain 1 is not positive definite");
  fails(mesh, bad, PlaneState::plane_strain, "smallest Kelvin modulus is -");
  bad = c;
  bad[1] += 1e9;
  fails(mesh, bad, PlaneState::plane_strain, "grain 0 must be symmetric");
  bad[1] = none;
  fails(mesh, bad, PlaneState::plane_strain, "grain 0 must be finite");
  fails(mesh, {c.begin(), c.begin() + 36}, PlaneState::plane_strain, "no stiffness");
  fails(mesh, c, PlaneState::solid, "plane must be");
  std::swap(mesh.cells[0], mesh.cells[1]);
  fails(mesh, c, PlaneState::plane_strain, "cell 0 has a negative volume");
  box::Mesh curved(2, 2, 2);
  curved.points.back() += 0.02;
  fails(curved, c, PlaneState::plane_strain, "not amid its edge");

  const box::Mesh good(2, 2, 1);
  const nmcx::Elasticity elasticity(good.view(), {c.data(), {2, 6, 6}}, PlaneState::plane_strain,
                                    one_thread);
  std::vector<double> lattice(elasticity.n_corner() * 6, 0.0);
  const std::vector<double> fixed(good.points.size(), none);
  std::vector<double> force(good.points.size(), 0.0);
  force[0] = 1;
  const auto solve = [&] {
    return nmcx::elastic_equilibrium(elasticity, {rows(lattice, 6), rows(fixed, 2), rows(force, 2)},
                                     {}, one_thread);
  };
  BOOST_CHECK_EXCEPTION(solve(), nmcx::InvalidArgument, [](const nmcx::InvalidArgument& error) {
    return std::string(error.what()).find("forces do not balance") != std::string::npos;
  });
  force[0] = 0;
  lattice[3] = none;
  BOOST_CHECK_THROW(solve(), nmcx::InvalidArgument);
}

BOOST_AUTO_TEST_SUITE_END()
