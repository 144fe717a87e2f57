// Edge energies from the white line: its maximum, and half of its height.
#pragma once

#include <vector>

#include "nmcx/xanes/crossing.hpp"
#include "nmcx/xanes/local_polynomial.hpp"
#include "nmcx/xanes/spectrum_estimator.hpp"

namespace nmcx::xanes {

/// Least-squares parabolas of mu - pre over `EdgeModel::peak_half_width_ev` around each scan
/// energy.
std::vector<LocalPolynomial> white_line_parabolas(const EdgePlan& plan);

/// The kernel's white line: maximum of (mu - pre) / post.
class WhiteLineEstimator : public SpectrumEstimator {
 public:
  explicit WhiteLineEstimator(const EdgePlan& plan);

 private:
  void find(const VoxelSpectrum& spectrum, FoundEdge& found) const override;

  std::vector<LocalPolynomial> parabolas_;
};

/// Last upward crossing, before the white line, of half the maximum of mu - pre. The maximum is
/// that of the parabola: the highest sample would follow the noise.
class HalfWhiteLineEstimator : public SpectrumEstimator {
 public:
  explicit HalfWhiteLineEstimator(const EdgePlan& plan);

 private:
  void find(const VoxelSpectrum& spectrum, FoundEdge& found) const override;

  std::vector<LocalPolynomial> parabolas_;
  CrossingTables crossings_;
};

}  // namespace nmcx::xanes
