// The edge fit with arrays that no measurement has: any numbers, energies in any order, few of
// them.
#include "nmcx/xanes/edge_fit.hpp"

#include <array>
#include <cstdint>
#include <vector>

#include "hostile.hpp"
#include "nmcx/core/error.hpp"

using nmcx::ArrayView;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array<const char*, 7> rules{"half_jump", "integral",   "derivative",
                                                "template",  "white_line", "half_white_line",
                                                "none such"};
  nmcx::fuzz::Bytes bytes(data, size);
  const std::size_t n_energy = bytes.number(0, 40);
  const std::size_t n_voxel = bytes.number(0, 20);
  const bool voxel_major = bytes.number(0, 1) == 1;
  nmcx::xanes::EdgeModel model;
  nmcx::xanes::EstimatorModel estimator{.name = rules[bytes.number(0, rules.size() - 1)]};
  // Windows that fit the usual energies, until bytes say otherwise.
  model.pre_edge = {8320.0, 8328.0};
  model.post_edge = {8350.0, 8360.0};
  if (bytes.number(0, 7) == 0) model.pre_edge[bytes.number(0, 1)] = bytes.real();
  if (bytes.number(0, 7) == 0) model.post_edge[bytes.number(0, 1)] = bytes.real();
  model.pre_degree = static_cast<int>(bytes.number(0, 3)) - 1;
  model.post_degree = static_cast<int>(bytes.number(0, 4)) - 1;
  if (bytes.number(0, 3) == 0) model.level = bytes.real();
  if (bytes.number(0, 3) == 0) model.peak_half_width_ev = bytes.real();
  if (bytes.number(0, 3) == 0) model.shape_mu = bytes.reals(bytes.number(0, 1) ? n_energy : 3);
  if (bytes.number(0, 1) == 0) {
    estimator.template_ev = bytes.reals(bytes.number(0, 6));
    estimator.template_mu = bytes.reals(bytes.number(0, 6));
  }
  std::vector<double> energy(n_energy);
  for (std::size_t i = 0; i < n_energy; ++i) energy[i] = 8320.0 + static_cast<double>(i);
  if (n_energy > 0 && bytes.number(0, 5) == 0) {
    energy[bytes.number(0, n_energy - 1)] = bytes.real();
  }
  const std::size_t n_variance = bytes.number(0, 2) == 0 ? 0 : (bytes.number(0, 1) ? n_voxel : 1);
  const auto mu = bytes.reals<float>(n_energy * n_voxel);
  const auto variance = bytes.reals<float>(n_energy * n_variance);
  const auto shape = [&](std::size_t n) {
    return voxel_major ? std::array{n, n_energy} : std::array{n_energy, n};
  };
  std::vector<std::size_t> volume;
  if (bytes.number(0, 1) == 1) volume = {bytes.number(0, 5), bytes.number(0, 5)};
  try {
    nmcx::xanes::fit_edges({energy.data(), {n_energy}},
                           ArrayView<float, 2>{mu.data(), shape(n_voxel)},
                           ArrayView<float, 2>{variance.data(), shape(n_variance)}, voxel_major,
                           volume, model, estimator, {.threads = 1, .poll = {}});
  } catch (const nmcx::InvalidArgument&) {
  }
  return 0;
}
