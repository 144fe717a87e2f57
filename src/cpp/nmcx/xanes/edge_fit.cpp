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

namespace nmcx::xanes {
namespace {

// A tile of 64 energies fills 128 kB; odd stride in cache lines against planes 2^k bytes apart.
constexpr std::size_t tile_voxels = 512;
constexpr std::size_t tile_stride = tile_voxels + 16;
constexpr std::size_t chunk_voxels = 16 * tile_voxels;
// What an estimator decides anew.
constexpr std::int32_t edge_bits = window_border | several_crossings;

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

/// A stack in either layout.
template <class T>
struct Stack {
  ArrayView<T, 2> values;
  bool voxel_major;

  [[nodiscard]] std::size_t n_energy() const { return values.shape[voxel_major ? 1 : 0]; }
  [[nodiscard]] std::size_t n_voxel() const { return values.shape[voxel_major ? 0 : 1]; }
  [[nodiscard]] T at(std::size_t energy, std::size_t voxel) const {
    return voxel_major ? values(voxel, energy) : values(energy, voxel);
  }
};

void round_row(const double* source, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(source[i]);
}

void copy(const Kernel& kernel, const float* image, std::size_t plane, std::size_t n_voxel,
          std::size_t n_row, std::size_t ahead, float* tile) {
  kernel.copy(image, plane, n_voxel, n_row, ahead, tile, tile_stride);
}
void copy(const Kernel& /*kernel*/, const double* image, std::size_t plane, std::size_t n_voxel,
          std::size_t n_row, std::size_t /*ahead*/, float* tile) {
  for (std::size_t row = 0; row < n_row; ++row) {
    round_row(image + (row * plane), n_voxel, tile + (row * tile_stride));
  }
}

void transpose(const Kernel& kernel, const float* spectra, std::size_t step, std::size_t n_voxel,
               std::size_t n_row, float* tile, float* /*spare*/) {
  kernel.transpose(spectra, step, n_voxel, n_row, tile, tile_stride);
}
void transpose(const Kernel& kernel, const double* spectra, std::size_t step, std::size_t n_voxel,
               std::size_t n_row, float* tile, float* spare) {
  for (std::size_t v = 0; v < n_voxel; ++v) {
    round_row(spectra + (v * step), n_row, spare + (v * n_row));
  }
  kernel.transpose(spare, n_row, n_voxel, n_row, tile, tile_stride);
}

/// Buffers of one chunk.
struct Workspace {
  explicit Workspace(std::size_t n_row)
      : tile(std::make_unique_for_overwrite<float[]>(n_row * tile_stride)),
        spare(std::make_unique_for_overwrite<float[]>(n_row * tile_stride)),
        results(std::make_unique_for_overwrite<float[]>(7 * tile_voxels)),
        integers(std::make_unique_for_overwrite<std::int32_t[]>(2 * tile_voxels)) {}

  [[nodiscard]] KernelOut out() const {
    float* r = results.get();
    const auto next = [&r] {
      float* here = r;
      r += tile_voxels;
      return here;
    };
    KernelOut o{};
    for (float** field :
         {&o.edge, &o.edge_variance, &o.peak, &o.peak_variance, &o.height, &o.jump, &o.variance}) {
      *field = next();
    }
    o.status = integers.get();
    o.peak_index = integers.get() + tile_voxels;
    return o;
  }

  std::unique_ptr<float[]> tile, spare, results;
  std::unique_ptr<std::int32_t[]> integers;
};

template <class T>
void fill_tile(const Stack<T>& mu, const EdgePlan& plan, const Kernel& kernel, std::size_t begin,
               std::size_t n_voxel, const Workspace& work) {
  float* tile = work.tile.get();
  const std::size_t n_row = plan.size();
  if (mu.voxel_major) {
    const T* spectra = mu.values.data + (begin * mu.n_energy()) + plan.first;
    transpose(kernel, spectra, mu.n_energy(), n_voxel, n_row, tile, work.spare.get());
  } else {
    const std::size_t left = mu.n_voxel() - begin - n_voxel;
    const std::size_t ahead = left >= n_voxel ? n_voxel : 0;
    copy(kernel, mu.values.data + (plan.first * mu.n_voxel()) + begin, mu.n_voxel(), n_voxel, n_row,
         ahead, tile);
  }
  const std::size_t padded = std::min(tile_voxels, (n_voxel + 15) / 16 * 16);
  for (std::size_t row = 0; row < n_row; ++row) {
    std::fill(tile + (row * tile_stride) + n_voxel, tile + (row * tile_stride) + padded, 0.0F);
  }
}

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

/// out[i] = f(in[i]); one array in, one out, so that the compiler can use vectors.
template <class In, class Out, class Function>
void transform(const In* __restrict in, std::size_t n, Out* __restrict out, Function f) {
  for (std::size_t i = 0; i < n; ++i) out[i] = f(in[i]);
}

void write_tile(const KernelOut& tile, double reference_ev, std::size_t begin, std::size_t n_voxel,
                EdgeMap& map, Array<float, 1>& residual) {
  const auto absolute = [=](float e) { return reference_ev + static_cast<double>(e); };
  const auto root = [](float variance) { return std::sqrt(variance); };
  transform(tile.edge, n_voxel, map.edge_energy_ev.data() + begin, absolute);
  transform(tile.peak, n_voxel, map.white_line_ev.data() + begin, absolute);
  transform(tile.edge_variance, n_voxel, map.edge_energy_std_ev.data() + begin, root);
  transform(tile.peak_variance, n_voxel, map.white_line_std_ev.data() + begin, root);
  transform(tile.status, n_voxel, map.status.data() + begin, [](std::int32_t bits) {
    const std::int32_t border = (bits & peak_border) != 0 ? window_border : 0;
    return static_cast<std::uint16_t>((bits & 0xFFFF) | border);
  });
  std::copy_n(tile.height, n_voxel, map.white_line_height.data() + begin);
  std::copy_n(tile.jump, n_voxel, map.edge_jump.data() + begin);
  std::copy_n(tile.variance, n_voxel, residual.data() + begin);
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
  const KernelTables tables(plan);
  const KernelPlan kernel_plan = tables.plan();
  const Kernel& kernel = active_kernel();
  const std::unique_ptr<EdgeEstimator> estimator = make_edge_estimator(plan, estimator_model);
  const VarianceTiles<T> variances(variance, plan);
  MeasuredEdges measured{empty_map(n_voxel), Array<float, 1>({n_voxel}), given};

  parallel_for(
      n_voxel, chunk_voxels, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
        const Workspace work(plan.size());
        const KernelOut out = work.out();
        std::vector<float> spare;
        for (std::size_t v = begin; v < end; v += tile_voxels) {
          const std::size_t n = std::min(tile_voxels, end - v);
          fill_tile(mu, plan, kernel, v, n, work);
          kernel.fit(kernel_plan, work.tile.get(), tile_stride, n, out);
          if (estimator) {
            for (std::size_t i = 0; i < n; ++i) out.status[i] &= ~edge_bits;
            estimator->estimate({work.tile.get(), tile_stride, n}, variances.at(v, n, spare), out);
          }
          write_tile(out, plan.reference_ev, v, n, measured.map, measured.residual);
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
