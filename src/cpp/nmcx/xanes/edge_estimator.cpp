#include "nmcx/xanes/edge_estimator.hpp"

#include "nmcx/core/error.hpp"

namespace nmcx::xanes {

std::unique_ptr<EdgeEstimator> make_edge_estimator(const EdgePlan& /*plan*/,
                                                   const EstimatorModel& model) {
  if (model.name == "half_jump") return nullptr;
  throw InvalidArgument("estimator '" + model.name + "' is unknown: use half_jump");
}

}  // namespace nmcx::xanes
