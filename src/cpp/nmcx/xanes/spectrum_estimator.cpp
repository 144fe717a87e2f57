#include "nmcx/xanes/spectrum_estimator.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "nmcx/xanes/edge_fit.hpp"

namespace nmcx::xanes {
namespace {

/// out[i, j] = sum over k of w[i, k] w[j, k]
template <std::size_t N>
void products(const std::vector<double>& w, std::size_t n_column, std::array<double, N>& out) {
  const std::size_t n_row = N == 4 ? 2 : 3;
  for (std::size_t i = 0; i < n_row; ++i) {
    for (std::size_t j = 0; j < n_row; ++j) {
      double sum = 0.0;
      for (std::size_t k = 0; k < n_column; ++k)
        sum += w[(i * n_column) + k] * w[(j * n_column) + k];
      out[(i * n_row) + j] = sum;
    }
  }
}

/// Sum over k of (sum over i of factor[i] w[i, k])² variance(k).
template <std::size_t N, class Variance>
double weighted_squares(const std::array<double, N>& factor, const std::vector<double>& w,
                        std::size_t n_column, const Variance& variance) {
  double sum = 0.0;
  for (std::size_t k = 0; k < n_column; ++k) {
    double value = 0.0;
    for (std::size_t i = 0; i < N; ++i) value += factor[i] * w[(i * n_column) + k];
    sum += value * value * variance(k);
  }
  return sum;
}

template <std::size_t N, std::size_t M>
double quadratic(const std::array<double, N>& a, const std::array<double, M>& matrix) {
  double sum = 0.0;
  for (std::size_t i = 0; i < N; ++i) {
    for (std::size_t j = 0; j < N; ++j) sum += a[i] * matrix[(i * N) + j] * a[j];
  }
  return sum;
}

}  // namespace

SpectrumEstimator::SpectrumEstimator(const EdgePlan& plan) : plan_(plan) {
  for (std::size_t k = 0; k < plan.n_scan; ++k) x_.push_back(plan.x(plan.n_pre + k));
  products(plan.pre_weights, plan.n_pre, pre_covariance_);
  products(plan.post_weights, plan.n_post, post_covariance_);
}

double SpectrumEstimator::variance_of(const FoundEdge& found, const TileVariance& variance,
                                      std::size_t voxel) const {
  const std::size_t n_pre = plan_.n_pre;
  const std::size_t n = plan_.n_scan;
  std::array<double, 2> by_pre{};
  for (std::size_t k = 0; k < n; ++k) {
    by_pre[0] -= found.by_rest[k];
    by_pre[1] -= found.by_rest[k] * x_[k];
  }
  for (std::size_t i = 0; i < 3; ++i) {
    by_pre[0] -= found.by_post[i] * plan_.coupling[2 * i];
    by_pre[1] -= found.by_post[i] * plan_.coupling[(2 * i) + 1];
  }
  double sum = 0.0;
  if (!variance.given()) {
    for (std::size_t k = 0; k < n; ++k) sum += found.by_rest[k] * found.by_rest[k];
    return sum + quadratic(by_pre, pre_covariance_) + quadratic(found.by_post, post_covariance_);
  }
  for (std::size_t k = 0; k < n; ++k) {
    if (found.by_rest[k] == 0.0) continue;
    sum += found.by_rest[k] * found.by_rest[k] * variance(n_pre + k, voxel);
  }
  sum += weighted_squares(by_pre, plan_.pre_weights, n_pre,
                          [&](std::size_t k) { return variance(k, voxel); });
  sum += weighted_squares(found.by_post, plan_.post_weights, plan_.n_post,
                          [&](std::size_t k) { return variance(n_pre + n + k, voxel); });
  return sum;
}

void SpectrumEstimator::estimate(const TileView& mu, const TileVariance& variance,
                                 const KernelOut& out) const {
  const std::size_t n_pre = plan_.n_pre;
  const std::size_t n = plan_.n_scan;
  const std::size_t n_post = plan_.n_post;
  std::vector<double> rest(n);
  std::vector<double> post(n);
  FoundEdge found;
  for (std::size_t v = 0; v < mu.n_voxel; ++v) {
    if ((static_cast<unsigned>(out.status[v]) & low_transmission) != 0U) continue;
    std::array<double, 2> pre{};
    for (std::size_t k = 0; k < n_pre; ++k) {
      const auto value = static_cast<double>(mu(k, v));
      pre[0] += plan_.pre_weights[k] * value;
      pre[1] += plan_.pre_weights[n_pre + k] * value;
    }
    VoxelSpectrum spectrum{rest.data(), post.data(), {}, 0, static_cast<double>(out.peak[v])};
    std::array<double, 3>& curve = spectrum.curve;
    for (std::size_t k = 0; k < n_post; ++k) {
      const auto value = static_cast<double>(mu(n_pre + n + k, v));
      for (std::size_t i = 0; i < 3; ++i) curve[i] += plan_.post_weights[(i * n_post) + k] * value;
    }
    for (std::size_t i = 0; i < 3; ++i) {
      curve[i] -= plan_.coupling[2 * i] * pre[0] + plan_.coupling[(2 * i) + 1] * pre[1];
    }
    for (std::size_t k = 0; k < n; ++k) {
      rest[k] = static_cast<double>(mu(n_pre + k, v)) - pre[0] - (pre[1] * x_[k]);
      post[k] = curve[0] + x_[k] * (curve[1] + x_[k] * curve[2]);
    }
    spectrum.peak = static_cast<std::size_t>(
        std::clamp<std::int32_t>(out.peak_index[v], 0, static_cast<int>(n) - 1));
    found.energy = 0.0;
    found.status = 0;
    found.by_rest.assign(n, 0.0);
    found.by_post = {};
    find(spectrum, found);
    const double spread = variance_of(found, variance, v);
    if (!std::isfinite(found.energy) || !std::isfinite(spread)) found.status |= window_border;
    out.edge[v] = static_cast<float>(found.energy);
    out.edge_variance[v] = static_cast<float>(spread);
    out.status[v] |= found.status;
  }
}

}  // namespace nmcx::xanes
