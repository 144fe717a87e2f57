#include "nmcx/xanes/edge_fit.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

#include "nmcx/core/instruction_set.hpp"
#include "nmcx/xanes/edge_estimator.hpp"
#include "nmcx/xanes/edge_fit_kernel.hpp"
#include "nmcx/xanes/edge_fit_plan.hpp"
#include "nmcx/xanes/edge_fit_quality.hpp"
#include "nmcx/xanes/stack_tiles.hpp"

namespace nmcx::xanes {
namespace {

// Workspaces are made once a chunk.
std::size_t chunk_voxels(std::size_t n_voxel) {
  return std::clamp(n_voxel / 64, 16 * tile_voxels, 256 * tile_voxels) / tile_voxels * tile_voxels;
}
// What an estimator decides anew.
constexpr std::int32_t edge_bits = window_border | several_crossings;

/// The noise from `variance`, and the standard errors that follow from it.
template <class T>
void use_variance(const Stack<T>& variance, const EdgePlan& plan, const KernelTables& tables,
                  std::size_t begin, std::size_t n_voxel, const KernelOut& tile, bool half_jump,
                  EdgeMap& map) {
  std::vector<double> of_voxel(plan.size());
  for (std::size_t i = 0; i < n_voxel; ++i) {
    const std::size_t v = begin + i;
    const std::size_t source = variance.n_voxel() == 1 ? 0 : v;
    double sum = 0.0;
    for (std::size_t row = 0; row < plan.size(); ++row) {
      of_voxel[row] = static_cast<double>(variance.at(plan.first + row, source));
      const bool in_window = row < plan.n_pre || row >= plan.n_pre + plan.n_scan;
      if (in_window) sum += of_voxel[row];
    }
    const auto [edge, peak] = tables.with_variance(
        of_voxel.data(), static_cast<double>(tile.edge[i]), static_cast<double>(tile.peak[i]),
        static_cast<std::size_t>(tile.peak_index[i]));
    map.noise[v] =
        static_cast<float>(std::sqrt(sum / static_cast<double>(plan.n_pre + plan.n_post)));
    if (half_jump) map.edge_energy_std_ev[v] *= static_cast<float>(edge);
    map.white_line_std_ev[v] *= static_cast<float>(peak);
  }
}

EdgeMap empty_map(std::size_t n) {
  return {Array<double, 1>({n}), Array<float, 1>({n}),        Array<double, 1>({n}),
          Array<float, 1>({n}),  Array<float, 1>({n}),        Array<float, 1>({n}),
          Array<float, 1>({n}),  Array<std::uint16_t, 1>({n})};
}

/// The variance of a tile for an estimator: of every voxel into the spare buffer, or of one for
/// all.
template <class T>
class VarianceTiles {
 public:
  VarianceTiles(const Stack<T>& variance, const EdgePlan& plan) : stack_(variance), plan_(plan) {
    if (variance.n_voxel() != 1) return;
    for (std::size_t row = 0; row < plan.size(); ++row) {
      common_.push_back(static_cast<double>(variance.at(plan.first + row, 0)));
    }
  }

  [[nodiscard]] TileVariance at(std::size_t begin, std::size_t n_voxel,
                                std::vector<float>& spare) const {
    if (stack_.values.size() == 0) return {};
    if (!common_.empty()) return {common_.data(), {}};
    spare.resize(plan_.size() * tile_stride);
    for (std::size_t row = 0; row < plan_.size(); ++row) {
      for (std::size_t i = 0; i < n_voxel; ++i) {
        spare[(row * tile_stride) + i] =
            static_cast<float>(stack_.at(plan_.first + row, begin + i));
      }
    }
    return {nullptr, {spare.data(), tile_stride, n_voxel}};
  }

 private:
  Stack<T> stack_;
  const EdgePlan& plan_;
  std::vector<double> common_;
};

void check_volume(const std::vector<std::size_t>& volume, std::size_t n_voxel) {
  require(volume.empty() || (volume.size() >= 2 && volume.size() <= 3 &&
                             std::accumulate(volume.begin(), volume.end(), std::size_t{1},
                                             std::multiplies<>()) == n_voxel),
          "volume must be two or three numbers whose product is the number of voxels");
}

template <class T>
MeasuredEdges measure(ArrayView<double, 1> energy_ev, const Stack<T>& mu, const Stack<T>& variance,
                      const EdgeModel& model, const EstimatorModel& estimator_model,
                      const Execution& execution) {
  require(mu.n_energy() == energy_ev.size(),
          "mu must have one image per energy: it has " + std::to_string(mu.n_energy()) + " for " +
              std::to_string(energy_ev.size()) + " of energy_ev; see energy_axis");
  const bool given = variance.values.size() > 0;
  require(!given || (variance.n_energy() == mu.n_energy() &&
                     (variance.n_voxel() == 1 || variance.n_voxel() == mu.n_voxel())),
          "variance must have the shape of energy_ev or of mu");
  const std::size_t n_voxel = mu.n_voxel();
  const EdgePlan plan = make_edge_plan(energy_ev, model);
  require(given || plan.n_freedom > 0,
          "the windows hold just as many energies as the fits have coefficients, so the noise is "
          "unknown: widen pre_edge or post_edge, lower a degree, or give variance");
  const KernelTables tables(plan, given);
  const KernelPlan kernel_plan = tables.plan();
  const Kernel& kernel = active_kernel();
  const std::unique_ptr<EdgeEstimator> estimator = make_edge_estimator(plan, estimator_model);
  const VarianceTiles<T> variances(variance, plan);
  const bool in_place = has_tiles_in_place(mu);
  MeasuredEdges measured{empty_map(n_voxel), Array<float, 1>({n_voxel}), given};

  parallel_for(
      n_voxel, chunk_voxels(n_voxel), execution,
      [&](std::size_t begin, std::size_t end, std::size_t) {
        const Workspace work(plan.size());
        const KernelOut out = work.out();
        std::vector<float> spare;
        std::size_t n = 0;
        for (std::size_t v = begin; v < end; v += n) {
          n = tile_size(mu, plan, v, end);
          const TileView tile = tile_at(mu, plan, kernel, in_place, v, n, work);
          kernel.fit(kernel_plan, tile.values, tile.stride, n, lines_ahead(mu, plan, v, n), out);
          if (estimator) {
            for (std::size_t i = 0; i < n; ++i) out.status[i] &= ~edge_bits;
            estimator->estimate(tile, variances.at(v, n, spare), out);
          }
          kernel.write(out, plan.reference_ev, n, map_at(measured, v));
          if (given) {
            use_variance(variance, plan, tables, v, n, out, estimator == nullptr, measured.map);
          }
        }
      });
  return measured;
}

template <class T>
EdgeMap fit(ArrayView<double, 1> energy_ev, const Stack<T>& mu, const Stack<T>& variance,
            const std::vector<std::size_t>& volume, const EdgeModel& model,
            const EstimatorModel& estimator, const Execution& execution) {
  check_volume(volume, mu.n_voxel());
  MeasuredEdges measured = measure(energy_ev, mu, variance, model, estimator, execution);
  const EdgeThresholds thresholds = edge_thresholds(measured);
  return judge(std::move(measured), thresholds, volume, execution);
}

}  // namespace

const Kernel& active_kernel() {
  switch (active_instruction_set()) {
#if defined(__x86_64__)
    case InstructionSet::v4:
      return edge_fit_v4;
    case InstructionSet::v3:
      return edge_fit_v3;
    case InstructionSet::v2:
      return edge_fit_v2;
#endif
    default:
      return edge_fit_generic;
  }
}

MapOut map_at(MeasuredEdges& measured, std::size_t begin) {
  EdgeMap& map = measured.map;
  return {map.edge_energy_ev.data() + begin,
          map.white_line_ev.data() + begin,
          map.edge_energy_std_ev.data() + begin,
          map.white_line_std_ev.data() + begin,
          map.white_line_height.data() + begin,
          map.edge_jump.data() + begin,
          map.noise.data() + begin,
          measured.residual.data() + begin,
          map.status.data() + begin};
}

MeasuredEdges measure_edges(ArrayView<double, 1> energy_ev, ArrayView<float, 2> mu,
                            ArrayView<float, 2> variance, bool voxel_major, const EdgeModel& model,
                            const EstimatorModel& estimator, const Execution& execution) {
  return measure(energy_ev, Stack<float>{mu, voxel_major}, Stack<float>{variance, voxel_major},
                 model, estimator, execution);
}

MeasuredEdges measure_edges(ArrayView<double, 1> energy_ev, ArrayView<double, 2> mu,
                            ArrayView<double, 2> variance, bool voxel_major, const EdgeModel& model,
                            const EstimatorModel& estimator, const Execution& execution) {
  return measure(energy_ev, Stack<double>{mu, voxel_major}, Stack<double>{variance, voxel_major},
                 model, estimator, execution);
}

EdgeMap fit_edges(ArrayView<double, 1> energy_ev, ArrayView<float, 2> mu,
                  ArrayView<float, 2> variance, bool voxel_major,
                  const std::vector<std::size_t>& volume, const EdgeModel& model,
                  const EstimatorModel& estimator, const Execution& execution) {
  return fit(energy_ev, Stack<float>{mu, voxel_major}, Stack<float>{variance, voxel_major}, volume,
             model, estimator, execution);
}

EdgeMap fit_edges(ArrayView<double, 1> energy_ev, ArrayView<double, 2> mu,
                  ArrayView<double, 2> variance, bool voxel_major,
                  const std::vector<std::size_t>& volume, const EdgeModel& model,
                  const EstimatorModel& estimator, const Execution& execution) {
  return fit(energy_ev, Stack<double>{mu, voxel_major}, Stack<double>{variance, voxel_major},
             volume, model, estimator, execution);
}

}  // namespace nmcx::xanes
