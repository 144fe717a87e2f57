// Labels of lattice cells changed where the cells could not follow the walls of the image.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nmcx/fem/label_field.hpp"

namespace nmcx {

/// Cells, their labels, and how much each of the labels about a cell is at home there.
template <int D>
struct LabelledCells {
  static constexpr std::size_t n_candidate = 4;
  struct Candidates {
    std::array<std::int32_t, n_candidate> label{};
    std::array<float, n_candidate> share{};  ///< of all but the first, void, descending
  };

  std::vector<Cell<D>> cells;
  std::vector<std::int32_t> label;
  std::vector<Candidates> candidates;

  void add(const Cell<D>& cell, std::vector<LabelShare<D>>& shares) {
    cells.push_back(cell);
    label.push_back(winner<D>(shares));
    std::sort(shares.begin() + 1, shares.end(), [](const auto& a, const auto& b) {
      return a.share != b.share ? a.share > b.share : a.label < b.label;
    });
    Candidates& own = candidates.emplace_back();
    for (std::size_t i = 0; i < std::min(shares.size(), n_candidate); ++i) {
      own.label[i] = shares[i].label;
      own.share[i] = static_cast<float>(shares[i].share);
    }
  }

  void append(const LabelledCells& other) {
    cells.insert(cells.end(), other.cells.begin(), other.cells.end());
    label.insert(label.end(), other.label.begin(), other.label.end());
    candidates.insert(candidates.end(), other.candidates.begin(), other.candidates.end());
  }

  void keep(const std::vector<bool>& kept) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (!kept[i]) continue;
      cells[n] = cells[i];
      label[n] = label[i];
      candidates[n++] = candidates[i];
    }
    cells.resize(n);
    label.resize(n);
    candidates.resize(n);
  }

  /// How far a label is from winning a cell: 0 for the winner, about 1 for one that is not there.
  [[nodiscard]] double cost(std::size_t i, std::int32_t of) const {
    const Candidates& own = candidates[i];
    const double empty = own.share[0];
    if (of == 0) return std::max(0.0, 1.0 - (2.0 * empty));
    double share = 0;
    for (std::size_t k = 1; k < n_candidate; ++k) {
      if (own.label[k] == of) share = own.share[k];
    }
    return std::max(0.0, (2.0 * empty) - 1.0) + (own.share[1] - share);
  }
};

/// Changes labels one by one as long as fewer cells have all their nodes on the boundary of one and
/// the same neighbour, weighed against what the image says.
template <int D>
void relabel_flat_cells(LabelledCells<D>& all, std::size_t n_node);

/// Gives pieces of a label none of whose nodes is its own to the label they have most facets with.
template <int D>
void absorb_pieces(LabelledCells<D>& all, std::size_t n_node);

}  // namespace nmcx
