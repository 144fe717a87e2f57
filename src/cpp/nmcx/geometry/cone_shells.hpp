// Cones around one axis cut space into shells: shell k lies within cone k and outside cone k − 1,
// the cones sorted from narrow to wide.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "nmcx/geometry/voxel_grid.hpp"

namespace nmcx {

/// Whether the point `arm` away from the apex, |arm| = `length`, lies in the cone around the unit
/// vector `axis`. This is the definition: every count equals the one of this test, voxel by voxel.
inline bool in_cone(const Vector3& arm, double length, const Vector3& axis, double cos_half_angle) {
  return cos_half_angle <= -1 || dot(arm, axis) >= length * cos_half_angle;
}

// Bounds on what single precision does to a cosine and to the border of a cell, with room to spare.
constexpr double kCosineError = 2e-6;
constexpr double kAngleError = 1e-6;

/// From the cosine between a cell's centre and the axis to the shell between two cones that holds
/// the whole cell: shell k lies within cone k and outside cone k − 1.
class ShellTable {
 public:
  static constexpr std::int16_t kCut = -1;  ///< a cone's surface may cut the cell

  /// @param cosines descending cosines of the half-opening angles
  /// @param radius  largest angle between the centre and a point of the cell [rad]
  ShellTable(const std::vector<double>& cosines, double radius) : shell_(kSize + 1) {
    std::vector<double> angles;
    for (const double c : cosines) {
      if (c > -1) angles.push_back(std::acos(std::min(1.0, c)));
    }
    const auto angle = [](double cosine) { return std::acos(std::clamp(cosine, -1.0, 1.0)); };
    for (std::size_t i = 0; i <= kSize; ++i) {
      const double cosine = (static_cast<double>(i) / kScale) - 1;
      const double nearest = angle(cosine + (1 / kScale) + kCosineError) - radius - kAngleError;
      const double farthest = angle(cosine - kCosineError) + radius + kAngleError;
      const auto first = std::lower_bound(angles.begin(), angles.end(), nearest);
      shell_[i] = first != angles.end() && *first <= farthest
                      ? kCut
                      : static_cast<std::int16_t>(first - angles.begin());
    }
  }

  /// The shell, or `kCut`; a cosine that rounding has put outside −1…1 is taken as the limit.
  [[nodiscard]] std::int16_t operator[](float cosine) const {
    const float place = (cosine + 1.0F) * static_cast<float>(kScale);
    return shell_[static_cast<std::size_t>(std::clamp(static_cast<std::int32_t>(place), 0, kSize))];
  }

 private:
  static constexpr std::int32_t kSize = 16384;
  static constexpr double kScale = kSize / 2.0;
  std::vector<std::int16_t> shell_;
};

/// Half-opening angles with what follows from them alone.
struct Cones {
  std::vector<double> cosines;     ///< (n_cone,) descending
  ShellTable voxel_shells;         ///< shells of single voxels
  std::vector<ShellTable> shells;  ///< [level] shells of cells
};

/// Solid and void voxels of a shell.
struct Tally {
  std::uint64_t solids = 0;
  std::uint64_t voids = 0;

  Tally& operator+=(const Tally& other) {
    solids += other.solids;
    voids += other.voids;
    return *this;
  }
};

}  // namespace nmcx
