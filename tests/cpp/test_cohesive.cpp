#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <string>

#include "cohesive_paths.hpp"
#include "nmcx/core/error.hpp"
#include "nmcx/fem/cohesive.hpp"

namespace {

using boost::test_tools::tolerance;
using cohesive_paths::equal_modes;
using cohesive_paths::every_kind;
using cohesive_paths::Path;
using cohesive_paths::unequal_modes;
using nmcx::cohesive_response;
using nmcx::CohesiveHistory;
using nmcx::CohesiveLaw;
using nmcx::Vector;

double opening_traction(const CohesiveLaw& law, double opening) {
  return cohesive_response<2>(law, {opening, 0}, {}, {}).traction[0];
}

bool names(const nmcx::InvalidArgument& error, const char* word) {
  return std::string(error.what()).find(word) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cohesive)

BOOST_AUTO_TEST_CASE(tractions_of_one_element_are_those_of_the_reference) {
  struct Row {
    double stiffness, opening, traction;
  };
  // Printed with six decimals of a megapascal.
  for (const Row& row :
       {Row{1e18, 0.1e-9, 100e6}, Row{1e18, 0.2e-9, 200e6}, Row{1e18, 0.5e-9, 193.877551e6},
        Row{1e18, 1e-9, 183.673469e6}, Row{1e18, 2e-9, 163.265306e6}, Row{1e18, 5e-9, 102.040816e6},
        Row{1e18, 8e-9, 40.816327e6}, Row{2e19, 1e-9, 180.180180e6}, Row{2e19, 5e-9, 100.100100e6},
        Row{2e19, 9.999e-9, 0.020020e6}}) {
    BOOST_TEST(std::abs(opening_traction(equal_modes(row.stiffness), row.opening) - row.traction) <
               0.51);
  }
  const auto at_five = cohesive_response<2>(equal_modes(1e18), {5e-9, 0}, {}, {});
  BOOST_TEST(at_five.history.damage == 0.979591837, tolerance(1e-9));
  BOOST_TEST(at_five.history.dissipated == 0.489796, tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(unloading_goes_to_the_origin_and_back) {
  for (const double stiffness : {1e18, 2e19}) {
    Path<2> path{.law = equal_modes(stiffness)};
    path.go({5e-9, 0});
    const double spent = path.point.history.dissipated;
    const double expected = stiffness == 1e18 ? 40.816327e6 : 40.040040e6;
    BOOST_TEST(std::abs(path.go({2e-9, 0}).traction[0] - expected) < 0.51);
    BOOST_TEST(path.go({0, 0}).traction[0] == 0);
    BOOST_TEST(path.point.stored == 0);
    path.go({5e-9, 0});
    BOOST_TEST(path.point.history.dissipated == spent);
    BOOST_TEST(path.point.traction[0] == opening_traction(equal_modes(stiffness), 5e-9),
               tolerance(1e-12));
  }
}

BOOST_AUTO_TEST_CASE(the_area_is_the_fracture_energy) {
  for (const CohesiveLaw& law : every_kind()) {
    for (const double angle : {0.0, 0.7, 0.5 * std::numbers::pi}) {
      const double share = std::sin(angle) * std::sin(angle);
      const nmcx::CohesiveMode mode = nmcx::cohesive_mode(law, share);
      // Ends of the two pieces are points of the sum; the curved one needs steps for 1e-7.
      Path<2> path{.law = law};
      const auto to = [&](double length) {
        return Vector<2>{length * std::cos(angle), length * std::sin(angle)};
      };
      path.go(to(mode.onset));
      path.go_straight(to(mode.final_opening), 4000);
      BOOST_TEST(path.work == mode.fracture_energy, tolerance(1e-6));
      BOOST_TEST(path.point.history.dissipated == mode.fracture_energy, tolerance(1e-10));
      BOOST_TEST(path.point.history.damage == 1);
    }
  }
}

BOOST_AUTO_TEST_CASE(dissipation_has_its_closed_form_at_every_opening) {
  for (const double stiffness : {1e18, 2e19}) {
    const CohesiveLaw law = equal_modes(stiffness);
    const double onset = 200e6 / stiffness;
    for (const double opening : {0.3e-9, 1e-9, 5e-9, 9.9e-9}) {
      const auto point = cohesive_response<2>(law, {opening, 0}, {}, {});
      BOOST_TEST(point.history.dissipated == (opening - onset) / (1e-8 - onset), tolerance(1e-10));
    }
  }
}

BOOST_AUTO_TEST_CASE(mixed_modes_are_those_of_the_reference_table) {
  struct Row {
    double ratio, onset, energy, final_opening;
  };
  for (const Row& row :
       {Row{0, 1e-11, 1, 1e-8}, Row{0.5, 1.06066e-11, 1.096938, 1.034203e-8},
        Row{1, 1.17670e-11, 1.366021, 1.160895e-8}, Row{2, 1.34164e-11, 1.723570, 1.284673e-8}}) {
    const double share = row.ratio * row.ratio / (1 + (row.ratio * row.ratio));
    const nmcx::CohesiveMode mode = nmcx::cohesive_mode(unequal_modes(), share);
    // Six or seven digits are printed.
    BOOST_TEST(mode.onset == row.onset, tolerance(5e-6));
    BOOST_TEST(mode.fracture_energy == row.energy, tolerance(5e-7));
    BOOST_TEST(mode.final_opening == row.final_opening, tolerance(5e-7));
    const nmcx::CohesiveMode same = nmcx::cohesive_mode(equal_modes(2e19), share);
    BOOST_TEST(same.onset == 1e-11, tolerance(1e-14));
    BOOST_TEST(same.final_opening == 1e-8, tolerance(1e-14));
  }
  // The power law with exponent 1 is linear in the shares of energy: 1/G = (1 - B)/G_I + B/G_II.
  CohesiveLaw law = unequal_modes();
  law.mixed_mode = nmcx::MixedMode::power_law;
  law.exponent = 1;
  BOOST_TEST(nmcx::cohesive_mode(law, 0.5).fracture_energy == 4.0 / 3, tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(the_quadratic_criterion_holds_at_onset) {
  const CohesiveLaw law = unequal_modes();
  for (const double angle : {0.1, 0.8, 1.4}) {
    const double share = std::sin(angle) * std::sin(angle);
    const double onset = nmcx::cohesive_mode(law, share).onset;
    const double normal = law.stiffness * onset * std::cos(angle) / law.strength;
    const double shear = law.stiffness * onset * std::sin(angle) / law.shear_strength;
    BOOST_TEST((normal * normal) + (shear * shear) == 1, tolerance(1e-13));
  }
}

// The table's Turon column, and what the criterion is for: energy at onset that mixes as G does.
BOOST_AUTO_TEST_CASE(the_onset_by_energy_mixes_as_the_fracture_energy) {
  CohesiveLaw law = unequal_modes();
  law.onset_criterion = nmcx::OnsetCriterion::energy;
  BOOST_TEST(nmcx::cohesive_mode(law, 0.5).onset == 1.20728e-11, tolerance(5e-6));
  const auto stored = [&](double share) {
    const double onset = nmcx::cohesive_mode(law, share).onset;
    return 0.5 * law.stiffness * onset * onset;
  };
  for (const double share : {0.1, 0.5, 0.9}) {
    const double energy = nmcx::cohesive_mode(law, share).fracture_energy;
    BOOST_TEST((stored(share) - stored(0)) / (stored(1) - stored(0)) == energy - 1,
               tolerance(1e-12));
  }
}

BOOST_AUTO_TEST_CASE(damage_never_heals_and_energies_add_up_on_random_paths) {
  for (const CohesiveLaw& law : every_kind()) {
    std::mt19937 random(3);
    std::uniform_real_distribution<double> uniform(-1, 1);
    Path<3> path{.law = law};
    const double reach = 0.7 * nmcx::cohesive_mode(law, 0).final_opening;
    for (int leg = 0; leg < 6; ++leg) {
      const double before = path.point.history.damage;
      const double spent = path.point.history.dissipated;
      const double normal = uniform(random);
      // Penetrations are those of contact, some onsets deep.
      const double depth = 3 * law.strength / law.stiffness;
      path.go_straight({normal < 0 ? normal * depth : normal * reach, uniform(random) * reach,
                        uniform(random) * reach},
                       20000);
      BOOST_TEST(path.point.history.damage >= before);
      BOOST_TEST(path.point.history.dissipated >= spent);
    }
    // Trapezoids err where steps, up to a tenth of the onset, pass a kink: onset, contact, return.
    const double supplied = path.point.stored + path.point.history.dissipated;
    BOOST_TEST(path.work == supplied, tolerance(2e-3));
  }
}

BOOST_AUTO_TEST_CASE(equal_modes_spend_the_same_whatever_the_path) {
  for (const auto shape : {nmcx::SofteningShape::bilinear, nmcx::SofteningShape::exponential}) {
    CohesiveLaw law = equal_modes(2e19);
    law.shape = shape;
    const double end = nmcx::cohesive_mode(law, 0).final_opening;
    Path<3> path{.law = law};
    // Sliding first, into contact, across, then open: any way out costs G_c.
    for (const Vector<3>& to : {Vector<3>{0, 0.2 * end, 0}, Vector<3>{-1e-11, 0.3 * end, 0.1 * end},
                                Vector<3>{0.5 * end, 0, 0}, Vector<3>{1.1 * end, 0, 0}}) {
      path.go(to);
    }
    BOOST_TEST(path.point.history.dissipated == 1, tolerance(1e-12));
  }
}

BOOST_AUTO_TEST_CASE(traction_is_the_slope_of_the_stored_energy) {
  const double onset = 1e-11;
  for (const double damage : {0.0, 0.4, 1.0}) {
    const CohesiveHistory history{.damage = damage, .viscous_damage = damage};
    // Around the turn of the contact too; damage 0.4 and 0 start to grow at larger separations.
    for (const double normal : {-2.0, -0.11, -0.09, -0.03, 0.0, 0.2}) {
      const Vector<2> at{normal * onset, 0.3 * onset};
      const double step = 1e-5 * onset;
      const auto point = cohesive_response<2>(equal_modes(2e19), at, history, {});
      for (std::size_t k = 0; k < 2; ++k) {
        Vector<2> up = at;
        Vector<2> down = at;
        up[k] += step;
        down[k] -= step;
        const double slope = (cohesive_response<2>(equal_modes(2e19), up, history, {}).stored -
                              cohesive_response<2>(equal_modes(2e19), down, history, {}).stored) /
                             (up[k] - down[k]);
        // Against the strength; the energy has 1e-16 of rounding over steps of 1e-5.
        BOOST_TEST(std::abs(slope - point.traction[k]) < 1e-8 * 200e6);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_broken_boundary_resists_contact_only) {
  const CohesiveLaw law = equal_modes(2e19);
  const CohesiveHistory broken{.damage = 1, .viscous_damage = 1};
  double before = -std::numeric_limits<double>::infinity();
  for (const double normal : {-1.0, -0.3, -0.1, -0.05, -0.01, 0.0, 0.01, 1.0}) {
    const auto point = cohesive_response<2>(law, {normal * 1e-11, 4e-11}, broken, {});
    BOOST_TEST(point.traction[0] >= before);
    BOOST_TEST(point.traction[0] <= 0);
    BOOST_TEST(point.traction[1] == 0);
    if (normal <= -nmcx::contact_depth) {
      BOOST_TEST(point.traction[0] == 2e19 * normal * 1e-11, tolerance(1e-14));
    }
    before = point.traction[0];
  }
  BOOST_TEST(cohesive_response<2>(law, {-1e-6, 0}, {}, {}).history.damage == 0);
}

BOOST_AUTO_TEST_CASE(laws_that_cannot_be_are_refused_by_name) {
  const auto refused = [](auto change, const char* word) {
    CohesiveLaw law = unequal_modes();
    change(law);
    BOOST_CHECK_EXCEPTION(nmcx::check(law), nmcx::InvalidArgument,
                          [&](const auto& error) { return names(error, word); });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  nmcx::check(unequal_modes());
  refused([](CohesiveLaw& law) { law.stiffness = 0; }, "stiffness");
  refused([&](CohesiveLaw& law) { law.strength = nan; }, "strength");
  refused([&](CohesiveLaw& law) { law.fracture_energy = -1; }, "fracture_energy");
  refused([](CohesiveLaw& law) { law.shear_strength = 0; }, "shear_strength");
  refused([&](CohesiveLaw& law) { law.shear_fracture_energy = nan; }, "shear_fracture_energy");
  refused([](CohesiveLaw& law) { law.exponent = 0.5; }, "exponent");
  refused([](CohesiveLaw& law) { law.viscosity = -1; }, "viscosity");
  // G_c ≤ ½ t_n δ_0: the curve would have to turn back.
  refused([](CohesiveLaw& law) { law.fracture_energy = 0.5 * 200e6 * 1e-11; }, "raise it");
  refused([](CohesiveLaw& law) { law.shear_fracture_energy = 1e-3; }, "shear_fracture_energy");
}

BOOST_AUTO_TEST_SUITE_END()
