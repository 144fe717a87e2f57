// Fits a fixed pseudo-random stack once, for counting instructions; see instruction_counts.py.
//
// usage: edge_fit_count LAYOUT N_SLICE    with LAYOUT energy-major or voxel-major
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "nmcx/core/instruction_set.hpp"
#include "nmcx/xanes/edge_fit.hpp"

namespace {

constexpr std::size_t kSide = 32;  // voxels along y and x

/// 64 energies: 8 before the edge, 44 across it, 12 after it [eV].
std::vector<double> energies() {
  std::vector<double> energy;
  const auto append = [&](double from, double to, int n, bool with_end) {
    for (int i = 0; i < n; ++i)
      energy.push_back(from + ((to - from) * i / (n - (with_end ? 1 : 0))));
  };
  append(8233, 8310, 8, true);
  append(8320, 8335, 6, false);
  append(8335, 8360, 26, false);
  append(8360, 8400, 12, false);
  append(8400, 8600, 12, true);
  return energy;
}

/// Uniform numbers in [0, 1), the same on every machine.
struct Uniform {
  std::uint64_t state = 1;
  double operator()() {
    state = (state * 6364136223846793005ULL) + 1442695040888963407ULL;
    return static_cast<double>(state >> 11U) * 0x1p-53;
  }
};

/// Edge step with a white line on a sloping background; 1 % noise. One slice, repeated: making
/// spectra would take longer than fitting them.
std::vector<float> make_stack(const std::vector<double>& energy, std::size_t n_voxel,
                              bool voxel_major) {
  Uniform uniform;
  std::vector<float> mu(energy.size() * n_voxel);
  const auto at = [&](std::size_t voxel, std::size_t i) -> float& {
    return mu[voxel_major ? (voxel * energy.size()) + i : (i * n_voxel) + voxel];
  };
  const std::size_t n_different = kSide * kSide;
  for (std::size_t voxel = 0; voxel < n_different; ++voxel) {
    const double edge = 8344 + (5 * uniform()), jump = 0.4 + (0.8 * uniform());
    for (std::size_t i = 0; i < energy.size(); ++i) {
      const double x = energy[i] - edge, peak = (x - 4.5) / 3.6;
      const double step = 0.5 * (1 + std::tanh((x + 0.6) / 1.5));
      double noise = -6;  // the sum of twelve uniform numbers is nearly normal
      for (int k = 0; k < 12; ++k) noise += uniform();
      const double shape = (step * (1 - 3e-4 * x)) + (0.7 * std::exp(-peak * peak));
      const double value = 0.3 - (4e-4 * (energy[i] - 8345)) + (jump * (shape + (0.01 * noise)));
      at(voxel, i) = static_cast<float>(value);
    }
  }
  for (std::size_t voxel = n_different; voxel < n_voxel; ++voxel) {
    for (std::size_t i = 0; i < energy.size(); ++i) at(voxel, i) = at(voxel - n_different, i);
  }
  return mu;
}

}  // namespace

/// What is counted: one call, with standard errors, pooled noise and status, on one thread. Not
/// inlined and with external linkage, so that callgrind finds it by name.
[[gnu::noinline]] nmcx::xanes::EdgeMap counted_fit(const std::vector<double>& energy,
                                                   const std::vector<float>& mu,
                                                   std::size_t n_slice, bool voxel_major) {
  const std::size_t n_voxel = n_slice * kSide * kSide;
  std::array<std::size_t, 2> shape{energy.size(), n_voxel};
  if (voxel_major) shape = {n_voxel, energy.size()};
  nmcx::xanes::EdgeModel model;
  model.pre_edge = {8230, 8315};
  model.post_edge = {8390, 8605};
  model.pre_degree = 1;
  model.post_degree = 2;
  nmcx::Execution execution;
  execution.threads = 1;
  const nmcx::ArrayView<float, 2> no_variance{nullptr, {0, 0}};
  return nmcx::xanes::fit_edges({energy.data(), {energy.size()}}, {mu.data(), shape}, no_variance,
                                voxel_major, {n_slice, kSide, kSide}, model, {}, execution);
}

int main(int argc, char** argv) {
  const std::string layout = argc == 3 ? argv[1] : "";
  const std::size_t n_slice = argc == 3 ? std::strtoul(argv[2], nullptr, 10) : 0;
  if ((layout != "energy-major" && layout != "voxel-major") || n_slice == 0) {
    std::fputs("usage: edge_fit_count energy-major|voxel-major N_SLICE\n", stderr);
    return 2;
  }
  const bool voxel_major = layout == "voxel-major";
  const std::vector<double> energy = energies();
  const std::size_t n_voxel = n_slice * kSide * kSide;
  const std::vector<float> mu = make_stack(energy, n_voxel, voxel_major);
  const nmcx::xanes::EdgeMap map = counted_fit(energy, mu, n_slice, voxel_major);
  std::size_t n_ok = 0;
  for (std::size_t i = 0; i < n_voxel; ++i) n_ok += (map.status[i] & nmcx::xanes::not_ok) == 0;
  std::printf("%s %zu voxels %zu ok\n", nmcx::active_instruction_set_name().c_str(), n_voxel, n_ok);
  // A stack that is not fitted would be counted as a fast one.
  return 10 * n_ok > 9 * n_voxel ? 0 : 1;
}
