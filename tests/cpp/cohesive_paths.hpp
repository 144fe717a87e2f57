// Cohesive laws of the references, and paths of separations through them.
#pragma once

#include <cstddef>
#include <vector>

#include "nmcx/fem/cohesive.hpp"

namespace cohesive_paths {

using nmcx::cohesive_response;
using nmcx::CohesiveLaw;
using nmcx::CohesivePoint;
using nmcx::Vector;

/// Table 1 of the paper with one strength and one energy for both modes.
inline CohesiveLaw equal_modes(double stiffness, double fracture_energy = 1) {
  return {.stiffness = stiffness,
          .strength = 200e6,
          .fracture_energy = fracture_energy,
          .shear_strength = 200e6,
          .shear_fracture_energy = fracture_energy};
}

inline CohesiveLaw unequal_modes() {
  CohesiveLaw law = equal_modes(2e19);
  law.shear_strength = 300e6;
  law.shear_fracture_energy = 2;
  return law;
}

inline std::vector<CohesiveLaw> every_kind() {
  std::vector<CohesiveLaw> laws;
  CohesiveLaw by_energy = unequal_modes();
  by_energy.onset_criterion = nmcx::OnsetCriterion::energy;
  for (CohesiveLaw law : {equal_modes(1e18), equal_modes(2e19, 0.1), unequal_modes(), by_energy}) {
    for (const auto shape : {nmcx::SofteningShape::bilinear, nmcx::SofteningShape::exponential}) {
      for (const auto mode : {nmcx::MixedMode::benzeggagh_kenane, nmcx::MixedMode::power_law}) {
        law.shape = shape;
        law.mixed_mode = mode;
        laws.push_back(law);
      }
    }
  }
  return laws;
}

/// A path of separations, each from rest; keeps what the law remembers and what was done to it.
template <std::size_t d>
struct Path {
  CohesiveLaw law;
  double residual = 0;
  Vector<d> separation{};
  CohesivePoint<d> point{};
  double work = 0;

  const CohesivePoint<d>& go(const Vector<d>& to, double time_step = 0) {
    const CohesivePoint<d> next = cohesive_response<d>(law, to, point.history,
                                                       {.tangent = nmcx::TangentKind::none,
                                                        .time_step = time_step,
                                                        .residual_integrity = residual});
    for (std::size_t k = 0; k < d; ++k) {
      work += 0.5 * (point.traction[k] + next.traction[k]) * (to[k] - separation[k]);
    }
    separation = to;
    point = next;
    return point;
  }
  /// In even steps along a straight line.
  void go_straight(const Vector<d>& to, int n_step) {
    const Vector<d> from = separation;
    for (int i = 1; i <= n_step; ++i) {
      Vector<d> x = from;
      for (std::size_t k = 0; k < d; ++k) x[k] += (to[k] - from[k]) * i / n_step;
      go(x);
    }
  }
};

}  // namespace cohesive_paths
