#include "nmcx/fem/front_tree.hpp"

#include <algorithm>
#include <utility>

#include "nmcx/fem/elimination_order.hpp"

namespace nmcx {
namespace {

constexpr Index none = EliminationTree::none;

std::size_t at(Index i) {
  return static_cast<std::size_t>(i);
}

/// Shares of zeros that a front may have gained by mergers, for fronts of up to so many columns:
/// many small ones take longer than one that is not quite full (measured).
bool may_hold(double zeros, double all, double n_column) {
  if (n_column <= 8) return true;
  if (n_column <= 16) return zeros <= 0.3 * all;
  if (n_column <= 32) return zeros <= 0.15 * all;
  return zeros <= 0.05 * all;
}

/// Nodes that grow together from the leaves up; a group is known by its last node.
class Grouping {
 public:
  Grouping(const EliminationTree& tree, std::size_t dimension)
      : tree_(tree),
        dimension_(static_cast<double>(dimension)),
        n_own_(tree.parent.size(), 1),
        zeros_(tree.parent.size(), 0.0),
        children_(tree.parent.size()),
        group_(tree.parent.size()) {
    const std::size_t n = tree.parent.size();
    for (std::size_t i = 0; i < n; ++i) {
      if (tree.parent[i] != none) children_[at(tree.parent[i])].push_back(static_cast<Index>(i));
    }
    for (std::size_t i = 0; i < n; ++i) grow(i);
    for (std::size_t i = n; i-- > 0;) {
      if (std::cmp_not_equal(group_[i], i)) group_[i] = group_[at(group_[i])];
    }
  }

  /// The last node of each node's group.
  [[nodiscard]] const std::vector<Index>& group() const { return group_; }
  [[nodiscard]] const std::vector<Index>& children(std::size_t last) const {
    return children_[last];
  }

 private:
  void grow(std::size_t i) {
    group_[i] = static_cast<Index>(i);
    std::vector<Index> candidates = std::exchange(children_[i], {});
    // Those that bring the fewest zeros first.
    const auto place = [&](Index child) { return std::pair(tree_.n_entry[at(child)], child); };
    std::ranges::sort(candidates, [&](Index a, Index b) { return place(a) > place(b); });
    for (const Index child : candidates) {
      if (!take(i, at(child))) {
        children_[i].push_back(child);
        continue;
      }
      children_[i].insert(children_[i].end(), children_[at(child)].begin(),
                          children_[at(child)].end());
      children_[at(child)].clear();
    }
  }

  bool take(std::size_t i, std::size_t child) {
    const auto n_below = static_cast<double>(tree_.n_entry[i] - 1);
    const auto n_child_below = static_cast<double>(tree_.n_entry[child] - 1);
    const auto n_before = static_cast<double>(n_own_[i]);
    const auto n_child = static_cast<double>(n_own_[child]);
    const double n_own = n_before + n_child;
    const double zeros =
        zeros_[i] + zeros_[child] + (n_child * (n_before + n_below - n_child_below));
    const double all = n_own * ((0.5 * (n_own + 1)) + n_below);
    if (zeros > 0 && !may_hold(zeros, all, n_own * dimension_)) return false;
    zeros_[i] = zeros;
    n_own_[i] += n_own_[child];
    group_[child] = static_cast<Index>(i);
    return true;
  }

  const EliminationTree& tree_;
  double dimension_;
  std::vector<std::size_t> n_own_;
  std::vector<double> zeros_;
  std::vector<std::vector<Index>> children_;
  std::vector<Index> group_;
};

/// Last nodes of the groups, children before parents.
std::vector<Index> postorder(const EliminationTree& tree, const Grouping& grouping) {
  std::vector<Index> stack;
  for (std::size_t i = 0; i < tree.parent.size(); ++i) {
    if (tree.parent[i] == none) stack.push_back(static_cast<Index>(i));
  }
  std::vector<Index> result;  // parents first
  while (!stack.empty()) {
    const Index last = stack.back();
    stack.pop_back();
    result.push_back(last);
    const auto& children = grouping.children(at(last));
    stack.insert(stack.end(), children.begin(), children.end());
  }
  std::ranges::reverse(result);
  return result;
}

/// Takes the rows of a front from the pattern and from its children, and tells these where theirs
/// are.
class Rows {
 public:
  Rows(const SparsePattern& pattern, FrontTree& tree)
      : pattern_(pattern), tree_(tree), place_(tree.order.size()), in_front_(tree.order.size()) {
    for (std::size_t i = 0; i < tree.order.size(); ++i) {
      place_[at(tree.order[i])] = static_cast<Index>(i);
    }
  }

  void find(std::size_t which) {
    Front& front = tree_.fronts[which];
    collect(front, static_cast<Index>(which) + 1);
    for (std::size_t i = front.first; i < front.last; ++i) {
      in_front_[i] = static_cast<Index>(i - front.first);
    }
    for (std::size_t i = 0; i < front.below.size(); ++i) {
      in_front_[at(front.below[i])] = static_cast<Index>(front.n_own() + i);
    }
    for (const Index child : front.children) {
      Front& from = tree_.fronts[at(child)];
      for (const Index i : from.below) from.in_parent.push_back(in_front_[at(i)]);
    }
    for (std::size_t i = front.first; i < front.last; ++i) {
      for_each_below(i, [&](Index k, Index place) {
        tree_.blocks.push_back({.entry = k, .row = in_front_[at(place)]});
      });
      tree_.block_start.push_back(tree_.blocks.size());
    }
  }

 private:
  void collect(Front& front, Index mark) {
    const auto add = [&](Index place) {
      if (std::cmp_less(place, front.last) || seen_[at(place)] == mark) return;
      seen_[at(place)] = mark;
      front.below.push_back(place);
    };
    for (std::size_t i = front.first; i < front.last; ++i) {
      for_each_below(i, [&](Index, Index place) { add(place); });
    }
    for (const Index child : front.children) {
      for (const Index place : tree_.fronts[at(child)].below) add(place);
    }
    std::ranges::sort(front.below);
  }

  /// Calls with each entry of a node's row, and its place, from the node's own place on.
  template <class Body>
  void for_each_below(std::size_t i, const Body& body) const {
    const std::size_t node = at(tree_.order[i]);
    for (Index k = pattern_.row_start[node]; k < pattern_.row_start[node + 1]; ++k) {
      const Index place = place_[at(pattern_.column[at(k)])];
      if (std::cmp_greater_equal(place, i)) body(k, place);
    }
  }

  const SparsePattern& pattern_;
  FrontTree& tree_;
  std::vector<Index> place_;
  std::vector<Index> in_front_;
  std::vector<Index> seen_ = std::vector<Index>(place_.size(), 0);
};

}  // namespace

FrontTree::FrontTree(const SparsePattern& pattern, std::span<const Index> elimination,
                     std::size_t dimension)
    : block_start{0} {
  const EliminationTree tree = elimination_tree(pattern, elimination);
  const Grouping grouping(tree, dimension);
  const std::vector<Index> lasts = postorder(tree, grouping);
  std::vector<Index> front_of(elimination.size());
  for (std::size_t f = 0; f < lasts.size(); ++f) front_of[at(lasts[f])] = static_cast<Index>(f);

  fronts.resize(lasts.size());
  for (const Index last : grouping.group()) ++fronts[at(front_of[at(last)])].last;
  std::size_t first = 0;
  for (std::size_t f = 0; f < fronts.size(); ++f) {
    fronts[f].first = first;
    first = fronts[f].last += first;
    for (const Index child : grouping.children(at(lasts[f]))) {
      fronts[f].children.push_back(front_of[at(child)]);
      fronts[at(front_of[at(child)])].parent = static_cast<Index>(f);
    }
    std::ranges::sort(fronts[f].children);
  }
  order.resize(elimination.size());
  std::vector<std::size_t> next;
  next.reserve(fronts.size());
  for (const Front& front : fronts) next.push_back(front.first);
  for (std::size_t i = 0; i < elimination.size(); ++i) {
    order[next[at(front_of[at(grouping.group()[i])])]++] = elimination[i];
  }
  Rows rows(pattern, *this);
  for (std::size_t f = 0; f < fronts.size(); ++f) rows.find(f);
}

}  // namespace nmcx
