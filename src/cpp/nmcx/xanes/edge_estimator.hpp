// Edge energies by other rules than the half-jump, one tile of voxels at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "nmcx/xanes/edge_fit_kernel.hpp"
#include "nmcx/xanes/normalise.hpp"

namespace nmcx::xanes {

/// Which rule gives the edge energy.
struct EstimatorModel {
  std::string name = "half_jump";     ///< see `make_edge_estimator`
  std::vector<double> template_ev{};  ///< photon energies of the template [eV]
  std::vector<double> template_mu{};  ///< its normalised absorption [1]
};

/// Spectra of a tile: row k is the used energy k of the plan (pre-edge, scan, post-edge).
struct TileView {
  const float* values = nullptr;
  std::size_t stride = 0;
  std::size_t n_voxel = 0;

  [[nodiscard]] float operator()(std::size_t row, std::size_t voxel) const {
    return values[(row * stride) + voxel];
  }
};

/// Variance of the spectra of a tile; with neither, variances are wanted per unit noise, the same
/// at all energies.
struct TileVariance {
  const double* common = nullptr;  ///< (n,) the same in all voxels
  TileView own{};                  ///< of each voxel

  [[nodiscard]] bool given() const { return common != nullptr || own.values != nullptr; }
  [[nodiscard]] double operator()(std::size_t row, std::size_t voxel) const {
    if (common != nullptr) return common[row];
    return own.values != nullptr ? static_cast<double>(own(row, voxel)) : 1.0;
  }
};

/// A rule for the edge energy. Stateless when called: one object serves all threads.
class EdgeEstimator {
 public:
  EdgeEstimator() = default;
  EdgeEstimator(const EdgeEstimator&) = delete;
  EdgeEstimator& operator=(const EdgeEstimator&) = delete;
  EdgeEstimator(EdgeEstimator&&) = delete;
  EdgeEstimator& operator=(EdgeEstimator&&) = delete;
  virtual ~EdgeEstimator() = default;

  /// Overwrites `edge` [eV from the plan's reference] and `edge_variance` [eV²; per unit noise if
  /// no variance is given], and sets status bits 8 (no edge, or at the border of the scan range)
  /// and 16 (several candidates), which come cleared. `out` holds what the kernel found: half-jump
  /// edge, white line, jump, residual variance. Voxels with bit 1 may be skipped.
  virtual void estimate(const TileView& mu, const TileVariance& variance,
                        const KernelOut& out) const = 0;
};

/// @returns nothing for "half_jump", which is the kernel's own
/// @throws InvalidArgument if the name is unknown or the template unfit
std::unique_ptr<EdgeEstimator> make_edge_estimator(const EdgePlan& plan,
                                                   const EstimatorModel& model);

}  // namespace nmcx::xanes
