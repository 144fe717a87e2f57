// The descent to equilibrium of a body that softens along its walls.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/cohesive_walls.hpp"
#include "nmcx/fem/elasticity.hpp"
#include "nmcx/fem/fracture.hpp"
#include "nmcx/fem/mechanical_solver.hpp"

namespace nmcx {

/// What a search works with; all must live on.
struct FractureSystem {
  const Elasticity& elasticity;
  const CohesiveWalls& walls;
  MechanicalSolver& solver;
  std::vector<double>& values;  ///< of the matrix the solver has
  bool has_potential;           ///< forces are the slope of a potential: all laws have equal modes
  double least_force;           ///< below which no residual need fall, times the tolerance [N]
  double extent;                ///< of the body [m], turns forces on the section's strains into N
};

/// Seeks x with K x + wall forces = f, for walls that were in `before` at the start of the step.
class EquilibriumSearch {
 public:
  EquilibriumSearch(const FractureSystem& system, std::span<const double> load,
                    const CohesiveState& before, const FractureOptions& options,
                    const Execution& execution);

  /// Runs from x, whose held displacements stay, to where forces balance or nothing more is gained.
  void run(std::vector<double> x);

  [[nodiscard]] std::vector<double>& x() { return now_.x; }
  [[nodiscard]] WallResponse& walls() { return now_.walls; }
  [[nodiscard]] const FractureReport& report() const { return report_; }

 private:
  /// Which matrix a step takes, from the fastest to the safest.
  enum class Kind { consistent, positive_part, secant };

  struct Place {
    std::vector<double> x;
    std::vector<double> stiff;  ///< K x
    std::vector<double> r;      ///< forces that do not balance, without those nothing hinders
    WallResponse walls;
  };

  void evaluate(Place& place) const;
  [[nodiscard]] double norm(std::span<const double> force) const;
  [[nodiscard]] double wall_potential(const Place& place) const;
  void measure();
  [[nodiscard]] bool is_done() const;
  void assemble(Kind kind);
  /// Makes a preconditioner for matrices of a kind, and assembles the current one.
  void prepare(Kind kind);
  [[nodiscard]] double linear_tolerance() const;
  /// Direction down from the current place; false if there is none. Where the matrix is not
  /// positive definite, a solver that cannot count its negative directions may have met one to go
  /// along.
  [[nodiscard]] bool find_direction(Kind kind);
  /// Goes along the direction to less potential; false if there is none.
  [[nodiscard]] bool go();
  [[nodiscard]] bool step();

  FractureSystem system_;
  std::span<const double> load_;
  const CohesiveState& before_;
  const FractureOptions& options_;
  const Execution& execution_;
  Place now_;
  std::vector<double> p_;
  double gained_ = 0;           ///< |r · Δx| of the last step, at its end [J]
  std::size_t n_unstable_ = 0;  ///< steps to go before the consistent tangent is tried again
  FractureReport report_;
};

}  // namespace nmcx
