#include "nmcx/xanes/spectrum_estimator.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "nmcx/xanes/edge_fit.hpp"

namespace nmcx::xanes {
namespace {

constexpr std::size_t n_coefficient = 5;

}  // namespace

SpectrumEstimator::SpectrumEstimator(const EdgePlan& plan) : plan_(plan) {
  for (std::size_t k = 0; k < plan.n_scan; ++k) x_.push_back(plan.x(plan.n_pre + k));
  const std::size_t n_fit = plan.n_pre + plan.n_post;
  for (std::size_t i = 0; i < n_coefficient; ++i) {
    const double* a = plan.coefficient_weights.data() + (i * n_fit);
    for (std::size_t j = 0; j < n_coefficient; ++j) {
      const double* b = plan.coefficient_weights.data() + (j * n_fit);
      covariance_[(i * n_coefficient) + j] = std::inner_product(a, a + n_fit, b, 0.0);
    }
  }
}

double SpectrumEstimator::variance_of(const FoundEdge& found, const TileVariance& variance,
                                      std::size_t voxel) const {
  const std::size_t n_pre = plan_.n_pre;
  const std::size_t n = plan_.n_scan;
  std::array<double, n_coefficient> by{0.0, 0.0, found.by_post[0], found.by_post[1],
                                       found.by_post[2]};
  for (std::size_t k = 0; k < n; ++k) {
    by[0] -= found.by_rest[k];
    by[1] -= found.by_rest[k] * x_[k];
  }
  double sum = 0.0;
  if (!variance.given()) {
    for (std::size_t k = 0; k < n; ++k) sum += found.by_rest[k] * found.by_rest[k];
    for (std::size_t i = 0; i < n_coefficient; ++i) {
      for (std::size_t j = 0; j < n_coefficient; ++j) {
        sum += by[i] * covariance_[(i * n_coefficient) + j] * by[j];
      }
    }
    return sum;
  }
  for (std::size_t k = 0; k < n; ++k) {
    if (found.by_rest[k] == 0.0) continue;
    sum += found.by_rest[k] * found.by_rest[k] * variance(n_pre + k, voxel);
  }
  const std::size_t n_fit = n_pre + plan_.n_post;
  for (std::size_t k = 0; k < n_fit; ++k) {
    double value = 0.0;
    for (std::size_t i = 0; i < n_coefficient; ++i) {
      value += by[i] * plan_.coefficient_weights[(i * n_fit) + k];
    }
    sum += value * value * variance(k < n_pre ? k : n + k, voxel);
  }
  return sum;
}

void SpectrumEstimator::estimate(const TileView& mu, const TileVariance& variance,
                                 const KernelOut& out) const {
  const std::size_t n_pre = plan_.n_pre;
  const std::size_t n = plan_.n_scan;
  const std::size_t n_fit = n_pre + plan_.n_post;
  std::vector<double> rest(n);
  std::vector<double> post(n);
  FoundEdge found;
  for (std::size_t v = 0; v < mu.n_voxel; ++v) {
    if ((static_cast<unsigned>(out.status[v]) & low_transmission) != 0U) continue;
    std::array<double, n_coefficient> c{};
    for (std::size_t k = 0; k < n_fit; ++k) {
      const auto value = static_cast<double>(mu(k < n_pre ? k : n + k, v));
      for (std::size_t i = 0; i < n_coefficient; ++i) {
        c[i] += plan_.coefficient_weights[(i * n_fit) + k] * value;
      }
    }
    VoxelSpectrum spectrum{
        rest.data(), post.data(), {c[2], c[3], c[4]}, 0, static_cast<double>(out.peak[v])};
    for (std::size_t k = 0; k < n; ++k) {
      rest[k] = static_cast<double>(mu(n_pre + k, v)) - c[0] - (c[1] * x_[k]);
      post[k] = c[2] + x_[k] * (c[3] + x_[k] * c[4]);
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
