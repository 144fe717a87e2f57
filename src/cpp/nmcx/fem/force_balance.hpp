// Forces on a body whose walls carry a cohesive law, and the matrices of their changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/cohesive_walls.hpp"
#include "nmcx/fem/elasticity.hpp"
#include "nmcx/fem/fracture.hpp"
#include "nmcx/fem/mechanical_solver.hpp"

namespace nmcx {

/// What a search for equilibrium works with; all must live on.
struct FractureSystem {
  const Elasticity& elasticity;
  const CohesiveWalls& walls;
  MechanicalSolver& solver;
  std::vector<double>& values;  ///< of the matrix the solver has
  bool has_potential;           ///< forces are the slope of a potential: all laws have equal modes
  double least_force;           ///< below which no residual need fall, times the tolerance [N]
  double extent;                ///< of the body [m], turns forces on the section's strains into N
};

/// Which matrix of the walls a step takes, from the fastest to the safest.
enum class WallMatrix : std::uint8_t { consistent, positive_part, secant };

/// The body at displacements x.
struct BodyForces {
  std::vector<double> x;
  std::vector<double> stiff;  ///< K x
  std::vector<double> r;      ///< forces that do not balance, without those nothing hinders
  WallResponse walls;
};

/// Forces and matrices of walls that were in `before` at the start of the step.
class ForceBalance {
 public:
  ForceBalance(const FractureSystem& system, const CohesiveState& before,
               const FractureOptions& options, const Execution& execution);

  [[nodiscard]] const FractureSystem& system() const { return system_; }
  /// Unknowns that are displacements; strains of the section follow.
  [[nodiscard]] std::size_t n_inner() const;

  /// K x, for x.
  void stretch(BodyForces& body) const;
  /// Walls, and what is left of `load`, for x and K x.
  void evaluate(BodyForces& body, std::span<const double> load) const;
  [[nodiscard]] double norm(std::span<const double> force) const;
  /// Residual, and the forces of the walls it is to be seen beside.
  void measure(const BodyForces& body, FractureReport& report) const;
  /// Hands the matrix at a place to the solver.
  void assemble(const BodyForces& body, WallMatrix kind) const;

 private:
  FractureSystem system_;
  const CohesiveState& before_;
  const FractureOptions& options_;
  const Execution& execution_;
};

}  // namespace nmcx
