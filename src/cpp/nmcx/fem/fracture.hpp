// Equilibrium of a polycrystal whose grain boundaries carry a cohesive law, step by step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/fem/cohesive_walls.hpp"
#include "nmcx/fem/elastic_equilibrium.hpp"
#include "nmcx/fem/elasticity.hpp"
#include "nmcx/fem/mechanical_solver.hpp"

namespace nmcx {

struct FractureSystem;

/// Laws of the untied walls of a mesh.
struct WallLaws {
  std::vector<CohesiveLaw> laws;            ///< at least one
  ArrayView<std::int64_t, 1> law_of_facet;  ///< (k) of all facets; tied ones have none to obey
  FacetQuadrature quadrature = FacetQuadrature::nodal;
};

/// What acts on a body: lattice strain, forces, held displacements.
struct FractureLoad {
  std::vector<double> lattice;  ///< (size) forces ∫ Bᵀ C ε*
  double lattice_energy = 0;    ///< S = ½ ∫ ε* : C : ε* [J], [J/m] with d = 2
  std::vector<double> force;    ///< (size) on nodes
  std::vector<double> held;     ///< (n d) displacements, NaN where they are free
};

/// Loads along a way, t from 0 to 1.
using LoadPath = std::function<FractureLoad(double)>;

/// Where a body is: its unknowns, and what its walls remember.
struct FracturePoint {
  std::vector<double> x;  ///< (size)
  CohesiveState walls;
};

struct FractureOptions {
  double tolerance = 1e-6;  ///< of the forces, relative to those that walls transmit
  std::size_t max_iterations = 100;
  double residual_integrity = 1e-7;  ///< least of what damage leaves of the stiffness; 1: no damage
  double time_step = 0;              ///< matters with viscosity only [s]
  bool stops_if_unstable = false;    ///< give up where a tangent is found to be indefinite
};

/// How a search for equilibrium went.
struct FractureReport {
  bool converged = false;
  double residual = 0;     ///< norm of the forces that do not balance [N]
  double reference = 0;    ///< norm of those that walls transmit [N]
  std::size_t newton = 0;  ///< steps with the consistent tangent
  std::size_t secant = 0;  ///< steps with a matrix that is positive whatever softens
  std::size_t linear = 0;  ///< iterations of the linear solver
  std::size_t factorisations = 0;
  bool was_unstable = false;  ///< a tangent was indefinite: softening beats the grains' stiffness
};

/// Energies of a step and after it [J]; per metre of thickness [J/m] with d = 2.
///
/// With E the elastic energy, W that of the walls: from before to after, supplied = ΔE + ΔW +
/// dissipated + viscous, but for what a jump sets free and for the error of integrating along the
/// step by the trapezoid rule (none at a load that stays, or where damage does).
struct FractureEnergies {
  double elastic = 0;      ///< E, in the grains
  double walls = 0;        ///< W, elastic energy in the walls, contact included
  double stored_step = 0;  ///< Δ(E + W)
  double dissipated_step = 0;
  double viscous_step = 0;
  double supplied_step = 0;  ///< -∫∫ σ : dε* by the lattice, with the work of forces and holds
};

struct FractureStep {
  FracturePoint point;
  WallResponse walls;  ///< without matrices
  FractureEnergies energies;
  FractureReport report;
};

/// A step whose load was sought with its displacements.
struct FollowedStep {
  double t = 0;
  FractureLoad load;
  FractureStep step;
};

/// A polycrystal that cracks along its walls.
///
/// At a load, the step's potential Π(x) = ½ xᵀ K x - xᵀ f + ∫ φ over the walls, with φ what a
/// separation stores and dissipates beyond the damage at the step's start, has its slope in the
/// forces that do not balance. Steps of descent seek its minimum: with the consistent tangent where
/// it is positive definite, without its negative part where it is not, at last with the secant,
/// which lies above Π wherever a law softens and so lowers it without any search.
///
/// Keeps what its solver has prepared from one step to the next.
class Fracture {
 public:
  /// @param elasticity must live on
  /// @param fixed      (n_node, d) NaN where displacements are free; which are held never changes
  /// @throws InvalidArgument as `CohesiveWalls`
  Fracture(const Elasticity& elasticity, const WallLaws& laws, const ArrayView<double, 2>& fixed);
  ~Fracture();
  Fracture(const Fracture&) = delete;
  Fracture& operator=(const Fracture&) = delete;

  [[nodiscard]] const Elasticity& elasticity() const { return elasticity_; }
  [[nodiscard]] const CohesiveWalls& walls() const { return walls_; }

  /// @throws InvalidArgument for shapes that differ, values that are not finite, other
  /// displacements
  ///         held than at the start, or forces that would move a body that nothing holds
  [[nodiscard]] FractureLoad load(const ElasticLoad& given, const Execution& execution) const;

  /// A body without displacements whose walls are sound.
  [[nodiscard]] FracturePoint initial_point() const;

  /// A body at displacements of its nodes (n_node, d), with strains of the section (3) and
  /// `CohesiveWalls::values_of` its walls.
  /// @throws InvalidArgument for other shapes, or tied nodes at different places
  [[nodiscard]] FracturePoint point_at(const ArrayView<double, 2>& displacement,
                                       const ArrayView<double, 1>& section_strain,
                                       const ArrayView<double, 3>& walls) const;

  /// Seeks equilibrium at the load `after` from a point of equilibrium at `before`.
  ///
  /// @param guess where to start from, (size); empty: at the point
  /// @return with `converged` false the last try, which is no equilibrium: the caller takes a
  ///         smaller step
  [[nodiscard]] FractureStep equilibrate(const FractureLoad& before, const FractureLoad& after,
                                         const FracturePoint& point, std::span<const double> guess,
                                         const FractureOptions& options,
                                         const Execution& execution);

  /// Gives up what its solver has prepared: steps then have the bits of a new object's.
  void forget() { solver_->forget(); }

  /// Whether matrices are factorised: iterations would end at a negative direction.
  [[nodiscard]] bool can_follow() const { return !solver_->needs_positive_definite(); }

  /// Seeks the equilibrium along a way of loads at which the walls have spent `dissipation` [J]
  /// since a point of equilibrium at `before`; the load may fall, as it does where a body snaps
  /// back. From a body without load the dissipation cannot be told: `before` must be one.
  ///
  /// @param guess where to start from, (size), walls that shall crack opened beyond what they
  ///              remember: walls that rest tell nothing of what they could spend
  /// @param t     where on the way to start from
  /// @return with `converged` false the last try; `was_unstable` tells whether the body would leave
  ///         the place found by itself if the load stayed
  /// @pre `can_follow`
  [[nodiscard]] FollowedStep follow(const FractureLoad& before, const LoadPath& load_at,
                                    const FracturePoint& point, std::span<const double> guess,
                                    double t, double dissipation, const FractureOptions& options,
                                    const Execution& execution);

 private:
  [[nodiscard]] FractureSystem system();
  /// Energies of a step to where forces balance.
  [[nodiscard]] FractureStep finished(const FractureLoad& before, const FractureLoad& after,
                                      const FracturePoint& point, std::vector<double> x,
                                      WallResponse walls, const FractureReport& report,
                                      const Execution& execution) const;

  const Elasticity& elasticity_;
  std::vector<double> held_;  ///< (n d) NaN where free
  CohesiveWalls walls_;
  bool has_potential_;  ///< all laws have equal modes
  double least_force_;  ///< strength times mean area of a facet [N]
  double extent_;       ///< of the body [m]
  std::unique_ptr<MechanicalSolver> solver_;
  std::vector<double> values_;  ///< of the matrix last set
};

}  // namespace nmcx
