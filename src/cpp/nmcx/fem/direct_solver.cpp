#include "nmcx/fem/direct_solver.hpp"

#include <Eigen/Dense>
#include <Eigen/SparseCholesky>
#include <algorithm>
#include <limits>
#include <utility>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/elimination_order.hpp"

namespace nmcx {
namespace {

using Sparse = Eigen::SparseMatrix<double, Eigen::ColMajor, Index>;

// Added to the diagonal, relative to it, where rigid motions would make the factor singular. It
// must stay above the rounding of a factorisation, 1e-13 at a million unknowns, and below the
// softest strain's share of the diagonal, (h / L)² = 1e-6 there: each iteration gains their ratio.
constexpr double regularisation = 1e-10;

}  // namespace

/// The matrix of the nodes, scalar by scalar in the order of elimination, and its factor.
struct DirectSolver::Factor {
  std::vector<Index> order;  ///< node at each place
  std::vector<Index> entry;  ///< blocks of the upper triangle, column by column
  std::vector<Index> start;  ///< of the blocks of each column
  std::vector<Index> place;  ///< of each node
  Sparse matrix;             ///< upper triangle
  Eigen::SimplicialLDLT<Sparse, Eigen::Upper, Eigen::NaturalOrdering<Index>> ldlt;
  Eigen::MatrixXd inner_by_border;                  ///< K⁻¹ B, (n d × n_border)
  Eigen::PartialPivLU<Eigen::MatrixXd> complement;  ///< C − Bᵀ K⁻¹ B

  Factor(const SparsePattern& pattern, std::vector<Index> elimination, std::size_t d);
  void fill(const BlockMatrix& source, const bool* is_fixed, double shift);
  void solve(const double* r, double* z, std::size_t d) const;
};

DirectSolver::Factor::Factor(const SparsePattern& pattern, std::vector<Index> elimination,
                             std::size_t d)
    : order(std::move(elimination)), start{0}, place(order.size()) {
  for (std::size_t i = 0; i < order.size(); ++i) {
    place[static_cast<std::size_t>(order[i])] = static_cast<Index>(i);
  }
  const auto place_of = [&](Index k) {
    return place[static_cast<std::size_t>(pattern.column[static_cast<std::size_t>(k)])];
  };
  std::size_t n_scalar = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto node = static_cast<std::size_t>(order[i]);
    for (Index k = pattern.row_start[node]; k < pattern.row_start[node + 1]; ++k) {
      if (std::cmp_less_equal(place_of(k), i)) entry.push_back(k);
    }
    std::sort(entry.begin() + start.back(), entry.end(),
              [&](Index a, Index b) { return place_of(a) < place_of(b); });
    const auto n_block =
        static_cast<std::size_t>(entry.size()) - static_cast<std::size_t>(start.back());
    n_scalar += (n_block * d * d) - (d * (d - 1) / 2);
    start.push_back(static_cast<Index>(entry.size()));
  }
  require(n_scalar < static_cast<std::size_t>(std::numeric_limits<Index>::max()),
          "the mesh is too large for a direct solver");
  const auto n = static_cast<Index>(order.size() * d);
  matrix.resize(n, n);
  matrix.resizeNonZeros(static_cast<Eigen::Index>(n_scalar));
  Index* column_start = matrix.outerIndexPtr();
  Index* row = matrix.innerIndexPtr();
  Index at = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t b = 0; b < d; ++b) {
      column_start[(i * d) + b] = at;
      for (Index k = start[i]; k < start[i + 1]; ++k) {
        const auto block = static_cast<std::size_t>(place_of(entry[static_cast<std::size_t>(k)]));
        const std::size_t last = block == i ? b : d - 1;
        for (std::size_t a = 0; a <= last; ++a) row[at++] = static_cast<Index>((block * d) + a);
      }
    }
  }
  column_start[n] = at;
}

void DirectSolver::Factor::fill(const BlockMatrix& source, const bool* is_fixed, double shift) {
  const std::size_t d = source.dimension;
  double* value = matrix.valuePtr();
  std::size_t next = 0;
  for (const Index node : order) {
    const auto i = static_cast<std::size_t>(place[static_cast<std::size_t>(node)]);
    for (std::size_t b = 0; b < d; ++b) {
      const std::size_t me = (static_cast<std::size_t>(node) * d) + b;
      for (Index k = start[i]; k < start[i + 1]; ++k) {
        const auto at = static_cast<std::size_t>(entry[static_cast<std::size_t>(k)]);
        const auto other = static_cast<std::size_t>(source.pattern->column[at]);
        // The row of the symmetric block is the column wanted.
        const double* block = source.values.data() + (at * d * d) + (b * d);
        const std::size_t last = std::cmp_equal(other, node) ? b : d - 1;
        for (std::size_t a = 0; a <= last; ++a) {
          const std::size_t you = (other * d) + a;
          const bool is_out = is_fixed[me] || is_fixed[you];
          if (me == you) {
            value[next++] = is_out ? 1 : block[a] * (1 + shift);
          } else {
            value[next++] = is_out ? 0 : block[a];
          }
        }
      }
    }
  }
}

/// z = K⁻¹ r.
void DirectSolver::Factor::solve(const double* r, double* z, std::size_t d) const {
  Eigen::VectorXd ordered(matrix.cols());
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::copy_n(r + (static_cast<std::size_t>(order[i]) * d), d, ordered.data() + (i * d));
  }
  const Eigen::VectorXd solution = ldlt.solve(ordered);
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::copy_n(solution.data() + (i * d), d, z + (static_cast<std::size_t>(order[i]) * d));
  }
}

DirectSolver::DirectSolver(const SparsePattern& pattern, std::span<const double> positions,
                           std::size_t dimension, std::span<const bool> is_fixed)
    : MechanicalSolver(pattern, positions, dimension, is_fixed) {}

DirectSolver::~DirectSolver() = default;

void DirectSolver::prepare_matrix(const Execution& execution) {
  const BlockMatrix& a = matrix();
  const bool is_first = factor_ == nullptr;
  if (is_first) {
    factor_ = std::make_unique<Factor>(
        *a.pattern, elimination_order(*a.pattern, positions(), a.dimension), a.dimension);
  }
  factor_->fill(a, is_fixed().data(), rigid_modes().size() > 0 ? regularisation : 0);
  if (is_first) factor_->ldlt.analyzePattern(factor_->matrix);
  factor_->ldlt.factorize(factor_->matrix);
  const auto& pivots = factor_->ldlt.vectorD();
  if (factor_->ldlt.info() != Eigen::Success || !pivots.allFinite()) {
    throw ConvergenceError(
        "the stiffness cannot be factorised: a pivot is zero or not a number; check moduli and the "
        "shapes of the cells");
  }
  n_negative_ = static_cast<std::size_t>((pivots.array() < 0).count());
  Team team(execution);
  factorise_border(team);
}

void DirectSolver::factorise_border(Team& team) {
  const BlockMatrix& a = matrix();
  const auto n_border = static_cast<Eigen::Index>(a.n_border());
  if (n_border == 0) return;
  const auto n = static_cast<Eigen::Index>(a.inner());
  Eigen::MatrixXd border = Eigen::Map<const Eigen::MatrixXd>(a.border.data(), n, n_border);
  factor_->inner_by_border.resize(n, n_border);
  for (Eigen::Index c = 0; c < n_border; ++c) {
    const std::span<double> column{border.col(c).data(), a.inner()};
    clear_fixed(column, team);
    rigid_modes().project(column, team);
    const std::span<double> solution{factor_->inner_by_border.col(c).data(), a.inner()};
    factor_->solve(column.data(), solution.data(), a.dimension);
    rigid_modes().project(solution, team);
  }
  const Eigen::Map<const Eigen::MatrixXd> corner(a.corner.data(), n_border, n_border);
  const Eigen::MatrixXd complement = corner - (border.transpose() * factor_->inner_by_border);
  factor_->complement.compute(complement);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> modes(complement, Eigen::EigenvaluesOnly);
  n_negative_ += static_cast<std::size_t>((modes.eigenvalues().array() < 0).count());
}

void DirectSolver::precondition(std::span<const double> r, std::span<double> z, Team& team) {
  const auto n = static_cast<Eigen::Index>(matrix().inner());
  const auto n_border = static_cast<Eigen::Index>(z.size()) - n;
  factor_->solve(r.data(), z.data(), matrix().dimension);
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
