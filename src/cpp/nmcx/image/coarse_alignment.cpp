#include "nmcx/image/coarse_alignment.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
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
  return layer;
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
  return layer;
}

/// sum over x of a(x) b(x + d) for every shift d of the window.
std::vector<float> cross_correlation(const Plane& a, const Plane& b, const Window& window) {
  const auto ny = static_cast<Signed>(a.shape[0]);
  const auto nx = static_cast<Signed>(a.shape[1]);
  std::vector<float> result(window.size(), 0.0F);
  for (Signed dy = -window.max_dy; dy <= window.max_dy; ++dy) {
    float* out = result.data() + window.index(dy, 0);
    for (Signed y = std::max<Signed>(0, -dy); y < std::min(ny, ny - dy); ++y) {
      const float* row_a = a.data() + (y * nx);
      const float* row_b = b.data() + ((y + dy) * nx);
      for (Signed x = 0; x < nx; ++x) {
        const float weight = row_a[x];
        const Signed begin = std::max(-window.max_dx, -x);
        const Signed end = std::min(window.max_dx, nx - 1 - x);
        for (Signed dx = begin; dx <= end; ++dx) out[dx] += weight * row_b[x + dx];
      }
    }
  }
  return result;
}

Candidate judged(Signed dy, Signed dx, const Sums& s, double n_total, double var_f, double var_m) {
  Candidate candidate{.dy = dy, .dx = dx, .score = 0.0, .correlation = 0.0, .overlap = s.n};
  if (s.n < std::max(9.0, least_overlap * n_total)) return candidate;
  const double c_ff = (s.ff / s.n) - (s.f * s.f / (s.n * s.n));
  const double c_mm = (s.mm / s.n) - (s.m * s.m / (s.n * s.n));
  const double c_fm = (s.fm / s.n) - (s.f * s.m / (s.n * s.n));
  // An overlap without structure (rounding aside) says nothing.
  if (c_ff < 1e-5 * var_f || c_mm < 1e-5 * var_m || c_fm <= 0.0) return candidate;
  candidate.correlation = std::min(c_fm / std::sqrt(c_ff * c_mm), 1.0 - 1e-6);
  candidate.score = -0.5 * s.n * std::log1p(-candidate.correlation * candidate.correlation);
  return candidate;
}

double total(const Plane& plane) {
  double sum = 0.0;
  for (std::size_t i = 0; i < plane.size(); ++i) sum += static_cast<double>(plane[i]);
  return sum;
}

double variance(const Layer& layer) {
  const double n = std::max(1.0, total(layer.weight));
  const double mean = total(layer.value) / n;
  return (total(layer.square) / n) - (mean * mean);
}

std::vector<Candidate> all_shifts(const Layer& f, const Layer& m, const Window& window) {
  const std::vector<float> n = cross_correlation(f.weight, m.weight, window);
  const std::vector<float> s_f = cross_correlation(f.value, m.weight, window);
  const std::vector<float> s_m = cross_correlation(f.weight, m.value, window);
  const std::vector<float> s_ff = cross_correlation(f.square, m.weight, window);
  const std::vector<float> s_mm = cross_correlation(f.weight, m.square, window);
  const std::vector<float> s_fm = cross_correlation(f.value, m.value, window);
  const double n_total = std::min(total(f.weight), total(m.weight));
  const double var_f = variance(f);
  const double var_m = variance(m);
  std::vector<Candidate> candidates;
  for (Signed dy = -window.max_dy; dy <= window.max_dy; ++dy) {
    for (Signed dx = -window.max_dx; dx <= window.max_dx; ++dx) {
      const std::size_t i = window.index(dy, dx);
      const Sums sums{
          .n = n[i], .f = s_f[i], .m = s_m[i], .ff = s_ff[i], .mm = s_mm[i], .fm = s_fm[i]};
      candidates.push_back(judged(dy, dx, sums, n_total, var_f, var_m));
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
  const double n_total = std::min(total(f.weight), total(m.weight));
  return judged(dy, dx, s, n_total, variance(f), variance(m));
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

/// n / n_effective of two images whose structures are independent.
double samples_per_effective(const Layer& f, const Layer& m) {
  const Window window{.max_dy = static_cast<Signed>(f.value.shape[0] / 2),
                      .max_dx = static_cast<Signed>(f.value.shape[1] / 2)};
  const std::vector<float> rho_f = cross_correlation(f.value, f.value, window);
  const std::vector<float> rho_m = cross_correlation(m.value, m.value, window);
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
