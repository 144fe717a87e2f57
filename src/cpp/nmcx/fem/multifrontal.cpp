#include "nmcx/fem/multifrontal.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <ranges>

#include "nmcx/core/instruction_set.hpp"
#include "nmcx/fem/front_kernel.hpp"

namespace nmcx {
namespace {

/// Subtrees that take less than this share of all operations are left to one thread each.
constexpr double share_of_subtree = 1.0 / 32;
/// Columns of a product that a thread takes at a time.
constexpr std::size_t columns_of_chunk = 48;
/// Products of fewer operations are not worth sharing.
constexpr double least_shared = 2e6;

std::size_t at(Index i) {
  return static_cast<std::size_t>(i);
}

double operations(const Front& front, std::size_t dimension) {
  const auto own = static_cast<double>(front.n_own() * dimension);
  const auto all = static_cast<double>(front.n_node() * dimension);
  return own * all * all;
}

}  // namespace

/// What fronts are assembled from.
struct Multifrontal::Source {
  const double* values;
  const bool* is_fixed;
  double shift;
};

Multifrontal::Multifrontal(const SparsePattern& pattern, std::span<const Index> order,
                           std::size_t dimension, std::size_t kept)
    : dimension_(dimension),
      tree_(pattern, order, dimension),
      may_keep_(n_left() <= kept / sizeof(double)),
      left_(n_front()),
      is_renewed_(n_front(), 0),
      n_negative_(n_front(), 0),
      is_regular_(n_front(), 0) {
  std::size_t n = 0;
  std::size_t n_added = 0;
  for (const Front& front : tree_.fronts) {
    panel_start_.push_back(n);
    added_start_.push_back(n_added);
    n_added += front.below.size() * dimension;
    n += front.n_own() * front.n_node() * dimension * dimension;
  }
  added_start_.push_back(n_added);
  panels_ = Array<double, 1>({n});
  find_tasks();
}

std::size_t Multifrontal::n_left() const {
  std::size_t n = 0;
  for (const Front& front : tree_.fronts) {
    n += front.below.size() * front.below.size() * dimension_ * dimension_;
  }
  return n;
}

std::size_t Multifrontal::n_negative() const {
  return std::accumulate(n_negative_.begin(), n_negative_.end(), std::size_t{0});
}

std::size_t Multifrontal::n_renewed() const {
  return static_cast<std::size_t>(std::ranges::count(is_renewed_, 1));
}

void Multifrontal::find_tasks() {
  std::vector<double> cost;
  double total = 0;
  for (const Front& front : tree_.fronts) {
    const double own = operations(front, dimension_);
    total += own;
    cost.push_back(own);
    for (const Index child : front.children) cost.back() += cost[at(child)];
  }
  // From the roots down; a front joins the subtree of its parent.
  constexpr Index none = -1;
  std::vector<Index> subtree(n_front(), none);
  for (std::size_t f = n_front(); f-- > 0;) {
    const Index parent = tree_.fronts[f].parent;
    if (parent != none && subtree[at(parent)] != none) {
      subtree[f] = subtree[at(parent)];
    } else if (cost[f] <= share_of_subtree * total) {
      subtree[f] = static_cast<Index>(subtrees_.size());
      subtrees_.emplace_back();
    }
  }
  std::vector<std::size_t> wave(n_front(), 0);  // one more than that of the last child
  for (std::size_t f = 0; f < n_front(); ++f) {
    const auto me = static_cast<Index>(f);
    if (subtree[f] != none) {
      subtrees_[at(subtree[f])].push_back(me);
      continue;
    }
    waves_.resize(std::max(waves_.size(), wave[f] + 1));
    waves_[wave[f]].push_back(me);
    const Index parent = tree_.fronts[f].parent;
    if (parent != none) wave[at(parent)] = std::max(wave[at(parent)], wave[f] + 1);
  }
}

/// Marks the fronts that have to be made anew, and keeps the values for the next time.
void Multifrontal::find_renewed(const BlockMatrix& matrix, double shift, Team& team) {
  const std::size_t n_block = dimension_ * dimension_;
  const bool is_partial = is_kept_ && has_factor_ && shift == shift_;
  team.loop(n_front(), 64, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t f = begin; f < end; ++f) {
      const auto is_other = [&](const FrontTree::Block& block) {
        const std::size_t first = at(block.entry) * n_block;
        return std::memcmp(values_.data() + first, matrix.values.data() + first,
                           n_block * sizeof(double)) != 0;
      };
      const Front& front = tree_.fronts[f];
      const auto blocks =
          std::span(tree_.blocks)
              .subspan(tree_.block_start[front.first],
                       tree_.block_start[front.last] - tree_.block_start[front.first]);
      is_renewed_[f] = !is_partial || std::ranges::any_of(blocks, is_other) ? 1 : 0;
    }
  });
  for (std::size_t f = 0; f < n_front(); ++f) {
    for (const Index child : tree_.fronts[f].children) is_renewed_[f] |= is_renewed_[at(child)];
  }
  shift_ = shift;
  is_kept_ = may_keep_ && !values_.empty();
  if (may_keep_) values_.assign(matrix.values.begin(), matrix.values.end());
}

bool Multifrontal::factorise(const BlockMatrix& matrix, std::span<const bool> is_fixed,
                             double shift, Team& team) {
  find_renewed(matrix, shift, team);
  has_factor_ = false;
  const Source source{.values = matrix.values.data(), .is_fixed = is_fixed.data(), .shift = shift};
  team.loop(subtrees_.size(), 1, [&](std::size_t which, std::size_t, std::size_t) {
    std::vector<double> work;
    for (const Index f : subtrees_[which]) renew(at(f), source, work, nullptr);
  });
  for (const std::vector<Index>& wave : waves_) {
    // One front is shared by all threads, of several each has its own.
    if (wave.size() == 1) {
      std::vector<double> work;
      renew(at(wave.front()), source, work, &team);
      continue;
    }
    team.loop(wave.size(), 1, [&](std::size_t which, std::size_t, std::size_t) {
      std::vector<double> work;
      renew(at(wave[which]), source, work, nullptr);
    });
  }
  has_factor_ = std::ranges::all_of(is_regular_, [](std::uint8_t b) { return b != 0; });
  return has_factor_;
}

void Multifrontal::renew(std::size_t which, const Source& source, std::vector<double>& work,
                         Team* team) {
  if (is_renewed_[which] == 0) return;
  if (dimension_ == 2) {
    assemble<2>(which, source);
  } else {
    assemble<3>(which, source);
  }
  eliminate(which, work, team);
  const Front& front = tree_.fronts[which];
  const std::size_t n_row = front.n_node() * dimension_;
  n_negative_[which] = 0;
  is_regular_[which] = 1;
  for (std::size_t k = 0; k < front.n_own() * dimension_; ++k) {
    const double pivot = panel(which)[(k * n_row) + k];
    if (pivot < 0) ++n_negative_[which];
    if (pivot == 0 || !std::isfinite(pivot)) is_regular_[which] = 0;
  }
}

template <std::size_t d>
void Multifrontal::assemble(std::size_t which, const Source& source) {
  const Front& front = tree_.fronts[which];
  const std::size_t n_row = front.n_node() * d;
  const std::size_t n_below = front.below.size() * d;
  std::fill_n(panel(which), front.n_own() * d * n_row, 0.0);
  if (left_[which] == nullptr) {
    left_[which] = std::make_unique_for_overwrite<double[]>(n_below * n_below);
  }
  for (std::size_t j = 0; j < n_below; ++j) {
    // Products are also written to, and read from, a little above the diagonal.
    const std::size_t top = j - std::min(j, front_margin);
    double* column = left_[which].get() + (j * n_below);
    std::fill(column + top, column + n_below, 0.0);
  }
  for (std::size_t i = 0; i < front.n_own(); ++i) {
    const std::size_t me = at(tree_.order[front.first + i]) * d;
    for (std::size_t k = tree_.block_start[front.first + i];
         k < tree_.block_start[front.first + i + 1]; ++k) {
      const FrontTree::Block& place = tree_.blocks[k];
      const std::size_t row = at(place.row);
      const std::size_t node =
          row < front.n_own() ? front.first + row : at(front.below[row - front.n_own()]);
      const std::size_t you = at(tree_.order[node]) * d;
      for (std::size_t a = 0; a < d; ++a) {
        const double* block = source.values + (at(place.entry) * d * d) + (a * d);
        double* to = panel(which) + (((i * d) + a) * n_row) + (row * d);
        for (std::size_t b = 0; b < d; ++b) {
          const bool is_out = source.is_fixed[me + a] || source.is_fixed[you + b];
          if (me + a == you + b) {
            to[b] = is_out ? 1 : block[b] * (1 + source.shift);
          } else {
            to[b] = is_out ? 0 : block[b];
          }
        }
      }
    }
  }
  for (const Index child : front.children) {
    take_over<d>(which, tree_.fronts[at(child)], left_[at(child)].get());
    if (!is_kept_) left_[at(child)].reset();
  }
}

/// Adds what a child leaves.
template <std::size_t d>
void Multifrontal::take_over(std::size_t which, const Front& child, const double* left) {
  const Front& front = tree_.fronts[which];
  const std::size_t n_own = front.n_own() * d;
  const std::size_t n_row = front.n_node() * d;
  const std::size_t n_below = front.below.size() * d;
  const std::size_t n = child.below.size();
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t b = 0; b < d; ++b) {
      const std::size_t column = (at(child.in_parent[j]) * d) + b;
      // Rows of the front, whether the column is one of its own or not.
      double* to = column < n_own ? panel(which) + (column * n_row)
                                  : left_[which].get() + ((column - n_own) * n_below) - n_own;
      const double* from = left + (((j * d) + b) * n * d);
      for (std::size_t i = j; i < n; ++i) {
        const std::size_t row = at(child.in_parent[i]) * d;
        for (std::size_t a = 0; a < d; ++a) to[row + a] += from[(i * d) + a];
      }
    }
  }
}

void Multifrontal::eliminate(std::size_t which, std::vector<double>& work, Team* team) {
  const FrontKernel& kernel = active_front_kernel();
  const Front& front = tree_.fronts[which];
  const std::size_t n_own = front.n_own() * dimension_;
  const std::size_t n_row = front.n_node() * dimension_;
  const std::size_t n_below = n_row - n_own;
  double* own = panel(which);
  work.resize(std::max(work.size(), kernel.workspace(std::max(n_own, n_below))));
  for (std::size_t first = 0; first < n_own; first += front_block) {
    const std::size_t last = std::min(first + front_block, n_own);
    kernel.eliminate(own, n_row, first, last, work.data());
    const auto subtract = [&](std::size_t row, std::size_t n_column, double* c,
                              std::size_t stride) {
      const double n = static_cast<double>(n_row - row) * static_cast<double>(n_column);
      if (team == nullptr || n * static_cast<double>(last - first) < least_shared) {
        kernel.subtract(own, n_row, first, last, row, n_column, c, stride, work.data());
        return;
      }
      team->loop(n_column, columns_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t) {
        std::vector<double> part(kernel.workspace(columns_of_chunk));
        kernel.subtract(own, n_row, first, last, row + begin, end - begin,
                        c + (begin * stride) + begin, stride, part.data());
      });
    };
    if (last < n_own) subtract(last, n_own - last, own + (last * n_row) + last, n_row);
    if (n_below > 0) subtract(n_own, n_below, left_[which].get(), n_below);
  }
}

void Multifrontal::solve(std::span<const double> r, std::span<double> z, std::size_t n_vector,
                         Team& team) const {
  const std::size_t d = dimension_;
  const std::size_t n = tree_.order.size() * d;
  std::vector<double> x(n * n_vector);
  const auto for_each_node = [&](const auto& body) {
    for (std::size_t v = 0; v < n_vector; ++v) {
      for (std::size_t i = 0; i < tree_.order.size(); ++i) {
        body((v * n) + (at(tree_.order[i]) * d), (v * n) + (i * d));
      }
    }
  };
  for_each_node([&](std::size_t node, std::size_t place) {
    for (std::size_t a = 0; a < d; ++a) x[place + a] = r[node + a];
  });
  if (d == 2) {
    solve_ordered<2>(x, n_vector, team);
  } else {
    solve_ordered<3>(x, n_vector, team);
  }
  for_each_node([&](std::size_t node, std::size_t place) {
    for (std::size_t a = 0; a < d; ++a) z[node + a] = x[place + a];
  });
}

/// What a solution is made in: unknowns by place, and what each front adds to those below it.
struct Multifrontal::Passage {
  std::span<double> x;
  std::vector<double> added;
  std::size_t n_vector;
};

/// From the leaves to the roots; a front takes over what its children add, always in their order.
template <std::size_t d>
void Multifrontal::go_up(std::size_t f, Passage& passage, std::vector<double>& part) const {
  const Front& front = tree_.fronts[f];
  const std::size_t n = tree_.order.size() * d;
  const std::size_t n_own = front.n_own() * d;
  const std::size_t n_row = front.n_node() * d;
  part.assign(n_row * passage.n_vector, 0.0);
  for (std::size_t v = 0; v < passage.n_vector; ++v) {
    double* to = part.data() + (v * n_row);
    std::copy_n(passage.x.data() + (v * n) + (front.first * d), n_own, to);
    for (const Index c : front.children) {
      const Front& child = tree_.fronts[at(c)];
      const double* from = passage.added.data() + (added_start_[at(c)] * passage.n_vector) +
                           (v * child.below.size() * d);
      for (std::size_t i = 0; i < child.below.size(); ++i) {
        for (std::size_t a = 0; a < d; ++a) {
          to[(at(child.in_parent[i]) * d) + a] += from[(i * d) + a];
        }
      }
    }
  }
  active_front_kernel().forward(panel(f), n_row, n_own, part.data(), passage.n_vector);
  const std::size_t n_below = n_row - n_own;
  for (std::size_t v = 0; v < passage.n_vector; ++v) {
    const double* from = part.data() + (v * n_row);
    std::copy_n(from, n_own, passage.x.data() + (v * n) + (front.first * d));
    std::copy_n(from + n_own, n_below,
                passage.added.data() + (added_start_[f] * passage.n_vector) + (v * n_below));
  }
}

template <std::size_t d>
void Multifrontal::go_down(std::size_t f, Passage& passage, std::vector<double>& part) const {
  const Front& front = tree_.fronts[f];
  const std::size_t n = tree_.order.size() * d;
  const std::size_t n_own = front.n_own() * d;
  const std::size_t n_row = front.n_node() * d;
  part.resize(n_row * passage.n_vector);
  for (std::size_t v = 0; v < passage.n_vector; ++v) {
    double* to = part.data() + (v * n_row);
    std::copy_n(passage.x.data() + (v * n) + (front.first * d), n_own, to);
    for (std::size_t i = 0; i < front.below.size(); ++i) {
      std::copy_n(passage.x.data() + (v * n) + (at(front.below[i]) * d), d, to + n_own + (i * d));
    }
  }
  active_front_kernel().backward(panel(f), n_row, n_own, part.data(), passage.n_vector);
  for (std::size_t v = 0; v < passage.n_vector; ++v) {
    std::copy_n(part.data() + (v * n_row), n_own, passage.x.data() + (v * n) + (front.first * d));
  }
}

template <std::size_t d>
void Multifrontal::solve_ordered(std::span<double> x, std::size_t n_vector, Team& team) const {
  Passage passage{
      .x = x, .added = std::vector<double>(added_start_.back() * n_vector), .n_vector = n_vector};
  const auto up = [&](const std::vector<Index>& fronts) {
    std::vector<double> part;
    for (const Index f : fronts) go_up<d>(at(f), passage, part);
  };
  const auto down = [&](const std::vector<Index>& fronts) {
    std::vector<double> part;
    for (const Index f : std::views::reverse(fronts)) go_down<d>(at(f), passage, part);
  };
  const auto each = [&](const std::vector<Index>& wave, const auto& go) {
    team.loop(wave.size(), 1, [&](std::size_t i, std::size_t, std::size_t) { go({wave[i]}); });
  };
  team.loop(subtrees_.size(), 1,
            [&](std::size_t which, std::size_t, std::size_t) { up(subtrees_[which]); });
  for (const std::vector<Index>& wave : waves_) each(wave, up);
  for (const std::vector<Index>& wave : std::views::reverse(waves_)) each(wave, down);
  team.loop(subtrees_.size(), 1,
            [&](std::size_t which, std::size_t, std::size_t) { down(subtrees_[which]); });
}

const FrontKernel& active_front_kernel() {
  switch (active_instruction_set()) {
#if defined(__x86_64__)
    case InstructionSet::v4:
      return front_v4;
    case InstructionSet::v3:
      return front_v3;
#endif
    default:
      return front_generic;
  }
}

}  // namespace nmcx
