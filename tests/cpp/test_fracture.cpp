#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "box_mesh.hpp"
#include "nmcx/core/error.hpp"
#include "nmcx/fem/fracture.hpp"

namespace {

using nmcx::Fracture;
using nmcx::PlaneState;

constexpr double none = std::numeric_limits<double>::quiet_NaN();
const nmcx::Execution one_thread{.threads = 1, .poll = {}};

nmcx::CohesiveLaw law(double shear_energy) {
  return {.stiffness = 1e13,
          .strength = 200e6,
          .fracture_energy = 1e6,
          .shear_strength = 200e6,
          .shear_fracture_energy = shear_energy};
}

/// A unit box of two grains whose lower and upper ends (y = 0 and 1) are held.
struct Body {
  box::Mesh mesh;
  std::vector<double> c = box::stiffnesses(2);
  nmcx::Elasticity elasticity;
  std::vector<double> free_force;
  std::vector<double> lattice;

  Body(std::size_t d, std::size_t order, std::size_t n = 4)
      : mesh(d, n, order, false),
        elasticity(mesh.view(), {c.data(), {2, 6, 6}},
                   d == 3 ? PlaneState::solid : PlaneState::generalised_plane_strain, one_thread),
        free_force(mesh.points.size(), 0.0),
        lattice(elasticity.n_corner() * 6, 0.0) {}

  [[nodiscard]] std::vector<double> held(double up, double along) const {
    std::vector<double> fixed(mesh.points.size(), none);
    for (std::size_t i = 0; i < mesh.n_node(); ++i) {
      const double y = mesh.points[(i * mesh.d) + 1];
      if (y > 1e-9 && y < 1 - 1e-9) continue;
      for (std::size_t k = 0; k < mesh.d; ++k) fixed[(i * mesh.d) + k] = 0;
      if (y > 0.5) {
        fixed[i * mesh.d] = along;
        fixed[(i * mesh.d) + 1] = up;
      }
    }
    return fixed;
  }
  [[nodiscard]] nmcx::FractureLoad load(const Fracture& fracture,
                                        const std::vector<double>& fixed) const {
    return fracture.load({{lattice.data(), {elasticity.n_corner(), 6}},
                          {fixed.data(), {mesh.n_node(), mesh.d}},
                          {free_force.data(), {mesh.n_node(), mesh.d}}},
                         one_thread);
  }
  [[nodiscard]] Fracture fracture(const nmcx::CohesiveLaw& of_walls,
                                  const std::vector<double>& fixed) const {
    const std::vector<std::int64_t> which(mesh.n_interface, 0);
    return {elasticity,
            {.laws = {of_walls}, .law_of_facet = {which.data(), {which.size()}}},
            {fixed.data(), {mesh.n_node(), mesh.d}}};
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(fracture)

// Grains of 1e11 Pa and a law that falls by 200 MPa over 0.01 m: softening is stable, and steps
// small enough for the trapezoid rule close the balance. The work is that of separation in the end.
BOOST_AUTO_TEST_CASE(what_is_supplied_is_stored_and_spent) {
  for (const std::size_t d : {2U, 3U}) {
    for (const std::size_t order : {1U, 2U}) {
      for (const double shear_energy : {1e6, 2e6}) {  // with a potential, and without
        const Body body(d, order);
        Fracture fracture = body.fracture(law(shear_energy), body.held(0, 0));
        nmcx::FracturePoint point = fracture.initial_point();
        nmcx::FractureLoad before = body.load(fracture, body.held(0, 0));
        double supplied = 0;
        double spent = 0;
        double stored = 0;
        constexpr int n = 24;
        for (int i = 1; i <= n; ++i) {
          const double t = static_cast<double>(i) / n;
          nmcx::FractureLoad after = body.load(fracture, body.held(0.02 * t * t, 0.004 * t * t));
          nmcx::FractureStep step =
              fracture.equilibrate(before, after, point, {}, {.max_iterations = 60}, one_thread);
          BOOST_REQUIRE(step.report.converged);
          BOOST_TEST(step.report.residual <= 1e-6 * step.report.reference);
          BOOST_TEST(step.energies.dissipated_step >= 0);
          supplied += step.energies.supplied_step;
          spent += step.energies.dissipated_step;
          stored += step.energies.stored_step;
          BOOST_TEST(step.energies.elastic + step.energies.walls == stored,
                     boost::test_tools::tolerance(1e-9));
          point = std::move(step.point);
          before = std::move(after);
        }
        // Energies of mixed modes are charged at the mode of each step's end.
        const double allowed = shear_energy == 1e6 ? 0.02 : 0.05;
        BOOST_TEST(std::abs(supplied - spent - stored) < allowed * spent);
        BOOST_TEST(spent > 0.9e6);
        BOOST_TEST(spent < 1.02 * shear_energy);
      }
    }
  }
}

// The same for a body of 4,356 unknowns, which multigrid solves for, and all of whose walls break.
// While nothing cracks all is linear: the trapezoid rule is exact for the work of lattice strain,
// of forces and of holds alike.
BOOST_AUTO_TEST_CASE(work_of_strain_forces_and_holds_is_stored_while_nothing_cracks) {
  for (const std::size_t d : {2U, 3U}) {
    Body body(d, 1);
    Fracture fracture = body.fracture(law(1e6), body.held(0, 0));
    const nmcx::FractureLoad before = body.load(fracture, body.held(0, 0));
    for (std::size_t corner = 0; corner < body.elasticity.n_corner(); ++corner) {
      body.lattice[corner * 6] = 1e-4;
      body.lattice[(corner * 6) + 1] = -2e-4 * static_cast<double>(corner % 3);
    }
    const std::vector<double> fixed = body.held(1e-4, 0);
    for (std::size_t i = 0; i < fixed.size(); ++i) {
      if (std::isnan(fixed[i])) body.free_force[i] = 1e5 * (i % 2 == 0 ? 1.0 : -0.5);
    }
    const nmcx::FractureLoad after = body.load(fracture, fixed);
    const nmcx::FractureStep step =
        fracture.equilibrate(before, after, fracture.initial_point(), {}, {}, one_thread);
    BOOST_REQUIRE(step.report.converged);
    BOOST_TEST(step.energies.dissipated_step == 0.0);
    BOOST_TEST(step.energies.stored_step > 1.0);
    BOOST_TEST(step.energies.supplied_step == step.energies.stored_step,
               boost::test_tools::tolerance(1e-6));
  }
}

BOOST_AUTO_TEST_CASE(a_large_body_comes_apart) {
  const Body body(3, 1, 10);
  Fracture fracture = body.fracture(law(1e6), body.held(0, 0));
  nmcx::FracturePoint point = fracture.initial_point();
  nmcx::FractureLoad before = body.load(fracture, body.held(0, 0));
  double supplied = 0;
  double spent = 0;
  double stored = 0;
  constexpr int n = 16;
  for (int i = 1; i <= n; ++i) {
    const double t = static_cast<double>(i) / n;
    nmcx::FractureLoad after = body.load(fracture, body.held(0.02 * t * t, 0.004 * t * t));
    nmcx::FractureStep step =
        fracture.equilibrate(before, after, point, {}, {.max_iterations = 60}, one_thread);
    BOOST_REQUIRE(step.report.converged);
    supplied += step.energies.supplied_step;
    spent += step.energies.dissipated_step;
    stored += step.energies.stored_step;
    point = std::move(step.point);
    before = std::move(after);
  }
  BOOST_TEST(std::abs(supplied - spent - stored) < 0.03 * spent);
  BOOST_TEST(spent > 0.99e6);
  BOOST_TEST(spent < 1.01e6);
}

// Started anywhere, the search ends where forces balance: residual and walls say the same.
BOOST_AUTO_TEST_CASE(equilibrium_does_not_depend_on_the_guess) {
  const Body body(2, 1);
  Fracture fracture = body.fracture(law(1e6), body.held(0, 0));
  const nmcx::FractureLoad before = body.load(fracture, body.held(0, 0));
  const nmcx::FractureLoad after = body.load(fracture, body.held(0.002, 0.001));
  const nmcx::FracturePoint start = fracture.initial_point();
  const auto straight = fracture.equilibrate(before, after, start, {}, {}, one_thread);
  nmcx::UniformNumbers random(3);
  std::vector<double> guess(start.x.size());
  for (double& value : guess) value = 1e-3 * random();
  const auto other = fracture.equilibrate(before, after, start, guess, {}, one_thread);
  BOOST_REQUIRE(straight.report.converged && other.report.converged);
  for (std::size_t i = 0; i < guess.size(); ++i) {
    BOOST_TEST(std::abs(straight.point.x[i] - other.point.x[i]) < 1e-6 * 0.002);
  }
}

// With no new damage allowed, sound walls stay springs, however far the ends are moved.
BOOST_AUTO_TEST_CASE(damage_that_may_not_grow_does_not) {
  const Body body(3, 1);
  Fracture fracture = body.fracture(law(1e6), body.held(0, 0));
  const nmcx::FractureLoad before = body.load(fracture, body.held(0, 0));
  const nmcx::FractureLoad after = body.load(fracture, body.held(0.05, 0));
  const auto step = fracture.equilibrate(before, after, fracture.initial_point(), {},
                                         {.residual_integrity = 1}, one_thread);
  BOOST_REQUIRE(step.report.converged);
  BOOST_TEST(step.energies.dissipated_step == 0.0);
  for (std::size_t i = 0; i < step.walls.damage.size(); ++i) BOOST_TEST(step.walls.damage[i] == 0);
  // A body without damage is linear: the trapezoid rule is exact.
  BOOST_TEST(step.energies.supplied_step == step.energies.stored_step,
             boost::test_tools::tolerance(1e-9));
}

// A law a hundred times as brittle lets go faster than the grains relax: the body jumps, and a
// search that must not be unstable stops at the jump instead of following it.
BOOST_AUTO_TEST_CASE(a_search_stops_at_a_jump_if_told_to) {
  const Body body(2, 1);
  nmcx::CohesiveLaw brittle = law(1e4);
  brittle.fracture_energy = 1e4;
  Fracture fracture = body.fracture(brittle, body.held(0, 0));
  const nmcx::FractureLoad before = body.load(fracture, body.held(0, 0));
  const nmcx::FractureLoad after = body.load(fracture, body.held(0.0025, 0));
  const nmcx::FracturePoint start = fracture.initial_point();
  const auto jump = fracture.equilibrate(before, after, start, {}, {}, one_thread);
  const auto stopped =
      fracture.equilibrate(before, after, start, {}, {.stops_if_unstable = true}, one_thread);
  BOOST_TEST((jump.report.converged && jump.report.was_unstable));
  BOOST_TEST((!stopped.report.converged && stopped.report.was_unstable));
  const auto effort = [](const nmcx::FractureReport& r) { return r.newton + r.secant; };
  BOOST_TEST(effort(stopped.report) < effort(jump.report));
}

// The same body, its load sought with it: a tenth of what walls can spend, at an end moved back.
BOOST_AUTO_TEST_CASE(a_body_is_followed_beyond_the_point_of_snap_back) {
  const Body body(2, 1);
  nmcx::CohesiveLaw brittle = law(1e4);
  brittle.fracture_energy = 1e4;
  Fracture fracture = body.fracture(brittle, body.held(0, 0));
  const nmcx::LoadPath load_at = [&](double t) {
    return body.load(fracture, body.held(0.0025 * t, 0));
  };
  // It breaks at 0.27 of the way.
  const double sound = 0.26;
  const nmcx::FractureLoad before = load_at(sound);
  const nmcx::FracturePoint start =
      fracture.equilibrate(load_at(0), before, fracture.initial_point(), {}, {}, one_thread).point;
  const auto opened =
      fracture.equilibrate(before, load_at(0.3), start, {}, {.residual_integrity = 1}, one_thread);
  const double wanted = 1e3;
  const auto found = fracture.follow(before, load_at, start, opened.point.x, 0.3, wanted,
                                     {.max_iterations = 25}, one_thread);
  BOOST_REQUIRE(found.step.report.converged);
  BOOST_TEST(found.step.report.was_unstable);
  BOOST_TEST(found.t < sound);
  // One step over all of it: by the trapezoid rule, not by the law.
  const auto& energies = found.step.energies;
  BOOST_TEST(energies.supplied_step - energies.stored_step == wanted,
             boost::test_tools::tolerance(1e-3));
  BOOST_TEST(energies.dissipated_step > 0);
  const auto again =
      fracture.equilibrate(before, found.load, start, found.step.point.x, {}, one_thread);
  BOOST_TEST(again.report.newton + again.report.secant == 0U);
}

BOOST_AUTO_TEST_CASE(bad_input_is_named) {
  const Body body(2, 1);
  const auto says = [](const std::string& words) {
    return [words](const nmcx::InvalidArgument& error) {
      return std::string(error.what()).find(words) != std::string::npos;
    };
  };
  const Fracture fracture = body.fracture(law(1e6), body.held(0, 0));
  const std::vector<double> nowhere(body.mesh.points.size(), none);
  BOOST_CHECK_EXCEPTION((void)body.load(fracture, nowhere), nmcx::InvalidArgument,
                        says("the same displacements"));
  const box::Mesh whole(2, 2, 1, true);
  const std::vector<double> c = box::stiffnesses(2);
  const nmcx::Elasticity tied(whole.view(), {c.data(), {2, 6, 6}}, PlaneState::plane_strain,
                              one_thread);
  const std::vector<double> free(whole.points.size(), none);
  const std::vector<std::int64_t> which(whole.n_interface, 0);
  BOOST_CHECK_EXCEPTION(
      Fracture(tied, {.laws = {law(1e6)}, .law_of_facet = {which.data(), {which.size()}}},
               {free.data(), {whole.n_node(), 2}}),
      nmcx::InvalidArgument, says("no walls"));
}

BOOST_AUTO_TEST_SUITE_END()
