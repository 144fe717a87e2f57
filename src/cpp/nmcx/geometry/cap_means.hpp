// Weighted means of points on the sphere over the caps around directions.
#pragma once

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

namespace nmcx {

struct CapMeans {
  Array<double, 3> mean;           ///< (n_quantity, n_direction, n_angle); NaN in an empty cap
  Array<double, 2> weight;         ///< (n_direction, n_angle) sum of the points' weights
  Array<std::int64_t, 2> n_point;  ///< (n_direction, n_angle)
};

/// Means over the points within each half-angle of each direction, the rim included.
///
/// @param points     (n_point, 3) unit vectors
/// @param values     (n_quantity, n_point) finite
/// @param weights    (n_point,)
/// @param directions (n_direction, 3) unit vectors
/// @param cos_half_angle (n_angle,) in any order
CapMeans cap_means(const ArrayView<double, 2>& points, const ArrayView<double, 2>& values,
                   const ArrayView<double, 1>& weights, const ArrayView<double, 2>& directions,
                   const ArrayView<double, 1>& cos_half_angle, const Execution& execution);

}  // namespace nmcx
