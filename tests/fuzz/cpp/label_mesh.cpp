// Label fields and the lattice of cells from any labels, spacings and smoothings.
#include <array>
#include <cstdint>
#include <vector>

#include "hostile.hpp"
#include "nmcx/core/error.hpp"
#include "nmcx/fem/label_field.hpp"
#include "nmcx/fem/label_lattice.hpp"

namespace {

template <int D>
void look(nmcx::fuzz::Bytes& bytes, const nmcx::ArrayView<std::int32_t, 3>& labels,
          const std::vector<double>& spacing, double smoothing) {
  const nmcx::LabelField<D> field(labels, {spacing.data(), {spacing.size()}}, smoothing);
  std::vector<nmcx::LabelShare<D>> found;
  for (int i = 0; i < 4; ++i) {
    nmcx::Point<D> point;
    // Points are those of a mesh of the image: a few voxels beyond it at most.
    for (int axis = 0; axis < D; ++axis) {
      point[axis] = field.spacing()[axis] * (static_cast<double>(bytes.byte()) / 16.0 - 4.0);
    }
    field.shares(point, found);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nmcx::fuzz::Bytes bytes(data, size);
  const bool is_flat = bytes.number(0, 1) == 1;
  const std::array shape{is_flat ? 1 : bytes.number(0, 6), bytes.number(0, 8), bytes.number(0, 8)};
  std::vector<double> spacing(is_flat ? 2 : 3, 0.5);
  if (bytes.number(0, 3) == 0) spacing = bytes.reals(bytes.number(1, 4));
  nmcx::LatticeOptions options{.edge = 0.7, .smoothing = 1.0};
  if (bytes.number(0, 3) == 0) options.edge = bytes.real();
  if (bytes.number(0, 3) == 0) options.smoothing = bytes.real();
  std::vector<std::int32_t> values(shape[0] * shape[1] * shape[2]);
  for (std::int32_t& value : values) {
    const std::uint8_t kind = bytes.byte();
    value = kind < 250 ? kind % 4 : (kind < 253 ? 2147483647 - kind : -1);
  }
  const nmcx::ArrayView<std::int32_t, 3> labels{values.data(), shape};
  try {
    if (is_flat) {
      look<2>(bytes, labels, spacing, options.smoothing);
    } else {
      look<3>(bytes, labels, spacing, options.smoothing);
    }
    // An edge far below a voxel asks for memory, not for trouble: that is refused elsewhere.
    if (options.edge > 0 && options.edge < 0.2) return 0;
    nmcx::label_lattice(labels, {spacing.data(), {spacing.size()}}, options,
                        {.threads = 1, .poll = {}});
  } catch (const nmcx::InvalidArgument&) {
  }
  return 0;
}
