// Places on the sphere in classes of their distance: autocovariances, and how the classes overlap.
#pragma once

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

namespace nmcx {

struct DistanceClasses {
  Array<double, 2> covariance;  ///< (n_class, n_column) mean product over the pairs of the class
  Array<double, 1> n_pair;      ///< (n_class,) ordered pairs; class 0 is each place with itself
  Array<double, 2> neighbours;  ///< (n_place, n_class) places of each class around each place
  Array<double, 1> angle;       ///< (n_class,) mean distance [rad]
};

/// @param directions (n_place, 3) unit vectors
/// @param values     (n_place, n_column) finite, of mean 0
/// @param n_class    number of classes: 0 for a place itself, then equal steps up to the largest
///                   distance
/// @throws InvalidArgument if shapes do not agree or n_class < 2
DistanceClasses distance_classes(const ArrayView<double, 2>& directions,
                                 const ArrayView<double, 2>& values, int n_class,
                                 const Execution& execution);

}  // namespace nmcx
