#include "nmcx/fem/rigid_modes.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "nmcx/core/dense_matrix.hpp"
#include "nmcx/fem/disjoint_sets.hpp"

namespace nmcx {
namespace {

std::vector<std::vector<Index>> connected_bodies(const SparsePattern& pattern) {
  DisjointSets sets(pattern.size());
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    for (auto k = pattern.row_start[i]; k < pattern.row_start[i + 1]; ++k) {
      sets.unite(i, static_cast<std::size_t>(pattern.column[static_cast<std::size_t>(k)]));
    }
  }
  std::vector<std::size_t> number(pattern.size(), pattern.size());
  std::vector<std::vector<Index>> bodies;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    std::size_t& body = number[sets.find(i)];
    if (body == pattern.size()) {
      body = bodies.size();
      bodies.emplace_back();
    }
    bodies[body].push_back(static_cast<Index>(i));
  }
  return bodies;
}

/// Translations, then rotations about the body's centre in units of its size: columns (n d).
Eigen::MatrixXd motions(std::span<const double> positions, const std::vector<Index>& body,
                        std::size_t d) {
  const auto n = static_cast<Eigen::Index>(body.size());
  const auto dimension = static_cast<Eigen::Index>(d);
  Eigen::MatrixXd x(n, dimension);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index k = 0; k < dimension; ++k) {
      const auto node = static_cast<std::size_t>(body[static_cast<std::size_t>(i)]);
      x(i, k) = positions[(node * d) + static_cast<std::size_t>(k)];
    }
  }
  const Eigen::RowVectorXd centre = x.colwise().mean();
  x.rowwise() -= centre;
  const double size = std::max(x.cwiseAbs().maxCoeff(), 1e-300);
  x /= size;
  const Eigen::Index n_turn = d == 2 ? 1 : 3;
  Eigen::MatrixXd modes = Eigen::MatrixXd::Zero(n * dimension, dimension + n_turn);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index k = 0; k < dimension; ++k) modes((i * dimension) + k, k) = 1;
    for (Eigen::Index t = 0; t < n_turn; ++t) {
      const Eigen::Index a = t;  // turns in the planes 01, 12, 20
      const Eigen::Index b = (t + 1) % dimension;
      modes((i * dimension) + a, dimension + t) = -x(i, b);
      modes((i * dimension) + b, dimension + t) = x(i, a);
    }
  }
  return modes;
}

/// Orthonormal combinations of columns that vanish on the fixed rows.
Eigen::MatrixXd free_motions(Eigen::MatrixXd modes, const std::vector<Index>& body, std::size_t d,
                             std::span<const bool> is_fixed) {
  modes = orthonormal_columns(modes, 1e-9);
  Eigen::MatrixXd held = Eigen::MatrixXd::Zero(modes.rows(), modes.cols());
  bool any = false;
  for (Eigen::Index i = 0; i < modes.rows(); ++i) {
    const auto row = static_cast<std::size_t>(i);
    if (is_fixed[(static_cast<std::size_t>(body[row / d]) * d) + (row % d)]) {
      held.row(i) = modes.row(i);
      any = true;
    }
  }
  if (!any) return modes;
  // Singular values below the threshold are motions that the fixed rows do not feel: rounding of
  // orthonormal columns is 1e-16, a rotation held close to its axis still more than 1e-8.
  const double limit = 1e-16 * static_cast<double>(modes.rows());
  Eigen::MatrixXd left = modes * null_space(held.transpose() * held, limit);
  for (Eigen::Index i = 0; i < left.rows(); ++i) {
    const auto row = static_cast<std::size_t>(i);
    if (is_fixed[(static_cast<std::size_t>(body[row / d]) * d) + (row % d)]) left.row(i).setZero();
  }
  return left;
}

/// Calls loop(d, n_mode), as constants where all motions are free: loops over them unroll.
template <class Loop>
void with_counts(std::size_t d, std::size_t n_mode, const Loop& loop) {
  if (n_mode == 6) {
    loop(std::integral_constant<std::size_t, 3>(), std::integral_constant<std::size_t, 6>());
  } else if (d == 2 && n_mode == 3) {
    loop(std::integral_constant<std::size_t, 2>(), std::integral_constant<std::size_t, 3>());
  } else {
    loop(d, n_mode);
  }
}

}  // namespace

RigidModes::RigidModes(const SparsePattern& pattern, std::span<const double> positions,
                       std::size_t dimension, std::span<const bool> is_fixed)
    : dimension_(dimension) {
  for (std::vector<Index>& nodes : connected_bodies(pattern)) {
    using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Rows modes =
        free_motions(motions(positions, nodes, dimension), nodes, dimension, is_fixed);
    Body body{.nodes = std::move(nodes),
              .first_mode = n_mode_,
              .n_mode = static_cast<std::size_t>(modes.cols()),
              .values = std::vector<double>(modes.data(), modes.data() + modes.size())};
    n_mode_ += body.n_mode;
    for (std::size_t begin = 0; body.n_mode > 0 && begin < body.nodes.size();
         begin += rows_of_chunk) {
      const std::size_t end = std::min(begin + rows_of_chunk, body.nodes.size());
      chunks_.push_back({bodies_.size(), begin, end});
    }
    bodies_.push_back(std::move(body));
  }
}

std::vector<double> RigidModes::along(std::span<const double> x, Team& team) const {
  constexpr std::size_t most = 6;
  std::vector<double> partial(chunks_.size() * most, 0.0);
  team.loop(chunks_.size(), 1, [&](std::size_t c, std::size_t, std::size_t) {
    const Body& body = bodies_[chunks_[c].body];
    const double* value = body.values.data() + (chunks_[c].begin * dimension_ * body.n_mode);
    double sum[most] = {};
    with_counts(dimension_, body.n_mode, [&](auto d, auto n_mode) {
      for (std::size_t i = chunks_[c].begin; i < chunks_[c].end; ++i) {
        const double* at = x.data() + (static_cast<std::size_t>(body.nodes[i]) * d);
        for (std::size_t k = 0; k < d; ++k, value += n_mode) {
          for (std::size_t m = 0; m < n_mode; ++m) sum[m] += value[m] * at[k];
        }
      }
    });
    std::copy_n(sum, most, partial.data() + (c * most));
  });
  std::vector<double> result(n_mode_, 0.0);
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    const Body& body = bodies_[chunks_[c].body];
    for (std::size_t m = 0; m < body.n_mode; ++m) {
      result[body.first_mode + m] += partial[(c * most) + m];
    }
  }
  return result;
}

void RigidModes::add(std::span<const double> factors, std::span<double> x, Team& team) const {
  team.loop(chunks_.size(), 1, [&](std::size_t c, std::size_t, std::size_t) {
    const Body& body = bodies_[chunks_[c].body];
    const double* value = body.values.data() + (chunks_[c].begin * dimension_ * body.n_mode);
    const double* factor = factors.data() + body.first_mode;
    with_counts(dimension_, body.n_mode, [&](auto d, auto n_mode) {
      for (std::size_t i = chunks_[c].begin; i < chunks_[c].end; ++i) {
        double* at = x.data() + (static_cast<std::size_t>(body.nodes[i]) * d);
        for (std::size_t k = 0; k < d; ++k, value += n_mode) {
          for (std::size_t m = 0; m < n_mode; ++m) at[k] += value[m] * factor[m];
        }
      }
    });
  });
}

void RigidModes::project(std::span<double> x, Team& team) const {
  if (n_mode_ == 0) return;
  std::vector<double> factors = along(x, team);
  for (double& factor : factors) factor = -factor;
  add(factors, x, team);
}

double RigidModes::imbalance(std::span<const double> force) const {
  double worst = 0;
  for (const Body& body : bodies_) {
    for (std::size_t m = 0; m < body.n_mode; ++m) {
      double along = 0;
      double total = 0;
      double largest = 0;  // a load through the centre turns nothing: what is left is rounding
      const double* value = body.values.data() + m;
      for (const Index node : body.nodes) {
        for (std::size_t k = 0; k < dimension_; ++k, value += body.n_mode) {
          const double at = force[(static_cast<std::size_t>(node) * dimension_) + k];
          along += *value * at;
          total += std::abs(at);
          largest = std::max(largest, std::abs(*value));
        }
      }
      if (total > 0) worst = std::max(worst, std::abs(along) / (largest * total));
    }
  }
  return worst;
}

}  // namespace nmcx
