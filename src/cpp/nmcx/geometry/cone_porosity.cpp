#include "nmcx/geometry/cone_porosity.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>
#include <utility>
#include <vector>

#include "nmcx/geometry/block_tree.hpp"
#include "nmcx/geometry/cubed_sphere.hpp"

namespace nmcx {

namespace {

Lattice checked_lattice(const VolumeView<bool>& envelope, const VolumeView<bool>& solid,
                        const ArrayView<double, 1>& spacing, const ArrayView<double, 1>& apex) {
  require(envelope.shape == solid.shape, "solid and envelope must have the same shape");
  Lattice lattice(envelope.shape, checked_spacing(spacing), checked_vector(apex, "apex_um"));
  for (std::size_t a = 0; a < 3; ++a) {
    const double position = lattice.apex[a] / lattice.spacing[a];
    require(position >= -0.5 && position <= static_cast<double>(lattice.shape[a]) - 0.5,
            "apex_um lies outside the volume; it is (z, y, x) in µm, the centre of voxel (0, 0, 0) "
            "being the origin");
  }
  require(std::find(envelope.begin(), envelope.end(), true) != envelope.end(),
          "envelope is empty: nothing was segmented; check the threshold");
  return lattice;
}

std::vector<std::size_t> narrow_to_wide(const ArrayView<double, 1>& cos_half_angle) {
  require(cos_half_angle.size() < 32768, "half_angle may hold at most 32767 angles");
  std::vector<std::size_t> order(cos_half_angle.size());
  std::iota(order.begin(), order.end(), 0);
  for (const double cosine : cos_half_angle) {
    require(std::abs(cosine) <= 1, "half_angle must have cosines in -1…1");
  }
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return cos_half_angle[a] > cos_half_angle[b]; });
  return order;
}

Cones cones_for(const Blocks& blocks, const ArrayView<double, 1>& cos_half_angle,
                const std::vector<std::size_t>& order) {
  std::vector<double> cosines;
  cosines.reserve(order.size());
  for (const std::size_t k : order) cosines.push_back(cos_half_angle[k]);
  std::uint64_t most_voxels = 0;
  for (std::size_t b = 0; b + 1 < blocks.starts.size(); ++b) {
    most_voxels = std::max(most_voxels, blocks.starts[b + 1] - blocks.starts[b]);
  }
  // Cells of level 11 are 0.04° wide: finer ones would cost more than they save.
  const unsigned deepest = std::min(11U, blocks.level + BlockTree::depth_of(most_voxels));
  std::vector<ShellTable> shells;
  for (unsigned level = 0; level <= deepest; ++level) {
    shells.emplace_back(cosines, cubed_sphere::cell_radius(level));
  }
  return {.cosines = std::move(cosines), .shells = std::move(shells)};
}

/// Voxels per direction and shell, (n_direction, n_cone + 1).
///
/// The blocks make the outer loop, the directions the inner one: a block's tree and voxels stay in
/// the cache while all directions pass over them.
std::vector<Tally> count_shells(const Blocks& blocks, const Lattice& lattice, const Cones& cones,
                                const VoxelWeights& weights, const Array<double, 2>& directions,
                                const Execution& execution) {
  const std::size_t n_block = blocks.starts.size() - 1;
  const std::size_t n_direction = directions.shape[0];
  const std::size_t n_shell = cones.cosines.size() + 1;
  const auto outside = static_cast<std::int16_t>(n_shell - 1);
  std::vector<Tally> total(n_direction * n_shell);
  std::mutex total_mutex;
  const std::size_t grain = std::max<std::size_t>(1, n_block / 128);
  parallel_for(n_block, grain, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
    std::vector<Tally> part(n_direction * n_shell);
    BlockTree tree(lattice, cones, weights);
    for (std::size_t block = begin; block < end; ++block) {
      if (blocks.starts[block] == blocks.starts[block + 1]) continue;
      tree.build(blocks, block);
      const Vector3 centre = cubed_sphere::cell_centre(block, blocks.level);
      for (std::size_t d = 0; d < n_direction; ++d) {
        const Vector3 axis{directions[3 * d], directions[(3 * d) + 1], directions[(3 * d) + 2]};
        Tally* shells = &part[d * n_shell];
        const CutRange cut = cones.shells[blocks.level][static_cast<float>(dot(centre, axis))];
        if (cut.is_cut()) {
          tree.count(axis, cut, shells);
        } else if (cut.first != outside) {
          shells[cut.first] += tree.all();
        }
      }
    }
    // Whole numbers: the sum does not depend on the order.
    const std::scoped_lock lock(total_mutex);
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += part[i];
  });
  return total;
}

/// The voxel whose centre is the apex, if there is one: it belongs to every cone.
Tally apex_of(const Blocks& blocks, const Lattice& lattice, const VoxelWeights& weights) {
  if (weights.are_one()) return {.solids = blocks.apex_solids, .voids = blocks.apex_voids};
  if (blocks.apex_solids + blocks.apex_voids == 0) return {};
  std::array<std::size_t, 3> place{};
  for (std::size_t a = 0; a < 3; ++a) {
    place[a] = static_cast<std::size_t>(std::lround(lattice.apex[a] / lattice.spacing[a]));
  }
  const PackedVoxel voxel(place[0], place[1], place[2], blocks.apex_voids > 0);
  return weights(lattice, voxel, 0);
}

}  // namespace

ConeCounts cone_porosity(const VolumeView<bool>& envelope, const VolumeView<bool>& solid,
                         const ArrayView<double, 1>& spacing, const ArrayView<double, 1>& apex,
                         const ArrayView<double, 2>& directions,
                         const ArrayView<double, 1>& cos_half_angle, const ConeMeasure& measure,
                         const Execution& execution) {
  const Lattice lattice = checked_lattice(envelope, solid, spacing, apex);
  require(measure.gate.nearest >= 0 && measure.gate.nearest < measure.gate.farthest,
          "radial_gate_um must be (nearest, farthest) in µm, 0 <= nearest < farthest");
  require(measure.weights.solid_fraction.data == nullptr ||
              measure.weights.solid_fraction.shape == envelope.shape,
          "solid_fraction must have the shape of the envelope");
  require(directions.shape[1] == 3, "directions must have shape (n, 3), each (z, y, x)");
  const std::size_t n_direction = directions.shape[0];
  const std::size_t n_angle = cos_half_angle.size();
  ConeCounts counts{.directions = Array<double, 2>({n_direction, 3}),
                    .voids = Array<std::int64_t, 2>({n_direction, n_angle}),
                    .envelopes = Array<std::int64_t, 2>({n_direction, n_angle})};
  for (std::size_t d = 0; d < n_direction; ++d) {
    const Vector3 unit =
        normalised({directions(d, 0), directions(d, 1), directions(d, 2)}, "directions");
    std::copy(unit.begin(), unit.end(), counts.directions.data() + (3 * d));
  }

  const std::vector<std::size_t> order = narrow_to_wide(cos_half_angle);
  const Blocks blocks = sort_voxels(envelope, solid, lattice, measure.gate, execution);
  const Cones cones = cones_for(blocks, cos_half_angle, order);
  const std::vector<Tally> shells =
      count_shells(blocks, lattice, cones, measure.weights, counts.directions, execution);
  const Tally at_apex = apex_of(blocks, lattice, measure.weights);
  for (std::size_t d = 0; d < n_direction; ++d) {
    Tally within = at_apex;
    for (std::size_t k = 0; k < n_angle; ++k) {
      within += shells[(d * (n_angle + 1)) + k];
      counts.voids[(d * n_angle) + order[k]] = static_cast<std::int64_t>(within.voids);
      counts.envelopes[(d * n_angle) + order[k]] =
          static_cast<std::int64_t>(within.solids + within.voids);
    }
  }
  return counts;
}

}  // namespace nmcx
