#include "nmcx/xanes/edge_fit_plan.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "nmcx/core/dense_matrix.hpp"

namespace nmcx::xanes {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

// Twice as wide: five times less noise in the vertex, whatever the bias.
constexpr double wide_factor = 2.0;
constexpr double slope_reach = 0.75;  // of the white line's half-width
constexpr double widest_ev = 7.0;     // keeps the foot of the line out
constexpr std::size_t small_table = 16;
constexpr float hopeless = 2.0F;    // far below the five at which a jump counts
constexpr double saturation = 2.5;  // above it harmonics bend the absorption of most detectors

std::vector<float> to_float(const std::vector<double>& values) {
  std::vector<float> out;
  out.reserve(values.size());
  for (const double value : values) out.push_back(static_cast<float>(value));
  return out;
}

/// First and last index of the longest run of neighbours that are `same` as the run's first one.
template <class Same>
void longest_run(std::size_t n, const Same& same, int (&run)[2]) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!same(begin, i)) begin = i;
    if (static_cast<int>(i - begin) > run[1] - run[0]) {
      run[0] = static_cast<int>(begin);
      run[1] = static_cast<int>(i);
    }
  }
}

/// Whether two columns of a (n_row, n_column) table are equal. Grids made by adding steps are equal
/// to rounding only, hence the tolerance.
bool equal_columns(const std::vector<float>& table, std::size_t n_column, std::size_t a,
                   std::size_t b) {
  for (std::size_t row = 0; row < table.size() / n_column; ++row) {
    const float p = table[(row * n_column) + a];
    const float q = table[(row * n_column) + b];
    if (std::abs(p - q) > 1e-6F * (std::abs(p) + std::abs(q)) + 1e-9F) return false;
  }
  return true;
}

/// The kernel takes the first column of a run for all of it: then all must hold the same bits.
void level_columns(std::vector<float>& table, std::size_t n_column, const int (&run)[2]) {
  for (std::size_t row = 0; row < table.size() / n_column; ++row) {
    for (int i = run[0] + 1; i <= run[1]; ++i) {
      table[(row * n_column) + static_cast<std::size_t>(i)] =
          table[(row * n_column) + static_cast<std::size_t>(run[0])];
    }
  }
}

/// Coefficients, in powers of energy - energy[origin], of the least-squares cubic through the
/// samples begin..end - 1: (4, end - begin).
MatrixXd cubic_weights(const double* energy, std::size_t origin, std::size_t begin,
                       std::size_t end) {
  Eigen::MatrixX4d basis(static_cast<Index>(end - begin), 4);
  for (std::size_t k = begin; k < end; ++k) {
    const double y = energy[k] - energy[origin];
    basis.row(static_cast<Index>(k - begin)) << 1.0, y, y * y, y * y * y;
  }
  return least_squares_weights(basis);
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

KernelTables::KernelTables(const EdgePlan& plan, bool noise_given)
    : plan_(plan),
      noise_given_(noise_given),
      pre_weights_(to_float(plan.pre_weights)),
      post_weights_(to_float(plan.post_weights)) {
  for (std::size_t i = 0; i < plan.size(); ++i) x_.push_back(static_cast<float>(plan.x(i)));
  index_bits_ = static_cast<int>(std::bit_ceil(plan.n_scan)) - 1;
  for (std::size_t i = 0; i < plan.n_scan; ++i) {
    index_code_.push_back(index_bits_ - static_cast<int>(i));
  }
  make_scan_energies();
  make_crossings();
  white_line_ = make_parabolas(plan.model.peak_half_width_ev);
  wide_ =
      make_parabolas(std::max(plan.model.peak_half_width_ev,
                              std::min(wide_factor * plan.model.peak_half_width_ev, widest_ev)));
}

void KernelTables::make_scan_energies() {
  constexpr double tolerance_ev = 1e-5;  // rounding of energies kept as float
  const double* energy = plan_.relative_ev.data() + plan_.n_pre;
  const auto step_from = [&](std::size_t i) { return energy[i + 1] - energy[i]; };
  longest_run(
      plan_.n_scan,
      [&](std::size_t begin, std::size_t i) {
        if (i == begin) return true;
        const double even = energy[begin] + (static_cast<double>(i - begin) * step_from(begin));
        return std::abs(energy[i] - even) <= tolerance_ev;
      },
      even_run_);
  for (std::size_t i = 0; i < plan_.n_scan; ++i) scan_ev_.push_back(static_cast<float>(energy[i]));
  if (even_run_[1] - even_run_[0] < 4) {
    even_run_[1] = even_run_[0] - 1;
    return;
  }
  const auto begin = static_cast<std::size_t>(even_run_[0]);
  const double step = step_from(begin);
  even_step_ = static_cast<float>(step);
  even_origin_ = static_cast<float>(energy[begin] - (static_cast<double>(begin) * step));
  for (int i = even_run_[0]; i <= even_run_[1]; ++i) {
    scan_ev_[static_cast<std::size_t>(i)] =
        std::fma(static_cast<float>(i), even_step_, even_origin_);
  }
}

void KernelTables::make_crossings() {
  const std::size_t n = plan_.n_scan - 3;
  const double* energy = plan_.relative_ev.data() + plan_.n_pre;
  // Samples this near to the middle of a stencil make the slope of the standard error; the more
  // noise, the wider the white line's window, and with it this one.
  const double reach = slope_reach * plan_.model.peak_half_width_ev * (1.0 + 1e-9);
  const auto near_middle = [&](std::size_t i, std::size_t k) {
    return std::abs(energy[k] - (0.5 * (energy[i + 1] + energy[i + 2]))) <= reach;
  };
  for (std::size_t i = 0; i < n; ++i) {
    wide_crossing_ = wide_crossing_ || (i > 0 && near_middle(i, i - 1)) ||
                     (i + 4 < plan_.n_scan && near_middle(i, i + 4));
  }
  const std::size_t points = wide_crossing_ ? 6 : 4;
  const std::size_t n_sum = wide_crossing_ ? 7 : 4;
  const std::size_t lead = wide_crossing_ ? 1 : 0;
  offset_ev_.resize(3 * n);
  crossing_weight_.assign(n_sum * points * n, 0.0F);
  crossing_variance_.resize(7 * n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto set = [&](std::size_t sum, std::size_t sample, double weight) {
      crossing_weight_[(((sum * points) + (sample + lead - i)) * n) + i] =
          static_cast<float>(weight);
    };
    const MatrixXd through = cubic_weights(energy, i, i, i + 4);
    for (std::size_t k = i; k < i + 4; ++k) {
      for (std::size_t power = 0; power < 4; ++power) {
        set(power, k, through(static_cast<Index>(power), static_cast<Index>(k - i)));
      }
      if (k > i) offset_ev_[((k - i - 1) * n) + i] = static_cast<float>(energy[k] - energy[i]);
    }
    if (wide_crossing_) {
      const std::size_t begin = i > 0 && near_middle(i, i - 1) ? i - 1 : i;
      const std::size_t end = i + 4 < plan_.n_scan && near_middle(i, i + 4) ? i + 5 : i + 4;
      const MatrixXd near = cubic_weights(energy, i, begin, end);
      for (std::size_t k = begin; k < end; ++k) {
        for (std::size_t power = 1; power < 4; ++power) {
          set(power + 3, k, near(static_cast<Index>(power), static_cast<Index>(k - begin)));
        }
      }
    }
    const MatrixXd product = through * through.transpose();
    for (Index power = 0; power < 7; ++power) {
      double sum = 0.0;
      for (Index a = std::max<Index>(0, power - 3); a <= std::min<Index>(3, power); ++a) {
        sum += product(a, power - a);
      }
      crossing_variance_[(static_cast<std::size_t>(power) * n) + i] = static_cast<float>(sum);
    }
  }
  longest_run(
      n,
      [&](std::size_t a, std::size_t b) {
        return equal_columns(offset_ev_, n, a, b) && equal_columns(crossing_weight_, n, a, b);
      },
      crossing_run_);
  const auto common = static_cast<std::size_t>(crossing_run_[0]);
  for (std::vector<float>* table : {&offset_ev_, &crossing_weight_, &crossing_variance_}) {
    level_columns(*table, n, crossing_run_);
  }
  crossing_shared_.assign(n_sum * small_table, 0.0F);
  for (std::size_t sum = 0; sum < n_sum; ++sum) {
    for (std::size_t k = 0; k < points; ++k) {
      crossing_shared_[(sum * small_table) + k] =
          crossing_weight_[(((sum * points) + k) * n) + common];
    }
  }
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
    const Eigen::MatrixXd weights = least_squares_weights(basis);
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
  longest_run(
      n,
      [&](std::size_t a, std::size_t b) {
        const auto down = [&](std::size_t i) { return out.first[i] - static_cast<int>(i); };
        return down(a) == down(b) && equal_columns(out.weight, n, a, b);
      },
      out.run);
  level_columns(out.weight, n, out.run);
  level_columns(out.moment, n, out.run);
  out.shared.assign(std::size_t{3} * small_table, 0.0F);
  if (out.points < small_table) {
    for (std::size_t power = 0; power < 3; ++power) {
      for (std::size_t k = 0; k < out.points; ++k) {
        out.shared[(power * small_table) + k] =
            out.weight[(((power * out.points) + k) * n) + static_cast<std::size_t>(out.run[0])];
      }
    }
  } else {
    out.run[1] = out.run[0] - 1;
  }
  return out;
}

ParabolaTable KernelTables::Parabolas::table() const {
  const auto common = static_cast<std::size_t>(run[0]);
  return {static_cast<int>(points), first.data(),  weight.data(),         moment.data(),
          {run[0], run[1]},         shared.data(), first[common] - run[0]};
}

KernelPlan KernelTables::plan() const {
  KernelPlan out{};
  out.n_pre = plan_.n_pre;
  out.n_scan = plan_.n_scan;
  out.n_post = plan_.n_post;
  out.x = x_.data();
  out.pre_weights = pre_weights_.data();
  out.post_weights = post_weights_.data();
  for (std::size_t i = 0; i < 25; ++i) out.mix[i] = static_cast<float>(plan_.mix[i]);
  for (std::size_t i = 0; i < 5; ++i) {
    out.level_variance[i] = static_cast<float>(plan_.level_variance[i]);
  }
  out.level = static_cast<float>(plan_.model.level);
  out.inverse_scale = static_cast<float>(1.0 / plan_.scale_ev);
  out.inverse_freedom =
      plan_.n_freedom > 0 ? static_cast<float>(1.0 / static_cast<double>(plan_.n_freedom)) : 0.0F;
  out.saturation = static_cast<float>(saturation);
  out.index_bits = index_bits_;
  out.index_code = index_code_.data();
  out.scan_ev = scan_ev_.data();
  out.wide = wide_.table();
  out.white_line = white_line_.table();
  out.crossing = {wide_crossing_,          crossing_weight_.data(),
                  offset_ev_.data(),       crossing_variance_.data(),
                  crossing_shared_.data(), {crossing_run_[0], crossing_run_[1]}};
  std::copy_n(even_run_, 2, out.even_run);
  out.even_origin = even_origin_;
  out.even_step = even_step_;
  out.even_inverse_step = even_step_ > 0.0F ? 1.0F / even_step_ : 0.0F;
  out.hopeless = noise_given_ ? 0.0F : hopeless;
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
  for (std::size_t k = 0; k < n_fit; ++k) {
    const double value = plan_.coefficient_weights[n_fit + k] / plan_.scale_ev;
    peak_given +=
        value * value * (k < n_pre ? variance[k] : scan_variance[plan_.n_scan + k - n_pre]);
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
