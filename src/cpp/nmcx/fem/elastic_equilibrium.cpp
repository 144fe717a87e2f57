#include "nmcx/fem/elastic_equilibrium.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/mechanical_solver_choice.hpp"

namespace nmcx {
namespace {

// Forces whose sum is rounding: fields of a million nodes cancel to 1e-13.
constexpr double balanced = 1e-9;

void check_shape(const Elasticity& elasticity, const ArrayView<double, 2>& nodal,
                 const char* name) {
  const std::size_t n_node = elasticity.unknowns().of_node.size();
  if (nodal.shape[0] == n_node && nodal.shape[1] == elasticity.dimension()) return;
  throw InvalidArgument(std::string(name) + " must have shape (n_node, d) = (" +
                        std::to_string(n_node) + ", " + std::to_string(elasticity.dimension()) +
                        ")");
}

}  // namespace

std::vector<double> held_displacements(const Elasticity& elasticity,
                                       const ArrayView<double, 2>& fixed) {
  check_shape(elasticity, fixed, "fixed");
  const std::size_t d = elasticity.dimension();
  std::vector<double> held(elasticity.pattern().size() * d,
                           std::numeric_limits<double>::quiet_NaN());
  for (std::size_t node = 0; node < fixed.shape[0]; ++node) {
    const auto unknown = static_cast<std::size_t>(elasticity.unknowns().of_node[node]);
    for (std::size_t k = 0; k < d; ++k) {
      const double value = fixed(node, k);
      if (std::isnan(value)) continue;
      require(std::isfinite(value), "fixed must be a displacement, or NaN where it is free");
      double& at = held[(unknown * d) + k];
      if (std::isnan(at)) at = value;
      if (at != value) {
        throw InvalidArgument("fixed holds node " + std::to_string(node) +
                              " elsewhere than a node it is tied to");
      }
    }
  }
  return held;
}

std::vector<double> forces_on_unknowns(const Elasticity& elasticity,
                                       const ArrayView<double, 2>& force) {
  check_shape(elasticity, force, "force");
  require(std::ranges::all_of(force, [](double f) { return std::isfinite(f); }),
          "force must be finite");
  const std::size_t d = elasticity.dimension();
  std::vector<double> result(elasticity.size(), 0.0);
  for (std::size_t node = 0; node < force.shape[0]; ++node) {
    const auto unknown = static_cast<std::size_t>(elasticity.unknowns().of_node[node]);
    for (std::size_t k = 0; k < d; ++k) result[(unknown * d) + k] += force(node, k);
  }
  return result;
}

Array<double, 2> displacement_of_nodes(const Elasticity& elasticity, std::span<const double> x) {
  const std::size_t d = elasticity.dimension();
  const std::size_t n_node = elasticity.unknowns().of_node.size();
  Array<double, 2> displacement({n_node, d});
  for (std::size_t node = 0; node < n_node; ++node) {
    const auto unknown = static_cast<std::size_t>(elasticity.unknowns().of_node[node]);
    std::copy_n(x.data() + (unknown * d), d, displacement.data() + (node * d));
  }
  return displacement;
}

Array<double, 1> section_strain(const Elasticity& elasticity, std::span<const double> x) {
  Array<double, 1> strain({3}, 0.0);
  const std::size_t n_border = elasticity.n_border();
  std::copy_n(x.data() + (x.size() - n_border), n_border, strain.data());
  return strain;
}

ElasticSolver::ElasticSolver(const Elasticity& elasticity, const ArrayView<double, 2>& fixed)
    : elasticity_(elasticity), held_(held_displacements(elasticity, fixed)) {
  const std::size_t n_inner = held_.size();
  const auto is_fixed = std::make_unique<bool[]>(n_inner);
  for (std::size_t i = 0; i < n_inner; ++i) is_fixed[i] = !std::isnan(held_[i]);
  solver_ = quicker_mechanical_solver(elasticity.pattern(), elasticity.unknowns().positions,
                                      elasticity.dimension(), {is_fixed.get(), n_inner});
}

Array<double, 2> ElasticSolver::rigid_modes() const {
  const RigidModes& modes = solver_->rigid_modes();
  const std::size_t d = elasticity_.dimension();
  Array<double, 2> result({elasticity_.size(), modes.size()}, 0.0);
  for (std::size_t i = 0; i < modes.n_body(); ++i) {
    const RigidModes::Body& body = modes.body(i);
    const double* value = body.values.data();
    for (const Index node : body.nodes) {
      for (std::size_t k = 0; k < d; ++k, value += body.n_mode) {
        const std::size_t row = (static_cast<std::size_t>(node) * d) + k;
        std::copy_n(value, body.n_mode, result.data() + (row * modes.size()) + body.first_mode);
      }
    }
  }
  return result;
}

void ElasticSolver::prepare(const Execution& execution) {
  solver_->set_matrix(elasticity_.matrix());
  solver_->prepare(execution);
}

std::vector<double> ElasticSolver::forces(const ArrayView<double, 2>& eigenstrain,
                                          const ArrayView<double, 2>& force,
                                          const Execution& execution) const {
  std::vector<double> b = forces_on_unknowns(elasticity_, force);
  require(solver_->rigid_modes().imbalance(b) <= balanced,
          "forces do not balance: the body would move or turn; give forces whose sum and moment "
          "vanish, or hold displacements with fixed");
  const std::vector<double> lattice = elasticity_.load(eigenstrain, execution);
  for (std::size_t i = 0; i < b.size(); ++i) b[i] += lattice[i];
  return b;
}

MechanicalReport ElasticSolver::solve(std::span<const double> forces, std::vector<double>& x,
                                      const MechanicalOptions& options,
                                      const Execution& execution) {
  x.assign(elasticity_.size(), 0.0);
  for (std::size_t i = 0; i < held_.size(); ++i) x[i] = std::isnan(held_[i]) ? 0 : held_[i];
  const MechanicalReport report = solver_->solve(forces, x, options, execution);
  if (!report.converged) {
    std::ostringstream text;
    text << "equilibrium was not reached after " << report.iterations
         << " iterations: relative residual " << report.residual << ", tolerance "
         << options.tolerance;
    throw ConvergenceError(text.str());
  }
  return report;
}

ElasticEquilibrium elastic_equilibrium(const Elasticity& elasticity, const ElasticLoad& load,
                                       const MechanicalOptions& options,
                                       const Execution& execution) {
  ElasticSolver solver(elasticity, load.fixed);
  const std::vector<double> b = solver.forces(load.eigenstrain, load.force, execution);
  solver.prepare(execution);
  std::vector<double> x;
  const MechanicalReport report = solver.solve(b, x, options, execution);
  return {.displacement = displacement_of_nodes(elasticity, x),
          .section_strain = section_strain(elasticity, x),
          .state = elasticity.state(x, load.eigenstrain, execution),
          .iterations = static_cast<std::int64_t>(report.iterations),
          .residual = report.residual};
}

}  // namespace nmcx
