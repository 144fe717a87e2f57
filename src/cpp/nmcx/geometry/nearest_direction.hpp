// Which of many directions lies nearest: a table over the cells of the sphere.
#pragma once

#include <cstdint>
#include <vector>

#include "nmcx/core/views.hpp"
#include "nmcx/geometry/cubed_sphere.hpp"

namespace nmcx {

/// The directions that may be the nearest to some point of each cell, so that a question costs a
/// handful of dot products. The answer is exact, up to ties within single precision of the border.
class NearestDirection {
 public:
  /// @param directions (n_direction, 3) unit vectors
  /// @throws InvalidArgument if there is none, or more than 2³² − 1
  explicit NearestDirection(const ArrayView<double, 2>& directions);

  struct Answer {
    std::uint32_t index;
    double cosine;  ///< of the angle to it
  };

  [[nodiscard]] Answer operator()(const Vector3& direction) const {
    const std::size_t cell = cubed_sphere::cell_of(rounded(direction), level_);
    Answer best{.index = 0, .cosine = -2};
    for (std::size_t i = starts_[cell]; i < starts_[cell + 1]; ++i) {
      const double cosine = dot(candidates_[i].direction, direction);
      if (cosine > best.cosine) best = {.index = candidates_[i].index, .cosine = cosine};
    }
    return best;
  }

 private:
  struct Candidate {
    Vector3 direction;
    std::uint32_t index;
  };

  void split(std::size_t cell, unsigned level, const std::vector<Candidate>& possible);

  unsigned level_ = 0;
  std::vector<double> radii_;        // [level] of the cells, with room for single precision
  std::vector<std::size_t> starts_;  // (n_cell + 1,)
  std::vector<Candidate> candidates_;
};

}  // namespace nmcx
