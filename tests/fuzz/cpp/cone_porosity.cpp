// Cones through any particle: tips outside, directions of no length, angles that are no number.
#include "nmcx/geometry/cone_porosity.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "hostile.hpp"
#include "nmcx/core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nmcx::fuzz::Bytes bytes(data, size);
  const std::array shape{bytes.number(0, 7), bytes.number(0, 7), bytes.number(0, 7)};
  const std::size_t n_voxel = shape[0] * shape[1] * shape[2];
  const std::size_t n_direction = bytes.number(0, 5);
  const std::size_t n_angle = bytes.number(0, 5);
  nmcx::ConeMeasure measure;
  if (bytes.number(0, 3) == 0) measure.gate.nearest = bytes.real();
  if (bytes.number(0, 3) == 0) measure.gate.farthest = bytes.real();
  measure.weights.solid_angle = bytes.number(0, 1) == 1;
  std::vector<double> spacing(3, 0.5);
  if (bytes.number(0, 3) == 0) spacing = bytes.reals(bytes.number(2, 4));
  auto apex = bytes.reals(bytes.number(0, 7) == 0 ? 2 : 3);
  const auto directions = bytes.reals(3 * n_direction);
  auto cosines = bytes.reals(n_angle);
  for (double& cosine : cosines) cosine *= 0.5;
  const auto envelope = std::make_unique<bool[]>(n_voxel);
  const auto solid = std::make_unique<bool[]>(n_voxel);
  for (std::size_t i = 0; i < n_voxel; ++i) {
    const std::uint8_t both = bytes.byte();
    envelope[i] = (both & 3U) != 0;
    solid[i] = (both & 4U) != 0;
  }
  std::vector<float> fraction;
  if (bytes.number(0, 2) == 0) {
    fraction = bytes.reals<float>(n_voxel);
    measure.weights.solid_fraction = {fraction.data(), shape};
  }
  try {
    nmcx::cone_porosity({envelope.get(), shape}, {solid.get(), shape},
                        {spacing.data(), {spacing.size()}}, {apex.data(), {apex.size()}},
                        {directions.data(), {n_direction, 3}}, {cosines.data(), {n_angle}}, measure,
                        {.threads = 1, .poll = {}});
  } catch (const nmcx::InvalidArgument&) {
  }
  return 0;
}
