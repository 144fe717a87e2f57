#include "nmcx/fem/multigrid.hpp"

#include <Eigen/Dense>
#include <Eigen/SparseCholesky>
#include <algorithm>
#include <cmath>
#include <utility>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/block_inverse.hpp"
#include "nmcx/fem/chebyshev.hpp"

namespace nmcx {
namespace {

// Couplings weaker than this, relative to the diagonal, are not aggregated across: by measurement
// (docs/explanation/elasticity.md) the cells' own are stronger, walls at a hundredth weaker.
constexpr double strength_threshold = 0.02;
// So small that factorising the coarsest level takes no time worth a word.
constexpr std::size_t coarsest_nodes = 60;
// Levels are no longer worth it where aggregates hold hardly more than a node.
constexpr double least_coarsening = 0.7;
// Added to the diagonal of coarse matrices, relative to it: no motion then answers the rounding of
// single precision by more than a tenth of the solution. Those that would are rigid, of a free body
// or of a loose piece, and not left to the cycle; the softest strain of an aggregate has 1e-3.
constexpr double regularisation = 1e-6;

std::vector<double> coarse_matrix(const GalerkinProduct& product, std::span<const double> values,
                                  std::size_t m, Team& team) {
  std::vector<double> result = product.multiply(values, m, team);
  for (const Index entry : product.pattern().diagonal) {
    double* block = result.data() + (static_cast<std::size_t>(entry) * 36);
    for (std::size_t k = 0; k < 6; ++k) block[7 * k] *= 1 + regularisation;
  }
  return result;
}

}  // namespace

struct Multigrid::Level {
  LevelNodes nodes;
  const SparsePattern* pattern = nullptr;
  BlockSmoother smoother;
  std::unique_ptr<Prolongation> prolongation;  ///< none of the coarsest level
  std::unique_ptr<GalerkinProduct> product;
};

/// LDLᵀ of the last level's matrix.
struct Multigrid::Coarsest {
  Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>, Eigen::Upper> ldlt;

  void factorise(const SparsePattern& pattern, std::span<const double> values, std::size_t m,
                 std::span<const bool> is_fixed);
};

void Multigrid::Coarsest::factorise(const SparsePattern& pattern, std::span<const double> values,
                                    std::size_t m, std::span<const bool> is_fixed) {
  std::vector<Eigen::Triplet<double, int>> entries;
  const auto is_held = [&](std::size_t i) { return !is_fixed.empty() && is_fixed[i]; };
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    for (Index k = pattern.row_start[i]; k < pattern.row_start[i + 1]; ++k) {
      const auto j = static_cast<std::size_t>(pattern.column[static_cast<std::size_t>(k)]);
      for (std::size_t e = 0; e < m * m; ++e) {
        const std::size_t row = (i * m) + (e / m);
        const std::size_t column = (j * m) + (e % m);
        double value = values[(static_cast<std::size_t>(k) * m * m) + e];
        if (row == column) {
          value = is_held(row) || !(value > 0) ? 1 : value * (1 + regularisation);
        } else if (row > column || is_held(row) || is_held(column)) {
          continue;
        }
        entries.emplace_back(static_cast<int>(row), static_cast<int>(column), value);
      }
    }
  }
  const auto n = static_cast<Eigen::Index>(pattern.size() * m);
  Eigen::SparseMatrix<double> matrix(n, n);
  matrix.setFromTriplets(entries.begin(), entries.end());
  ldlt.compute(matrix);
  if (ldlt.info() != Eigen::Success || !(ldlt.vectorD().minCoeff() > 0)) {
    throw ConvergenceError(
        "multigrid cannot be set up: the stiffness is not positive definite; take the secant of "
        "softening walls, or the direct solver");
  }
}

Multigrid::Multigrid(const SparsePattern& pattern, std::span<const double> positions,
                     std::span<const bool> is_fixed)
    : is_fixed_(is_fixed), coarsest_(std::make_unique<Coarsest>()) {
  levels_.push_back(std::make_unique<Level>());
  levels_[0]->pattern = &pattern;
  levels_[0]->nodes.positions.assign(positions.begin(), positions.end());
}

Multigrid::~Multigrid() = default;

void Multigrid::set_matrix(Level& level, std::span<const double> values,
                           std::vector<double>& inverse, Team& team) const {
  const std::size_t m = level.nodes.n_unknown;
  inverse = inverse_diagonal_blocks(*level.pattern, values, m,
                                    m == 3 ? is_fixed_ : std::span<const bool>(), team);
  level.smoother.set(*level.pattern, values, inverse, m, team);
}

/// Adds a level below the last; whether it was worth it.
bool Multigrid::coarsen(std::span<const double> values, std::span<const double> inverse,
                        Team& team) {
  Level& fine = *levels_.back();
  const std::size_t n = fine.nodes.size();
  const std::size_t m = fine.nodes.n_unknown;
  if (n <= coarsest_nodes) return false;
  const std::span<const bool> held = m == 3 ? is_fixed_ : std::span<const bool>();
  std::vector<unsigned char> takes_part(n, 1);
  for (std::size_t i = 0; i < n && !held.empty(); ++i) {
    const auto* at = held.data() + (i * m);
    takes_part[i] = std::all_of(at, at + m, [](bool is) { return is; }) ? 0 : 1;
  }
  const std::vector<unsigned char> is_strong =
      strong_couplings(*fine.pattern, values, m, strength_threshold, team);
  const Aggregation aggregation = aggregate(*fine.pattern, is_strong, takes_part);
  if (aggregation.n_aggregate == 0 ||
      static_cast<double>(aggregation.n_aggregate) > least_coarsening * static_cast<double>(n)) {
    return false;
  }
  auto coarse = std::make_unique<Level>();
  coarse->nodes = coarse_nodes(fine.nodes, aggregation);
  fine.prolongation = std::make_unique<Prolongation>(
      smoothed_prolongation({.pattern = fine.pattern,
                             .values = values,
                             .inverse_diagonal = inverse,
                             .largest = fine.smoother.largest()},
                            fine.nodes, aggregation, is_strong, coarse->nodes, held, team));
  fine.product = std::make_unique<GalerkinProduct>(*fine.pattern, *fine.prolongation, team);
  coarse->pattern = &fine.product->pattern();
  levels_.push_back(std::move(coarse));
  return true;
}

void Multigrid::build(std::span<const double> values, Team& team) {
  levels_.resize(1);
  std::vector<double> own;
  std::vector<double> inverse;
  set_matrix(*levels_.back(), values, inverse, team);
  while (coarsen(values, inverse, team)) {
    const Level& fine = *levels_[levels_.size() - 2];
    own = coarse_matrix(*fine.product, values, fine.nodes.n_unknown, team);
    values = own;
    set_matrix(*levels_.back(), values, inverse, team);
  }
  const Level& last = *levels_.back();
  const std::size_t m = last.nodes.n_unknown;
  coarsest_->factorise(*last.pattern, values, m, m == 3 ? is_fixed_ : std::span<const bool>());
}

void Multigrid::refresh(std::span<const double> values, Team& team) {
  std::vector<double> own;
  std::vector<double> inverse;
  set_matrix(*levels_[0], values, inverse, team);
  for (std::size_t k = 1; k < levels_.size(); ++k) {
    const Level& fine = *levels_[k - 1];
    own = coarse_matrix(*fine.product, values, fine.nodes.n_unknown, team);
    values = own;
    set_matrix(*levels_[k], values, inverse, team);
  }
  const Level& last = *levels_.back();
  const std::size_t m = last.nodes.n_unknown;
  coarsest_->factorise(*last.pattern, values, m, m == 3 ? is_fixed_ : std::span<const bool>());
}

void Multigrid::cycle(std::span<const double> r, std::span<double> z, Team& team) {
  // Forces of any size fit into single precision relative to the largest.
  const std::size_t n = levels_[0]->nodes.size() * 3;
  const double size = std::sqrt(chunked_sum(n, team, [&](std::size_t i) { return r[i] * r[i]; }));
  if (!(size > 0)) {
    std::fill_n(z.begin(), n, 0.0);
    return;
  }
  const double scale = 1 / size;
  float* right = levels_[0]->smoother.right();
  team.loop(n, rows_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t i = begin; i < end; ++i) right[i] = static_cast<float>(scale * r[i]);
  });
  descend(0, team);
  const float* solution = levels_[0]->smoother.solution();
  team.loop(n, rows_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t i = begin; i < end; ++i) z[i] = size * static_cast<double>(solution[i]);
  });
}

void Multigrid::descend(std::size_t depth, Team& team) {
  Level& level = *levels_[depth];
  BlockSmoother& smoother = level.smoother;
  if (depth + 1 == levels_.size()) {
    const auto n = static_cast<Eigen::Index>(level.nodes.size() * level.nodes.n_unknown);
    const Eigen::Map<const Eigen::VectorXf> right(smoother.right(), n);
    const Eigen::VectorXd solution = coarsest_->ldlt.solve(right.cast<double>());
    Eigen::Map<Eigen::VectorXf>(smoother.solution(), n) = solution.cast<float>();
    return;
  }
  BlockSmoother& below = levels_[depth + 1]->smoother;
  smoother.smooth_from_zero(team);
  smoother.restrict_residual(*level.prolongation, below.right(), team);
  descend(depth + 1, team);
  smoother.correct(*level.prolongation, below.solution(), team);
  smoother.smooth(team);
}

std::vector<std::size_t> Multigrid::level_sizes() const {
  std::vector<std::size_t> sizes;
  sizes.reserve(levels_.size());
  for (const auto& level : levels_) sizes.push_back(level->nodes.size());
  return sizes;
}

double Multigrid::operator_complexity() const {
  double sum = 0;
  for (const auto& level : levels_) {
    const auto m = static_cast<double>(level->nodes.n_unknown);
    sum += static_cast<double>(level->pattern->column.size()) * m * m;
  }
  return sum / (9 * static_cast<double>(levels_[0]->pattern->column.size()));
}

}  // namespace nmcx
