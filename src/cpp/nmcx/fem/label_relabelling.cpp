#include "nmcx/fem/label_relabelling.hpp"

#include <map>
#include <utility>

#include "nmcx/fem/disjoint_sets.hpp"
#include "nmcx/fem/facet_mates.hpp"

namespace nmcx {
namespace {

/// Passes over flat cells; later ones change next to nothing.
constexpr int n_pass = 6;
/// What a label that is not at home in a cell weighs against a flat cell.
constexpr double home_weight = 0.5;
/// Least fall of the sum of both worth a change.
constexpr double least_gain_in_labels = 1e-6;

std::size_t index(std::int64_t v) {
  return static_cast<std::size_t>(v);
}

/// Cells about each node, and how many of them have which label.
template <int D>
class NodeLabels {
 public:
  NodeLabels(LabelledCells<D>& all, std::size_t n_node)
      : all_(all), start_(n_node + 1, 0), at_(n_node) {
    for (const Cell<D>& cell : all.cells) {
      for (const std::int64_t v : cell) ++start_[index(v) + 1];
    }
    for (std::size_t v = 0; v < n_node; ++v) start_[v + 1] += start_[v];
    about_.resize(start_.back());
    std::vector<std::size_t> next(start_.begin(), start_.end() - 1);
    for (std::size_t i = 0; i < all.cells.size(); ++i) {
      for (const std::int64_t v : all.cells[i]) {
        about_[next[index(v)]++] = i;
        count(index(v), all.label[i], 1);
      }
    }
  }

  void change(std::size_t i, std::int32_t label) {
    for (const std::int64_t v : all_.cells[i]) {
      count(index(v), all_.label[i], -1);
      count(index(v), label, 1);
    }
    all_.label[i] = label;
  }

  /// Cells that share a node with cell `i`, itself among them, each once.
  void around(std::size_t i, std::vector<std::size_t>& found) const {
    found.clear();
    for (const std::int64_t v : all_.cells[i]) {
      found.insert(found.end(), about_.begin() + static_cast<std::ptrdiff_t>(start_[index(v)]),
                   about_.begin() + static_cast<std::ptrdiff_t>(start_[index(v) + 1]));
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
  }

  [[nodiscard]] bool has(std::int64_t v, std::int32_t label) const {
    return std::any_of(at_[index(v)].begin(), at_[index(v)].end(),
                       [&](const Count& c) { return c.first == label; });
  }

  [[nodiscard]] bool is_inside(std::int64_t v) const { return at_[index(v)].size() == 1; }

  /// Other labels whose boundary holds all nodes of a cell.
  void flat_against(std::size_t i, std::vector<std::int32_t>& found) const {
    found.clear();
    const Cell<D>& cell = all_.cells[i];
    for (const auto& [label, n] : at_[index(cell[0])]) {
      if (label == all_.label[i]) continue;
      if (std::all_of(cell.begin() + 1, cell.end(),
                      [&, other = label](std::int64_t v) { return has(v, other); })) {
        found.push_back(label);
      }
    }
    std::sort(found.begin(), found.end());
  }

 private:
  using Count = std::pair<std::int32_t, std::int32_t>;

  void count(std::size_t v, std::int32_t label, std::int32_t change) {
    auto& counts = at_[v];
    const auto own = std::find_if(counts.begin(), counts.end(),
                                  [&](const Count& c) { return c.first == label; });
    if (own == counts.end()) {
      counts.emplace_back(label, change);
      return;
    }
    own->second += change;
    if (own->second == 0) counts.erase(own);
  }

  LabelledCells<D>& all_;
  std::vector<std::size_t> start_;
  std::vector<std::size_t> about_;
  std::vector<std::vector<Count>> at_;
};

}  // namespace

template <int D>
void relabel_flat_cells(LabelledCells<D>& all, std::size_t n_node) {
  NodeLabels<D> nodes(all, n_node);
  std::vector<std::int32_t> against;
  std::vector<std::int32_t> others;
  std::vector<std::size_t> around;
  const auto n_flat = [&] {
    double n = 0;
    for (const std::size_t j : around) {
      nodes.flat_against(j, others);
      n += static_cast<double>(others.size());
    }
    return n;
  };
  for (int pass = 0; pass < n_pass; ++pass) {
    bool changed = false;
    for (std::size_t i = 0; i < all.cells.size(); ++i) {
      nodes.flat_against(i, against);
      if (against.empty()) continue;
      nodes.around(i, around);
      const std::int32_t own = all.label[i];
      const double before = n_flat() + (home_weight * all.cost(i, own));
      std::int32_t best = own;
      double least = before - least_gain_in_labels;
      for (const std::int32_t label : against) {
        nodes.change(i, label);
        const double after = n_flat() + (home_weight * all.cost(i, label));
        if (after < least) {
          least = after;
          best = label;
        }
      }
      nodes.change(i, best);
      changed = changed || best != own;
    }
    if (!changed) break;
  }
}

template <int D>
void absorb_pieces(LabelledCells<D>& all, std::size_t n_node) {
  const NodeLabels<D> nodes(all, n_node);
  const std::size_t n = all.cells.size();
  Array<std::int64_t, 2> rows({n, D + 1});
  for (std::size_t i = 0; i < n; ++i) {
    std::copy(all.cells[i].begin(), all.cells[i].end(), rows.data() + (i * (D + 1)));
  }
  const FacetMates<D> mates(rows.view(), n_node, {});
  DisjointSets pieces(n);
  for (std::size_t half = 0; half < mates.size(); ++half) {
    const std::size_t mate = mates.mate(half);
    if (mate == no_mate) continue;
    const std::size_t i = half / (D + 1);
    const std::size_t j = mate / (D + 1);
    if (all.label[i] == all.label[j]) pieces.unite(i, j);
  }
  std::vector<bool> has_own(n, false);
  for (std::size_t i = 0; i < n; ++i) {
    const auto inside = [&](std::int64_t v) { return nodes.is_inside(v); };
    if (std::any_of(all.cells[i].begin(), all.cells[i].end(), inside))
      has_own[pieces.find(i)] = true;
  }
  std::map<std::size_t, std::map<std::int32_t, int>> facets;
  for (std::size_t half = 0; half < mates.size(); ++half) {
    const std::size_t i = half / (D + 1);
    if (has_own[pieces.find(i)] || mates.mate(half) == no_mate) continue;
    const std::size_t j = mates.mate(half) / (D + 1);
    if (all.label[i] != all.label[j]) ++facets[pieces.find(i)][all.label[j]];
  }
  std::vector<std::int32_t> label = all.label;
  for (std::size_t i = 0; i < n; ++i) {
    const auto around = facets.find(pieces.find(i));
    if (around == facets.end()) continue;
    label[i] = std::max_element(around->second.begin(), around->second.end(),
                                [](const auto& a, const auto& b) { return a.second < b.second; })
                   ->first;
  }
  all.label = std::move(label);
}

template void relabel_flat_cells<2>(LabelledCells<2>&, std::size_t);
template void relabel_flat_cells<3>(LabelledCells<3>&, std::size_t);
template void absorb_pieces<2>(LabelledCells<2>&, std::size_t);
template void absorb_pieces<3>(LabelledCells<3>&, std::size_t);

}  // namespace nmcx
