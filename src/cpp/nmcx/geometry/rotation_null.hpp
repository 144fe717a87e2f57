// Correlations of a patch of the sphere with a field on the whole sphere, the patch turned about.
#pragma once

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

namespace nmcx {

/// Pairs on the sphere: what is known at each place of a patch.
struct PatchPairs {
  ArrayView<double, 2> directions;  ///< (n_pair, 3) unit vectors
  ArrayView<double, 2> values;      ///< (n_pair, n_column)
  ArrayView<double, 2> weights;     ///< (n_pair, n_column), 0 leaves a pair out
  ArrayView<double, 3> covariates;  ///< (n_covariate, n_pair, n_column), at most 4 covariates
};

struct TurnedCorrelations {
  Array<double, 2> correlation;  ///< (n_rotation, n_column); NaN with fewer than 4 pairs
  double farthest = 0;           ///< largest angle between a turned place and its direction [rad]
};

/// Correlation of each column of `field` with the same column of the patch, for every rotation of
/// the patch: weighted, over the pairs in which both are finite, and partial if there are
/// covariates. A turned place takes the field of the nearest direction.
///
/// @param field      (n_direction, n_column)
/// @param directions (n_direction, 3) unit vectors
/// @param rotations  (n_rotation, 3, 3)
TurnedCorrelations rotation_null(const ArrayView<double, 2>& field,
                                 const ArrayView<double, 2>& directions, const PatchPairs& pairs,
                                 const ArrayView<double, 3>& rotations, const Execution& execution);

}  // namespace nmcx
