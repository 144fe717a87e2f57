// Edge energy at the maximum of the derivative.
#pragma once

#include <vector>

#include "nmcx/xanes/local_polynomial.hpp"
#include "nmcx/xanes/spectrum_estimator.hpp"

namespace nmcx::xanes {

/// Steepest place of mu before the white line. Least-squares cubics around every scan energy: the
/// steepest of the wide ones, over 2.25 × `EdgeModel::peak_half_width_ev`, finds the scan energy
/// nearest to the maximum, and the narrow one there, over 1.5 times, gives the vertex of its
/// derivative; with one width for both, the noisiest cubic would be chosen. If that vertex is far
/// from its scan energy, the steepest of the narrow ones is taken. Status bit 16: another maximum
/// of the narrow derivative, outside the narrow window, is at least 0.8 times the highest.
class DerivativeEstimator : public SpectrumEstimator {
 public:
  explicit DerivativeEstimator(const EdgePlan& plan);

 private:
  void find(const VoxelSpectrum& spectrum, FoundEdge& found) const override;
  [[nodiscard]] std::size_t steepest(const VoxelSpectrum& spectrum, std::size_t last) const;

  double half_width_ev_;
  std::size_t first_ = 0;  // scan energies with samples on both sides
  std::size_t last_ = 0;
  std::vector<LocalPolynomial> narrow_, wide_;
};

}  // namespace nmcx::xanes
