// The descent to equilibrium of a body that softens along its walls.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/force_balance.hpp"

namespace nmcx {

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
  [[nodiscard]] double wall_potential(const BodyForces& body) const;
  [[nodiscard]] bool is_done() const;
  /// Makes a preconditioner for matrices of a kind, and assembles the current one.
  void prepare(WallMatrix kind);
  [[nodiscard]] double linear_tolerance() const;
  /// Direction down from the current place; false if there is none. Where the matrix is not
  /// positive definite, a solver that cannot count its negative directions may have met one to go
  /// along.
  [[nodiscard]] bool find_direction(WallMatrix kind);
  /// Goes along the direction to less potential; false if there is none.
  [[nodiscard]] bool go();
  [[nodiscard]] bool step();

  ForceBalance balance_;
  MechanicalSolver& solver_;
  std::span<const double> load_;
  const FractureOptions& options_;
  const Execution& execution_;
  BodyForces now_;
  std::vector<double> p_;
  double gained_ = 0;           ///< |r · Δx| of the last step, at its end [J]
  std::size_t n_unstable_ = 0;  ///< steps to go before the consistent tangent is tried again
  FractureReport report_;
};

}  // namespace nmcx
