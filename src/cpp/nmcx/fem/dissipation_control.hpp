// Equilibrium at a given dissipation: the load is sought as well, and may fall.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/force_balance.hpp"
#include "nmcx/fem/fracture.hpp"

namespace nmcx {

/// Seeks x and t with K x + wall forces = f(t) such that the step dissipates a given energy.
///
/// Newton's method on both, with one factorisation of the consistent tangent an iteration, whether
/// that is positive definite or not: beyond a point of snap-back it is not. The dissipated energy
/// is that of the trapezoid rule, ½ (q_0 · x - q · x_0) with q the forces that act from outside,
/// lattice strain and holds included: linear in x, and 0 for whatever is elastic.
class DissipationControl {
 public:
  DissipationControl(const FractureSystem& system, const FractureLoad& before,
                     const FracturePoint& point, const LoadPath& load_at,
                     const FractureOptions& options, const Execution& execution);

  /// Runs from x and t until forces balance and `dissipation` [J] is spent, or iterations run out.
  void run(std::vector<double> x, double t, double dissipation);

  [[nodiscard]] double t() const { return t_; }
  [[nodiscard]] FractureLoad& load() { return load_; }
  [[nodiscard]] std::vector<double>& x() { return now_.x; }
  [[nodiscard]] WallResponse& walls() { return now_.walls; }
  [[nodiscard]] const FractureReport& report() const { return report_; }

 private:
  void take_load(double t);
  void evaluate();
  [[nodiscard]] double spent() const;
  /// Derivative of the load with respect to t.
  void differentiate();
  [[nodiscard]] bool step(double missing);

  ForceBalance balance_;
  const std::vector<double>& x_before_;
  const LoadPath& load_at_;
  const FractureOptions& options_;
  const Execution& execution_;
  std::vector<double> q_before_;  ///< forces from outside at the start
  FractureLoad load_;
  std::vector<double> f_;  ///< forces of the load
  double t_ = 0;
  BodyForces now_;
  std::vector<double> f_rate_;     ///< df/dt
  std::vector<double> held_rate_;  ///< of held displacements, 0 where they are free
  FractureReport report_;
};

}  // namespace nmcx
