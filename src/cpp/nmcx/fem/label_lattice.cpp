#include "nmcx/fem/label_lattice.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "nmcx/fem/disjoint_sets.hpp"
#include "nmcx/fem/facet_mates.hpp"
#include "nmcx/fem/label_field.hpp"
#include "nmcx/fem/label_relabelling.hpp"

namespace nmcx {
namespace {

/// Layers of void cells kept around the particle: nodes of its surface may move into them.
constexpr int n_layer = 2;
/// Most nodes of the whole lattice: node numbers and workspace stay in reach of one machine.
constexpr double most_nodes = 4e8;
/// Mean edge of the body-centred cubic lattice over the side of its cube: 6 of 1, 8 of sqrt(3)/2.
constexpr double mean_edge_bcc = 0.92346;

/// Nodes and cells of the lattice over a box, by number.
template <int D>
class Lattice;

template <>
class Lattice<3> {
 public:
  Lattice(const Point<3>& low, const Point<3>& high, double edge)
      : side_(edge / mean_edge_bcc), origin_(low - Point<3>::Constant(2.0 * side_)) {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const auto k = static_cast<Eigen::Index>(axis);
      const double n = std::ceil((high[k] - origin_[k]) / side_) + 2.0;
      n_[axis] = n < most_nodes ? static_cast<std::int64_t>(n) : std::int64_t{1} << 30;
    }
  }

  [[nodiscard]] double n_node() const {
    return (2.0 * static_cast<double>(n_[0] + 1)) * static_cast<double>(n_[1] + 1) *
           static_cast<double>(n_[2] + 1);
  }
  [[nodiscard]] std::size_t n_slab() const { return static_cast<std::size_t>(n_[0]); }

  [[nodiscard]] Point<3> node(std::int64_t number) const {
    const std::int64_t n_corner = (n_[0] + 1) * (n_[1] + 1) * (n_[2] + 1);
    const bool is_centre = number >= n_corner;
    const std::int64_t wide = is_centre ? 0 : 1;
    if (is_centre) number -= n_corner;
    const std::int64_t k = number % (n_[2] + wide);
    number /= n_[2] + wide;
    const std::int64_t j = number % (n_[1] + wide);
    const std::int64_t i = number / (n_[1] + wide);
    const Point<3> index(static_cast<double>(i), static_cast<double>(j), static_cast<double>(k));
    return origin_ + side_ * (index + Point<3>::Constant(is_centre ? 0.5 : 0.0));
  }

  /// Four cells about each line between two neighbouring centres.
  template <class Visit>
  void cells(std::size_t slab, const Visit& visit) const {
    const auto i = static_cast<std::int64_t>(slab);
    for (std::int64_t j = 0; j < n_[1]; ++j) {
      for (std::int64_t k = 0; k < n_[2]; ++k) {
        for (std::size_t axis = 0; axis < 3; ++axis) {
          std::array<std::int64_t, 3> at{i, j, k};
          const std::int64_t centre = centre_number(at);
          if (++at[axis] == n_[axis]) continue;
          const std::int64_t next = centre_number(at);
          const std::size_t u = (axis + 1) % 3;
          const std::size_t v = (axis + 2) % 3;
          std::array<std::int64_t, 4> around{};
          for (std::size_t side = 0; side < 4; ++side) {
            around[side] = corner_number(at);
            if (side == 3) break;
            at[side == 1 ? v : u] += side == 2 ? -1 : 1;
          }
          for (std::size_t side = 0; side < 4; ++side) {
            visit(Cell<3>{centre, next, around[side], around[(side + 1) % 4]});
          }
        }
      }
    }
  }

 private:
  [[nodiscard]] std::int64_t corner_number(const std::array<std::int64_t, 3>& at) const {
    return (((at[0] * (n_[1] + 1)) + at[1]) * (n_[2] + 1)) + at[2];
  }
  [[nodiscard]] std::int64_t centre_number(const std::array<std::int64_t, 3>& at) const {
    return ((n_[0] + 1) * (n_[1] + 1) * (n_[2] + 1)) + (((at[0] * n_[1]) + at[1]) * n_[2]) + at[2];
  }

  double side_;
  Point<3> origin_;
  std::array<std::int64_t, 3> n_{};  // cubes along each axis
};

template <>
class Lattice<2> {
 public:
  Lattice(const Point<2>& low, const Point<2>& high, double edge)
      : edge_(edge), row_(edge * std::sqrt(0.75)), origin_(low - Point<2>::Constant(2.0 * edge)) {
    const std::array<double, 2> step{row_, edge_};
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const auto k = static_cast<Eigen::Index>(axis);
      const double n = std::ceil((high[k] - origin_[k]) / step[axis]) + 3.0;
      n_[axis] = n < most_nodes ? static_cast<std::int64_t>(n) : std::int64_t{1} << 30;
    }
  }

  [[nodiscard]] double n_node() const {
    return static_cast<double>(n_[0] + 1) * static_cast<double>(n_[1] + 1);
  }
  [[nodiscard]] std::size_t n_slab() const { return static_cast<std::size_t>(n_[0]); }

  [[nodiscard]] Point<2> node(std::int64_t number) const {
    const std::int64_t i = number / (n_[1] + 1);
    const double shift = (i % 2) == 0 ? 0.0 : 0.5;
    const auto j = static_cast<double>(number % (n_[1] + 1));
    return origin_ + Point<2>(row_ * static_cast<double>(i), edge_ * (j + shift));
  }

  /// Two triangles between each two neighbours of a row and the next row.
  template <class Visit>
  void cells(std::size_t slab, const Visit& visit) const {
    const std::int64_t row = static_cast<std::int64_t>(slab) * (n_[1] + 1);
    const std::int64_t next = row + n_[1] + 1;
    const bool shifted = slab % 2 == 1;
    for (std::int64_t j = 0; j < n_[1]; ++j) {
      visit(Cell<2>{row + j, row + j + 1, next + j + (shifted ? 1 : 0)});
      visit(Cell<2>{next + j, next + j + 1, row + j + (shifted ? 0 : 1)});
    }
  }

 private:
  double edge_;
  double row_;
  Point<2> origin_;
  std::array<std::int64_t, 2> n_{};
};

template <int D>
double volume_sign(const std::array<Point<D>, D + 1>& at) {
  Eigen::Matrix<double, D, D> edges;
  for (int k = 0; k < D; ++k) edges.col(k) = at[static_cast<std::size_t>(k) + 1] - at[0];
  return edges.determinant();
}

/// Corners of the box of voxels that are not void.
template <int D>
std::array<Point<D>, 2> occupied(const ArrayView<std::int32_t, 3>& labels,
                                 const Point<D>& spacing) {
  std::array<std::size_t, 3> low = labels.shape;
  std::array<std::size_t, 3> high{};
  for (std::size_t i = 0; i < labels.shape[0]; ++i) {
    for (std::size_t j = 0; j < labels.shape[1]; ++j) {
      const std::int32_t* row = &labels(i, j, 0);
      const std::int32_t* end = row + labels.shape[2];
      const std::int32_t* first = std::find_if(row, end, [](std::int32_t l) { return l != 0; });
      if (first == end) continue;
      const std::int32_t* last = end - 1;
      while (*last == 0) --last;
      low = {std::min(low[0], i), std::min(low[1], j),
             std::min(low[2], static_cast<std::size_t>(first - row))};
      high = {std::max(high[0], i), std::max(high[1], j),
              std::max(high[2], static_cast<std::size_t>(last - row))};
    }
  }
  require(low[0] < labels.shape[0], "labels has no grain: all of it is void");
  std::array<Point<D>, 2> box;
  for (std::size_t axis = 0; std::cmp_less(axis, D); ++axis) {
    const auto k = static_cast<Eigen::Index>(axis);
    box[0][k] = (static_cast<double>(low[axis + 3 - D]) - 0.5) * spacing[k];
    box[1][k] = (static_cast<double>(high[axis + 3 - D]) + 0.5) * spacing[k];
  }
  return box;
}

/// All cells of the lattice with the labels that may be theirs.
template <int D>
LabelledCells<D> labelled(const Lattice<D>& lattice, const LabelField<D>& field,
                          const Execution& execution) {
  std::vector<LabelledCells<D>> parts(lattice.n_slab());
  parallel_for(parts.size(), 1, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
    std::vector<LabelShare<D>> shares;
    for (std::size_t slab = begin; slab < end; ++slab) {
      lattice.cells(slab, [&](Cell<D> cell) {
        std::array<Point<D>, D + 1> corner;
        Point<D> middle = Point<D>::Zero();
        for (std::size_t k = 0; std::cmp_less_equal(k, D); ++k) {
          corner[k] = lattice.node(cell[k]);
          middle += corner[k];
        }
        field.shares(middle / (D + 1), shares);
        if (volume_sign<D>(corner) < 0) std::swap(cell[0], cell[1]);
        parts[slab].add(cell, shares);
      });
    }
  });
  LabelledCells<D> all;
  for (LabelledCells<D>& part : parts) {
    all.append(part);
    part = {};
  }
  return all;
}

/// Keeps cells that are not void, and void ones within `n_layer` layers of them.
template <int D>
void trim(LabelledCells<D>& all, std::size_t n_node) {
  std::vector<bool> near(n_node, false);
  std::vector<bool> kept(all.cells.size(), false);
  for (std::size_t i = 0; i < all.cells.size(); ++i) kept[i] = all.label[i] != 0;
  for (int layer = 0; layer < n_layer; ++layer) {
    for (std::size_t i = 0; i < all.cells.size(); ++i) {
      if (!kept[i]) continue;
      for (const std::int64_t v : all.cells[i]) near[static_cast<std::size_t>(v)] = true;
    }
    for (std::size_t i = 0; i < all.cells.size(); ++i) {
      for (const std::int64_t v : all.cells[i]) {
        if (near[static_cast<std::size_t>(v)]) kept[i] = true;
      }
    }
  }
  all.keep(kept);
}

/// Numbers the nodes in use anew; returns the old numbers.
template <int D>
std::vector<std::int64_t> renumber(LabelledCells<D>& all, std::size_t n_node) {
  std::vector<std::int64_t> number(n_node, -1);
  for (const Cell<D>& cell : all.cells) {
    for (const std::int64_t v : cell) number[static_cast<std::size_t>(v)] = 0;
  }
  std::vector<std::int64_t> old;
  for (std::size_t v = 0; v < n_node; ++v) {
    if (number[v] < 0) continue;
    number[v] = static_cast<std::int64_t>(old.size());
    old.push_back(static_cast<std::int64_t>(v));
  }
  for (Cell<D>& cell : all.cells) {
    for (std::int64_t& v : cell) v = number[static_cast<std::size_t>(v)];
  }
  return old;
}

template <int D>
LabelLattice made(const ArrayView<std::int32_t, 3>& labels, const ArrayView<double, 1>& spacing,
                  const LatticeOptions& options, const Execution& execution) {
  const LabelField<D> field(labels, spacing, options.smoothing);
  const auto box = occupied<D>(labels, field.spacing());
  const Lattice<D> lattice(box[0], box[1], options.edge);
  require(lattice.n_node() < most_nodes,
          "the lattice over labels would have more than 4e8 nodes; take a larger size");
  auto all = labelled<D>(lattice, field, execution);
  const auto n_node = static_cast<std::size_t>(lattice.n_node());
  trim(all, n_node);
  const std::vector<std::int64_t> old = renumber(all, n_node);
  relabel_flat_cells(all, old.size());
  absorb_pieces(all, old.size());

  LabelLattice result;
  result.points = Array<double, 2>({old.size(), D});
  result.cells = Array<std::int64_t, 2>({all.cells.size(), D + 1});
  result.label = Array<std::int64_t, 1>({all.cells.size()});
  for (std::size_t v = 0; v < old.size(); ++v) {
    const Point<D> at = lattice.node(old[v]);
    std::copy(at.data(), at.data() + D, result.points.data() + (v * D));
  }
  for (std::size_t i = 0; i < all.cells.size(); ++i) {
    std::copy(all.cells[i].begin(), all.cells[i].end(), result.cells.data() + (i * (D + 1)));
    result.label[i] = all.label[i];
  }
  return result;
}

}  // namespace

LabelLattice label_lattice(const ArrayView<std::int32_t, 3>& labels,
                           const ArrayView<double, 1>& spacing, const LatticeOptions& options,
                           const Execution& execution) {
  require(spacing.size() == 2 || spacing.size() == 3, "spacing must have 2 or 3 numbers");
  require(options.edge > 0 && std::isfinite(options.edge), "edge must be positive");
  for (const std::int32_t label : labels) require(label >= 0, "labels must not be negative");
  return spacing.size() == 2 ? made<2>(labels, spacing, options, execution)
                             : made<3>(labels, spacing, options, execution);
}

}  // namespace nmcx
