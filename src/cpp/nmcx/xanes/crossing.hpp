// Where a sampled curve crosses zero upwards.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "nmcx/xanes/local_polynomial.hpp"

namespace nmcx::xanes {

/// The last upward crossing up to some sample.
struct CrossingSample {
  std::size_t upper = 0;  ///< first sample at or above zero; 0: there is none
  std::size_t count = 0;  ///< number of upward crossings
};

/// @param f     (n,) curve
/// @param last  last sample to look at
CrossingSample last_crossing(const double* f, std::size_t last);

/// A crossing between two samples.
struct CrossingPoint {
  double energy = 0.0;
  double slope = 0.0;              ///< for propagating noise, see `CrossingTables`
  std::size_t first = 0;           ///< first of the four samples
  std::array<double, 4> weight{};  ///< of the samples in the curve's value at `energy`
};

/// Cubic inverse interpolation on one energy grid.
///
/// The crossing is that of the cubic through the four samples around it. The slope is that of a
/// least-squares cubic over 0.75 × `EdgeModel::peak_half_width_ev`, and at least two samples, on
/// either side: with little noise and steps of 1 eV the same cubic. With much, crossings prefer
/// places where noise makes the curve steep, and its slope would make standard errors 15 % small.
class CrossingTables {
 public:
  /// @param half_width_ev  `EdgeModel::peak_half_width_ev`, which follows the noise [eV]
  CrossingTables(const double* energy, std::size_t n, double half_width_ev);

  /// @param upper  sample with f[upper - 1] < 0 <= f[upper]
  [[nodiscard]] CrossingPoint refine(const double* f, std::size_t upper) const;

  /// The cubic's weights at an energy near `upper`.
  [[nodiscard]] std::array<double, 4> weights(std::size_t first, double energy) const;
  [[nodiscard]] std::size_t first_of(std::size_t upper) const;

 private:
  std::vector<double> energy_;
  std::vector<std::array<double, 4>> divisor_;  // of each stencil: 1 / prod(E_k - E_j)
  std::vector<LocalPolynomial> slopes_;         // entry u: between samples u - 1 and u
};

}  // namespace nmcx::xanes
