#include "nmcx/fem/prolongation.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "nmcx/fem/block_rows.hpp"

namespace nmcx {
namespace {

template <std::size_t m>
using Motion = Eigen::Matrix<double, static_cast<int>(m), 6, Eigen::RowMajor>;

/// A rigid motion's unknowns at a node that is `from` the centre of it.
template <std::size_t m>
Motion<m> rigid_motion(const double* from, double length, double coarse_length) {
  Motion<m> block = Motion<m>::Zero();
  const double scale = 1 / coarse_length;
  for (int k = 0; k < 3; ++k) {
    block(k, k) = 1;
    const int a = (k + 1) % 3;
    const int b = (k + 2) % 3;
    // ω × r, for the turn about axis k
    block(b, 3 + k) = scale * from[a];
    block(a, 3 + k) = -scale * from[b];
    if constexpr (m == 6) block(3 + k, 3 + k) = length * scale;
  }
  return block;
}

/// The blocks of one row, by coarse node, in the order they were met.
template <std::size_t m>
class RowBlocks {
 public:
  void clear() { n_ = 0; }
  Motion<m>& at(Index node) {
    for (std::size_t k = 0; k < n_; ++k) {
      if (nodes_[k] == node) return blocks_[k];
    }
    if (n_ == nodes_.size()) {
      nodes_.push_back(node);
      blocks_.emplace_back();
    } else {
      nodes_[n_] = node;
    }
    blocks_[n_].setZero();
    return blocks_[n_++];
  }
  /// Appends columns and values, columns ascending.
  void append(std::vector<Index>& column, std::vector<float>& values) {
    order_.resize(n_);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::sort(order_.begin(), order_.end(),
              [&](std::size_t a, std::size_t b) { return nodes_[a] < nodes_[b]; });
    for (const std::size_t k : order_) {
      column.push_back(nodes_[k]);
      for (std::size_t e = 0; e < 6 * m; ++e) {
        values.push_back(static_cast<float>(blocks_[k].data()[e]));
      }
    }
  }
  [[nodiscard]] std::size_t size() const { return n_; }

 private:
  std::size_t n_ = 0;
  std::vector<Index> nodes_;
  std::vector<Motion<m>> blocks_;
  std::vector<std::size_t> order_;
};

/// Rows of one chunk, before it is known where they begin.
struct ChunkRows {
  std::vector<Index> n_entry, column;
  std::vector<float> values;
};

template <std::size_t m>
class Smoothing {
 public:
  Smoothing(const LevelMatrix& matrix, const LevelNodes& nodes, const Aggregation& aggregation,
            std::span<const unsigned char> is_strong, const LevelNodes& coarse,
            std::span<const bool> is_fixed)
      : matrix_(matrix),
        nodes_(nodes),
        aggregation_(aggregation),
        is_strong_(is_strong),
        coarse_(coarse),
        is_fixed_(is_fixed) {}

  void add_row(std::size_t i, RowBlocks<m>& row) const {
    using Block = Eigen::Matrix<double, static_cast<int>(m), static_cast<int>(m), Eigen::RowMajor>;
    const SparsePattern& pattern = *matrix_.pattern;
    const Index mine = aggregation_.of_node[i];
    if (mine == no_aggregate) return;
    const auto last = static_cast<std::size_t>(pattern.row_start[i + 1]);
    const auto first = static_cast<std::size_t>(pattern.row_start[i]);
    const Eigen::Map<const Block> inverse(matrix_.inverse_diagonal.data() + (i * m * m));
    const Block damping = (-4.0 / 3.0 / matrix_.largest) * inverse;
    row.at(mine) = motion(i, mine);
    for (std::size_t k = first; k < last; ++k) {
      const auto j = static_cast<std::size_t>(pattern.column[k]);
      const Index other = aggregation_.of_node[j];
      if (other == no_aggregate) continue;
      const Index target = is_strong_[k] != 0 ? other : mine;
      const Eigen::Map<const Block> coupling(matrix_.values.data() + (k * m * m));
      row.at(target).noalias() += damping * (coupling * motion(j, target));
    }
  }

 private:
  [[nodiscard]] Motion<m> motion(std::size_t node, Index aggregate) const {
    const auto a = static_cast<std::size_t>(aggregate);
    std::array<double, 3> from{};
    for (std::size_t k = 0; k < 3; ++k) {
      from[k] = nodes_.positions[(3 * node) + k] - coarse_.positions[(3 * a) + k];
    }
    Motion<m> result =
        rigid_motion<m>(from.data(), m == 6 ? nodes_.lengths[node] : 0, coarse_.lengths[a]);
    if (!is_fixed_.empty()) {
      for (std::size_t k = 0; k < m; ++k) {
        if (is_fixed_[(node * m) + k]) result.row(static_cast<Eigen::Index>(k)).setZero();
      }
    }
    return result;
  }

  const LevelMatrix& matrix_;
  const LevelNodes& nodes_;
  const Aggregation& aggregation_;
  std::span<const unsigned char> is_strong_;
  const LevelNodes& coarse_;
  std::span<const bool> is_fixed_;
};

void transpose(Prolongation& p, std::size_t n_coarse, std::size_t block, Team& team) {
  p.transposed_start.assign(n_coarse + 1, 0);
  for (const Index c : p.column) ++p.transposed_start[static_cast<std::size_t>(c) + 1];
  std::partial_sum(p.transposed_start.begin(), p.transposed_start.end(),
                   p.transposed_start.begin());
  std::vector<Index> next(p.transposed_start.begin(), p.transposed_start.end() - 1);
  std::vector<Index> entry(p.column.size());
  p.transposed_row.resize(p.column.size());
  for (std::size_t i = 0; i + 1 < p.row_start.size(); ++i) {
    for (Index k = p.row_start[i]; k < p.row_start[i + 1]; ++k) {
      const auto coarse = static_cast<std::size_t>(p.column[static_cast<std::size_t>(k)]);
      const auto at = static_cast<std::size_t>(next[coarse]++);
      p.transposed_row[at] = static_cast<Index>(i);
      entry[at] = k;
    }
  }
  p.transposed_values.resize(p.values.size());
  team.loop(entry.size(), rows_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t k = begin; k < end; ++k) {
      std::copy_n(p.values.data() + (static_cast<std::size_t>(entry[k]) * block), block,
                  p.transposed_values.data() + (k * block));
    }
  });
}

template <std::size_t m>
Prolongation smoothed(const Smoothing<m>& smoothing, std::size_t n, std::size_t n_coarse,
                      Team& team) {
  constexpr std::size_t rows = rows_of_chunk / m;
  std::vector<ChunkRows> chunks((n / rows) + 1);
  team.loop(n, rows, [&](std::size_t begin, std::size_t end, std::size_t chunk) {
    RowBlocks<m> row;
    ChunkRows& mine = chunks[chunk];
    for (std::size_t i = begin; i < end; ++i) {
      row.clear();
      smoothing.add_row(i, row);
      row.append(mine.column, mine.values);
      mine.n_entry.push_back(static_cast<Index>(row.size()));
    }
  });
  Prolongation result;
  result.row_start.push_back(0);
  std::size_t n_entry = 0;
  for (const ChunkRows& chunk : chunks) n_entry += chunk.column.size();
  result.row_start.reserve(n + 1);
  result.column.reserve(n_entry);
  result.values.reserve((n_entry * 6 * m) + block_padding);
  for (ChunkRows& chunk : chunks) {
    for (const Index count : chunk.n_entry) {
      result.row_start.push_back(result.row_start.back() + count);
    }
    result.column.insert(result.column.end(), chunk.column.begin(), chunk.column.end());
    result.values.insert(result.values.end(), chunk.values.begin(), chunk.values.end());
    chunk = {};
  }
  result.values.resize(result.values.size() + block_padding);
  transpose(result, n_coarse, 6 * m, team);
  return result;
}

}  // namespace

LevelNodes coarse_nodes(const LevelNodes& nodes, const Aggregation& aggregation) {
  const std::size_t n_coarse = aggregation.n_aggregate;
  LevelNodes result{.n_unknown = 6,
                    .positions = std::vector<double>(3 * n_coarse, 0.0),
                    .lengths = std::vector<double>(n_coarse, 0.0)};
  std::vector<double> count(n_coarse, 0.0);
  const auto for_each_member = [&](const auto& call) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (aggregation.of_node[i] == no_aggregate) continue;
      call(i, static_cast<std::size_t>(aggregation.of_node[i]));
    }
  };
  for_each_member([&](std::size_t i, std::size_t a) {
    count[a] += 1;
    for (std::size_t k = 0; k < 3; ++k) {
      result.positions[(3 * a) + k] += nodes.positions[(3 * i) + k];
    }
  });
  for (std::size_t i = 0; i < result.positions.size(); ++i) result.positions[i] /= count[i / 3];
  for_each_member([&](std::size_t i, std::size_t a) {
    for (std::size_t k = 0; k < 3; ++k) {
      const double from = nodes.positions[(3 * i) + k] - result.positions[(3 * a) + k];
      result.lengths[a] += from * from;
    }
    if (nodes.n_unknown == 6) result.lengths[a] += nodes.lengths[i] * nodes.lengths[i];
  });
  double mean = 0;
  for (std::size_t a = 0; a < n_coarse; ++a) {
    result.lengths[a] = std::sqrt(result.lengths[a] / count[a]);
    mean += result.lengths[a] / static_cast<double>(n_coarse);
  }
  // A single node turns nothing, nor do two that lie in one place, on both sides of a wall: any
  // length will do that does not make much of the rounding of their distance.
  for (double& length : result.lengths) length = std::max(length, mean > 0 ? 1e-3 * mean : 1);
  return result;
}

Prolongation smoothed_prolongation(const LevelMatrix& matrix, const LevelNodes& nodes,
                                   const Aggregation& aggregation,
                                   std::span<const unsigned char> is_strong,
                                   const LevelNodes& coarse, std::span<const bool> is_fixed,
                                   Team& team) {
  if (nodes.n_unknown == 3) {
    const Smoothing<3> smoothing(matrix, nodes, aggregation, is_strong, coarse, is_fixed);
    return smoothed<3>(smoothing, nodes.size(), coarse.size(), team);
  }
  const Smoothing<6> smoothing(matrix, nodes, aggregation, is_strong, coarse, is_fixed);
  return smoothed<6>(smoothing, nodes.size(), coarse.size(), team);
}

}  // namespace nmcx
