// Edge energy from the area above the flattened spectrum.
#pragma once

#include <vector>

#include "nmcx/xanes/crossing.hpp"
#include "nmcx/xanes/spectrum_estimator.hpp"

namespace nmcx::xanes {

/// With F = (mu - pre) / post, E1 the last upward crossing of F = 0.15 and E2 that of F = 1 before
/// the white line: E = E1 + integral from E1 to E2 of (1 - F) dE / (1 - 0.15), on cubics through
/// four samples. It is the energy of the step from 0.15 to 1 with the same area. Moving either
/// limit changes nothing to first order, so the noise of the crossings does not enter.
class IntegralEstimator : public SpectrumEstimator {
 public:
  explicit IntegralEstimator(const EdgePlan& plan);

 private:
  void find(const VoxelSpectrum& spectrum, FoundEdge& found) const override;

  CrossingTables crossings_;
  std::vector<double> weights_;  // (n_scan, n_scan): row j integrates up to scan energy j
};

}  // namespace nmcx::xanes
