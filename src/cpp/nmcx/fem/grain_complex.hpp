// A mesh of grains that can be changed cell by cell: triangles (D = 2) or tetrahedra (D = 3).
#pragma once

#include <Eigen/Core>
#include <Eigen/Geometry>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace nmcx {

/// Corners of a triangle or tetrahedron.
template <int D>
inline constexpr std::size_t n_corner = D + 1;

template <int D>
using Point = Eigen::Matrix<double, D, 1>;

template <int D>
using Cell = std::array<std::int64_t, D + 1>;

/// Sines of the angles of a triangle, negative if it turns clockwise.
inline std::array<double, 3> angle_sines(const std::array<Point<2>, 3>& at) {
  const Point<2> ab = at[1] - at[0];
  const Point<2> ac = at[2] - at[0];
  const double twice_area = (ab[0] * ac[1]) - (ab[1] * ac[0]);
  const double c = ab.norm();
  const double b = ac.norm();
  const double a = (at[2] - at[1]).norm();
  return {twice_area / (b * c), twice_area / (a * c), twice_area / (a * b)};
}

/// Sines of the dihedral angles of a tetrahedron, negative if it is inside out.
inline std::array<double, 6> angle_sines(const std::array<Point<3>, 4>& at) {
  const Point<3> ab = at[1] - at[0];
  const Point<3> ac = at[2] - at[0];
  const Point<3> ad = at[3] - at[0];
  const Point<3> bc = at[2] - at[1];
  const Point<3> bd = at[3] - at[1];
  const Point<3> cd = at[3] - at[2];
  const Point<3> across = ab.cross(ac);
  const double volume = across.dot(ad);  // six times
  const double a = bc.cross(bd).norm();  // twice the area of the face opposite to each corner
  const double b = ac.cross(ad).norm();
  const double c = ab.cross(ad).norm();
  const double d = across.norm();
  return {volume * ab.norm() / (c * d), volume * ac.norm() / (b * d), volume * ad.norm() / (b * c),
          volume * bc.norm() / (a * d), volume * bd.norm() / (a * c), volume * cd.norm() / (a * b)};
}

/// Smallest sine of the angles of a cell; -1 if two of its points coincide.
template <int D>
double shape_quality(const std::array<Point<D>, D + 1>& at) {
  const auto sines = angle_sines(at);
  double worst = 2.0;
  for (const double sine : sines) {
    if (!std::isfinite(sine)) return -1.0;
    worst = std::min(worst, sine);
  }
  return worst;
}

/// Cells, their grains and qualities, and which of them meet at each vertex.
template <int D>
class GrainComplex {
 public:
  using Vertex = std::int64_t;
  using CellId = std::size_t;

  explicit GrainComplex(std::vector<Point<D>> at) : points(std::move(at)), star_(points.size()) {}

  std::vector<Point<D>> points;

  [[nodiscard]] std::size_t n_cell() const { return cells_.size(); }  ///< dead ones too
  [[nodiscard]] bool alive(CellId i) const { return alive_[i]; }
  [[nodiscard]] const Cell<D>& cell(CellId i) const { return cells_[i]; }
  [[nodiscard]] std::int64_t grain(CellId i) const { return grain_[i]; }
  [[nodiscard]] double quality(CellId i) const { return quality_[i]; }
  [[nodiscard]] const std::vector<CellId>& star(Vertex v) const { return star_[index(v)]; }
  [[nodiscard]] const Point<D>& at(Vertex v) const { return points[index(v)]; }

  [[nodiscard]] double shape(const Cell<D>& cell) const {
    std::array<Point<D>, D + 1> corner;
    for (std::size_t i = 0; i < n_corner<D>; ++i) corner[i] = at(cell[i]);
    return shape_quality<D>(corner);
  }

  void add(const Cell<D>& cell, std::int64_t grain) {
    for (const Vertex v : cell) star_[index(v)].push_back(cells_.size());
    cells_.push_back(cell);
    grain_.push_back(grain);
    quality_.push_back(shape(cell));
    alive_.push_back(true);
  }

  void remove(CellId i) {
    alive_[i] = false;
    for (const Vertex v : cells_[i]) {
      auto& star = star_[index(v)];
      star.erase(std::find(star.begin(), star.end(), i));
    }
  }

  /// Worst quality about a vertex.
  [[nodiscard]] double worst_about(Vertex v) const {
    double worst = 2.0;
    for (const CellId i : star(v)) worst = std::min(worst, quality_[i]);
    return worst;
  }

  /// Worst quality about a vertex if it were at `p`, or anything below `enough` if it is below.
  [[nodiscard]] double worst_about(Vertex v, const Point<D>& p, double enough) const {
    double worst = 2.0;
    for (const CellId i : star(v)) {
      std::array<Point<D>, D + 1> corner;
      for (std::size_t k = 0; k < n_corner<D>; ++k)
        corner[k] = cells_[i][k] == v ? p : at(cells_[i][k]);
      worst = std::min(worst, shape_quality<D>(corner));
      if (worst <= enough) break;
    }
    return worst;
  }

  void move(Vertex v, const Point<D>& p) {
    points[index(v)] = p;
    for (const CellId i : star(v)) quality_[i] = shape(cells_[i]);
  }

  [[nodiscard]] static bool has(const Cell<D>& cell, Vertex v) {
    return std::find(cell.begin(), cell.end(), v) != cell.end();
  }

  [[nodiscard]] std::vector<CellId> cells_about(Vertex a, Vertex b) const {
    std::vector<CellId> found;
    for (const CellId i : star(a)) {
      if (has(cells_[i], b)) found.push_back(i);
    }
    return found;
  }

  [[nodiscard]] bool is_edge(Vertex a, Vertex b) const {
    return std::any_of(star(a).begin(), star(a).end(), [&](CellId i) { return has(cells_[i], b); });
  }

  /// The cell on the other side of the face opposite to corner `k`; `n_cell()` if there is none.
  [[nodiscard]] CellId across(CellId i, std::size_t k) const {
    const Cell<D>& own = cells_[i];
    for (const CellId j : star(own[k == 0 ? 1 : 0])) {
      if (j == i) continue;
      bool shares = true;
      for (std::size_t m = 0; m < n_corner<D>; ++m)
        shares = shares && (m == k || has(cells_[j], own[m]));
      if (shares) return j;
    }
    return n_cell();
  }

  /// Vertices of a simplex, ascending, and what meets there: grains, or `outside`, ascending.
  using Simplex = std::vector<Vertex>;
  using Regions = std::vector<std::int64_t>;
  static constexpr std::int64_t outside = -1;

  /// For each simplex that makes a simplex of the mesh together with `v`: the regions meeting in
  /// it.
  [[nodiscard]] std::map<Simplex, Regions> link(Vertex v) const {
    std::map<Simplex, Regions> found;
    for (const CellId i : star(v)) {
      Simplex others;
      for (const Vertex w : cells_[i]) {
        if (w != v) others.push_back(w);
      }
      note_faces(others, grain_[i], found);
      for (std::size_t k = 0; k < n_corner<D>; ++k) {
        if (cells_[i][k] == v || across(i, k) != n_cell()) continue;
        Simplex face = others;
        face.erase(std::find(face.begin(), face.end(), cells_[i][k]));
        note_faces(face, outside, found);
      }
    }
    return found;
  }

 private:
  static std::size_t index(Vertex v) { return static_cast<std::size_t>(v); }

  static void note_faces(Simplex simplex, std::int64_t region, std::map<Simplex, Regions>& found) {
    std::sort(simplex.begin(), simplex.end());
    for (std::size_t subset = 0; subset < (std::size_t{1} << simplex.size()); ++subset) {
      Simplex face;
      for (std::size_t k = 0; k < simplex.size(); ++k) {
        if (((subset >> k) & 1U) != 0) face.push_back(simplex[k]);
      }
      Regions& regions = found[face];
      const auto place = std::lower_bound(regions.begin(), regions.end(), region);
      if (place == regions.end() || *place != region) regions.insert(place, region);
    }
  }

  std::vector<Cell<D>> cells_;
  std::vector<std::int64_t> grain_;
  std::vector<double> quality_;
  std::vector<bool> alive_;
  std::vector<std::vector<CellId>> star_;
};

}  // namespace nmcx
