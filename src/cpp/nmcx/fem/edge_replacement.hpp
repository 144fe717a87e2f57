// Other cells on the same points: edges and faces of a mesh of grains replaced where that is
// better.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "nmcx/fem/grain_complex.hpp"

namespace nmcx {

/// Most cells of one grain about an edge that is replaced: beyond, success is rare.
inline constexpr std::size_t longest_ring = 7;
/// Least gain in quality worth a change.
inline constexpr double least_gain = 1e-3;
/// How much longer than the edge it replaces one on the sphere may be: chords cut the ball's
/// volume.
inline constexpr double longest_chord = 1.6;
/// How far an end of the new edge may be out of the plane of a wall, in lengths of the old edge.
inline constexpr double flatness = 0.05;
/// Relative distance from the sphere at which a point no longer lies on it.
inline constexpr double sphere_tolerance = 1e-9;

/// Cells of one grain about an edge (a, b), in order: each has two neighbours of `ring`.
struct Sector {
  std::vector<std::size_t> cells;
  std::vector<std::int64_t> ring;  ///< one vertex more than cells, unless it is closed
  bool closed = false;
  std::int64_t grain = 0;
};

/// Triangles over a polygon, by positions in its ring, and the worst cell they make with a and b.
struct Fan {
  double quality = 2.0;
  std::vector<std::array<std::size_t, 3>> triangles;
};

class EdgeReplacement {
 public:
  using Vertex = std::int64_t;

  /// @param radius  of the sphere on which edges of the outer surface may be replaced
  EdgeReplacement(GrainComplex<3>& mesh, double radius) : mesh_(mesh), radius_(radius) {}

  /// Replaces an edge or a face of a cell, if that makes the worst cell about it better.
  bool replace(std::size_t i) {
    const Cell<3> cell = mesh_.cell(i);
    for (std::size_t a = 0; a < 4; ++a) {
      for (std::size_t b = a + 1; b < 4; ++b) {
        if (remove_edge(cell[a], cell[b])) return true;
      }
    }
    for (std::size_t k = 0; k < 4; ++k) {
      if (replace_face(i, k)) return true;
    }
    return false;
  }

 private:
  bool remove_edge(Vertex a, Vertex b) {
    const auto sectors = sectors_about(a, b);
    if (!sectors) return false;
    double worst = 2.0;
    for (const Sector& sector : *sectors) {
      for (const std::size_t i : sector.cells) worst = std::min(worst, mesh_.quality(i));
    }
    const Sector& first = sectors->front();
    if (sectors->size() == 1 && !first.closed) {
      if (!may_flip_on_surface(a, b, first)) return false;
    } else if (sectors->size() == 2) {
      if (!is_flat(a, b, first.ring.front(), first.ring.back())) return false;
      if (mesh_.is_edge(first.ring.front(), first.ring.back())) return false;
    }
    std::vector<Fan> fans;
    for (const Sector& sector : *sectors) {
      fans.push_back(best_fan(a, b, sector));
      if (fans.back().quality <= worst + least_gain) return false;
    }
    for (std::size_t s = 0; s < fans.size(); ++s) {
      const Sector& sector = (*sectors)[s];
      for (const std::size_t i : sector.cells) mesh_.remove(i);
      for (const auto& [i, j, k] : fans[s].triangles) {
        mesh_.add({sector.ring[i], sector.ring[j], sector.ring[k], b}, sector.grain);
        mesh_.add({a, sector.ring[i], sector.ring[j], sector.ring[k]}, sector.grain);
      }
    }
    return true;
  }

  /// The cells about an edge that can be replaced: all of one grain, or of two that meet in a wall.
  [[nodiscard]] std::optional<std::vector<Sector>> sectors_about(Vertex a, Vertex b) const {
    std::vector<std::size_t> left = mesh_.cells_about(a, b);
    std::vector<Sector> sectors;
    while (!left.empty()) {
      if (sectors.size() == 2) return std::nullopt;
      const std::int64_t grain = mesh_.grain(left.front());
      std::vector<std::size_t> own;
      std::ranges::copy_if(left, std::back_inserter(own),
                           [&](std::size_t i) { return mesh_.grain(i) == grain; });
      std::erase_if(left, [&](std::size_t i) { return mesh_.grain(i) == grain; });
      auto sector = in_order(a, b, own);
      if (!sector) return std::nullopt;
      sectors.push_back(std::move(*sector));
    }
    if (sectors.size() == 2) {
      const Sector& one = sectors[0];
      const Sector& two = sectors[1];
      const bool joined = !one.closed && !two.closed && one.ring.front() == two.ring.back() &&
                          one.ring.back() == two.ring.front();
      // A single cell between two faces of one wall would be flat.
      if (!joined || one.cells.size() < 2 || two.cells.size() < 2) return std::nullopt;
    }
    return sectors;
  }

  [[nodiscard]] std::optional<Sector> in_order(Vertex a, Vertex b,
                                               const std::vector<std::size_t>& cells) const {
    if (cells.size() > longest_ring) return std::nullopt;
    std::vector<std::pair<Vertex, Vertex>> step;
    for (const std::size_t i : cells) {
      std::vector<Vertex> other;
      for (const Vertex v : mesh_.cell(i)) {
        if (v != a && v != b) other.push_back(v);
      }
      if (mesh_.shape({a, b, other[0], other[1]}) < 0) std::swap(other[0], other[1]);
      step.emplace_back(other[0], other[1]);
    }
    std::size_t at = 0;
    for (std::size_t i = 0; i < step.size(); ++i) {
      const bool is_first = std::none_of(step.begin(), step.end(), [&](const auto& other) {
        return other.second == step[i].first;
      });
      if (is_first) at = i;
    }
    Sector sector{.cells = {}, .ring = {step[at].first}, .grain = mesh_.grain(cells.front())};
    while (true) {
      sector.cells.push_back(cells[at]);
      sector.ring.push_back(step[at].second);
      const auto next = std::find_if(step.begin(), step.end(), [&](const auto& other) {
        return other.first == sector.ring.back();
      });
      if (next == step.end() || sector.cells.size() == cells.size()) break;
      at = static_cast<std::size_t>(next - step.begin());
    }
    if (sector.cells.size() != cells.size()) return std::nullopt;  // two pieces of one grain
    sector.closed = sector.ring.front() == sector.ring.back();
    if (sector.closed) sector.ring.pop_back();
    return sector;
  }

  /// Whether an edge of the outer surface may give way to the other diagonal of its two triangles.
  [[nodiscard]] bool may_flip_on_surface(Vertex a, Vertex b, const Sector& sector) const {
    const Vertex c = sector.ring.front();
    const Vertex d = sector.ring.back();
    for (const Vertex v : {a, b, c, d}) {
      if (std::abs(mesh_.at(v).norm() - radius_) > sphere_tolerance * radius_) return false;
    }
    if ((mesh_.at(c) - mesh_.at(d)).norm() > longest_chord * (mesh_.at(a) - mesh_.at(b)).norm()) {
      return false;
    }
    if (sector.cells.size() > 1) return !mesh_.is_edge(c, d);
    // The cell is dropped: the edge it uncovers must lie wholly inside the same grain.
    const auto about = sectors_about(c, d);
    return about && about->size() == 1 && about->front().closed;
  }

  [[nodiscard]] bool is_flat(Vertex a, Vertex b, Vertex c, Vertex d) const {
    const Point<3> edge = mesh_.at(b) - mesh_.at(a);
    const Point<3> normal = edge.cross(mesh_.at(c) - mesh_.at(a)).normalized();
    return std::abs(normal.dot(mesh_.at(d) - mesh_.at(a))) <= flatness * edge.norm();
  }

  /// The best triangles over a sector's ring (Klincsek's dynamic programme), if all edges are new.
  [[nodiscard]] Fan best_fan(Vertex a, Vertex b, const Sector& sector) const {
    const std::vector<Vertex>& ring = sector.ring;
    const std::size_t n = ring.size();
    std::array<std::array<double, longest_ring + 1>, longest_ring + 1> best{};
    std::array<std::array<std::size_t, longest_ring + 1>, longest_ring + 1> apex{};
    for (std::size_t i = 0; i + 1 < n; ++i) best[i][i + 1] = 2.0;
    for (std::size_t width = 2; width < n; ++width) {
      for (std::size_t i = 0; i + width < n; ++i) {
        const std::size_t j = i + width;
        best[i][j] = -2.0;
        const bool is_closing = width + 1 == n;
        if (!is_closing && mesh_.is_edge(ring[i], ring[j])) continue;
        for (std::size_t k = i + 1; k < j; ++k) {
          double quality = std::min(best[i][k], best[k][j]);
          if (quality <= best[i][j]) continue;
          quality = std::min({quality, mesh_.shape({ring[i], ring[k], ring[j], b}),
                              mesh_.shape({a, ring[i], ring[k], ring[j]})});
          if (quality > best[i][j]) {
            best[i][j] = quality;
            apex[i][j] = k;
          }
        }
      }
    }
    Fan fan;
    if (n < 3) return fan;
    fan.quality = best[0][n - 1];
    if (fan.quality <= 0) return fan;
    std::vector<std::pair<std::size_t, std::size_t>> open{{0, n - 1}};
    while (!open.empty()) {
      const auto [i, j] = open.back();
      open.pop_back();
      if (j - i < 2) continue;
      const std::size_t k = apex[i][j];
      fan.triangles.push_back({i, k, j});
      open.emplace_back(i, k);
      open.emplace_back(k, j);
    }
    return fan;
  }

  /// Two cells that share face `k` of cell `i` become three about the edge across it.
  bool replace_face(std::size_t i, std::size_t k) {
    const std::size_t j = mesh_.across(i, k);
    if (j == mesh_.n_cell() || mesh_.grain(j) != mesh_.grain(i)) return false;
    const Cell<3> own = mesh_.cell(i);
    const std::int64_t grain = mesh_.grain(i);
    Vertex far = own[k];
    for (const Vertex v : mesh_.cell(j)) {
      if (!GrainComplex<3>::has(own, v)) far = v;
    }
    if (mesh_.is_edge(own[k], far)) return false;
    const double worst = std::min(mesh_.quality(i), mesh_.quality(j));
    std::vector<Cell<3>> fresh;
    for (std::size_t m = 0; m < 4; ++m) {
      if (m == k) continue;
      fresh.push_back(own);
      fresh.back()[m] = far;
      if (mesh_.shape(fresh.back()) <= worst + least_gain) return false;
    }
    mesh_.remove(i);
    mesh_.remove(j);
    for (const Cell<3>& cell : fresh) mesh_.add(cell, grain);
    return true;
  }

  GrainComplex<3>& mesh_;
  double radius_;
};

/// Replaces an edge of a triangle by the other diagonal, if that makes the worse of the two better.
inline bool replace_edge(GrainComplex<2>& mesh, std::size_t i) {
  const Cell<2> own = mesh.cell(i);
  const std::int64_t grain = mesh.grain(i);
  for (std::size_t k = 0; k < 3; ++k) {
    const std::size_t j = mesh.across(i, k);
    if (j == mesh.n_cell() || mesh.grain(j) != grain) continue;
    std::int64_t far = own[k];
    for (const std::int64_t v : mesh.cell(j)) {
      if (!GrainComplex<2>::has(own, v)) far = v;
    }
    const double worst = std::min(mesh.quality(i), mesh.quality(j));
    Cell<2> one = own;
    Cell<2> two = own;
    one[(k + 1) % 3] = far;
    two[(k + 2) % 3] = far;
    if (std::min(mesh.shape(one), mesh.shape(two)) <= worst + least_gain) continue;
    mesh.remove(i);
    mesh.remove(j);
    mesh.add(one, grain);
    mesh.add(two, grain);
    return true;
  }
  return false;
}

}  // namespace nmcx
