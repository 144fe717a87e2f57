// Where a pixel of one image is found in another: shift and linear strain.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace nmcx::image {

/// position(x) = x + (dy, dx) + strain (x - centre), the centre being that of the image.
struct Warp {
  double dy = 0.0;  ///< at the centre [px]
  double dx = 0.0;
  std::array<double, 4> strain{};  ///< yy, yx, xy, xx; e.g. yx is rows moved per column

  [[nodiscard]] bool is_translation() const { return strain == std::array<double, 4>{}; }

  /// (row, column) [px] in an image of the given shape.
  [[nodiscard]] std::array<double, 2> position(std::size_t row, std::size_t column,
                                               const std::array<std::size_t, 2>& shape) const {
    const auto y = static_cast<double>(row);
    const auto x = static_cast<double>(column);
    const double from_y = y - (0.5 * static_cast<double>(shape[0] - 1));
    const double from_x = x - (0.5 * static_cast<double>(shape[1] - 1));
    return {y + dy + (strain[0] * from_y) + (strain[1] * from_x),
            x + dx + (strain[2] * from_y) + (strain[3] * from_x)};
  }
};

/// What a registration fits.
enum class MotionModel {
  translation,  ///< the shift
  drift,        ///< a shift that grows evenly from row to row, as while a scan is taken
  affine,       ///< the shift and all of the strain
};

/// The strains of `Warp` that a model fits beside the shift.
inline std::span<const std::size_t> free_strains(MotionModel model) {
  static constexpr std::array<std::size_t, 4> all{0, 1, 2, 3};
  static constexpr std::array<std::size_t, 2> down_the_rows{0, 2};  // yy and xy
  switch (model) {
    case MotionModel::affine:
      return all;
    case MotionModel::drift:
      return down_the_rows;
    case MotionModel::translation:
      break;
  }
  return {};
}

}  // namespace nmcx::image
