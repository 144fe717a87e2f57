#include "nmcx/xanes/template_estimator.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <mutex>

#include "nmcx/core/error.hpp"
#include "nmcx/core/instruction_set.hpp"
#include "nmcx/xanes/edge_fit.hpp"
#include "nmcx/xanes/template_kernel.hpp"
#include "nmcx/xanes/template_tables.hpp"

namespace nmcx::xanes {
namespace {

using Eigen::Index;

constexpr std::size_t block = template_block;
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
  std::size_t previous = shifted.n_shift;
  for (int i = 0; i < most_steps; ++i) {
    found.step = make_step(found.shift);
    if (!found.step.ok()) return found;
    const double cells = found.step.move / shifted.spacing;
    // A little more than half a cell: rounding must not decide.
    found.converged = std::abs(cells) <= 0.55;
    if (found.converged) return found;
    const double next = static_cast<double>(found.shift) + std::clamp(cells, -longest, longest);
    const auto nearest = static_cast<std::size_t>(std::lround(std::clamp(next, 0.0, last)));
    if (nearest == found.shift) return found;  // the border
    // Two neighbours that send the voxel back and forth are equally good.
    found.converged = nearest == previous && std::abs(cells) <= 1.0;
    if (found.converged) return found;
    previous = found.shift;
    found.shift = nearest;
  }
  return found;
}

/// Buffers of one block of voxels, and what was found on the coarse grid.
struct Block {
  Block(const TemplateTables& tables, std::size_t n)
      : by_energy(n * block), spectra(tables.n_padded * block), gain(tables.n_coarse * block) {}

  /// Spectra of the tile's voxels from `begin` on. Always whole blocks, so that a voxel's result
  /// does not depend on how many follow it; energies beyond the last stay zero.
  void fill(const TileView& mu, std::size_t begin, std::size_t n_padded) {
    const std::size_t n = by_energy.size() / block;
    const std::size_t n_voxel = std::min(block, mu.n_voxel - begin);
    if (n_voxel < block) std::fill(by_energy.begin(), by_energy.end(), 0.0F);
    for (std::size_t k = 0; k < n; ++k) {
      const float* row = mu.values + (k * mu.stride) + begin;
      std::copy(row, row + n_voxel, by_energy.data() + (k * block));
    }
    active_kernel().transpose(by_energy.data(), block, n, block, spectra.data(), n_padded);
  }

  [[nodiscard]] ScanOut out() {
    return {gain.data(), best.data(), height.data(), rival_height.data()};
  }

  std::vector<float> by_energy;  ///< (n, block)
  std::vector<float> spectra;    ///< (block, n_padded)
  std::vector<float> gain;       ///< (n_coarse, block)
  std::array<std::int32_t, block> best{};
  std::array<float, block> height{};
  std::array<float, block> rival_height{};
};

class TemplateEstimator final : public EdgeEstimator {
 public:
  TemplateEstimator(const EdgePlan& plan, const EstimatorModel& model)
      : plan_(plan),
        shifted_(shift_template(plan, model)),
        plain_(make_template_tables(plan, shifted_, {})) {}

  void estimate(const TileView& mu, const TileVariance& variance,
                const KernelOut& out) const override {
    const TemplateTables& tables = variance.common != nullptr ? weighted(variance.common) : plain_;
    const TemplateKernel& kernel = active_template_kernel();
    Block part(tables, plan_.size());
    for (std::size_t begin = 0; begin < mu.n_voxel; begin += block) {
      part.fill(mu, begin, tables.n_padded);
      kernel.scan(tables.scan.data(), tables.n_coarse, tables.n_scan_row, part.by_energy.data(),
                  plan_.size(), part.out());
      for (std::size_t i = 0; i < std::min(block, mu.n_voxel - begin); ++i) {
        if ((out.status[begin + i] & low_transmission) != 0) continue;
        one_voxel(tables, kernel, part, i, variance, begin + i, out);
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

  void one_voxel(const TemplateTables& tables, const TemplateKernel& kernel, const Block& part,
                 std::size_t i, const TileVariance& variance, std::size_t voxel,
                 const KernelOut& out) const {
    const float* spectrum = part.spectra.data() + (i * tables.n_padded);
    Found found = follow(shifted_, start_of(tables, part, i), [&](std::size_t shift) {
      return fast_step(tables, kernel, spectrum, shift);
    });
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
    const bool has_rival = part.height[i] - part.rival_height[i] < comparable * unit;
    if (!found.converged || has_rival) status |= several_crossings;
    out.status[voxel] |= status;
    out.edge[voxel] = static_cast<float>(edge);
    out.edge_variance[voxel] = static_cast<float>(found.step.variance);
  }

  /// The shift nearest to the top of the parabola through the highest gain and its neighbours.
  [[nodiscard]] std::size_t start_of(const TemplateTables& tables, const Block& part,
                                     std::size_t i) const {
    const auto best = static_cast<std::size_t>(part.best[i]);
    double coarse = static_cast<double>(best);
    if (best > 0 && best + 1 < tables.n_coarse) {
      const float* gain = part.gain.data() + (best * block) + i;
      const auto before = static_cast<double>(*(gain - block));
      const auto after = static_cast<double>(gain[block]);
      const double bend = 2.0 * static_cast<double>(*gain) - before - after;
      if (bend > 0.0) coarse += std::clamp(0.5 * (after - before) / bend, -1.0, 1.0);
    }
    const auto fine = std::lround(coarse * static_cast<double>(shifted_.coarse));
    return std::min(static_cast<std::size_t>(fine), shifted_.n_shift - 1);
  }

  [[nodiscard]] Step make_step(const double* c, const double* gradient, const double* m,
                               std::size_t shift) const {
    const double numerator = c[0] * gradient[0] + c[1] * gradient[1] + c[2] * gradient[2];
    const double information = c[0] * (c[0] * m[0] + 2.0 * (c[1] * m[1] + c[2] * m[2])) +
                               c[1] * (c[1] * m[3] + 2.0 * c[2] * m[4]) + c[2] * c[2] * m[5];
    const double x = shifted_.edge(shift) / plan_.scale_ev;
    return {-numerator / information, 1.0 / information, c[0] + x * (c[1] + x * c[2])};
  }

  [[nodiscard]] Step fast_step(const TemplateTables& tables, const TemplateKernel& kernel,
                               const float* spectrum, std::size_t shift) const {
    constexpr std::size_t row = TemplateTables::row;
    std::array<float, row> found{};
    kernel.project(tables.step.data() + (shift * tables.n_padded * row), spectrum, tables.n_padded,
                   found.data());
    std::array<double, row> sum{};
    std::array<double, 6> bend{};
    for (std::size_t j = 0; j < row; ++j) sum[j] = static_cast<double>(found[j]);
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

const TemplateKernel& active_template_kernel() {
  switch (active_instruction_set()) {
#if defined(__x86_64__)
    case InstructionSet::v4:
      return template_v4;
    case InstructionSet::v3:
      return template_v3;
    case InstructionSet::v2:
      return template_v2;
#endif
    default:
      return template_generic;
  }
}

std::unique_ptr<EdgeEstimator> make_template_estimator(const EdgePlan& plan,
                                                       const EstimatorModel& model) {
  return std::make_unique<TemplateEstimator>(plan, model);
}

}  // namespace nmcx::xanes
