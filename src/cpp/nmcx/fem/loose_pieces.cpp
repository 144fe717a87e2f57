#include "nmcx/fem/loose_pieces.hpp"

#include <Eigen/SparseCholesky>
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/aggregation.hpp"

namespace nmcx {
namespace {

// Couplings weaker than this do not hold a piece. Multigrid alone copes with walls down to 1e-7 of
// intact ones; what it has to leave to deflation must be found well before.
constexpr double loose = 1e-4;
// Rigid motions of a whole body cost no energy; those of a piece on the weakest walls beside intact
// ones 1e-8, rounding 1e-16.
constexpr double regularisation = 1e-11;
// Of energies of motions of unit length, relative to the largest diagonal entry.
constexpr double rounding_of_energy = 1e-13;

/// Entries of a pattern that are strong, within a grain, and the diagonal.
SparsePattern strong_part(const SparsePattern& pattern, std::span<const unsigned char> is_strong,
                          std::span<const Index> grain) {
  SparsePattern result;
  result.row_start.push_back(0);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    for (Index k = pattern.row_start[i]; k < pattern.row_start[i + 1]; ++k) {
      const Index other = pattern.column[static_cast<std::size_t>(k)];
      if (k == pattern.diagonal[i]) {
        result.diagonal.push_back(static_cast<Index>(result.column.size()));
      } else if (is_strong[static_cast<std::size_t>(k)] == 0 ||
                 (!grain.empty() && grain[i] != grain[static_cast<std::size_t>(other)])) {
        continue;
      }
      result.column.push_back(other);
    }
    result.row_start.push_back(static_cast<Index>(result.column.size()));
  }
  return result;
}

/// Forces along the modes of one piece that those of another cause.
struct Coupling {
  Index piece;
  std::array<double, 36> block;
};

std::array<double, 36>& block_with(std::vector<Coupling>& couplings, Index piece) {
  const auto found = std::ranges::find(couplings, piece, &Coupling::piece);
  if (found != couplings.end()) return found->block;
  couplings.push_back({piece, {}});
  return couplings.back().block;
}

}  // namespace

/// LDLᵀ of ZᵀAZ.
struct LoosePieces::Factor {
  Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>> ldlt;
};

LoosePieces::LoosePieces(const BlockMatrix& matrix, std::span<const Index> grain,
                         std::span<const double> positions, std::span<const bool> is_fixed,
                         const RigidModes& bodies, Team& team) {
  const SparsePattern strong = strong_part(
      *matrix.pattern, strong_couplings(*matrix.pattern, matrix.values, 3, loose, team), grain);
  if (strong.column.size() == matrix.pattern->column.size()) return;
  auto pieces = std::make_unique<RigidModes>(strong, positions, 3, is_fixed);
  // Held pieces have no rigid motion to deflate.
  if (pieces->n_body() == bodies.n_body() || pieces->size() == 0) return;
  modes_ = std::move(pieces);
  piece_of_node_.resize(matrix.pattern->size());
  place_of_node_.resize(matrix.pattern->size());
  for (std::size_t p = 0; p < modes_->n_body(); ++p) {
    const std::vector<Index>& nodes = modes_->body(p).nodes;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      piece_of_node_[static_cast<std::size_t>(nodes[i])] = static_cast<Index>(p);
      place_of_node_[static_cast<std::size_t>(nodes[i])] = static_cast<Index>(i);
    }
  }
  find_forces(matrix, is_fixed);
  double largest = 0;
  for (std::size_t i = 0; i < matrix.inner(); ++i) {
    largest = std::max(largest, std::abs(matrix.diagonal_at(i)));
  }
  factorise(largest);
}

LoosePieces::~LoosePieces() = default;

void LoosePieces::find_forces(const BlockMatrix& matrix, std::span<const bool> is_fixed) {
  const SparsePattern& pattern = *matrix.pattern;
  std::vector<Index> touched;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const auto begin = static_cast<std::size_t>(pattern.row_start[i]);
    const auto end = static_cast<std::size_t>(pattern.row_start[i + 1]);
    // Most nodes have neighbours of their own piece only, those at walls of one or two others.
    touched.assign(1, piece_of_node_[i]);
    for (std::size_t k = begin; k < end; ++k) {
      const Index piece = piece_of_node_[static_cast<std::size_t>(pattern.column[k])];
      if (std::ranges::find(touched, piece) == touched.end()) touched.push_back(piece);
    }
    if (touched.size() == 1) continue;
    std::ranges::sort(touched);
    for (const Index piece : touched) {
      const RigidModes::Body& body = modes_->body(static_cast<std::size_t>(piece));
      const std::size_t n_mode = body.n_mode;
      if (n_mode == 0) continue;
      const std::size_t first = force_values_.size();
      forces_.push_back({static_cast<Index>(i), piece, first});
      force_values_.resize(first + (3 * n_mode), 0.0);
      double* force = force_values_.data() + first;
      for (std::size_t k = begin; k < end; ++k) {
        const auto j = static_cast<std::size_t>(pattern.column[k]);
        if (piece_of_node_[j] != piece) continue;
        const double* block = matrix.values.data() + (9 * k);
        const double* mode =
            body.values.data() + (static_cast<std::size_t>(place_of_node_[j]) * 3 * n_mode);
        for (std::size_t a = 0; a < 3; ++a) {
          if (is_fixed[(3 * i) + a]) continue;
          for (std::size_t b = 0; b < 3; ++b) {
            for (std::size_t m = 0; m < n_mode; ++m) {
              force[(a * n_mode) + m] += block[(3 * a) + b] * mode[(b * n_mode) + m];
            }
          }
        }
      }
    }
  }
}

/// @param largest diagonal entry of the matrix
void LoosePieces::factorise(double largest) {
  // Blocks between pieces, first: a node's forces are far more entries than pieces have neighbours.
  std::vector<std::vector<Coupling>> couplings(modes_->n_body());
  for (const Force& force : forces_) {
    const auto node = static_cast<std::size_t>(force.node);
    const auto piece = static_cast<std::size_t>(piece_of_node_[node]);
    const RigidModes::Body& from = modes_->body(static_cast<std::size_t>(force.piece));
    const RigidModes::Body& to = modes_->body(piece);
    const double* mode =
        to.values.data() + (static_cast<std::size_t>(place_of_node_[node]) * 3 * to.n_mode);
    std::array<double, 36>& block = block_with(couplings[piece], force.piece);
    for (std::size_t a = 0; a < 3; ++a) {
      const double* value = force_values_.data() + force.first + (a * from.n_mode);
      for (std::size_t s = 0; s < to.n_mode; ++s) {
        for (std::size_t m = 0; m < from.n_mode; ++m) {
          block[(6 * s) + m] += mode[(a * to.n_mode) + s] * value[m];
        }
      }
    }
  }
  std::vector<Eigen::Triplet<double, int>> entries;
  for (std::size_t piece = 0; piece < couplings.size(); ++piece) {
    const RigidModes::Body& to = modes_->body(piece);
    for (const Coupling& coupling : couplings[piece]) {
      const RigidModes::Body& from = modes_->body(static_cast<std::size_t>(coupling.piece));
      for (std::size_t s = 0; s < to.n_mode; ++s) {
        for (std::size_t m = 0; m < from.n_mode; ++m) {
          entries.emplace_back(static_cast<int>(to.first_mode + s),
                               static_cast<int>(from.first_mode + m), coupling.block[(6 * s) + m]);
        }
      }
    }
  }
  const auto n = static_cast<Eigen::Index>(modes_->size());
  Eigen::SparseMatrix<double> energy(n, n);
  energy.setFromTriplets(entries.begin(), entries.end());
  const Eigen::VectorXd diagonal = energy.diagonal();
  const double rounding = rounding_of_energy * largest;
  is_indefinite_ = diagonal.minCoeff() < -rounding;
  if (is_indefinite_) return;
  for (Eigen::Index k = 0; k < n; ++k) {
    // Where nothing at all holds a piece the diagonal is rounding, or has no entry.
    energy.coeffRef(k, k) = diagonal[k] > 0 ? diagonal[k] * (1 + regularisation) : 1;
  }
  factor_ = std::make_unique<Factor>();
  factor_->ldlt.compute(energy);
  if (factor_->ldlt.info() != Eigen::Success || !factor_->ldlt.vectorD().allFinite()) {
    throw ConvergenceError("multigrid cannot be set up: the walls' stiffness is not a number");
  }
  is_indefinite_ = factor_->ldlt.vectorD().minCoeff() < -rounding;
}

void LoosePieces::correct(std::span<const double> r, std::span<double> z, Team& team) const {
  if (modes_ == nullptr) return;
  std::vector<double> left = modes_->along(r, team);
  for (const Force& force : forces_) {
    const RigidModes::Body& body = modes_->body(static_cast<std::size_t>(force.piece));
    const double* value = force_values_.data() + force.first;
    for (std::size_t a = 0; a < 3; ++a) {
      const double at = z[(3 * static_cast<std::size_t>(force.node)) + a];
      for (std::size_t m = 0; m < body.n_mode; ++m) left[body.first_mode + m] -= *value++ * at;
    }
  }
  const auto n = static_cast<Eigen::Index>(left.size());
  const Eigen::VectorXd motion = factor_->ldlt.solve(Eigen::Map<Eigen::VectorXd>(left.data(), n));
  modes_->add({motion.data(), left.size()}, z, team);
}

}  // namespace nmcx
