// Equilibrium of an elastic polycrystal under lattice strain, forces and held displacements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/fem/elasticity.hpp"
#include "nmcx/fem/mechanical_solver.hpp"

namespace nmcx {

struct ElasticLoad {
  ArrayView<double, 2> eigenstrain;  ///< (n_corner, 6) Voigt, engineering shears
  ArrayView<double, 2> fixed;        ///< (n_node, d) displacement that is held [m], NaN where free
  ArrayView<double, 2> force;        ///< (n_node, d) [N], [N/m] with d = 2; added up on tied nodes
};

struct ElasticEquilibrium {
  Array<double, 2> displacement;    ///< (n_node, d) [m]
  Array<double, 1> section_strain;  ///< (3) 33, 23, 13 of the section; 0 where there are none
  ElasticState state;
  std::int64_t iterations = 0;
  double residual = 0;  ///< relative
};

/// Forces on nodes as forces on unknowns, added up where nodes are tied.
/// @throws InvalidArgument for another shape, or forces that are not finite
std::vector<double> forces_on_unknowns(const Elasticity& elasticity,
                                       const ArrayView<double, 2>& force);

/// Displacement that each unknown of a node is held at, (n d), NaN where it is free.
/// @throws InvalidArgument for another shape, infinity, or tied nodes held at different places
std::vector<double> held_displacements(const Elasticity& elasticity,
                                       const ArrayView<double, 2>& fixed);

/// Displacements of all nodes (n_node, d) of a vector of unknowns.
Array<double, 2> displacement_of_nodes(const Elasticity& elasticity, std::span<const double> x);

/// Strains 33, 23 and 13 of the section; 0 where there are none.
Array<double, 1> section_strain(const Elasticity& elasticity, std::span<const double> x);

/// A body whose held displacements stay: what solving takes is prepared once, for all its loads.
class ElasticSolver {
 public:
  /// @param elasticity must live on
  /// @param fixed      (n_node, d) displacement that is held [m], NaN where free
  /// @throws InvalidArgument as `held_displacements`
  ElasticSolver(const Elasticity& elasticity, const ArrayView<double, 2>& fixed);

  [[nodiscard]] const Elasticity& elasticity() const { return elasticity_; }

  /// (n d) displacements that are held, NaN where they are free.
  [[nodiscard]] const std::vector<double>& held() const { return held_; }
  /// (size, n_mode) motions that strain nothing and that no held displacement hinders.
  [[nodiscard]] Array<double, 2> rigid_modes() const;

  /// Takes the stiffness as it is assembled now; before the first load.
  void prepare(const Execution& execution);

  /// (size) forces on the unknowns, of a lattice strain (n_corner, 6) and on nodes (n_node, d).
  /// @throws InvalidArgument for other shapes, or forces that would move a body that nothing holds
  [[nodiscard]] std::vector<double> forces(const ArrayView<double, 2>& eigenstrain,
                                           const ArrayView<double, 2>& force,
                                           const Execution& execution) const;

  /// Solves for the unknowns, whose held ones stand where they are held.
  /// @throws ConvergenceError with iterations, residual and tolerance
  MechanicalReport solve(std::span<const double> forces, std::vector<double>& x,
                         const MechanicalOptions& options, const Execution& execution);

 private:
  const Elasticity& elasticity_;
  std::vector<double> held_;  ///< (n d) NaN where free
  std::unique_ptr<MechanicalSolver> solver_;
};

/// Displacements at which all forces balance; a free body's rest neither moves nor turns, in the
/// mean of its nodes.
/// @throws InvalidArgument if forces would move a body that nothing holds, or tied nodes are held
///         at different places
/// @throws ConvergenceError with iterations, residual and tolerance
ElasticEquilibrium elastic_equilibrium(const Elasticity& elasticity, const ElasticLoad& load,
                                       const MechanicalOptions& options,
                                       const Execution& execution);

}  // namespace nmcx
