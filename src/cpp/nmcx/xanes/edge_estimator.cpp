#include "nmcx/xanes/edge_estimator.hpp"

#include "nmcx/core/error.hpp"
#include "nmcx/xanes/template_estimator.hpp"

namespace nmcx::xanes {

std::unique_ptr<EdgeEstimator> make_edge_estimator(const EdgePlan& plan,
                                                   const EstimatorModel& model) {
  if (model.name == "half_jump") return nullptr;
  if (model.name == "template") return make_template_estimator(plan, model);
  throw InvalidArgument("estimator '" + model.name + "' is unknown: use half_jump or template");
}

}  // namespace nmcx::xanes
