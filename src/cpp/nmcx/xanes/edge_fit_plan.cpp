#include "nmcx/xanes/edge_fit_plan.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>

namespace nmcx::xanes {
namespace {

// Twice as wide: five times less noise in the vertex, whatever the bias.
constexpr double wide_factor = 2.0;
constexpr double saturation = 2.5;  // above it harmonics bend the absorption of most detectors

std::vector<float> to_float(const std::vector<double>& values) {
  std::vector<float> out;
  out.reserve(values.size());
  for (const double value : values) out.push_back(static_cast<float>(value));
  return out;
}

/// First and last column of the longest run of equal columns of a (n_row, n_column) table. Grids
/// made by adding steps are equal to rounding only, hence the tolerance.
template <std::size_t N>
void longest_run(const std::vector<float>& table, std::size_t skip_row, std::size_t n_column,
                 int (&run)[N]) {
  const std::size_t n_row = table.size() / n_column;
  const auto same = [&](std::size_t a, std::size_t b) {
    for (std::size_t row = skip_row; row < n_row; ++row) {
      const float p = table[(row * n_column) + a];
      const float q = table[(row * n_column) + b];
      if (std::abs(p - q) > 1e-6F * (std::abs(p) + std::abs(q)) + 1e-9F) return false;
    }
    return true;
  };
  std::size_t begin = 0;
  for (std::size_t i = 0; i < n_column; ++i) {
    if (!same(begin, i)) begin = i;
    if (static_cast<int>(i - begin) >= run[1] - run[0]) {
      run[0] = static_cast<int>(begin);
      run[1] = static_cast<int>(i);
    }
  }
}

std::array<double, 4> lagrange(const double* y, double t) {
  std::array<double, 4> weight{};
  for (std::size_t k = 0; k < 4; ++k) {
    weight[k] = 1.0;
    for (std::size_t j = 0; j < 4; ++j) {
      if (j != k) weight[k] *= (t - y[j]) / (y[k] - y[j]);
    }
  }
  return weight;
}

}  // namespace

KernelTables::KernelTables(const EdgePlan& plan)
    : plan_(plan),
      pre_weights_(to_float(plan.pre_weights)),
      post_weights_(to_float(plan.post_weights)) {
  for (std::size_t i = 0; i < plan.size(); ++i) x_.push_back(static_cast<float>(plan.x(i)));
  make_stencils();
  for (std::size_t i = 0; i < plan.n_scan; ++i) {
    scan_ev_.push_back(static_cast<float>(plan.relative_ev[plan.n_pre + i]));
  }
  white_line_ = make_parabolas(plan.model.peak_half_width_ev);
  wide_ = make_parabolas(wide_factor * plan.model.peak_half_width_ev);
}

void KernelTables::make_stencils() {
  const std::size_t n = plan_.n_scan - 3;
  const double* energy = plan_.relative_ev.data() + plan_.n_pre;
  stencil_ev_.resize(4 * n);
  stencil_weight_.resize(4 * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < 4; ++k) {
      double weight = 1.0;
      for (std::size_t j = 0; j < 4; ++j) {
        if (j != k) weight /= energy[i + k] - energy[i + j];
      }
      stencil_ev_[(k * n) + i] = static_cast<float>(k == 0 ? energy[i] : energy[i + k] - energy[i]);
      stencil_weight_[(k * n) + i] = static_cast<float>(weight);
    }
  }
  // Equal offsets have equal weights.
  longest_run(stencil_ev_, 1, n, stencil_run_);
}

KernelTables::Parabolas KernelTables::make_parabolas(double half_width_ev) const {
  Parabolas out;
  const std::size_t n = plan_.n_scan;
  const double* energy = plan_.relative_ev.data() + plan_.n_pre;
  const double reach = half_width_ev * (1.0 + 1e-9);
  std::vector<std::array<std::size_t, 2>> windows;
  for (std::size_t j = 0; j < n; ++j) {
    std::size_t begin = j;
    std::size_t end = j + 1;
    while (begin > 0 && energy[j] - energy[begin - 1] <= reach) --begin;
    while (end < n && energy[end] - energy[j] <= reach) ++end;
    // A coarse grid: the nearest neighbours on both sides, at least three points in all.
    if (begin == j && j > 0) --begin;
    if (end == j + 1 && end < n) ++end;
    while (end - begin < 3) begin > 0 ? --begin : ++end;
    windows.push_back({begin, end});
    out.points = std::max(out.points, end - begin);
  }
  out.weight.assign(3 * out.points * n, 0.0F);
  out.moment.resize(4 * n);
  for (std::size_t j = 0; j < n; ++j) {
    const auto [begin, end] = windows[j];
    Eigen::MatrixX3d basis(static_cast<Eigen::Index>(end - begin), 3);
    double largest_shift = half_width_ev;
    for (std::size_t k = begin; k < end; ++k) {
      const double y = energy[k] - energy[j];
      basis.row(static_cast<Eigen::Index>(k - begin)) << 1.0, y, y * y;
      if (k + 1 == j || k == j + 1) largest_shift = std::max(largest_shift, std::abs(y));
    }
    const Eigen::MatrixXd weights =
        basis.colPivHouseholderQr().solve(Eigen::MatrixXd::Identity(basis.rows(), basis.rows()));
    for (std::size_t k = begin; k < end; ++k) {
      for (std::size_t power = 0; power < 3; ++power) {
        out.weight[(((power * out.points) + k - begin) * n) + j] = static_cast<float>(
            weights(static_cast<Eigen::Index>(power), static_cast<Eigen::Index>(k - begin)));
      }
    }
    out.first.push_back(static_cast<int>(begin));
    out.moment[j] = static_cast<float>(weights.row(1).squaredNorm());
    out.moment[n + j] = static_cast<float>(weights.row(1).dot(weights.row(2)));
    out.moment[(2 * n) + j] = static_cast<float>(weights.row(2).squaredNorm());
    out.moment[(3 * n) + j] = static_cast<float>(largest_shift);
  }
  longest_run(out.weight, 0, n, out.run);
  return out;
}

ParabolaTable KernelTables::Parabolas::table() const {
  return {static_cast<int>(points), first.data(), weight.data(), moment.data(), {run[0], run[1]}};
}

KernelPlan KernelTables::plan() const {
  KernelPlan out{};
  out.n_pre = plan_.n_pre;
  out.n_scan = plan_.n_scan;
  out.n_post = plan_.n_post;
  out.x = x_.data();
  out.pre_weights = pre_weights_.data();
  out.post_weights = post_weights_.data();
  for (std::size_t i = 0; i < 6; ++i) out.coupling[i] = static_cast<float>(plan_.coupling[i]);
  for (std::size_t i = 0; i < 5; ++i) {
    out.level_variance[i] = static_cast<float>(plan_.level_variance[i]);
  }
  out.level = static_cast<float>(plan_.model.level);
  out.inverse_scale = static_cast<float>(1.0 / plan_.scale_ev);
  out.inverse_freedom =
      plan_.n_freedom > 0 ? static_cast<float>(1.0 / static_cast<double>(plan_.n_freedom)) : 0.0F;
  out.saturation = static_cast<float>(saturation);
  out.stencil_ev = stencil_ev_.data();
  out.stencil_weight = stencil_weight_.data();
  out.scan_ev = scan_ev_.data();
  out.wide = wide_.table();
  out.white_line = white_line_.table();
  std::copy_n(stencil_run_, 2, out.stencil_run);
  out.pre_slope_variance = static_cast<float>(plan_.pre_slope_variance);
  return out;
}

KernelTables::Factors KernelTables::with_variance(const double* variance, double edge, double peak,
                                                  std::size_t peak_index) const {
  const std::size_t n_pre = plan_.n_pre;
  const std::size_t n_fit = n_pre + plan_.n_post;
  const double* energy = plan_.relative_ev.data() + n_pre;
  const double* scan_variance = variance + n_pre;

  // Numerator of the edge's variance, with these variances and with unit ones.
  const auto* above = std::upper_bound(energy, energy + plan_.n_scan, edge);
  const auto upper =
      std::clamp<std::ptrdiff_t>(above - energy, 2, static_cast<std::ptrdiff_t>(plan_.n_scan) - 2);
  const std::size_t first = static_cast<std::size_t>(upper) - 2;
  const std::array<double, 4> weight = lagrange(energy + first, edge);
  double given = 0.0;
  double unit = 0.0;
  for (std::size_t k = 0; k < 4; ++k) {
    given += weight[k] * weight[k] * scan_variance[first + k];
    unit += weight[k] * weight[k];
  }
  const double x = edge / plan_.scale_ev;
  for (std::size_t k = 0; k < n_fit; ++k) {
    const double* w = plan_.level_weights.data() + k;
    const double value = w[0] + x * (w[n_fit] + x * w[2 * n_fit]);
    given += value * value * (k < n_pre ? variance[k] : scan_variance[plan_.n_scan + k - n_pre]);
    unit += value * value;
  }

  const double shift = peak - energy[peak_index];
  double peak_given = 0.0;
  double peak_unit = plan_.pre_slope_variance;
  for (std::size_t k = 0; k < n_pre; ++k) {
    const double value = plan_.pre_weights[n_pre + k] / plan_.scale_ev;
    peak_given += value * value * variance[k];
  }
  const auto begin = static_cast<std::size_t>(white_line_.first[peak_index]);
  for (std::size_t k = 0; k < white_line_.points && begin + k < plan_.n_scan; ++k) {
    const auto w = [&](std::size_t power) {
      return static_cast<double>(
          white_line_.weight[(((power * white_line_.points) + k) * plan_.n_scan) + peak_index]);
    };
    const double value = w(1) + 2.0 * shift * w(2);
    peak_given += value * value * scan_variance[begin + k];
    peak_unit += value * value;
  }
  return {std::sqrt(given / unit), std::sqrt(peak_given / peak_unit)};
}

}  // namespace nmcx::xanes
