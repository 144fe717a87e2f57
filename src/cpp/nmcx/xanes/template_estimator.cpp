#include "nmcx/xanes/template_estimator.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <mutex>

#include "nmcx/core/error.hpp"
#include "nmcx/xanes/edge_fit.hpp"
#include "nmcx/xanes/template_tables.hpp"

namespace nmcx::xanes {
namespace {

using Eigen::Index;

constexpr std::size_t block = 128;  // voxels whose spectra and chi² stay in the cache
constexpr int most_steps = 10;
constexpr float comparable = 9.0F;  // gain in chi² that tells two minima apart, in noise variances

/// A Gauss-Newton step at one shift.
struct Step {
  double move = 0.0;      ///< [eV]
  double variance = 0.0;  ///< of the shift [eV²]
  double jump = 0.0;      ///< post-edge curve at the edge

  [[nodiscard]] bool ok() const { return std::isfinite(move) && variance > 0.0; }
};

struct Found {
  Step step;
  std::size_t shift = 0;
  bool converged = false;
};

/// Gauss-Newton from one shift of the grid to the next until the nearest one is reached.
template <class MakeStep>
Found follow(const ShiftedTemplates& shifted, std::size_t start, const MakeStep& make_step) {
  Found found{{}, start, false};
  const auto last = static_cast<double>(shifted.n_shift - 1);
  const auto longest = 2.0 * static_cast<double>(shifted.coarse);
  for (int i = 0; i < most_steps; ++i) {
    found.step = make_step(found.shift);
    if (!found.step.ok()) return found;
    const double cells = found.step.move / shifted.spacing;
    // More than half a cell: else two neighbours could send the voxel back and forth.
    found.converged = std::abs(cells) <= 0.75;
    if (found.converged) return found;
    const double next = static_cast<double>(found.shift) + std::clamp(cells, -longest, longest);
    const auto nearest = static_cast<std::size_t>(std::lround(std::clamp(next, 0.0, last)));
    if (nearest == found.shift) return found;  // the border
    found.shift = nearest;
  }
  return found;
}

class TemplateEstimator final : public EdgeEstimator {
 public:
  TemplateEstimator(const EdgePlan& plan, const EstimatorModel& model)
      : plan_(plan),
        shifted_(shift_template(plan, model)),
        plain_(make_template_tables(plan, shifted_, {})) {}

  void estimate(const TileView& mu, const TileVariance& variance,
                const KernelOut& out) const override {
    const TemplateTables& tables = variance.common != nullptr ? weighted(variance.common) : plain_;
    const auto n = static_cast<Index>(plan_.size());
    Eigen::MatrixXf spectra(n, static_cast<Index>(block));
    Eigen::MatrixXf projected(tables.scan.rows(), static_cast<Index>(block));
    std::vector<float> gain(tables.n_coarse);
    for (std::size_t begin = 0; begin < mu.n_voxel; begin += block) {
      const std::size_t n_voxel = std::min(block, mu.n_voxel - begin);
      // Always whole blocks, so that a voxel's result does not depend on how many follow it.
      if (n_voxel < block) spectra.setZero();
      for (Index k = 0; k < n; ++k) {
        const float* row = mu.values + (static_cast<std::size_t>(k) * mu.stride) + begin;
        for (std::size_t i = 0; i < n_voxel; ++i) spectra(k, static_cast<Index>(i)) = row[i];
      }
      projected.noalias() = tables.scan * spectra;
      for (std::size_t i = 0; i < n_voxel; ++i) {
        if ((out.status[begin + i] & low_transmission) != 0) continue;
        const auto column = static_cast<Index>(i);
        add_up(tables, projected.col(column).data(), gain.data());
        one_voxel(tables, spectra.col(column).data(), gain, variance, begin + i, out);
      }
    }
  }

 private:
  const TemplateTables& weighted(const double* variance) const {
    std::call_once(once_, [&] {
      std::vector<double> weight;
      for (std::size_t k = 0; k < plan_.size(); ++k) {
        require(std::isfinite(variance[k]) && variance[k] > 0.0,
                "variance must be positive and finite at every energy that is used");
        weight.push_back(1.0 / variance[k]);
      }
      weighted_ = make_template_tables(plan_, shifted_, weight);
    });
    return weighted_;
  }

  static void add_up(const TemplateTables& tables, const float* projected, float* gain) {
    const std::size_t n_row = tables.n_scan_row;
    for (std::size_t g = 0; g < tables.n_coarse; ++g) {
      gain[g] = 0.0F;
      for (std::size_t j = 0; j < n_row; ++j) {
        const float value = projected[(g * n_row) + j];
        gain[g] += value * value;
      }
    }
  }

  void one_voxel(const TemplateTables& tables, const float* spectrum,
                 const std::vector<float>& gain, const TileVariance& variance, std::size_t voxel,
                 const KernelOut& out) const {
    const std::size_t best =
        static_cast<std::size_t>(std::max_element(gain.begin(), gain.end()) - gain.begin());
    Found found = follow(shifted_, best * shifted_.coarse,
                         [&](std::size_t shift) { return fast_step(tables, spectrum, shift); });
    if (found.step.ok() && variance.own.values != nullptr) {
      found = follow(shifted_, found.shift, [&](std::size_t shift) {
        return weighted_step(spectrum, variance.own, voxel, shift);
      });
    }
    const double edge = shifted_.edge(found.shift) + found.step.move;
    const bool inside = edge > shifted_.edge(0) && edge < shifted_.edge(shifted_.n_shift - 1);
    std::int32_t status = 0;
    if (!found.step.ok() || !(found.step.jump > 0.0) || !inside) status |= window_border;
    const float unit = variance.common != nullptr ? 1.0F : out.variance[voxel];
    if (!found.converged || has_rival(gain, best, comparable * unit)) status |= several_crossings;
    out.status[voxel] |= status;
    out.edge[voxel] = static_cast<float>(edge);
    out.edge_variance[voxel] = static_cast<float>(found.step.variance);
  }

  /// Is there another local maximum of the gain, nearly as high?
  static bool has_rival(const std::vector<float>& gain, std::size_t best, float margin) {
    const float highest = vertex_of(gain, best).height;
    for (std::size_t g = 0; g < gain.size(); ++g) {
      const bool next_to_best = g + 1 >= best && g <= best + 1;
      const bool is_maximum =
          (g == 0 || gain[g] >= gain[g - 1]) && (g + 1 == gain.size() || gain[g] >= gain[g + 1]);
      if (!next_to_best && is_maximum && highest - vertex_of(gain, g).height < margin) return true;
    }
    return false;
  }

  /// Parabola through a local maximum and its neighbours.
  struct Vertex {
    float offset;  ///< in coarse shifts
    float height;
  };
  static Vertex vertex_of(const std::vector<float>& gain, std::size_t g) {
    if (g == 0 || g + 1 == gain.size()) return {0.0F, gain[g]};
    const float tilt = gain[g + 1] - gain[g - 1];
    const float bend = 2.0F * gain[g] - gain[g - 1] - gain[g + 1];
    if (!(bend > 0.0F)) return {0.0F, gain[g]};
    return {0.5F * tilt / bend, gain[g] + tilt * tilt / (8.0F * bend)};
  }

  [[nodiscard]] std::size_t start_of(const std::vector<float>& gain, std::size_t best) const {
    const float coarse = static_cast<float>(best) + vertex_of(gain, best).offset;
    const auto fine = std::lround(coarse * static_cast<float>(shifted_.coarse));
    return std::min(static_cast<std::size_t>(std::max(fine, 0L)), shifted_.n_shift - 1);
  }

  [[nodiscard]] Step make_step(const double* c, const double* gradient, const double* m,
                               std::size_t shift) const {
    const double numerator = c[0] * gradient[0] + c[1] * gradient[1] + c[2] * gradient[2];
    const double information = c[0] * (c[0] * m[0] + 2.0 * (c[1] * m[1] + c[2] * m[2])) +
                               c[1] * (c[1] * m[3] + 2.0 * c[2] * m[4]) + c[2] * c[2] * m[5];
    const double x = shifted_.edge(shift) / plan_.scale_ev;
    return {-numerator / information, 1.0 / information, c[0] + x * (c[1] + x * c[2])};
  }

  [[nodiscard]] Step fast_step(const TemplateTables& tables, const float* spectrum,
                               std::size_t shift) const {
    constexpr std::size_t row = TemplateTables::row;
    const std::size_t n = plan_.size();
    const float* table = tables.step.data() + (shift * n * row);
    std::array<float, row> even{};  // two sums, so that one addition need not wait for the other
    std::array<float, row> odd{};
    std::size_t k = 0;
    for (; k + 1 < n; k += 2) {
      for (std::size_t j = 0; j < row; ++j) even[j] += table[(k * row) + j] * spectrum[k];
      for (std::size_t j = 0; j < row; ++j) odd[j] += table[(k * row) + row + j] * spectrum[k + 1];
    }
    if (k < n) {
      for (std::size_t j = 0; j < row; ++j) even[j] += table[(k * row) + j] * spectrum[k];
    }
    std::array<double, row> sum{};
    std::array<double, 6> bend{};
    for (std::size_t j = 0; j < row; ++j) sum[j] = static_cast<double>(even[j] + odd[j]);
    for (std::size_t j = 0; j < 6; ++j) bend[j] = static_cast<double>(tables.bend[(shift * 6) + j]);
    return make_step(sum.data(), sum.data() + 4, bend.data(), shift);
  }

  /// The same with this voxel's own weights, from the normal equations of [A, D, mu].
  [[nodiscard]] Step weighted_step(const float* spectrum, const TileView& variance,
                                   std::size_t voxel, std::size_t shift) const {
    const Index n_pre = plan_.model.pre_degree + 1;
    const Index n_post = plan_.model.post_degree + 1;
    const Index n_basis = n_pre + n_post;
    const auto column = static_cast<Index>(shift);
    constexpr int most = 9;
    using Square = Eigen::Matrix<double, most, most>;
    Square gram = Square::Zero();
    Eigen::Matrix<double, most, 1> line = Eigen::Matrix<double, most, 1>::Zero();
    for (std::size_t k = 0; k < plan_.size(); ++k) {
      const double weight = 1.0 / static_cast<double>(variance(k, voxel));
      const double x = plan_.x(k);
      const double value = shifted_.value(static_cast<Index>(k), column);
      const double slope = shifted_.slope(static_cast<Index>(k), column);
      double power = 1.0;
      for (Index j = 0; j < std::max(n_pre, n_post); ++j) {
        if (j < n_pre) line[j] = power;
        if (j < n_post) {
          line[n_pre + j] = power * value;
          line[n_basis + j] = power * slope;
        }
        power *= x;
      }
      line[n_basis + n_post] = static_cast<double>(spectrum[k]);
      for (Index j = 0; j < most; ++j) gram.col(j) += (weight * line[j]) * line;
    }
    const Index n_rest = n_post + 1;
    using Small = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, 5, 5>;
    const Eigen::LLT<Small> factor(gram.topLeftCorner(n_basis, n_basis));
    const Small solved = factor.solve(gram.block(0, n_basis, n_basis, n_rest));
    const Small rest = gram.block(n_basis, n_basis, n_rest, n_rest) -
                       gram.block(n_basis, 0, n_rest, n_basis) * solved;
    std::array<double, 3> c{};
    std::array<double, 3> gradient{};
    std::array<double, 6> bend{};
    for (Index i = 0; i < std::min<Index>(n_post, 3); ++i) {
      c[static_cast<std::size_t>(i)] = solved(n_pre + i, n_post);
      gradient[static_cast<std::size_t>(i)] = rest(i, n_post);
      for (Index j = i; j < std::min<Index>(n_post, 3); ++j) {
        bend[static_cast<std::size_t>((i * (5 - i) / 2) + j)] = rest(i, j);
      }
    }
    return make_step(c.data(), gradient.data(), bend.data(), shift);
  }

  EdgePlan plan_;
  ShiftedTemplates shifted_;
  TemplateTables plain_;
  mutable std::once_flag once_;
  mutable TemplateTables weighted_;
};

}  // namespace

std::unique_ptr<EdgeEstimator> make_template_estimator(const EdgePlan& plan,
                                                       const EstimatorModel& model) {
  return std::make_unique<TemplateEstimator>(plan, model);
}

}  // namespace nmcx::xanes
