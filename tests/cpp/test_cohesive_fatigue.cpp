// What boundaries lose by opening and closing below their strength.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "cohesive_paths.hpp"
#include "facet_sheets.hpp"
#include "nmcx/core/error.hpp"
#include "nmcx/fem/cohesive.hpp"

namespace {

using boost::test_tools::tolerance;
using cohesive_paths::equal_modes;
using cohesive_paths::every_kind;
using cohesive_paths::Path;
using nmcx::CohesiveHistory;
using nmcx::CohesiveLaw;
using nmcx::Vector;

CohesiveLaw tiring(CohesiveLaw law, double cycles, double endurance = 0.25) {
  law.fatigue_cycles = cycles;
  law.endurance = endurance;
  return law;
}

/// ∫ u² / (a - C u)² du from a to 1, u = 1 - s, by w = a - C u.
double life(double a, double c) {
  const auto f = [&](double w) { return w - (2 * a * std::log(w)) - (a * a / w); };
  return (f(a * (1 - c)) - f(a - c)) / (c * c * c);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cohesive_fatigue)

BOOST_AUTO_TEST_CASE(a_traction_below_the_strength_breaks_a_boundary_after_its_number_of_cycles) {
  // With r = a / (1 - s) a cycle takes (r - C)² / (N (1 - C)²), until r = 1.
  for (const double a : {0.5, 0.8}) {
    for (const double angle : {0.0, 0.6}) {
      const double cycles = 20'000;
      const CohesiveLaw law = tiring(equal_modes(2e19), cycles);
      CohesiveHistory history;
      int n = 0;
      for (bool breaks = false; !breaks; ++n) {
        const auto open = [&] {
          const double apart = a * law.strength / ((1 - history.damage) * law.stiffness);
          return Vector<2>{apart * std::cos(angle), apart * std::sin(angle)};
        };
        const auto point = nmcx::cohesive_response<2>(law, open(), history, {});
        breaks = point.is_loading;
        history = nmcx::fatigued<2>(law, {}, open(), history.damage, point.history, 1);
        history = nmcx::fatigued<2>(law, open(), {}, history.damage, history, 1);
      }
      // To a cycle or two: each takes some ten-thousandths of the strength at once.
      BOOST_TEST(n == cycles * 0.75 * 0.75 * life(a, 0.25), tolerance(1e-3));
    }
  }
}

BOOST_AUTO_TEST_CASE(fatigue_takes_nothing_below_the_endurance_or_beside_what_the_law_asks_for) {
  for (const CohesiveLaw& each : every_kind()) {
    const CohesiveLaw law = tiring(each, 10, 0.4);
    const double onset = nmcx::cohesive_mode(law, 0).onset;
    const CohesiveHistory sound;
    const auto below = nmcx::fatigued<2>(law, {}, {0.399 * onset, 0}, 0, sound, 1);
    BOOST_TEST(below.damage == 0);
    BOOST_TEST(nmcx::fatigued<2>(law, {}, {0.5 * onset, 0}, 0, sound, 1).damage > 0);
    BOOST_TEST(nmcx::fatigued<2>(law, {}, {-onset, 0}, 0, sound, 1).damage == 0);
    // A tenth of the strength at most; the law has asked for half of the curve.
    const double far = onset + (0.5 * (nmcx::cohesive_mode(law, 0).final_opening - onset));
    const auto torn = nmcx::cohesive_response<2>(law, {far, 0}, sound, {});
    BOOST_TEST(nmcx::fatigued<2>(law, {}, {far, 0}, 0, torn.history, 1).damage ==
               torn.history.damage);
    // On the way back, and at it again, it does.
    BOOST_TEST(nmcx::fatigued<2>(law, {far, 0}, {}, torn.history.damage, torn.history, 1).damage >
               torn.history.damage);
    const CohesiveLaw never = tiring(each, std::numeric_limits<double>::infinity(), 0);
    BOOST_TEST(nmcx::fatigued<2>(never, {}, {onset, 0}, 0, sound, 1).damage == 0);
  }
}

BOOST_AUTO_TEST_CASE(on_any_path_damage_never_heals_and_energies_add_up) {
  std::mt19937 random(1);
  for (const CohesiveLaw& each : {equal_modes(1e18), equal_modes(2e19, 0.1)}) {
    Path<3> path{.law = tiring(each, 5)};
    const double final_opening = nmcx::cohesive_mode(path.law, 0).final_opening;
    std::uniform_real_distribution<double> far(-0.1 * final_opening, 0.4 * final_opening);
    for (int way = 0; way < 12; ++way) {
      const Vector<3> from = path.separation;
      const CohesiveHistory before = path.point.history;
      path.go_straight({far(random), far(random), far(random)}, 20'000);
      const CohesiveHistory tired =
          nmcx::fatigued<3>(path.law, from, path.separation, before.damage, path.point.history, 1);
      BOOST_TEST(tired.damage >= path.point.history.damage);
      path.point = nmcx::cohesive_response<3>(path.law, path.separation, tired, {});
      BOOST_TEST(path.point.history.damage == tired.damage);
      // Trapezoids of 20,000 steps.
      const double spent = path.point.stored + path.point.history.dissipated;
      BOOST_TEST(std::abs(path.work - spent) < 1e-5 * path.law.fracture_energy);
      const auto origin = nmcx::cohesive_response<3>(path.law, {}, tired, {});
      BOOST_TEST(origin.traction[0] == 0);
      BOOST_TEST(origin.stored == 0);
    }
    BOOST_TEST(path.point.history.dissipated <= path.law.fracture_energy * (1 + 1e-9));
  }
}

BOOST_AUTO_TEST_CASE(a_tired_boundary_has_the_tangents_of_its_damage) {
  const CohesiveLaw law = tiring(equal_modes(2e19), 4);
  const Vector<2> open{0.6e-11, 0.5e-11};
  const CohesiveHistory tired = nmcx::fatigued<2>(law, {}, open, 0, {}, 1);
  BOOST_TEST(tired.damage > 0.5);
  const auto at = [&](Vector<2> separation, nmcx::TangentKind kind) {
    return nmcx::cohesive_response<2>(law, separation, tired, {.tangent = kind});
  };
  // Where it is it unloads, far out it softens; contact is as stiff as ever.
  for (const Vector<2>& x : {open, Vector<2>{3e-9, 2e-9}, Vector<2>{-5e-11, 1e-11}}) {
    const auto secant = at(x, nmcx::TangentKind::secant).tangent;
    BOOST_TEST((secant[0] > 0 && secant[3] > 0 && secant[1] == 0 && secant[2] == 0));
    const auto tangent = at(x, nmcx::TangentKind::consistent).tangent;
    const double step = 1e-16;
    for (std::size_t k = 0; k < 2; ++k) {
      Vector<2> more = x;
      Vector<2> less = x;
      more[k] += step;
      less[k] -= step;
      const auto high = at(more, nmcx::TangentKind::none).traction;
      const auto low = at(less, nmcx::TangentKind::none).traction;
      for (std::size_t i = 0; i < 2; ++i) {
        const double slope = (high[i] - low[i]) / (2 * step);
        BOOST_TEST(std::abs(tangent[(i * 2) + k] - slope) < 1e-5 * law.stiffness);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(walls_tire_point_by_point_and_keep_a_residual) {
  sheets::on_every_sheet(
      []<std::size_t d>(const sheets::Sheet<d>& sheet, nmcx::FacetQuadrature quadrature) {
        const auto walls = sheet.walls(quadrature, tiring(equal_modes(1e18), 0.5));
        const std::vector<double> closed(sheet.positions().size());
        const std::vector<double> open =
            sheet.opened([](const Vector<d>&) { return Vector<d>{1.2e-10, 0.5e-10}; });
        const nmcx::Execution one_thread{.threads = 1, .poll = {}};
        const auto from =
            walls.evaluate({closed.data(), {closed.size()}}, walls.initial_state(), {}, one_thread);
        const auto to =
            walls.evaluate({open.data(), {open.size()}}, walls.initial_state(), {}, one_thread);
        const nmcx::CohesiveState tired = walls.fatigued(from, to, 1e-3);
        for (std::size_t i = 0; i < tired.points.size(); ++i) {
          Vector<d> separation{to.opening[i]};
          for (std::size_t k = 1; k < d; ++k) separation[k] = to.sliding[(i * (d - 1)) + k - 1];
          const auto expected = nmcx::fatigued<d>(tiring(equal_modes(1e18), 0.5), {}, separation, 0,
                                                  to.state.points[i], 1 - 1e-3);
          BOOST_TEST(tired.points[i].damage == expected.damage);
          BOOST_TEST(tired.points[i].dissipated == expected.dissipated);
          BOOST_TEST((tired.points[i].damage > 0 && tired.points[i].damage <= 1 - 1e-3));
        }
      });
}

BOOST_AUTO_TEST_CASE(fatigue_that_cannot_be_is_refused) {
  const auto names = [](const char* word) {
    return [word](const nmcx::InvalidArgument& error) {
      return std::string(error.what()).find(word) != std::string::npos;
    };
  };
  for (const double cycles : {0.0, -1.0, std::nan("")}) {
    BOOST_CHECK_EXCEPTION(nmcx::check(tiring(equal_modes(1e18), cycles)), nmcx::InvalidArgument,
                          names("fatigue_cycles"));
  }
  for (const double endurance : {-0.1, 1.0, std::nan("")}) {
    BOOST_CHECK_EXCEPTION(nmcx::check(tiring(equal_modes(1e18), 10, endurance)),
                          nmcx::InvalidArgument, names("endurance"));
  }
  CohesiveLaw slow = tiring(equal_modes(1e18), 10);
  slow.viscosity = 1;
  BOOST_CHECK_EXCEPTION(nmcx::check(slow), nmcx::InvalidArgument, names("viscosity"));
}

BOOST_AUTO_TEST_SUITE_END()
