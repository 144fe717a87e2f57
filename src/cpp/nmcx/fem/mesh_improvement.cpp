#include "nmcx/fem/mesh_improvement.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/fem/edge_replacement.hpp"
#include "nmcx/fem/grain_complex.hpp"
#include "nmcx/fem/uniform_numbers.hpp"

namespace nmcx {
namespace {

/// Trial positions of a point in one visit, first stride in units of the spacing, and how much the
/// stride shrinks after a trial that was no better (our defaults).
constexpr int n_trial = 40;
constexpr double first_stride = 0.3;
constexpr double shrink = 0.9;
/// Passes before edges are collapsed, for other means to come first; except edges so short, in
/// units of the spacing, that nothing else helps: those go before anything else, at the price of
/// this factor on the worst cell about them for the moment.
constexpr int patient_passes = 2;
constexpr double hopeless_length = 0.12;
constexpr double price = 0.3;
/// Longest edge, in units of the spacing, whose collapse may tilt walls.
constexpr double longest_tilting = 0.3;

/// What a point keeps to.
template <int D>
struct Constraint {
  Freedom freedom = Freedom::fixed;
  Point<D> origin;     ///< where the point was first
  Point<D> direction;  ///< tangent or normal
  double spacing = 1;
};

template <int D>
class Improver {
 public:
  using Vertex = std::int64_t;
  using Simplex = typename GrainComplex<D>::Simplex;
  using Regions = typename GrainComplex<D>::Regions;

  Improver(GrainComplex<D>& mesh, std::vector<Constraint<D>> constraints,
           ImprovementOptions options)
      : mesh_(mesh),
        constraints_(std::move(constraints)),
        options_(std::move(options)),
        poll_(options_.poll) {}

  void run(ImprovedMesh& counts) {
    while (collapse_shortest(counts)) poll_();
    for (int pass = 0; pass < options_.n_pass; ++pass) {
      bool changed = false;
      for (const std::size_t i : work_list()) {
        poll_();
        if (!mesh_.alive(i) || mesh_.quality(i) >= options_.target) continue;
        if (replace(i)) {
          ++counts.n_flip;
          changed = true;
          continue;
        }
        changed = move_corners(i, counts) || changed;
        if (pass >= patient_passes && mesh_.quality(i) < options_.target) {
          changed = collapse_edges(i, counts) || changed;
        }
      }
      if (!changed && pass >= patient_passes) break;
    }
  }

 private:
  [[nodiscard]] std::vector<std::size_t> work_list() const {
    std::vector<std::pair<double, std::size_t>> poor;
    for (std::size_t i = 0; i < mesh_.n_cell(); ++i) {
      if (mesh_.alive(i) && mesh_.quality(i) < options_.target)
        poor.emplace_back(mesh_.quality(i), i);
    }
    std::sort(poor.begin(), poor.end());
    std::vector<std::size_t> list;
    list.reserve(poor.size());
    for (const auto& [quality, i] : poor) list.push_back(i);
    return list;
  }

  bool replace(std::size_t i) {
    if constexpr (D == 2) return replace_edge(mesh_, i);
    if constexpr (D == 3) return EdgeReplacement(mesh_, options_.radius).replace(i);
  }

  bool move_corners(std::size_t i, ImprovedMesh& counts) {
    bool moved = false;
    const Cell<D> cell = mesh_.cell(i);
    for (const Vertex v : cell) {
      if (!move(v)) continue;
      moved = true;
      ++counts.n_move;
      if (mesh_.quality(i) >= options_.target) break;
    }
    return moved;
  }

  bool move(Vertex v) {
    const Constraint<D>& kept = constraint(v);
    if (kept.freedom == Freedom::fixed) return false;
    const double before = mesh_.worst_about(v);
    double best = before;
    Point<D> place = mesh_.at(v);
    double stride = first_stride * kept.spacing;
    for (int trial = 0; trial < n_trial; ++trial) {
      Point<D> step;
      for (int axis = 0; axis < D; ++axis) step[axis] = random_();
      const Point<D> there = allowed(kept, place + stride * step);
      const double worst = mesh_.worst_about(v, there, best);
      if (worst > best) {
        best = worst;
        place = there;
      } else {
        stride *= shrink;
      }
    }
    if (best <= before + least_gain) return false;
    mesh_.move(v, place);
    return true;
  }

  /// The nearest allowed place, or one close to it.
  [[nodiscard]] Point<D> allowed(const Constraint<D>& constraint, const Point<D>& p) const {
    const Point<D>& n = constraint.direction;
    const auto in_plane = [&] { return Point<D>(p - n * n.dot(p - constraint.origin)); };
    switch (constraint.freedom) {
      case Freedom::line:
        return constraint.origin + n * n.dot(p - constraint.origin);
      case Freedom::wall:
        return in_plane();
      case Freedom::rim: {
        const Point<D> centre = n * n.dot(constraint.origin);
        const Point<D> arm = in_plane() - centre;
        return centre + arm * ((constraint.origin - centre).norm() / arm.norm());
      }
      case Freedom::surface:
        return p * (options_.radius / p.norm());
      case Freedom::fixed:
        return constraint.origin;
      case Freedom::free:
        break;
    }
    return p;
  }

  /// Collapses edges that are hopelessly short, shortest first; false when none is left to
  /// collapse.
  bool collapse_shortest(ImprovedMesh& counts) {
    std::vector<Edge> edges;
    for (std::size_t i = 0; i < mesh_.n_cell(); ++i) {
      if (mesh_.alive(i) && mesh_.quality(i) < options_.floor) add_edges(i, hopeless_length, edges);
    }
    std::sort(edges.begin(), edges.end());
    bool changed = false;
    for (const Edge& edge : edges) {
      if (!mesh_.is_edge(edge.v, edge.u)) continue;
      const double before = std::min(mesh_.worst_about(edge.u), mesh_.worst_about(edge.v));
      changed = collapse(edge, true, price * before, counts) || changed;
    }
    return changed;
  }

  bool collapse_edges(std::size_t i, ImprovedMesh& counts) {
    std::vector<Edge> edges;
    add_edges(i, options_.collapse_length, edges);
    std::sort(edges.begin(), edges.end());
    const bool is_poor = mesh_.quality(i) < options_.floor;
    for (const Edge& edge : edges) {
      const double before = std::min(mesh_.worst_about(edge.u), mesh_.worst_about(edge.v));
      const bool may_tilt = is_poor && edge.length < longest_tilting * constraint(edge.v).spacing;
      if (collapse(edge, may_tilt, before + least_gain, counts)) return true;
    }
    return false;
  }

  struct Edge {
    double length = 0;
    Vertex v = 0;  ///< the vertex that is to go
    Vertex u = 0;
    auto operator<=>(const Edge&) const = default;
  };

  void add_edges(std::size_t i, double longest, std::vector<Edge>& edges) {
    const Cell<D>& cell = mesh_.cell(i);
    for (const Vertex v : cell) {
      for (const Vertex u : cell) {
        const double length = (mesh_.at(u) - mesh_.at(v)).norm();
        if (v != u && length < longest * constraint(v).spacing) edges.push_back({length, v, u});
      }
    }
  }

  /// Makes one vertex of two, if no grain is pinched and all cells about it are better than
  /// `enough`: v moves onto u along its own wall or line or, if it `may_tilt` them, both give way.
  bool collapse(const Edge& edge, bool may_tilt, double enough, ImprovedMesh& counts) {
    const auto [length, v, u] = edge;
    // Most trials fail on the shapes, which are quicker to tell than what meets where.
    const bool keeps_shape = is_better(v, u, mesh_.at(u), enough);
    if (!keeps_shape && !may_tilt) return false;
    const auto about_v = mesh_.link(v);
    const auto about_u = mesh_.link(u);
    if (!link_condition(about_v, about_u, u)) return false;
    const auto& of_v = about_v.at({});
    const auto& of_u = about_u.at({});
    const bool tilts = about_v.at({u}) != of_v;
    Point<D> place = mesh_.at(u);
    if (tilts) {
      if (!may_tilt || of_u.size() < of_v.size()) return false;
      place = merged(u, v, of_u, of_v);
      if (!is_better(v, u, place, enough)) return false;
      constraint(u).freedom = Freedom::fixed;
    } else if (!keeps_shape) {
      return false;
    }
    std::vector<std::pair<Cell<D>, std::int64_t>> fresh;
    const auto star = mesh_.star(v);
    for (const std::size_t i : star) {
      Cell<D> cell = mesh_.cell(i);
      if (!GrainComplex<D>::has(cell, u)) {
        *std::find(cell.begin(), cell.end(), v) = u;
        fresh.emplace_back(cell, mesh_.grain(i));
      }
      mesh_.remove(i);
    }
    mesh_.move(u, place);
    for (const auto& [cell, grain] : fresh) mesh_.add(cell, grain);
    ++(tilts ? counts.n_merge : counts.n_collapse);
    return true;
  }

  /// Whether all cells about v and u would be better than `enough` if both were at `place`.
  [[nodiscard]] bool is_better(Vertex v, Vertex u, const Point<D>& place, double enough) const {
    for (const Vertex centre : {u, v}) {
      for (const std::size_t i : mesh_.star(centre)) {
        const Cell<D>& cell = mesh_.cell(i);
        if (GrainComplex<D>::has(cell, centre == u ? v : u)) continue;
        std::array<Point<D>, D + 1> corner;
        for (std::size_t k = 0; k < n_corner<D>; ++k) {
          corner[k] = cell[k] == centre ? place : mesh_.at(cell[k]);
        }
        if (shape_quality<D>(corner) <= enough) return false;
      }
    }
    return true;
  }

  /// In every grain, and outside, what both vertices are joined to is what their edge is joined to.
  static bool link_condition(const std::map<Simplex, Regions>& about_v,
                             const std::map<Simplex, Regions>& about_u, Vertex u) {
    for (const auto& [simplex, regions] : about_v) {
      const auto same = about_u.find(simplex);
      if (same == about_u.end()) continue;
      Regions both;
      std::set_intersection(regions.begin(), regions.end(), same->second.begin(),
                            same->second.end(), std::back_inserter(both));
      Simplex joined = simplex;
      joined.insert(std::lower_bound(joined.begin(), joined.end(), u), u);
      const auto together = about_v.find(joined);
      if (together == about_v.end() || together->second != both) return false;
    }
    return true;
  }

  /// Where two vertices that keep to different walls or lines become one: at the one where more
  /// regions meet, else halfway; on the sphere if one of them is.
  [[nodiscard]] Point<D> merged(Vertex u, Vertex v, const Regions& of_u,
                                const Regions& of_v) const {
    const bool u_outside = of_u.front() == GrainComplex<D>::outside;
    const bool v_outside = of_v.front() == GrainComplex<D>::outside;
    if (u_outside != v_outside) return mesh_.at(u_outside ? u : v);
    if (of_u.size() > of_v.size()) return mesh_.at(u);
    const Point<D> middle = 0.5 * (mesh_.at(u) + mesh_.at(v));
    return u_outside ? Point<D>(middle * (options_.radius / middle.norm())) : middle;
  }

  [[nodiscard]] Constraint<D>& constraint(Vertex v) {
    return constraints_[static_cast<std::size_t>(v)];
  }

  GrainComplex<D>& mesh_;
  std::vector<Constraint<D>> constraints_;
  ImprovementOptions options_;
  Poll poll_;
  UniformNumbers random_{1};
};

template <int D>
ImprovedMesh collected(const GrainComplex<D>& mesh) {
  std::vector<std::int64_t> number(mesh.points.size(), -1);
  std::vector<std::int64_t> source;
  std::size_t n_alive = 0;
  double worst = 2.0;
  for (std::size_t i = 0; i < mesh.n_cell(); ++i) {
    if (!mesh.alive(i)) continue;
    ++n_alive;
    worst = std::min(worst, mesh.quality(i));
  }
  for (std::size_t v = 0; v < mesh.points.size(); ++v) {
    if (mesh.star(static_cast<std::int64_t>(v)).empty()) continue;
    number[v] = static_cast<std::int64_t>(source.size());
    source.push_back(static_cast<std::int64_t>(v));
  }
  ImprovedMesh result;
  result.worst = worst;
  result.points = Array<double, 2>({source.size(), D});
  result.source = Array<std::int64_t, 1>({source.size()});
  result.cells = Array<std::int64_t, 2>({n_alive, D + 1});
  result.grain = Array<std::int64_t, 1>({n_alive});
  for (std::size_t v = 0; v < source.size(); ++v) {
    result.source[v] = source[v];
    for (std::size_t axis = 0; std::cmp_less(axis, D); ++axis) {
      result.points[(v * D) + axis] = mesh.at(source[v])[static_cast<Eigen::Index>(axis)];
    }
  }
  std::size_t row = 0;
  for (std::size_t i = 0; i < mesh.n_cell(); ++i) {
    if (!mesh.alive(i)) continue;
    for (std::size_t k = 0; k < n_corner<D>; ++k) {
      result.cells[(row * (D + 1)) + k] = number[static_cast<std::size_t>(mesh.cell(i)[k])];
    }
    result.grain[row++] = mesh.grain(i);
  }
  return result;
}

template <int D>
Point<D> point_of(const ArrayView<double, 2>& points, std::size_t i) {
  Point<D> p;
  for (std::size_t axis = 0; std::cmp_less(axis, D); ++axis)
    p[static_cast<Eigen::Index>(axis)] = points(i, axis);
  return p;
}

template <int D>
ImprovedMesh improved(const ArrayView<double, 2>& points, const ArrayView<std::int64_t, 2>& cells,
                      const ArrayView<std::int64_t, 1>& grain,
                      const ArrayView<std::uint8_t, 1>& freedom,
                      const ArrayView<double, 2>& direction, const ArrayView<double, 1>& spacing,
                      const ImprovementOptions& options) {
  std::vector<Point<D>> at;
  std::vector<Constraint<D>> constraints;
  for (std::size_t v = 0; v < points.shape[0]; ++v) {
    at.push_back(point_of<D>(points, v));
    constraints.push_back(
        {static_cast<Freedom>(freedom[v]), at.back(), point_of<D>(direction, v), spacing[v]});
  }
  GrainComplex<D> mesh(std::move(at));
  for (std::size_t i = 0; i < cells.shape[0]; ++i) {
    Cell<D> cell;
    for (std::size_t k = 0; k < n_corner<D>; ++k) cell[k] = cells(i, k);
    mesh.add(cell, grain[i]);
    require(mesh.quality(i) > 0,
            "cell " + std::to_string(i) + " is flat or inside out; give cells of positive volume");
  }
  ImprovedMesh counts;
  Improver<D>(mesh, std::move(constraints), options).run(counts);
  ImprovedMesh result = collected<D>(mesh);
  result.n_move = counts.n_move;
  result.n_flip = counts.n_flip;
  result.n_collapse = counts.n_collapse;
  result.n_merge = counts.n_merge;
  return result;
}

void check_cells(const ArrayView<double, 2>& points, const ArrayView<std::int64_t, 2>& cells) {
  const std::size_t dimension = points.shape[1];
  require(dimension == 2 || dimension == 3, "points must have 2 or 3 columns");
  require(cells.shape[1] == dimension + 1, "cells must have one column more than points");
  for (const std::int64_t v : cells) {
    require(v >= 0 && std::cmp_less(v, points.shape[0]),
            "cells name a point that is not in points");
  }
  for (const double x : points) require(std::isfinite(x), "points must be finite");
}

}  // namespace

ImprovedMesh improve_mesh(const ArrayView<double, 2>& points,
                          const ArrayView<std::int64_t, 2>& cells,
                          const ArrayView<std::int64_t, 1>& grain,
                          const ArrayView<std::uint8_t, 1>& freedom,
                          const ArrayView<double, 2>& direction,
                          const ArrayView<double, 1>& spacing, const ImprovementOptions& options) {
  check_cells(points, cells);
  const std::size_t n = points.shape[0];
  require(grain.size() == cells.shape[0], "grain must have one entry per cell");
  require(freedom.size() == n && spacing.size() == n,
          "freedom and spacing need one entry per point");
  require(direction.shape == points.shape, "direction must have the shape of points");
  for (const std::int64_t g : grain) require(g >= 0, "grain must not be negative");
  for (const std::uint8_t f : freedom) {
    require(f <= static_cast<std::uint8_t>(Freedom::free), "freedom holds an unknown value");
  }
  for (const double s : spacing) require(s > 0 && std::isfinite(s), "spacing must be positive");
  require(options.radius > 0, "radius must be positive");
  return points.shape[1] == 2
             ? improved<2>(points, cells, grain, freedom, direction, spacing, options)
             : improved<3>(points, cells, grain, freedom, direction, spacing, options);
}

}  // namespace nmcx
