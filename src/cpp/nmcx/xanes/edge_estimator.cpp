#include "nmcx/xanes/edge_estimator.hpp"

#include "nmcx/core/error.hpp"
#include "nmcx/xanes/derivative_estimator.hpp"
#include "nmcx/xanes/integral_estimator.hpp"
#include "nmcx/xanes/template_estimator.hpp"
#include "nmcx/xanes/white_line_estimator.hpp"

namespace nmcx::xanes {

std::unique_ptr<EdgeEstimator> make_edge_estimator(const EdgePlan& plan,
                                                   const EstimatorModel& model) {
  if (model.name == "half_jump") return nullptr;
  if (model.name == "half_white_line") return std::make_unique<HalfWhiteLineEstimator>(plan);
  if (model.name == "white_line") return std::make_unique<WhiteLineEstimator>(plan);
  if (model.name == "derivative") return std::make_unique<DerivativeEstimator>(plan);
  if (model.name == "integral") return std::make_unique<IntegralEstimator>(plan);
  if (model.name == "template") return make_template_estimator(plan, model);
  throw InvalidArgument("estimator '" + model.name +
                        "' is unknown: use half_jump, half_white_line, white_line, derivative, "
                        "integral or template");
}

}  // namespace nmcx::xanes
