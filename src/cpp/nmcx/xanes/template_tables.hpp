// Projections that fit a shifted template to a spectrum, for a fine grid of shifts.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <vector>

#include "nmcx/xanes/edge_estimator.hpp"
#include "nmcx/xanes/normalise.hpp"

namespace nmcx::xanes {

/// The template at every shift of a grid. Shifts are counted by the edge energy they give.
struct ShiftedTemplates {
  double first_edge = 0.0;  ///< edge energy of the first shift - reference [eV]
  double spacing = 0.0;     ///< [eV]
  std::size_t n_shift = 0;
  std::size_t coarse = 1;  ///< every how manyth shift is enough to see all minima of chi²
  Eigen::MatrixXd value;   ///< (n, n_shift) template at the used energies
  Eigen::MatrixXd slope;   ///< (n, n_shift) its derivative [1/eV]

  [[nodiscard]] double edge(std::size_t shift) const {
    return first_edge + static_cast<double>(shift) * spacing;
  }
};

/// @throws InvalidArgument as `EdgeCurve`
ShiftedTemplates shift_template(const EdgePlan& plan, const EstimatorModel& model);

/// What the fit of one voxel needs, in float: two products of a spectrum with a constant matrix.
///
/// With A = [1, x, F, xF, x²F] at a shift, as far as the degrees reach, c the coefficients of the
/// last three and D = [F', xF', x²F'], a Gauss-Newton step is -(c·G mu) / (c·M c), where
/// G = Dᵀ(1 - P), M = Dᵀ(1 - P)D and P projects on A; the variance of the shift is 1 / (c·M c).
struct TemplateTables {
  static constexpr std::size_t row = 8;  ///< numbers per energy in `step`

  /// Place of number j of energy k, in the part of `step` of one shift.
  static std::size_t place(std::size_t k, std::size_t j) {
    return (((k / 2) * row + j) * 2) + (k % 2);
  }

  std::size_t n_padded = 0;  ///< n rounded up to a multiple of `template_unroll`
  std::vector<float> step;   ///< (n_shift, n_padded / 2, row, 2): three rows of c, one zero, three
                             ///< of G, zero, of two energies in turns
  std::vector<float> bend;   ///< (n_shift, 6): M as 00, 01, 02, 11, 12, 22
  std::vector<float> scan;   ///< (n_coarse, n, n_scan_row): gain in chi² is the sum of squares
  std::size_t n_scan_row = 1;  ///< products per coarse shift
  std::size_t n_coarse = 0;
};

/// @param weight  (n,) 1 / variance of each used energy; empty: all one
TemplateTables make_template_tables(const EdgePlan& plan, const ShiftedTemplates& shifted,
                                    const std::vector<double>& weight);

}  // namespace nmcx::xanes
