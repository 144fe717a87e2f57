#include "nmcx/geometry/distance_transform.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "nmcx/geometry/voxel_grid.hpp"

namespace nmcx {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Squared distance to the nearest false voxel of the same row: one sweep each way.
void row_pass(const bool* mask, double* squared, std::size_t n, double h) {
  double steps = infinity;
  for (std::size_t i = 0; i < n; ++i) {
    steps = mask[i] ? steps + 1 : 0;
    squared[i] = steps;
  }
  steps = infinity;
  for (std::size_t i = n; i-- > 0;) {
    steps = mask[i] ? steps + 1 : 0;
    const double distance = h * std::min(squared[i], steps);
    squared[i] = distance * distance;
  }
}

/// Replaces f(q) by min over p of f(p) + h²(q − p)² along lines of one axis.
class LinePass {
 public:
  LinePass(std::size_t n, double h)
      : n_(n), weight_(h * h), reciprocal_(n), vertex_(n), from_(n + 1), height_(n) {
    for (std::size_t k = 1; k < n; ++k) {
      reciprocal_[k] = 1 / (2 * weight_ * static_cast<double>(k));
    }
  }

  void operator()(double* f) {
    const std::size_t n_vertex = lower_envelope(f);
    if (n_vertex == 0) return;  // no false voxel seen so far: infinite everywhere
    from_[n_vertex] = infinity;
    std::size_t v = 0;
    for (std::size_t q = 0; q < n_; ++q) {
      const auto position = static_cast<double>(q);
      while (from_[v + 1] < position) ++v;
      const double steps = position - static_cast<double>(vertex_[v]);
      f[q] = height_[v] + (weight_ * steps * steps);
    }
  }

 private:
  /// Finds the parabolas of the lower envelope, where each begins, and how high its vertex is.
  std::size_t lower_envelope(const double* f) {
    std::size_t n_vertex = 0;
    for (std::size_t q = 0; q < n_; ++q) {
      if (f[q] == infinity) continue;
      double begin = -infinity;
      while (n_vertex > 0) {
        const std::size_t p = vertex_[n_vertex - 1];
        // (q² − p²)/(2(q − p)) = (q + p)/2 without the loss of digits of the squares.
        begin = ((f[q] - height_[n_vertex - 1]) * reciprocal_[q - p]) +
                (0.5 * static_cast<double>(q + p));
        if (begin > from_[n_vertex - 1]) break;
        --n_vertex;
        begin = -infinity;
      }
      vertex_[n_vertex] = q;
      from_[n_vertex] = begin;
      height_[n_vertex] = f[q];
      ++n_vertex;
    }
    return n_vertex;
  }

  std::size_t n_;
  double weight_;
  std::vector<double> reciprocal_;
  std::vector<std::size_t> vertex_;
  std::vector<double> from_;
  std::vector<double> height_;
};

/// Runs `pass` down each column of an (n, n_column) sheet whose rows are `stride` apart.
void column_pass(double* sheet, std::size_t n, std::size_t n_column, std::size_t stride,
                 LinePass& pass, std::vector<double>& lines) {
  constexpr std::size_t n_together = 16;  // two cache lines of doubles
  lines.resize(n_together * n);
  for (std::size_t first = 0; first < n_column; first += n_together) {
    const std::size_t width = std::min(n_together, n_column - first);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t c = 0; c < width; ++c) lines[(c * n) + i] = sheet[(i * stride) + first + c];
    }
    for (std::size_t c = 0; c < width; ++c) pass(&lines[c * n]);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t c = 0; c < width; ++c) sheet[(i * stride) + first + c] = lines[(c * n) + i];
    }
  }
}

}  // namespace

Array<double, 3> distance_transform(const VolumeView<bool>& mask,
                                    const ArrayView<double, 1>& spacing,
                                    const Execution& execution) {
  const Vector3 h = checked_spacing(spacing);
  Array<double, 3> distance(mask.shape);
  const auto [nz, ny, nx] = mask.shape;
  if (mask.size() == 0) return distance;
  const std::size_t plane = ny * nx;

  parallel_for(nz, 1, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
    LinePass pass(ny, h[1]);
    std::vector<double> lines;
    for (std::size_t z = begin; z < end; ++z) {
      double* sheet = distance.data() + (z * plane);
      for (std::size_t y = 0; y < ny; ++y) {
        row_pass(mask.data + (z * plane) + (y * nx), sheet + (y * nx), nx, h[2]);
      }
      column_pass(sheet, ny, nx, nx, pass, lines);
    }
  });
  parallel_for(ny, 1, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
    LinePass pass(nz, h[0]);
    std::vector<double> lines;
    for (std::size_t y = begin; y < end; ++y) {
      double* sheet = distance.data() + (y * nx);
      column_pass(sheet, nz, nx, plane, pass, lines);
      for (std::size_t z = 0; z < nz; ++z) {
        double* row = sheet + (z * plane);
        for (std::size_t x = 0; x < nx; ++x) row[x] = std::sqrt(row[x]);
      }
    }
  });
  return distance;
}

}  // namespace nmcx
