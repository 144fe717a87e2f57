#include "nmcx/fem/direct_solver.hpp"

#include <Eigen/LU>
#include <vector>

#include "nmcx/core/dense_matrix.hpp"
#include "nmcx/core/error.hpp"
#include "nmcx/fem/elimination_order.hpp"
#include "nmcx/fem/multifrontal.hpp"

namespace nmcx {
namespace {

// Added to the diagonal, relative to it, where rigid motions would make the factor singular. It
// must stay above the rounding of a factorisation, 1e-13 at a million unknowns, and below the
// softest strain's share of the diagonal, (h / L)² = 1e-6 there: each iteration gains their ratio.
constexpr double regularisation = 1e-10;

}  // namespace

struct DirectSolver::Factor {
  Multifrontal inner;
  Eigen::MatrixXd inner_by_border;                  ///< K⁻¹ B, (n d × n_border)
  Eigen::PartialPivLU<Eigen::MatrixXd> complement;  ///< C − Bᵀ K⁻¹ B
};

DirectSolver::DirectSolver(const SparsePattern& pattern, std::span<const double> positions,
                           std::size_t dimension, std::span<const bool> is_fixed)
    : MechanicalSolver(pattern, positions, dimension, is_fixed) {}

DirectSolver::~DirectSolver() = default;

void DirectSolver::prepare_matrix(const Execution& execution) {
  const BlockMatrix& a = matrix();
  if (factor_ == nullptr) {
    const std::vector<Index> order = elimination_order(*a.pattern, positions(), a.dimension);
    factor_ = std::make_unique<Factor>(
        Factor{.inner{*a.pattern, order, a.dimension}, .inner_by_border{}, .complement{}});
  }
  Team team(execution);
  const double shift = rigid_modes().size() > 0 ? regularisation : 0;
  if (!factor_->inner.factorise(a, is_fixed(), shift, team)) {
    throw ConvergenceError(
        "the stiffness cannot be factorised: a pivot is zero or not a number; check moduli and the "
        "shapes of the cells");
  }
  n_negative_ = factor_->inner.n_negative();
  factorise_border(team);
}

void DirectSolver::factorise_border(Team& team) {
  const BlockMatrix& a = matrix();
  const auto n_border = static_cast<Eigen::Index>(a.n_border());
  if (n_border == 0) return;
  const auto n = static_cast<Eigen::Index>(a.inner());
  Eigen::MatrixXd border = Eigen::Map<const Eigen::MatrixXd>(a.border.data(), n, n_border);
  factor_->inner_by_border.resize(n, n_border);
  const auto project = [&](Eigen::MatrixXd& columns) {
    for (Eigen::Index c = 0; c < n_border; ++c) {
      rigid_modes().project({columns.col(c).data(), a.inner()}, team);
    }
  };
  for (Eigen::Index c = 0; c < n_border; ++c) {
    clear_fixed({border.col(c).data(), a.inner()}, team);
  }
  project(border);
  Eigen::MatrixXd& solution = factor_->inner_by_border;
  const auto size = static_cast<std::size_t>(border.size());
  factor_->inner.solve({border.data(), size}, {solution.data(), size}, a.n_border(), team);
  project(solution);
  const Eigen::Map<const Eigen::MatrixXd> corner(a.corner.data(), n_border, n_border);
  const Eigen::MatrixXd complement = corner - (border.transpose() * solution);
  factor_->complement.compute(complement);
  n_negative_ += static_cast<std::size_t>((symmetric_modes(complement).values.array() < 0).count());
}

void DirectSolver::precondition(std::span<const double> r, std::span<double> z, Team& team) {
  const auto n = static_cast<Eigen::Index>(matrix().inner());
  const auto n_border = static_cast<Eigen::Index>(z.size()) - n;
  factor_->inner.solve(r.first(matrix().inner()), z.first(matrix().inner()), 1, team);
  rigid_modes().project(z, team);
  if (n_border == 0) return;
  // Bᵀ K⁻¹ r = (K⁻¹ B)ᵀ r.
  const Eigen::Map<const Eigen::VectorXd> right(r.data(), n);
  Eigen::Map<Eigen::VectorXd> inner(z.data(), n);
  const Eigen::Map<const Eigen::VectorXd> right_border(r.data() + n, n_border);
  const Eigen::VectorXd along =
      factor_->complement.solve(right_border - (factor_->inner_by_border.transpose() * right));
  inner -= factor_->inner_by_border * along;
  Eigen::Map<Eigen::VectorXd>(z.data() + n, n_border) = along;
}

}  // namespace nmcx
