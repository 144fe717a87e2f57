// Conjugate gradients for the equilibrium of bodies that may be free, with whatever preconditioner.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/block_matrix.hpp"
#include "nmcx/fem/rigid_modes.hpp"

namespace nmcx {

struct MechanicalOptions {
  double tolerance = 1e-12;  ///< of the residual, relative to the right-hand side
  std::size_t max_iterations = 200;
};

struct MechanicalReport {
  std::size_t iterations = 0;
  double residual = 0;  ///< relative, weighed by the inverse stiffness of the unknowns
  bool converged = false;
  bool indefinite = false;  ///< a direction of no positive curvature was met or known
};

/// Solves with the current matrix, preconditioned by what `prepare` made of it or an earlier one.
///
/// Matrices change often and slowly, as those of cohesive walls do: `set_matrix` costs little, and
/// as long as iterations stay few `prepare` need not be called again (`is_worn`). Rigid motions are
/// not pinned: the iteration runs on what is orthogonal to them.
class MechanicalSolver {
 public:
  virtual ~MechanicalSolver();
  MechanicalSolver(const MechanicalSolver&) = delete;
  MechanicalSolver& operator=(const MechanicalSolver&) = delete;

  /// Takes another matrix of the same pattern, whose arrays must live on; the preconditioner stays.
  void set_matrix(const BlockMatrix& matrix);

  /// Makes the preconditioner of the matrix last set.
  /// @throws ConvergenceError if there is none: a pivot is zero or not a number
  void prepare(const Execution& execution);
  [[nodiscard]] bool is_prepared() const { return is_prepared_; }
  /// Gives up what was prepared: what comes then has the bits that a new solver would give.
  void forget();

  /// Directions of negative curvature that `prepare` found, 0 of a positive definite matrix; a
  /// solver that cannot count them says 0.
  [[nodiscard]] virtual std::size_t n_negative() const { return 0; }

  /// Whether `prepare` is for positive definite matrices only. `solve` takes others then too, and
  /// reports a direction of no positive curvature if it meets one: it may not.
  [[nodiscard]] virtual bool needs_positive_definite() const { return false; }

  /// Iterations after which a solve with an older preconditioner is better given up for a new one:
  /// of a factor as many as take as long as to renew the fronts that have changed.
  [[nodiscard]] virtual std::size_t most_iterations() const { return 3; }
  /// Whether an older preconditioner has cost as many iterations more than a new one would have as
  /// making that takes.
  [[nodiscard]] virtual bool is_worn() const { return false; }

  /// Solves A x = b for the unknowns that are not fixed, from where x is; x has no rigid part then.
  ///
  /// Where a direction of no positive curvature is met, x is taken along it by what its curvature
  /// would allow with the other sign: from 0, b · x > 0 then and x leads out of a saddle.
  /// The residual is relative to b less what the fixed unknowns contribute. What b holds of rigid
  /// motions is left out; whether it should is for `rigid_modes().imbalance` to say.
  ///
  /// @throws InvalidArgument if nothing has been prepared
  MechanicalReport solve(std::span<const double> b, std::span<double> x,
                         const MechanicalOptions& options, const Execution& execution);

  [[nodiscard]] const RigidModes& rigid_modes() const { return rigid_modes_; }
  [[nodiscard]] std::span<const bool> is_fixed() const { return {is_fixed_.get(), n_inner_}; }

 protected:
  /// @param pattern   of nodes; must live on
  /// @param positions (n × d) of the nodes [m]
  /// @param is_fixed  (n d) unknowns that keep their values
  MechanicalSolver(const SparsePattern& pattern, std::span<const double> positions,
                   std::size_t dimension, std::span<const bool> is_fixed);

  [[nodiscard]] const BlockMatrix& matrix() const { return matrix_; }
  [[nodiscard]] std::span<const double> positions() const { return positions_; }
  /// Iterations that took the residual down tenfold, in the first solve since `prepare`; 0 before.
  [[nodiscard]] double iterations_per_digit() const { return iterations_per_digit_; }
  /// Iterations that all solves since took beyond that.
  [[nodiscard]] double excess_iterations() const { return excess_iterations_; }
  void clear_fixed(std::span<double> r, Team& team) const;

 private:
  virtual void prepare_matrix(const Execution& execution) = 0;
  /// Gives up what a solver has learned beyond the last `prepare`.
  virtual void forget_earlier() {}
  /// What a preconditioner needs of the very matrix it is used with, before the first solve with
  /// another one than it was prepared for; false if the matrix is seen not to be positive definite.
  virtual bool follow_matrix(Team& team);
  /// z = M⁻¹ r, 0 where displacements are fixed; M symmetric and positive definite, unless
  /// `n_negative` says otherwise.
  virtual void precondition(std::span<const double> r, std::span<double> z, Team& team) = 0;
  /// A better start than x with the residual r, added to x; whether there is one.
  virtual bool improve_start(std::span<const double> r, std::span<double> x, Team& team);

  void residual_of(std::span<const double> b, std::span<const double> x, std::span<double> r,
                   Team& team) const;
  void iterate(std::span<double> x, std::span<double> r, double reference,
               const MechanicalOptions& options, MechanicalReport& report, Team& team);
  [[nodiscard]] double norm(std::span<const double> r, Team& team) const;

  std::size_t n_inner_;
  std::unique_ptr<bool[]> is_fixed_;
  std::vector<double> positions_;
  RigidModes rigid_modes_;
  BlockMatrix matrix_;
  std::vector<double> inverse_stiffness_;  ///< (size) weights of residuals, 0 where fixed
  bool is_prepared_ = false;
  bool has_changed_ = false;  ///< the matrix, since the preconditioner last saw one
  bool is_known_indefinite_ = false;
  double iterations_per_digit_ = 0;
  double excess_iterations_ = 0;
};

}  // namespace nmcx
