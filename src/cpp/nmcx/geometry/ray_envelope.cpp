#include "nmcx/geometry/ray_envelope.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace nmcx {

namespace {

/// Number of rays that have met solid, per voxel.
using Counts = Array<std::uint8_t, 3>;

/// What three rays have met on their way to a row: those that lean by −1, 0 and +1 along x.
class RowRays {
 public:
  explicit RowRays(std::size_t nx) : nx_(nx) {
    for (auto& met : met_) met.assign(nx + 2, 0);  // one voxel of nothing on either side
    next_.assign(nx + 2, 0);
  }

  void reset() {
    for (auto& met : met_) std::fill(met.begin(), met.end(), std::uint8_t{0});
  }

  /// Goes from the row `passed` to the row of `counts` beside it.
  void step(const bool* passed, std::uint8_t* counts) {
    for (std::size_t lean = 0; lean < met_.size(); ++lean) {
      std::uint8_t* met = met_[lean].data() + 1;
      for (std::size_t x = 0; x < nx_; ++x) met[x] |= static_cast<std::uint8_t>(passed[x]);
      // `lean` − 1 is where the ray came from: the neighbour at x + lean − 1 of the passed row.
      const std::uint8_t* from = met_[lean].data() + lean;
      std::uint8_t* next = next_.data() + 1;
      for (std::size_t x = 0; x < nx_; ++x) next[x] = from[x];
      for (std::size_t x = 0; x < nx_; ++x)
        counts[x] = static_cast<std::uint8_t>(counts[x] + next[x]);
      std::swap(met_[lean], next_);
      met_[lean].front() = met_[lean].back() = 0;
    }
  }

 private:
  std::size_t nx_;
  std::array<std::vector<std::uint8_t>, 3> met_;
  std::vector<std::uint8_t> next_;
};

/// A line of rows (z, y), (z, y) + step, …, and how many of them lie in the volume.
struct Chain {
  std::ptrdiff_t z, y, dz, dy, n_row;
};

/// All chains along (dz, dy): each row of the volume is in one of them.
std::vector<Chain> chains_along(std::ptrdiff_t dz, std::ptrdiff_t dy, std::ptrdiff_t nz,
                                std::ptrdiff_t ny) {
  std::vector<Chain> chains;
  const auto is_row = [&](std::ptrdiff_t z, std::ptrdiff_t y) {
    return z >= 0 && z < nz && y >= 0 && y < ny;
  };
  for (std::ptrdiff_t z = 0; z < nz; ++z) {
    for (std::ptrdiff_t y = 0; y < ny; ++y) {
      if (is_row(z - dz, y - dy)) continue;  // not the first of its chain
      const std::ptrdiff_t along_z = dz == 0 ? nz + ny : nz - z;
      const std::ptrdiff_t along_y = dy == 0 ? nz + ny : (dy > 0 ? ny - y : y + 1);
      chains.push_back({z, y, dz, dy, std::min(along_z, along_y)});
    }
  }
  return chains;
}

/// Both rays along each voxel's own row.
void count_along_row(const bool* solid, std::uint8_t* counts, std::size_t nx) {
  bool met = false;
  for (std::size_t x = 0; x < nx; ++x) {
    counts[x] = static_cast<std::uint8_t>(counts[x] + (met ? 1 : 0));
    met = met || solid[x];
  }
  met = false;
  for (std::size_t x = nx; x-- > 0;) {
    counts[x] = static_cast<std::uint8_t>(counts[x] + (met ? 1 : 0));
    met = met || solid[x];
  }
}

/// The six rays that leave the rows of a chain forwards and backwards.
void count_along_chain(const VolumeView<bool>& solid, const Chain& chain, RowRays& rays,
                       Counts& counts) {
  const std::size_t nx = solid.shape[2];
  const auto row = [&](std::ptrdiff_t k) {
    const std::ptrdiff_t z = chain.z + (k * chain.dz);
    const std::ptrdiff_t y = chain.y + (k * chain.dy);
    return ((static_cast<std::size_t>(z) * solid.shape[1]) + static_cast<std::size_t>(y)) * nx;
  };
  rays.reset();
  for (std::ptrdiff_t k = 1; k < chain.n_row; ++k) {
    rays.step(solid.data + row(k - 1), counts.data() + row(k));
  }
  rays.reset();
  for (std::ptrdiff_t k = chain.n_row - 1; k-- > 0;) {
    rays.step(solid.data + row(k + 1), counts.data() + row(k));
  }
}

}  // namespace

Array<bool, 3> ray_envelope(const VolumeView<bool>& solid, int min_rays,
                            const Execution& execution) {
  require(min_rays >= 1 && min_rays <= 26,
          "min_rays must be 1 to 26, not " + std::to_string(min_rays));
  Array<bool, 3> envelope(solid.shape);
  if (solid.size() == 0) return envelope;
  const auto [nz, ny, nx] = solid.shape;
  Counts counts(solid.shape, 0);
  constexpr std::array<std::array<std::ptrdiff_t, 2>, 4> steps{{{1, 0}, {0, 1}, {1, 1}, {1, -1}}};
  for (const auto& [dz, dy] : steps) {
    // Chains of one direction share no row, so that each may count into its own.
    const std::vector<Chain> chains =
        chains_along(dz, dy, static_cast<std::ptrdiff_t>(nz), static_cast<std::ptrdiff_t>(ny));
    parallel_for(chains.size(), 4, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
      RowRays rays(nx);
      for (std::size_t c = begin; c < end; ++c) count_along_chain(solid, chains[c], rays, counts);
    });
  }
  parallel_for(nz, 1, execution, [&](std::size_t begin, std::size_t end, std::size_t) {
    for (std::size_t first = begin * ny * nx; first < end * ny * nx; first += nx) {
      count_along_row(solid.data + first, counts.data() + first, nx);
      for (std::size_t i = first; i < first + nx; ++i) {
        envelope[i] = solid[i] || int{counts[i]} >= min_rays;
      }
    }
  });
  return envelope;
}

}  // namespace nmcx
