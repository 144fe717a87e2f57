// Edge energy by the most likely shift of a template.
#pragma once

#include <memory>

#include "nmcx/xanes/edge_estimator.hpp"

namespace nmcx::xanes {

/// mu(E) = pre(E) + post(E) · F(E - shift) with the template F and polynomials of the plan's
/// degrees in every voxel, fitted to all used energies by least squares, weighted with the variance
/// if it is given. The edge energy is that of the template plus the shift.
///
/// chi² is looked at on a coarse grid over the whole scan range; Gauss-Newton steps on a fine grid
/// follow from its lowest point. Bit 8: no upward edge, or at the border of the scan range; bit 16:
/// another minimum of chi² within 3 standard deviations, or no convergence.
///
/// @throws InvalidArgument as `shift_template`; `estimate` throws it if a variance that serves all
///         voxels is not positive and finite. Such a variance must be the same at every call.
std::unique_ptr<EdgeEstimator> make_template_estimator(const EdgePlan& plan,
                                                       const EstimatorModel& model);

}  // namespace nmcx::xanes
