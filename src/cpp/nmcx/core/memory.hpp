// Memory of arrays: uninitialised, and in large pages where that pays.
#pragma once

#include <cstddef>

namespace nmcx {

/// Uninitialised memory, aligned for any vector; 4 MB and more are asked for in large pages, since
/// touching a small page for the first time costs as much as filling it.
/// @throws std::bad_alloc
void* allocate(std::size_t n_byte);
void release(void* memory) noexcept;

struct Release {
  void operator()(void* memory) const noexcept { release(memory); }
};

}  // namespace nmcx
