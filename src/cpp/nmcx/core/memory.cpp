#include "nmcx/core/memory.hpp"

#include <cstdlib>
#include <limits>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace nmcx {
namespace {

constexpr std::size_t line = 64;
constexpr std::size_t large_page = std::size_t{1} << 21U;

}  // namespace

void* allocate(std::size_t n_byte) {
  const std::size_t alignment = n_byte >= 2 * large_page ? large_page : line;
  if (n_byte > std::numeric_limits<std::size_t>::max() - alignment) throw std::bad_alloc();
  const std::size_t rounded = (n_byte / alignment + 1) * alignment;
  void* memory = std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
#if defined(__linux__)
  // Only advice: without large pages everything works, just slower.
  if (alignment == large_page) static_cast<void>(madvise(memory, rounded, MADV_HUGEPAGE));
#endif
  return memory;
}

void release(void* memory) noexcept {
  std::free(memory);
}

}  // namespace nmcx
