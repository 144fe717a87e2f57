// How far two vectors are apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

/// Largest difference of an entry, in times of the largest entry of b.
inline double relative_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double off = 0;
  double size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    off = std::max(off, std::abs(a[i] - b[i]));
    size = std::max(size, std::abs(b[i]));
  }
  return off / size;
}
