#include "nmcx/core/memory.hpp"

#include <cstdint>
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
constexpr std::size_t own_mapping = std::size_t{1} << 20U;  // from here on: given back at once

/// In the cache line before the memory handed out.
struct Header {
  void* mapping;
  std::size_t n_byte;  ///< of the mapping; 0: from the heap
};
static_assert(sizeof(Header) <= line);

void* with_header(void* memory, void* mapping, std::size_t n_byte) {
  new (memory) Header{mapping, n_byte};
  return static_cast<std::byte*>(memory) + line;
}

#if defined(__linux__)
void* map(std::size_t n_byte) {
  const bool large = n_byte >= 2 * large_page;
  const std::size_t room = large ? large_page : 0;
  const std::size_t page = large ? large_page : std::size_t{4096};
  const std::size_t total = (n_byte / page + 1) * page + room;
  void* mapping = mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<std::byte*>(mapping);
  if (large) {
    begin += (large_page - reinterpret_cast<std::uintptr_t>(begin) % large_page) % large_page;
    // Only advice: without large pages everything works, just slower.
    static_cast<void>(madvise(begin, total - room, MADV_HUGEPAGE));
  }
  return with_header(begin, mapping, total);
}
#endif

}  // namespace

void* allocate(std::size_t n_byte) {
  if (n_byte > std::numeric_limits<std::size_t>::max() - 4 * large_page) throw std::bad_alloc();
  const std::size_t needed = n_byte + line;
#if defined(__linux__)
  if (needed >= own_mapping) return map(needed);
#endif
  void* memory = std::aligned_alloc(line, (needed + line - 1) / line * line);
  if (memory == nullptr) throw std::bad_alloc();
  return with_header(memory, nullptr, 0);
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  void* begin = static_cast<std::byte*>(memory) - line;
  const Header header = *static_cast<const Header*>(begin);
#if defined(__linux__)
  if (header.n_byte > 0) {
    munmap(header.mapping, header.n_byte);
    return;
  }
#endif
  std::free(begin);
}

}  // namespace nmcx
