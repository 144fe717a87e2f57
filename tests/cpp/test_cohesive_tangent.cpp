#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "cohesive_paths.hpp"
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

double largest(const nmcx::Tensor<3>& t) {
  double size = 0;
  for (const double each : t) size = std::max(size, std::abs(each));
  return size;
}

/// Central differences of the traction; rounding and truncation meet near 1e-6 of the distance
/// over which the law bends.
nmcx::Tensor<3> differences(const CohesiveLaw& law, const Vector<3>& at,
                            const CohesiveHistory& history, const nmcx::CohesiveOptions& options) {
  const double step = 1e-6 * law.strength / law.stiffness;
  nmcx::Tensor<3> slope{};
  for (std::size_t j = 0; j < 3; ++j) {
    Vector<3> up = at;
    Vector<3> down = at;
    up[j] += step;
    down[j] -= step;
    const auto high = cohesive_response<3>(law, up, history, options);
    const auto low = cohesive_response<3>(law, down, history, options);
    for (std::size_t i = 0; i < 3; ++i) {
      slope[(i * 3) + j] = (high.traction[i] - low.traction[i]) / (up[j] - down[j]);
    }
  }
  return slope;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cohesive_tangent)

BOOST_AUTO_TEST_CASE(consistent_tangents_are_differences_of_the_traction) {
  for (CohesiveLaw law : every_kind()) {
    for (const double viscosity : {0.0, 2.0}) {
      law.viscosity = viscosity;
      const double onset = law.strength / law.stiffness;
      for (const double old : {0.0, 0.5, 0.97}) {
        const CohesiveHistory history{.damage = old, .viscous_damage = 0.8 * old};
        for (const Vector<3>& at :
             {Vector<3>{0.3, 0.2, 0.1}, Vector<3>{2, 0, 0}, Vector<3>{2, 3, -1},
              Vector<3>{0.02, 4, 2}, Vector<3>{-0.05, 4, 2}, Vector<3>{-0.02, 0.1, 0.3},
              Vector<3>{-3, 5, 1}, Vector<3>{-3, 0.1, 0}, Vector<3>{20, 7, 2},
              Vector<3>{0, 40, 9}}) {
          const Vector<3> x{at[0] * onset, at[1] * onset, at[2] * onset};
          const nmcx::CohesiveOptions options{.tangent = nmcx::TangentKind::consistent,
                                              .time_step = 0.5};
          const nmcx::Tensor<3> found = cohesive_response<3>(law, x, history, options).tangent;
          const nmcx::Tensor<3> expected = differences(law, x, history, options);
          // Rounding is 1e-16 of K times forty onsets, over a step of 1e-6 onsets. Where contact
          // begins the slope bends: differences are off by that step over the depth of contact.
          const double error = at[0] == 0 ? 2e-6 / nmcx::contact_depth : 2e-8;
          for (std::size_t i = 0; i < 9; ++i) {
            BOOST_TEST(std::abs(found[i] - expected[i]) < error * law.stiffness);
          }
          // Equal strengths and energies make equal modes, but for a power law beyond the first.
          const bool equal = nmcx::cohesive_mode(law, 0.5).final_opening ==
                             nmcx::cohesive_mode(law, 0).final_opening;
          if (!equal) continue;
          for (std::size_t i = 0; i < 3; ++i) {
            for (std::size_t j = 0; j < i; ++j) {
              BOOST_TEST(std::abs(found[(i * 3) + j] - found[(j * 3) + i]) <
                         1e-12 * largest(found));
            }
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(secants_give_the_traction_and_are_not_negative) {
  for (const CohesiveLaw& law : every_kind()) {
    const double onset = law.strength / law.stiffness;
    for (const double normal : {-2.0, -0.05, 0.0, 3.0, 4000.0}) {
      const Vector<3> x{normal * onset, 2 * onset, -1 * onset};
      const auto point = cohesive_response<3>(law, x, {}, {.tangent = nmcx::TangentKind::secant});
      const Vector<3> product = nmcx::product<3>(point.tangent, x);
      for (std::size_t i = 0; i < 3; ++i) {
        BOOST_TEST(std::abs(product[i] - point.traction[i]) < 1e-14 * law.strength);
        for (std::size_t j = 0; j < 3; ++j) {
          BOOST_TEST((i == j ? point.tangent[(i * 3) + j] >= 0 : point.tangent[(i * 3) + j] == 0));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_frozen_branch_changes_the_tangent_and_nothing_else) {
  const CohesiveLaw law = unequal_modes();
  const Vector<3> x{4e-11, 2e-11, 0};
  const auto with = [&](nmcx::LoadingBranch branch) {
    return cohesive_response<3>(law, x, {},
                                {.tangent = nmcx::TangentKind::consistent, .branch = branch});
  };
  const auto loading = with(nmcx::LoadingBranch::loading);
  const auto unloading = with(nmcx::LoadingBranch::unloading);
  BOOST_TEST((loading.traction == unloading.traction));
  BOOST_TEST((loading.tangent == with(nmcx::LoadingBranch::automatic).tangent));
  // Unloading is elastic with what damage has left.
  BOOST_TEST(unloading.tangent[0] == law.stiffness * (1 - unloading.history.damage),
             tolerance(1e-12));
  BOOST_TEST(unloading.tangent[1] == 0);
}

BOOST_AUTO_TEST_CASE(viscous_overshoot_is_that_of_the_reference) {
  struct Row {
    double stiffness, ratio, peak, work;  // μ v / δ_f, largest traction / t_n, work / G_c
  };
  for (const Row& row : {Row{1e18, 1e-4, 1.0045, 1.0008}, Row{1e18, 1e-3, 1.0424, 1.0081},
                         Row{1e18, 1e-2, 1.3347, 1.0899}, Row{2e19, 1e-5, 1.0095, 1.0001},
                         Row{2e19, 1e-4, 1.0840, 1.0014}, Row{2e19, 1e-3, 1.6205, 1.0158},
                         Row{2e19, 1e-2, 5.4576, 1.3386}}) {
    CohesiveLaw law = equal_modes(row.stiffness);
    law.viscosity = row.ratio * 1e-8;  // the boundary opens by 1 m/s
    const double onset = 200e6 / row.stiffness;
    std::vector<double> opening;
    for (int i = 1; i < 3000; ++i) opening.push_back(30 * onset * i / 2999);
    for (int i = 1; i < 60000; ++i) opening.push_back(3e-8 * i / 59999);
    std::sort(opening.begin(), opening.end());
    Path<2> path{.law = law};
    double peak = 0;
    for (const double each : opening) {
      path.go({each, 0}, each - path.separation[0]);
      peak = std::max(peak, path.point.traction[0] / 200e6);
    }
    // The reference is rounded to four decimals on the same points.
    BOOST_TEST(std::abs(peak - row.peak) < 6e-5);
    BOOST_TEST(std::abs(path.work - row.work) < 6e-5);
    // What is beyond G_c is the viscosity's: work = stored + dissipated + viscous, to the steps.
    const CohesiveHistory& history = path.point.history;
    BOOST_TEST(path.work == path.point.stored + history.dissipated + history.viscous_work,
               tolerance(1e-4));
    BOOST_TEST(history.dissipated == 1, tolerance(2e-2));
    // The rule: an opening of a twentieth of the onset per μ keeps the overshoot below 5 %.
    if (law.viscosity <= 0.05 * onset) BOOST_TEST(peak < 1.05);
  }
}

BOOST_AUTO_TEST_CASE(without_time_viscous_damage_stays) {
  CohesiveLaw law = equal_modes(2e19);
  law.viscosity = 1;
  const auto point = cohesive_response<2>(law, {5e-11, 0}, {}, {.time_step = 0});
  BOOST_TEST(point.history.viscous_damage == 0);
  BOOST_TEST(point.traction[0] == 2e19 * 5e-11, tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(damage_stops_at_the_residual) {
  Path<2> path{.law = equal_modes(2e19), .residual = 1e-6};
  path.go({2e-8, 0});
  BOOST_TEST(path.point.traction[0] == 1e-6 * 2e19 * 2e-8, tolerance(1e-9));
  BOOST_TEST(path.go({3e-8, 0}).is_loading == false);
}

BOOST_AUTO_TEST_SUITE_END()
