#include "nmcx/fem/label_projection.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "nmcx/fem/facet_mates.hpp"
#include "nmcx/fem/label_field.hpp"
#include "nmcx/fem/uniform_numbers.hpp"

namespace nmcx {
namespace {

/// Nodes moved by one thread at a time.
constexpr std::size_t nodes_per_chunk = 256;
/// Longest step of a node towards its wall, in edges, and steps in one visit (our defaults).
constexpr double longest_step = 0.3;
constexpr int n_newton = 2;
/// How far a node of a wall goes towards the middle of its neighbours in the wall.
constexpr double spread = 0.5;
/// Halvings of a step that would spoil a cell.
constexpr int n_halving = 5;
/// Directions tried for a node inside of a grain, and their first stride in edges.
constexpr int n_trial = 12;
constexpr double first_stride = 0.15;
/// Directions tried for a node of a wall, their stride in edges, and how far from its wall, in
/// edges, a node is at home.
constexpr int n_slide = 4;
constexpr double slide_stride = 0.15;
constexpr double at_home = 0.02;
/// What a distance of an edge from its wall weighs against the sine of the worst angle, and the
/// sine beyond which an angle is good enough to give way.
constexpr double distance_weight = 1.5;
constexpr double good_sine = 0.6;
/// Directions in which the fields change less than this, relative to the steepest, are left alone:
/// a line that runs along a wall, or labels that do not really meet.
constexpr double least_slope = 0.15;
/// A slope below this share per edge length is none.
constexpr double no_slope = 1e-3;

/// Lists of varying length, one after another.
template <class T>
struct Lists {
  std::vector<std::size_t> start{0};
  std::vector<T> items;

  struct Range {
    const T* first;
    const T* last;
    [[nodiscard]] const T* begin() const { return first; }
    [[nodiscard]] const T* end() const { return last; }
    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(last - first); }
    [[nodiscard]] const T& operator[](std::size_t i) const { return first[i]; }
  };
  [[nodiscard]] Range operator[](std::size_t i) const {
    return {items.data() + start[i], items.data() + start[i + 1]};
  }
};

/// Sorted lists without repetition from pairs (list, item).
template <class T>
Lists<T> lists_of(std::size_t n, const std::vector<std::pair<std::size_t, T>>& pairs) {
  Lists<T> result;
  std::vector<std::size_t> start(n + 1, 0);
  for (const auto& pair : pairs) ++start[pair.first + 1];
  for (std::size_t i = 0; i < n; ++i) start[i + 1] += start[i];
  std::vector<T> all(pairs.size());
  std::vector<std::size_t> next(start.begin(), start.end() - 1);
  for (const auto& [list, item] : pairs) all[next[list]++] = item;
  for (std::size_t i = 0; i < n; ++i) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(start[i]);
    const auto last = all.begin() + static_cast<std::ptrdiff_t>(start[i + 1]);
    std::sort(first, last);
    result.items.insert(result.items.end(), first, std::unique(first, last));
    result.start.push_back(result.items.size());
  }
  return result;
}

template <int D>
class Projection {
 public:
  Projection(const ArrayView<double, 2>& points, const ArrayView<std::int64_t, 2>& cells,
             const ArrayView<std::int64_t, 1>& label, const LabelField<D>& field,
             const ProjectionOptions& options, const Execution& execution)
      : field_(field), options_(options), is_fixed_(points.shape[0], false) {
    const std::size_t n = points.shape[0];
    for (std::size_t v = 0; v < n; ++v) {
      at_.push_back(Eigen::Map<const Point<D>>(points.data + (v * D)));
    }
    for (std::size_t i = 0; i < cells.shape[0]; ++i) {
      Cell<D>& cell = cells_.emplace_back();
      for (std::size_t k = 0; std::cmp_less_equal(k, D); ++k) cell[k] = cells(i, k);
    }
    find_walls(cells, label, execution);
    execution.stop_if_asked();
    find_neighbours(label, execution);
    execution.stop_if_asked();
    colour();
  }

  void sweep(int number, bool settles, const Execution& execution) {
    for (const auto& nodes : by_colour_) {
      parallel_for(nodes.size(), nodes_per_chunk, execution,
                   [&](std::size_t begin, std::size_t end, std::size_t) {
                     Workspace workspace;
                     for (std::size_t i = begin; i < end; ++i) {
                       const std::size_t v = nodes[i];
                       if (labels_[v].size() > 1) {
                         pull(v, settles, workspace);
                         if (settles) slide(v, number, workspace);
                       } else {
                         make_room(v, UniformNumbers::of_key(key(v, number)));
                       }
                     }
                   });
    }
  }

  [[nodiscard]] ProjectedMesh result(const Execution& execution) const {
    ProjectedMesh mesh;
    mesh.points = Array<double, 2>({at_.size(), D});
    mesh.distance = Array<double, 1>({at_.size()}, 0.0);
    parallel_for(at_.size(), nodes_per_chunk, execution,
                 [&](std::size_t begin, std::size_t end, std::size_t) {
                   Workspace workspace;
                   for (std::size_t v = begin; v < end; ++v) {
                     std::copy(at_[v].data(), at_[v].data() + D, mesh.points.data() + (v * D));
                     if (labels_[v].size() > 1)
                       mesh.distance[v] = to_wall(v, at_[v], workspace).norm();
                   }
                 });
    return mesh;
  }

 private:
  struct Workspace {
    std::vector<LabelShare<D>> shares;
    MeetingPoint<D> meeting;
  };

  static std::size_t index(std::int64_t v) { return static_cast<std::size_t>(v); }

  /// Edges within walls; nodes of the outer boundary, which stay.
  void find_walls(const ArrayView<std::int64_t, 2>& cells, const ArrayView<std::int64_t, 1>& label,
                  const Execution& execution) {
    const FacetMates<D> mates(cells, at_.size(), execution.poll);
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    for (std::size_t half = 0; half < mates.size(); ++half) {
      const std::size_t mate = mates.mate(half);
      if (mate != no_mate && label[half / (D + 1)] == label[mate / (D + 1)]) continue;
      const auto nodes = mates.nodes(half);
      for (const std::int64_t v : nodes) {
        if (mate == no_mate) is_fixed_[index(v)] = true;
        for (const std::int64_t u : nodes) {
          if (u != v) pairs.emplace_back(index(v), index(u));
        }
      }
    }
    in_wall_ = lists_of(at_.size(), pairs);
  }

  void find_neighbours(const ArrayView<std::int64_t, 1>& label, const Execution& execution) {
    std::vector<std::pair<std::size_t, std::size_t>> stars;
    std::vector<std::pair<std::size_t, std::size_t>> neighbours;
    std::vector<std::pair<std::size_t, std::int32_t>> labels;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      for (const std::int64_t v : cells_[i]) {
        stars.emplace_back(index(v), i);
        labels.emplace_back(index(v), static_cast<std::int32_t>(label[i]));
        for (const std::int64_t u : cells_[i]) {
          if (u != v) neighbours.emplace_back(index(v), index(u));
        }
      }
    }
    execution.stop_if_asked();
    star_ = lists_of(at_.size(), stars);
    execution.stop_if_asked();
    neighbours_ = lists_of(at_.size(), neighbours);
    execution.stop_if_asked();
    labels_ = lists_of(at_.size(), labels);
  }

  /// Nodes of one colour are no neighbours, so that they may be moved at the same time.
  void colour() {
    std::vector<std::size_t> colour(at_.size(), 0);
    std::vector<std::size_t> taken;  // by which node a colour was last found taken, plus 1
    for (std::size_t v = 0; v < at_.size(); ++v) {
      for (const std::size_t u : neighbours_[v]) {
        if (u < v) taken[colour[u]] = v + 1;
      }
      while (colour[v] < taken.size() && taken[colour[v]] == v + 1) ++colour[v];
      if (colour[v] == taken.size()) {
        taken.push_back(0);
        by_colour_.emplace_back();
      }
      if (!is_fixed_[v]) by_colour_[colour[v]].push_back(v);
    }
  }

  /// Worst quality of the cells about a node if it were at `p`; anything below `enough` if below.
  [[nodiscard]] double worst_about(std::size_t v, const Point<D>& p, double enough) const {
    double worst = 2.0;
    for (const std::size_t i : star_[v]) {
      std::array<Point<D>, D + 1> corner;
      for (std::size_t k = 0; std::cmp_less_equal(k, D); ++k) {
        const std::size_t u = index(cells_[i][k]);
        corner[k] = u == v ? p : at_[u];
      }
      worst = std::min(worst, shape_quality<D>(corner));
      if (worst < enough) break;
    }
    return worst;
  }

  /// Moves a node of a wall towards it as far as the cells about it allow.
  void pull(std::size_t v, bool settles, Workspace& workspace) {
    const Point<D> from = at_[v];
    Point<D> to = settles ? from : Point<D>(from + spread * (middle_in_wall(v) - from));
    for (int step = 0; step < n_newton; ++step) to += to_wall(v, to, workspace);
    const double enough = std::min(options_.floor, worst_about(v, from, -2.0));
    Point<D> move = to - from;
    for (int halving = 0; halving < n_halving; ++halving, move *= 0.5) {
      if (worst_about(v, from + move, enough) < enough) continue;
      at_[v] = from + move;
      return;
    }
  }

  /// Moves a node along its wall to where it is closer to it or the worst cell about it better.
  void slide(std::size_t v, int number, Workspace& workspace) {
    double worst = worst_about(v, at_[v], -2.0);
    const double distance = to_wall(v, at_[v], workspace).norm() / options_.edge;
    if (worst >= options_.target && distance <= at_home) return;
    const auto score = [&](double quality, double away) {
      return std::min(quality, good_sine) - (distance_weight * std::max(away, at_home));
    };
    double best = score(worst, distance);
    auto random = UniformNumbers::of_key(key(v, number));
    for (int trial = 0; trial < n_slide; ++trial) {
      Point<D> there = at_[v];
      for (int axis = 0; axis < D; ++axis) there[axis] += slide_stride * options_.edge * random();
      there += to_wall(v, there, workspace);
      const double enough = std::min(options_.floor, worst);
      const double quality = worst_about(v, there, enough);
      if (quality < enough || score(quality, 0.0) <= best) continue;
      const double away = to_wall(v, there, workspace).norm() / options_.edge;
      if (score(quality, away) <= best) continue;
      best = score(quality, away);
      worst = quality;
      at_[v] = there;
    }
  }

  static std::uint64_t key(std::size_t v, int number) {
    return (static_cast<std::uint64_t>(v) << 8U) + static_cast<std::uint64_t>(number);
  }

  /// Middle of the neighbours along the surface, line or point that a node belongs to.
  [[nodiscard]] Point<D> middle_in_wall(std::size_t v) const {
    Point<D> sum = Point<D>::Zero();
    std::size_t n = 0;
    const auto own = labels_[v];
    for (const std::size_t u : in_wall_[v]) {
      const auto other = labels_[u];
      if (!std::includes(other.begin(), other.end(), own.begin(), own.end())) continue;
      sum += at_[u];
      ++n;
    }
    if (n < 2) return at_[v];
    return sum / static_cast<double>(n);
  }

  /// Step from `p` to where the labels of a node meet: Newton's, the shortest one.
  [[nodiscard]] Point<D> to_wall(std::size_t v, const Point<D>& p, Workspace& workspace) const {
    field_.shares(p, workspace.shares);
    meeting_point<D>(workspace.shares, labels_[v], workspace.meeting);
    Eigen::Matrix<double, D, D> square = Eigen::Matrix<double, D, D>::Zero();
    Point<D> right = Point<D>::Zero();
    for (std::size_t row = 0; row < workspace.meeting.value.size(); ++row) {
      const Point<D>& slope = workspace.meeting.slope[row];
      square += slope * slope.transpose();
      right += workspace.meeting.value[row] * slope;
    }
    Eigen::SelfAdjointEigenSolver<Eigen::Matrix<double, D, D>> solver;
    solver.computeDirect(square);
    const double steepest = solver.eigenvalues()[D - 1];
    const double least =
        std::max(least_slope * least_slope * steepest, std::pow(no_slope / options_.edge, 2));
    Point<D> step = Point<D>::Zero();
    for (int k = 0; k < D; ++k) {
      if (solver.eigenvalues()[k] < least) continue;
      const Point<D> axis = solver.eigenvectors().col(k);
      step -= axis * (axis.dot(right) / solver.eigenvalues()[k]);
    }
    const double longest = longest_step * options_.edge;
    const double length = step.norm();
    return length > longest ? Point<D>(step * (longest / length)) : step;
  }

  /// Moves a node inside of a grain to where the worst cell about it is better.
  void make_room(std::size_t v, UniformNumbers random) {
    double best = worst_about(v, at_[v], -2.0);
    if (best >= options_.target) return;
    Point<D> middle = Point<D>::Zero();
    for (const std::size_t u : neighbours_[v]) middle += at_[u];
    middle /= static_cast<double>(neighbours_[v].size());
    Point<D> move = middle - at_[v];
    double stride = first_stride * options_.edge;
    for (int trial = 0; trial < n_trial; ++trial) {
      const Point<D> there = at_[v] + move;
      const double worst = worst_about(v, there, best);
      if (worst > best) {
        best = worst;
        at_[v] = there;
        if (best >= options_.target) return;
      } else {
        stride *= 0.85;
      }
      for (int axis = 0; axis < D; ++axis) move[axis] = stride * random();
    }
  }

  const LabelField<D>& field_;
  ProjectionOptions options_;
  std::vector<Point<D>> at_;
  std::vector<Cell<D>> cells_;
  std::vector<bool> is_fixed_;
  Lists<std::size_t> star_;
  Lists<std::size_t> neighbours_;
  Lists<std::size_t> in_wall_;
  Lists<std::int32_t> labels_;
  std::vector<std::vector<std::size_t>> by_colour_;
};

template <int D>
ProjectedMesh projected(const ArrayView<double, 2>& points, const ArrayView<std::int64_t, 2>& cells,
                        const ArrayView<std::int64_t, 1>& label,
                        const ArrayView<std::int32_t, 3>& labels,
                        const ArrayView<double, 1>& spacing, const ProjectionOptions& options,
                        const Execution& execution) {
  const LabelField<D> field(labels, spacing, options.smoothing);
  Projection<D> projection(points, cells, label, field, options, execution);
  for (int number = 0; number < options.n_sweep; ++number) {
    projection.sweep(number, number >= options.n_sweep - options.n_settle, execution);
  }
  return projection.result(execution);
}

}  // namespace

ProjectedMesh project_labels(const ArrayView<double, 2>& points,
                             const ArrayView<std::int64_t, 2>& cells,
                             const ArrayView<std::int64_t, 1>& label,
                             const ArrayView<std::int32_t, 3>& labels,
                             const ArrayView<double, 1>& spacing, const ProjectionOptions& options,
                             const Execution& execution) {
  const std::size_t dimension = spacing.size();
  require(dimension == 2 || dimension == 3, "spacing must have 2 or 3 numbers");
  require(points.shape[1] == dimension, "points must have a coordinate per axis of the image");
  require(cells.shape[1] == dimension + 1, "cells must have a corner more than points coordinates");
  for (const double x : points) require(std::isfinite(x), "points must be finite");
  require(label.size() == cells.shape[0], "label must have one entry per cell");
  for (const std::int64_t l : label) require(l >= 0, "label must not be negative");
  require(options.edge > 0 && std::isfinite(options.edge), "edge must be positive");
  return dimension == 2 ? projected<2>(points, cells, label, labels, spacing, options, execution)
                        : projected<3>(points, cells, label, labels, spacing, options, execution);
}

}  // namespace nmcx
