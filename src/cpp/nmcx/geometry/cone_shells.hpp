// Cones around one axis cut space into shells: shell k lies within cone k and outside cone k − 1,
// the cones sorted from narrow to wide.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "nmcx/geometry/cone_tree_kernel.hpp"
#include "nmcx/geometry/voxel_grid.hpp"

namespace nmcx {

/// Whether the point `arm` away from the apex lies in the cone around the unit vector `axis`. This
/// is the definition: every count equals the one of this test, voxel by voxel.
inline bool in_cone(const Vector3& arm, const Vector3& axis, double cos_half_angle) {
  return cos_half_angle <= -1 || dot(arm, axis) >= std::sqrt(dot(arm, arm)) * cos_half_angle;
}

// Bounds on what single precision does to a cosine and to the border of a cell. Rounding two unit
// vectors moves their cosine by at most 1.1e-7, products, sums and the limit itself by 2.4e-7.
constexpr double cosine_error = 5e-7;
constexpr double angle_error = 1e-6;

/// From the cosine between a cell's centre and the axis to the cones that may cut the cell.
class ShellTable {
 public:
  /// @param cosines descending cosines of the half-opening angles
  /// @param radius  largest angle between the centre and a point of the cell [rad]
  ShellTable(const std::vector<double>& cosines, double radius) : ranges_(size + 1) {
    std::vector<double> angles;  // without those of π, which cut nothing
    for (const double c : cosines) {
      if (c > -1) angles.push_back(std::acos(std::min(1.0, c)));
    }
    const auto angle = [](double cosine) { return std::acos(std::clamp(cosine, -1.0, 1.0)); };
    for (std::size_t i = 0; i <= size; ++i) {
      const double cosine = (static_cast<double>(i) / double{scale}) - 1;
      const double nearest =
          angle(cosine + (1 / double{scale}) + cosine_error) - radius - angle_error;
      const double farthest = angle(cosine - cosine_error) + radius + angle_error;
      const auto first = std::lower_bound(angles.begin(), angles.end(), nearest);
      const auto last = std::upper_bound(first, angles.end(), farthest);
      ranges_[i] = {.first = static_cast<std::int16_t>(first - angles.begin()),
                    .last = static_cast<std::int16_t>(last - angles.begin())};
    }
  }

  /// A cosine that rounding has put outside −1…1 still falls on the first or last entry.
  [[nodiscard]] CutRange operator[](float cosine) const {
    return ranges_[static_cast<std::size_t>(static_cast<std::int32_t>((cosine + 1.0F) * scale))];
  }
  [[nodiscard]] const CutRange* data() const { return ranges_.data(); }

  /// Entries per unit of cosine.
  static constexpr float scale = 8192;

 private:
  static constexpr std::int32_t size = 16384;
  std::vector<CutRange> ranges_;
};

/// Half-opening angles with what follows from them alone.
struct Cones {
  std::vector<double> cosines;     ///< (n_cone,) descending
  std::vector<ShellTable> shells;  ///< [level] for cells of that level
};

/// Solid and void voxels of a shell.
struct Tally {
  std::uint64_t solids = 0;
  std::uint64_t voids = 0;

  friend Tally operator-(const Tally& a, const Tally& b) {
    return {.solids = a.solids - b.solids, .voids = a.voids - b.voids};
  }
  Tally& operator+=(const Tally& other) {
    solids += other.solids;
    voids += other.voids;
    return *this;
  }
};

}  // namespace nmcx
