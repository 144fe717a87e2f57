#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "facet_sheets.hpp"
#include "nmcx/core/error.hpp"
#include "nmcx/fem/cohesive_walls.hpp"

namespace {

using boost::test_tools::tolerance;
using namespace sheets;  // NOLINT(google-build-using-namespace)

const nmcx::Execution one_thread{.threads = 1, .poll = {}};

nmcx::ArrayView<double, 1> view(const std::vector<double>& values) {
  return {values.data(), {values.size()}};
}

nmcx::WallResponse evaluate(const CohesiveWalls& walls, const std::vector<double>& u,
                            const nmcx::CohesiveState& state,
                            nmcx::TangentKind tangent = nmcx::TangentKind::none) {
  return walls.evaluate(view(u), state, {.tangent = tangent}, one_thread);
}

double work(const nmcx::Array<double, 1>& force, const std::vector<double>& u) {
  double sum = 0;
  for (std::size_t i = 0; i < u.size(); ++i) sum += force[i] * u[i];
  return sum;
}

/// Opening and sliding that differ from node to node, some in contact.
std::vector<double> uneven(std::size_t n, double scale) {
  std::vector<double> u(n);
  for (std::size_t i = 0; i < n; ++i) {
    u[i] = scale * std::sin(static_cast<double>(7 * i * i + 3 * i + 1));
  }
  return u;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cohesive_walls)

BOOST_AUTO_TEST_CASE(a_rigid_motion_gives_no_force) {
  on_every_sheet([]<std::size_t d>(const Sheet<d>& sheet, FacetQuadrature quadrature) {
    const CohesiveWalls walls = sheet.walls(quadrature);
    const std::vector<double> x = sheet.positions();
    std::vector<double> u(x.size());
    // Both sides turn about the origin by a small angle and move on; they have the same positions.
    for (std::size_t i = 0; i < u.size(); i += d) {
      u[i] = 1e-6 - (0.01 * x[i + 1]);
      u[i + 1] = 2e-6 + (0.01 * x[i]);
    }
    const nmcx::WallResponse response = evaluate(walls, u, walls.initial_state());
    for (std::size_t i = 0; i < u.size(); ++i) BOOST_TEST(response.force[i] == 0);
    BOOST_TEST(response.energies.stored == 0);
  });
}

BOOST_AUTO_TEST_CASE(a_constant_separation_has_exact_forces_and_work) {
  on_every_sheet([]<std::size_t d>(const Sheet<d>& sheet, FacetQuadrature quadrature) {
    const CohesiveWalls walls = sheet.walls(quadrature);
    const Vector<d> normal = sheet_normal<d>();
    const std::vector<double> u = sheet.opened([&](const Vector<d>&) {
      Vector<d> apart{};
      for (std::size_t k = 0; k < d; ++k) apart[k] = 5e-9 * normal[k];
      return apart;
    });
    const nmcx::WallResponse response = evaluate(walls, u, walls.initial_state());
    // The traction of the single element times the area, on both sides.
    const double traction = 102.0408163265306e6;
    for (std::size_t k = 0; k < d; ++k) {
      double first = 0;
      double second = 0;
      for (std::size_t i = 0; i < sheet.n_side(); ++i) {
        first += response.force[(i * d) + k];
        second += response.force[sheet.side.size() + (i * d) + k];
      }
      const double expected = traction * sheet_area<d>() * normal[k];
      BOOST_TEST(std::abs(second - expected) < 1e-12 * traction * sheet_area<d>());
      BOOST_TEST(std::abs(first + expected) < 1e-12 * traction * sheet_area<d>());
    }
    for (std::size_t i = 0; i < response.opening.size(); ++i) {
      BOOST_TEST(response.opening[i] == 5e-9, tolerance(1e-13));
      BOOST_TEST(response.traction[i * d] == traction, tolerance(1e-12));
    }
    const double spent = (5e-9 - 2e-10) / (1e-8 - 2e-10);
    BOOST_TEST(response.energies.dissipated == spent * sheet_area<d>(), tolerance(1e-12));
    BOOST_TEST(response.energies.stored == 0.5 * traction * 5e-9 * sheet_area<d>(),
               tolerance(1e-12));
    BOOST_TEST(response.energies.dissipated_step == response.energies.dissipated);
    BOOST_TEST(response.energies.viscous == 0);
  });
}

BOOST_AUTO_TEST_CASE(separations_that_the_shape_functions_hold_are_integrated_exactly_by_gauss) {
  // Elastic, so that work = ∫ K |δ|²; δ is linear, and on quadratic facets quadratic, along x.
  for (const std::size_t m : {std::size_t{2}, std::size_t{3}}) {
    const Sheet<2> sheet = line(m);
    const CohesiveWalls walls = sheet.walls(FacetQuadrature::gauss);
    const Vector<2> along = turned<2>({1, 0});
    const int degree = m == 2 ? 1 : 2;
    const std::vector<double> u = sheet.opened([&](const Vector<2>& x) {
      const double s = std::pow(nmcx::dot<2>(along, x) / 2.5e-7, degree);
      return Vector<2>{1e-10 * s * sheet_normal<2>()[0], 1e-10 * s * sheet_normal<2>()[1]};
    });
    const auto response = evaluate(walls, u, walls.initial_state());
    BOOST_TEST(work(response.force, u) == 1e18 * 1e-20 * 2.5e-7 / ((2 * degree) + 1),
               tolerance(1e-13));
  }
  for (const std::size_t m : {std::size_t{3}, std::size_t{6}}) {
    const Sheet<3> sheet = square(m);
    const CohesiveWalls walls = sheet.walls(FacetQuadrature::gauss);
    const Vector<3> along = turned<3>({1, 0, 0});
    const int degree = m == 3 ? 1 : 2;
    const std::vector<double> u = sheet.opened([&](const Vector<3>& x) {
      const double s = std::pow(nmcx::dot<3>(along, x) / 1e-7, degree);
      const Vector<3> n = sheet_normal<3>();
      return Vector<3>{1e-10 * s * n[0], 1e-10 * s * n[1], 1e-10 * s * n[2]};
    });
    const auto response = evaluate(walls, u, walls.initial_state());
    BOOST_TEST(work(response.force, u) == 1e18 * 1e-20 * 2e-14 / ((2 * degree) + 1),
               tolerance(1e-13));
  }
}

BOOST_AUTO_TEST_CASE(a_constant_traction_has_the_nodal_forces_of_the_cells) {
  // Zero at corners and a third at midsides of a quadratic triangle, or a pulled block is not
  // evenly stressed: the rule of seven points holds this, weights on the six nodes alone would not.
  const Sheet<3> sheet = square(6);
  const CohesiveWalls walls = sheet.walls(FacetQuadrature::nodal);
  const Vector<3> n = sheet_normal<3>();
  const std::vector<double> u = sheet.opened(
      [&](const Vector<3>&) { return Vector<3>{1e-10 * n[0], 1e-10 * n[1], 1e-10 * n[2]}; });
  const auto response = evaluate(walls, u, walls.initial_state());
  for (std::size_t i = 0; i < sheet.n_side(); ++i) {
    double pull = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      pull += n[k] * response.force[sheet.side.size() + (3 * i) + k];
    }
    // Node 6 lies between both triangles.
    const double share = i < 4 ? 0 : i == 6 ? 2.0 / 3 : 1.0 / 3;
    BOOST_TEST(std::abs(pull - (share * 1e8 * 1e-14)) < 1e-12 * 1e8 * 1e-14);
  }
}

BOOST_AUTO_TEST_CASE(matrices_are_differences_of_the_force) {
  on_every_sheet([]<std::size_t d>(const Sheet<d>& sheet, FacetQuadrature quadrature) {
    const CohesiveWalls walls = sheet.walls(quadrature);
    std::vector<double> u = uneven(2 * sheet.side.size(), 1e-9);
    const auto before = evaluate(walls, uneven(u.size(), 3e-10), walls.initial_state());
    const auto response = evaluate(walls, u, before.state, nmcx::TangentKind::consistent);
    const std::vector<std::int64_t> rows = sheet.rows();
    const std::size_t m = sheet.m;
    double size = 0;
    for (std::size_t i = 0; i < response.matrices.size(); ++i) {
      size = std::max(size, std::abs(response.matrices[i]));
    }
    // [[A, -A], [-A, A]] of all facets put together is the derivative of the whole force.
    std::vector<double> whole(u.size() * u.size(), 0.0);
    for (std::size_t f = 0; f < walls.n_wall(); ++f) {
      for (std::size_t i = 0; i < 2 * m * d; ++i) {
        for (std::size_t j = 0; j < 2 * m * d; ++j) {
          const double sign = (i < m * d) == (j < m * d) ? 1 : -1;
          const double a =
              response.matrices[(((f * m * d) + (i % (m * d))) * m * d) + (j % (m * d))];
          const auto row = (static_cast<std::size_t>(rows[(f * 2 * m) + (i / d)]) * d) + (i % d);
          const auto col = (static_cast<std::size_t>(rows[(f * 2 * m) + (j / d)]) * d) + (j % d);
          whole[(row * u.size()) + col] += sign * a;
        }
      }
    }
    const double step = 1e-16;  // of an onset of 2e-10 m
    for (std::size_t j = 0; j < u.size(); ++j) {
      const double at = u[j];
      u[j] = at + step;
      const auto up = evaluate(walls, u, before.state);
      u[j] = at - step;
      const auto down = evaluate(walls, u, before.state);
      u[j] = at;
      for (std::size_t i = 0; i < u.size(); ++i) {
        const double slope = (up.force[i] - down.force[i]) / (2 * step);
        // Rounding of 1e-16 in displacements of 1e-9 over steps of 1e-16.
        BOOST_TEST(std::abs(slope - whole[(i * u.size()) + j]) < 1e-5 * size);
      }
    }
  });
}

BOOST_AUTO_TEST_CASE(secant_matrices_give_the_force_and_are_symmetric_and_not_negative) {
  on_every_sheet([]<std::size_t d>(const Sheet<d>& sheet, FacetQuadrature quadrature) {
    const CohesiveWalls walls = sheet.walls(quadrature);
    const std::vector<double> u = uneven(2 * sheet.side.size(), 1e-9);
    const auto response = evaluate(walls, u, walls.initial_state(), nmcx::TangentKind::secant);
    const std::vector<std::int64_t> rows = sheet.rows();
    const std::size_t m = sheet.m;
    const std::size_t n = m * d;
    double both = 0;
    for (std::size_t f = 0; f < walls.n_wall(); ++f) {
      const double* a = response.matrices.data() + (f * n * n);
      std::vector<double> jump(n);
      for (std::size_t i = 0; i < n; ++i) {
        const auto first = static_cast<std::size_t>(rows[(f * 2 * m) + (i / d)]);
        const auto second = static_cast<std::size_t>(rows[(f * 2 * m) + m + (i / d)]);
        jump[i] = u[(second * d) + (i % d)] - u[(first * d) + (i % d)];
      }
      double energy = 0;
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          energy += jump[i] * a[(i * n) + j] * jump[j];
          BOOST_TEST(std::abs(a[(i * n) + j] - a[(j * n) + i]) <= 1e-15 * std::abs(a[0]));
        }
      }
      BOOST_TEST(energy >= 0);
      both += energy;
    }
    BOOST_TEST(both == work(response.force, u), tolerance(1e-12));
  });
}

BOOST_AUTO_TEST_CASE(which_side_comes_first_is_a_convention) {
  // The second side first, its corners turned the other way so that the normal still leaves it.
  const Sheet<3> sheet = square(6);
  const std::vector<double> points = sheet.positions();
  const std::vector<std::int64_t> rows = sheet.rows();
  std::vector<std::int64_t> swapped;
  for (std::size_t f = 0; f < 2; ++f) {
    for (const std::size_t half : {std::size_t{6}, std::size_t{0}}) {
      for (const std::size_t i : {0, 2, 1, 5, 4, 3}) {
        swapped.push_back(rows[(f * 12) + half + i]);
      }
    }
  }
  const std::vector<std::int64_t> which(2, 0);
  for (const auto quadrature : {FacetQuadrature::nodal, FacetQuadrature::gauss}) {
    const CohesiveWalls walls = sheet.walls(quadrature);
    const CohesiveWalls other({points.data(), {points.size() / 3, 3}}, {swapped.data(), {2, 12}},
                              {stiff_law()}, {which.data(), {2}}, quadrature);
    const std::vector<double> u = uneven(points.size(), 1e-9);
    const auto a = evaluate(walls, u, walls.initial_state());
    const auto b = evaluate(other, u, other.initial_state());
    double size = 0;
    for (std::size_t i = 0; i < u.size(); ++i) size = std::max(size, std::abs(a.force[i]));
    for (std::size_t i = 0; i < u.size(); ++i) {
      BOOST_TEST(std::abs(a.force[i] - b.force[i]) < 1e-12 * size);
    }
    BOOST_TEST(a.energies.stored == b.energies.stored, tolerance(1e-12));
    BOOST_TEST(a.energies.dissipated == b.energies.dissipated, tolerance(1e-12));
  }
}

BOOST_AUTO_TEST_CASE(one_and_two_threads_give_the_same_bits) {
  // Enough facets for several chunks.
  Sheet<2> sheet{.side = {}, .facets = {}};
  constexpr std::int64_t n = 9000;
  for (std::int64_t i = 0; i <= n; ++i) {
    sheet.side.insert(sheet.side.end(), {1e-8 * static_cast<double>(i), 0});
    if (i > 0) sheet.facets.insert(sheet.facets.end(), {i - 1, i});
  }
  const CohesiveWalls walls = sheet.walls(FacetQuadrature::nodal);
  const std::vector<double> u = uneven(2 * sheet.side.size(), 2e-9);
  const nmcx::WallOptions options{.tangent = nmcx::TangentKind::consistent};
  const auto one = walls.evaluate(view(u), walls.initial_state(), options, one_thread);
  const auto two =
      walls.evaluate(view(u), walls.initial_state(), options, {.threads = 2, .poll = {}});
  BOOST_TEST(std::equal(one.force.data(), one.force.data() + one.force.size(), two.force.data()));
  BOOST_TEST(std::equal(one.matrices.data(), one.matrices.data() + one.matrices.size(),
                        two.matrices.data()));
  BOOST_TEST(one.energies.stored == two.energies.stored);
  BOOST_TEST(one.energies.dissipated == two.energies.dissipated);
}

BOOST_AUTO_TEST_CASE(walls_may_have_laws_of_their_own_and_states_are_put_back) {
  const Sheet<2> sheet = line(2);
  const std::vector<double> points = sheet.positions();
  const std::vector<std::int64_t> rows = sheet.rows();
  const std::vector<std::int64_t> which{1, 0};
  nmcx::CohesiveLaw weak = stiff_law();
  weak.strength = 100e6;
  const CohesiveWalls walls({points.data(), {points.size() / 2, 2}}, {rows.data(), {2, 4}},
                            {stiff_law(), weak}, {which.data(), {2}}, FacetQuadrature::nodal);
  const auto pulled = [&](double opening) {
    return sheet.opened([&](const Vector<2>&) {
      return Vector<2>{opening * sheet_normal<2>()[0], opening * sheet_normal<2>()[1]};
    });
  };
  const auto far = evaluate(walls, pulled(1.5e-10), walls.initial_state());
  BOOST_TEST(far.damage[0] > 0);
  BOOST_TEST(far.damage[2] == 0);
  const nmcx::CohesiveState kept = far.state;
  const auto further = evaluate(walls, pulled(4e-9), far.state);
  BOOST_TEST(further.energies.dissipated > far.energies.dissipated);
  const auto back = evaluate(walls, pulled(1.5e-10), kept);
  BOOST_TEST(back.energies.dissipated == far.energies.dissipated);
  BOOST_TEST(back.energies.dissipated_step == 0);
  BOOST_TEST(back.traction[0] == far.traction[0]);
  // Also after they were kept as numbers.
  const nmcx::Array<double, 3> values = walls.values_of(further.state);
  const auto again = evaluate(walls, pulled(2e-9), walls.state_of(values.view()));
  const auto direct = evaluate(walls, pulled(2e-9), further.state);
  BOOST_TEST(again.traction[0] == direct.traction[0]);
  BOOST_TEST(again.energies.dissipated == direct.energies.dissipated);
}

BOOST_AUTO_TEST_CASE(facets_that_cannot_be_are_refused_by_name) {
  const auto refused = [](auto change, const std::string& word) {
    Sheet<2> sheet = line(2);
    std::vector<double> points = sheet.positions();
    std::vector<std::int64_t> rows = sheet.rows();
    std::vector<std::int64_t> which{0, 0};
    change(points, rows, which);
    BOOST_CHECK_EXCEPTION(
        CohesiveWalls({points.data(), {points.size() / 2, 2}}, {rows.data(), {2, 4}}, {stiff_law()},
                      {which.data(), {2}}, FacetQuadrature::nodal),
        nmcx::InvalidArgument, [&](const auto& error) {
          return std::string(error.what()).find(word) != std::string::npos;
        });
  };
  refused([](auto&, auto& rows, auto&) { rows[0] = 99; }, "no position");
  refused([](auto&, auto&, auto& which) { which[1] = 2; }, "law_of_wall");
  refused([](auto& points, auto&, auto&) { points[6] += 1e-8; }, "one place");
  refused([](auto&, auto& rows, auto&) { rows[2] = rows[0], rows[3] = rows[1]; }, "same nodes");
  refused([](auto&, auto& rows, auto&) { rows[1] = rows[0]; }, "no area");
  Sheet<3> bent = square(6);
  bent.side[3 * 4] += 1e-8;
  BOOST_CHECK_EXCEPTION(bent.walls(FacetQuadrature::gauss), nmcx::InvalidArgument,
                        [](const auto& error) {
                          return std::string(error.what()).find("flat") != std::string::npos;
                        });
  const Sheet<2> sheet = line(2);
  const CohesiveWalls walls = sheet.walls(FacetQuadrature::nodal);
  std::vector<double> u(2 * sheet.side.size(), 0.0);
  u[0] = std::nan("");
  BOOST_CHECK_THROW(evaluate(walls, u, walls.initial_state()), nmcx::InvalidArgument);
  BOOST_CHECK_THROW(evaluate(walls, u, {}), nmcx::InvalidArgument);
}

BOOST_AUTO_TEST_SUITE_END()
