#include "nmcx/image/coarse_alignment.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

#include "nmcx/core/error.hpp"

namespace nmcx::image {
namespace {

using Signed = std::ptrdiff_t;
using Plane = Array<float, 2>;  // deviations from the mean: seven digits are plenty to find a peak

constexpr std::size_t n_candidate = 4;
constexpr double least_overlap = 0.15;  // of the valid pixels

/// An image with its mean taken off, its square and its weight; all zero in holes.
struct Layer {
  Plane value, square, weight;
  double n_valid = 0.0;
  double variance = 0.0;
  [[nodiscard]] bool has_holes() const { return n_valid < static_cast<double>(weight.size()); }
};

/// The shifts -max_dy ... max_dy, -max_dx ... max_dx.
struct Window {
  Signed max_dy, max_dx;
  [[nodiscard]] Signed width() const { return (2 * max_dx) + 1; }
  [[nodiscard]] Signed height() const { return (2 * max_dy) + 1; }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(width() * height()); }
  [[nodiscard]] std::size_t index(Signed dy, Signed dx) const {
    return static_cast<std::size_t>(((dy + max_dy) * width()) + dx + max_dx);
  }
};

struct Candidate {
  Signed dy, dx;
  double score, correlation, overlap;
};

struct Sums {
  double n = 0, f = 0, m = 0, ff = 0, mm = 0, fm = 0;
};

double total(const Plane& plane) {
  double sum = 0.0;
  for (std::size_t i = 0; i < plane.size(); ++i) sum += static_cast<double>(plane[i]);
  return sum;
}

/// The same layer, its totals known.
Layer summed(Layer layer) {
  layer.n_valid = total(layer.weight);
  const double n = std::max(1.0, layer.n_valid);
  const double mean = total(layer.value) / n;
  layer.variance = (total(layer.square) / n) - (mean * mean);
  return layer;
}

Layer make_layer(ArrayView<double, 2> image, ArrayView<unsigned char, 2> ok) {
  double sum = 0.0;
  double n = 0.0;
  for (std::size_t i = 0; i < image.size(); ++i) {
    if (ok[i] == 0) continue;
    sum += image[i];
    n += 1.0;
  }
  const double mean = n > 0.0 ? sum / n : 0.0;
  Layer layer{
      .value = Plane(image.shape), .square = Plane(image.shape), .weight = Plane(image.shape)};
  for (std::size_t i = 0; i < image.size(); ++i) {
    const auto value = ok[i] != 0 ? static_cast<float>(image[i] - mean) : 0.0F;
    layer.value[i] = value;
    layer.square[i] = value * value;
    layer.weight[i] = ok[i] != 0 ? 1.0F : 0.0F;
  }
  return summed(std::move(layer));
}

/// Block means of 2 x 2 pixels; a block counts when half of it is valid.
Layer halved(const Layer& fine) {
  const std::size_t ny = fine.value.shape[0] / 2;
  const std::size_t nx = fine.value.shape[1] / 2;
  const std::size_t n_fine = fine.value.shape[1];
  Layer layer{.value = Plane({ny, nx}), .square = Plane({ny, nx}), .weight = Plane({ny, nx})};
  const auto block = [&](const Plane& plane, std::size_t y, std::size_t x) {
    const float* p = plane.data() + (2 * y * n_fine) + (2 * x);
    return p[0] + p[1] + p[n_fine] + p[n_fine + 1];
  };
  for (std::size_t y = 0; y < ny; ++y) {
    for (std::size_t x = 0; x < nx; ++x) {
      const float weight = block(fine.weight, y, x);
      const bool valid = weight >= 2.0F;
      const float value = valid ? block(fine.value, y, x) / weight : 0.0F;
      layer.value[(y * nx) + x] = value;
      layer.square[(y * nx) + x] = value * value;
      layer.weight[(y * nx) + x] = valid ? 1.0F : 0.0F;
    }
  }
  return summed(std::move(layer));
}

/// Adds sum over x of a(y, x) b(y + dy, x + dx) for rows y from `begin` to `end` to out[dx].
void correlate_rows(const Plane& a, const Plane& b, const Window& window, Signed dy, Signed begin,
                    Signed end, float* out) {
  const auto nx = static_cast<Signed>(a.shape[1]);
  for (Signed y = begin; y < end; ++y) {
    const float* row_a = a.data() + (y * nx);
    const float* row_b = b.data() + ((y + dy) * nx);
    for (Signed x = 0; x < nx; ++x) {
      const float weight = row_a[x];
      const Signed first = std::max(-window.max_dx, -x);
      const Signed last = std::min(window.max_dx, nx - 1 - x);
      for (Signed dx = first; dx <= last; ++dx) out[dx] += weight * row_b[x + dx];
    }
  }
}

/// sum over x of a(x) b(x + d) for every shift d of the window.
std::vector<float> cross_correlation(const Plane& a, const Plane& b, const Window& window) {
  const auto ny = static_cast<Signed>(a.shape[0]);
  std::vector<float> result(window.size(), 0.0F);
  for (Signed dy = -window.max_dy; dy <= window.max_dy; ++dy) {
    correlate_rows(a, b, window, dy, std::max<Signed>(0, -dy), std::min(ny, ny - dy),
                   result.data() + window.index(dy, 0));
  }
  return result;
}

/// The same for a plane `b` of ones: sums of `a` over rectangles, from its running sums.
std::vector<float> overlap_sums(const Plane& a, const Window& window) {
  const auto ny = static_cast<Signed>(a.shape[0]);
  const auto nx = static_cast<Signed>(a.shape[1]);
  const Signed width = nx + 1;
  std::vector<double> running(static_cast<std::size_t>((ny + 1) * width), 0.0);
  for (Signed y = 0; y < ny; ++y) {
    double row = 0.0;
    for (Signed x = 0; x < nx; ++x) {
      row += static_cast<double>(a.data()[(y * nx) + x]);
      const auto at = static_cast<std::size_t>(((y + 1) * width) + x + 1);
      running[at] = running[at - static_cast<std::size_t>(width)] + row;
    }
  }
  const auto before = [&](Signed y, Signed x) {
    return running[static_cast<std::size_t>((y * width) + x)];
  };
  std::vector<float> result(window.size(), 0.0F);
  for (Signed dy = -window.max_dy; dy <= window.max_dy; ++dy) {
    const Signed top = std::max<Signed>(0, -dy);
    const Signed bottom = std::min(ny, ny - dy);
    for (Signed dx = -window.max_dx; dx <= window.max_dx; ++dx) {
      const Signed left = std::max<Signed>(0, -dx);
      const Signed right = std::min(nx, nx - dx);
      if (top >= bottom || left >= right) continue;
      result[window.index(dy, dx)] = static_cast<float>(before(bottom, right) - before(top, right) -
                                                        before(bottom, left) + before(top, left));
    }
  }
  return result;
}

/// sum over x of a(x) w(x + d), w being the weight of a layer.
std::vector<float> weighted_by(const Plane& a, const Layer& other, const Window& window) {
  return other.has_holes() ? cross_correlation(a, other.weight, window) : overlap_sums(a, window);
}

Candidate judged(Signed dy, Signed dx, const Sums& s, const Layer& f, const Layer& m) {
  Candidate candidate{.dy = dy, .dx = dx, .score = 0.0, .correlation = 0.0, .overlap = s.n};
  if (s.n < std::max(9.0, least_overlap * std::min(f.n_valid, m.n_valid))) return candidate;
  const double c_ff = (s.ff / s.n) - (s.f * s.f / (s.n * s.n));
  const double c_mm = (s.mm / s.n) - (s.m * s.m / (s.n * s.n));
  const double c_fm = (s.fm / s.n) - (s.f * s.m / (s.n * s.n));
  // An overlap without structure (rounding aside) says nothing.
  if (c_ff < 1e-5 * f.variance || c_mm < 1e-5 * m.variance || c_fm <= 0.0) return candidate;
  candidate.correlation = std::min(c_fm / std::sqrt(c_ff * c_mm), 1.0 - 1e-6);
  candidate.score = -0.5 * s.n * std::log1p(-candidate.correlation * candidate.correlation);
  return candidate;
}

std::vector<Candidate> all_shifts(const Layer& f, const Layer& m, const Window& window) {
  const std::vector<float> n = weighted_by(f.weight, m, window);
  const std::vector<float> s_f = weighted_by(f.value, m, window);
  const std::vector<float> s_ff = weighted_by(f.square, m, window);
  // Seen from the other image: the same sums at the opposite shift.
  const std::vector<float> s_m = weighted_by(m.value, f, window);
  const std::vector<float> s_mm = weighted_by(m.square, f, window);
  const std::vector<float> s_fm = cross_correlation(f.value, m.value, window);
  std::vector<Candidate> candidates;
  for (Signed dy = -window.max_dy; dy <= window.max_dy; ++dy) {
    for (Signed dx = -window.max_dx; dx <= window.max_dx; ++dx) {
      const std::size_t i = window.index(dy, dx);
      const std::size_t back = window.index(-dy, -dx);
      const Sums sums{
          .n = n[i], .f = s_f[i], .m = s_m[back], .ff = s_ff[i], .mm = s_mm[back], .fm = s_fm[i]};
      candidates.push_back(judged(dy, dx, sums, f, m));
    }
  }
  return candidates;
}

/// The best few that do not lie on the slope of a better one.
std::vector<Candidate> best_few(std::vector<Candidate> all) {
  std::ranges::sort(all, [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  std::vector<Candidate> few;
  for (const Candidate& c : all) {
    const bool near = std::ranges::any_of(few, [&](const Candidate& other) {
      return std::abs(c.dy - other.dy) <= 2 && std::abs(c.dx - other.dx) <= 2;
    });
    if (!near) few.push_back(c);
    if (few.size() == n_candidate) break;
  }
  return few;
}

Candidate at_shift(const Layer& f, const Layer& m, Signed dy, Signed dx) {
  const auto ny = static_cast<Signed>(f.value.shape[0]);
  const auto nx = static_cast<Signed>(f.value.shape[1]);
  Sums s;
  for (Signed y = std::max<Signed>(0, -dy); y < std::min(ny, ny - dy); ++y) {
    for (Signed x = std::max<Signed>(0, -dx); x < std::min(nx, nx - dx); ++x) {
      const auto i = static_cast<std::size_t>((y * nx) + x);
      const auto j = static_cast<std::size_t>(((y + dy) * nx) + x + dx);
      const double w = static_cast<double>(f.weight[i] * m.weight[j]);
      const double a = w * static_cast<double>(f.value[i]);
      const double b = w * static_cast<double>(m.value[j]);
      s.n += w;
      s.f += a;
      s.m += b;
      s.ff += a * a;
      s.mm += b * b;
      s.fm += a * b;
    }
  }
  return judged(dy, dx, s, f, m);
}

Candidate best_nearby(const Layer& f, const Layer& m, const Candidate& start) {
  Candidate best{
      .dy = 2 * start.dy, .dx = 2 * start.dx, .score = -1.0, .correlation = 0.0, .overlap = 0.0};
  for (Signed dy = -1; dy <= 1; ++dy) {
    for (Signed dx = -1; dx <= 1; ++dx) {
      const Candidate c = at_shift(f, m, (2 * start.dy) + dy, (2 * start.dx) + dx);
      if (c.score > best.score) best = c;
    }
  }
  return best;
}

/// Autocorrelation: the half with dy > 0 is the other, turned round.
std::vector<float> autocorrelation(const Plane& a, const Window& window) {
  std::vector<float> result(window.size(), 0.0F);
  const auto ny = static_cast<Signed>(a.shape[0]);
  for (Signed dy = 0; dy <= window.max_dy; ++dy) {
    correlate_rows(a, a, window, dy, 0, ny - dy, result.data() + window.index(dy, 0));
    if (dy == 0) continue;
    for (Signed dx = -window.max_dx; dx <= window.max_dx; ++dx) {
      result[window.index(-dy, -dx)] = result[window.index(dy, dx)];
    }
  }
  return result;
}

/// n / n_effective of two images whose structures are independent.
double samples_per_effective(const Layer& f, const Layer& m) {
  const Window window{.max_dy = static_cast<Signed>(f.value.shape[0] / 2),
                      .max_dx = static_cast<Signed>(f.value.shape[1] / 2)};
  const std::vector<float> rho_f = autocorrelation(f.value, window);
  const std::vector<float> rho_m = autocorrelation(m.value, window);
  const auto zero = static_cast<double>(rho_f[window.index(0, 0)] * rho_m[window.index(0, 0)]);
  double sum = 0.0;
  for (std::size_t i = 0; i < rho_f.size(); ++i) sum += static_cast<double>(rho_f[i] * rho_m[i]);
  return zero > 0.0 ? std::max(1.0, sum / zero) : 1.0;
}

}  // namespace

CoarseAlignment align_coarsely(ArrayView<double, 2> fixed, ArrayView<unsigned char, 2> fixed_ok,
                               ArrayView<double, 2> moving, ArrayView<unsigned char, 2> moving_ok,
                               double max_dy, double max_dx, std::size_t coarsest) {
  std::vector<Layer> f;
  std::vector<Layer> m;
  f.push_back(make_layer(fixed, fixed_ok));
  m.push_back(make_layer(moving, moving_ok));
  double factor = 1.0;
  while (std::max(f.back().value.shape[0], f.back().value.shape[1]) > coarsest &&
         std::min(f.back().value.shape[0], f.back().value.shape[1]) >= 16) {
    f.push_back(halved(f.back()));
    m.push_back(halved(m.back()));
    factor *= 2.0;
  }
  const Window window{.max_dy = static_cast<Signed>(std::ceil(max_dy / factor)),
                      .max_dx = static_cast<Signed>(std::ceil(max_dx / factor))};
  std::vector<Candidate> candidates = best_few(all_shifts(f.back(), m.back(), window));
  const double ratio = samples_per_effective(f.back(), m.back());
  const double n_effective = candidates.front().overlap / ratio;
  const double r = candidates.front().correlation;
  for (std::size_t level = f.size() - 1; level-- > 0;) {
    // Half resolution tells the candidates apart; only the best is worth a look at every pixel.
    if (level == 0) candidates.resize(1);
    for (Candidate& c : candidates) c = best_nearby(f[level], m[level], c);
    std::ranges::sort(candidates,
                      [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  }
  return {.dy = candidates.front().dy,
          .dx = candidates.front().dx,
          .correlation = r,
          .n_effective = n_effective,
          .significance = std::atanh(r) * std::sqrt(std::max(n_effective - 3.0, 0.0))};
}

}  // namespace nmcx::image
