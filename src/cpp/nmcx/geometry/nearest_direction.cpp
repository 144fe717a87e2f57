#include "nmcx/geometry/nearest_direction.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace nmcx {

NearestDirection::NearestDirection(const ArrayView<double, 2>& directions) {
  const std::size_t n = directions.shape[0];
  require(n > 0 && n <= std::numeric_limits<std::uint32_t>::max(),
          "directions must hold at least one direction, and fewer than 2³²");
  require(directions.shape[1] == 3, "directions must have shape (n, 3), each (z, y, x)");
  std::vector<Candidate> all(n);
  for (std::size_t i = 0; i < n; ++i) {
    all[i] = {.direction = {directions(i, 0), directions(i, 1), directions(i, 2)},
              .index = static_cast<std::uint32_t>(i)};
  }
  while (level_ < 9 && cubed_sphere::n_cell(level_) < 4 * n) ++level_;
  for (unsigned level = 0; level <= level_; ++level) {
    radii_.push_back(cubed_sphere::cell_radius(level) + 1e-5);
  }
  starts_.assign(1, 0);
  starts_.reserve(cubed_sphere::n_cell(level_) + 1);
  for (std::size_t face = 0; face < 6; ++face) split(face, 0, all);
}

/// Children are visited in the order of their cells, so that the table grows at its end only.
void NearestDirection::split(std::size_t cell, unsigned level,
                             const std::vector<Candidate>& possible) {
  // A point of the cell lies within the radius of its centre. Its nearest direction is no farther
  // from it than the centre's, so no farther from the centre than that distance + twice the radius.
  const Vector3 centre = cubed_sphere::cell_centre(cell, level);
  double nearest = -1;
  for (const Candidate& c : possible) nearest = std::max(nearest, dot(c.direction, centre));
  const double reach = std::acos(std::clamp(nearest, -1.0, 1.0)) + (2 * radii_[level]);
  const double least = reach < std::numbers::pi ? std::cos(reach) : -2;
  std::vector<Candidate> kept;
  for (const Candidate& c : possible) {
    if (dot(c.direction, centre) >= least) kept.push_back(c);
  }
  if (level == level_) {
    candidates_.insert(candidates_.end(), kept.begin(), kept.end());
    starts_.push_back(candidates_.size());
    return;
  }
  for (std::size_t child = 0; child < 4; ++child) split((4 * cell) + child, level + 1, kept);
}

}  // namespace nmcx
