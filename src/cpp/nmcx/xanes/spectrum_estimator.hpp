// What the rules in double precision share: a voxel's spectrum with its baselines taken off, and
// the variance of whatever is computed from it.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "nmcx/xanes/edge_estimator.hpp"
#include "nmcx/xanes/normalise.hpp"

namespace nmcx::xanes {

/// The scan range of one voxel. All arrays have one entry per scan energy.
struct VoxelSpectrum {
  const double* rest;           ///< mu - pre
  const double* post;           ///< post-edge curve
  std::array<double, 3> curve;  ///< its coefficients, in powers of the plan's x
  std::size_t peak;             ///< scan energy nearest to the white line
  double white_line;            ///< the kernel's white line, from the reference [eV]
};

/// An edge energy and how it depends on the spectrum, to first order.
struct FoundEdge {
  double energy = 0.0;              ///< from the reference [eV]
  int status = 0;                   ///< `window_border`, `several_crossings`
  std::vector<double> by_rest{};    ///< (n_scan,) dE / d(mu - pre)
  std::array<double, 3> by_post{};  ///< dE / d(coefficients of the post-edge curve)
};

/// An `EdgeEstimator` that looks at one voxel at a time. The baselines are made from energies
/// outside the scan range, so their noise is independent of the scan's; it enters through
/// `by_rest` (all of it moves with the pre-edge) and `by_post`.
class SpectrumEstimator : public EdgeEstimator {
 public:
  explicit SpectrumEstimator(const EdgePlan& plan);

  void estimate(const TileView& mu, const TileVariance& variance, const KernelOut& out) const final;

 protected:
  /// @param found  energy, status and derivatives to be set; derivatives come as zeros
  virtual void find(const VoxelSpectrum& spectrum, FoundEdge& found) const = 0;

  [[nodiscard]] std::size_t n_scan() const { return plan_.n_scan; }
  /// Energies of the scan range, from the reference [eV].
  [[nodiscard]] const double* scan_ev() const { return plan_.relative_ev.data() + plan_.n_pre; }
  [[nodiscard]] double scale_ev() const { return plan_.scale_ev; }

 private:
  [[nodiscard]] double variance_of(const FoundEdge& found, const TileVariance& variance,
                                   std::size_t voxel) const;

  EdgePlan plan_;
  std::vector<double> x_;                // scan energies, scaled
  std::array<double, 25> covariance_{};  // (5, 5) of the coefficients, per unit noise
};

}  // namespace nmcx::xanes
