// A normalised spectrum as a curve, with its edge.
#pragma once

#include <string>
#include <vector>

#include "nmcx/xanes/cubic_spline.hpp"
#include "nmcx/xanes/normalise.hpp"

namespace nmcx::xanes {

/// Spline through a normalised spectrum; energies are relative to the plan's reference [eV].
struct EdgeCurve {
  /// @param energy_ev  photon energies [eV]
  /// @param mu         absorption, 0 before and 1 after the edge
  /// @param name       what to call it in messages
  /// @throws InvalidArgument if it is too short, not increasing, does not span the scan range of
  ///         the plan, or does not rise through the plan's level there
  EdgeCurve(const EdgePlan& plan, const std::vector<double>& energy_ev,
            const std::vector<double>& mu, const std::string& name);

  CubicSpline curve;
  double edge = 0.0;  ///< last rise through the level below the highest value in the scan range
  double rise = 0.0;  ///< 1 / largest slope [eV]
};

}  // namespace nmcx::xanes
