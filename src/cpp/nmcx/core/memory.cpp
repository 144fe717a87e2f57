#include "nmcx/core/memory.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <new>
#include <utility>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace nmcx {
namespace {

constexpr std::size_t line = 64;
constexpr std::size_t large_page = std::size_t{1} << 21U;
constexpr std::size_t own_mapping = std::size_t{1} << 20U;  // from here on: not from the heap

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
/// Mappings given back, for the next arrays of the same sizes: repeated calls on stacks of one
/// shape, or on the blocks of a stream, need not have their results' pages cleared again. The
/// system may take the pages back at any time (MADV_FREE).
class KeptMappings {
 public:
  struct Mapping {
    void* address = nullptr;
    std::byte* begin = nullptr;  ///< where a header goes
    std::size_t n_byte = 0;
  };

  /// A kept mapping of this size, or one without an address.
  Mapping take(std::size_t n_byte) {
    const std::scoped_lock lock(mutex_);
    for (Mapping& kept : kept_) {
      if (kept.n_byte != n_byte) continue;
      total_ -= n_byte;
      return std::exchange(kept, {});
    }
    return {};
  }

  /// Keeps a mapping and unmaps the oldest ones beyond the limit.
  void keep(Mapping mapping) {
    if (mapping.n_byte > most_kept || madvise(mapping.begin, rest(mapping), MADV_FREE) != 0) {
      munmap(mapping.address, mapping.n_byte);
      return;
    }
    const std::scoped_lock lock(mutex_);
    while (total_ + mapping.n_byte > most_kept || kept_[oldest_].n_byte > 0) {
      Mapping& old = kept_[oldest_];
      oldest_ = (oldest_ + 1) % kept_.size();
      if (old.n_byte == 0) continue;
      total_ -= old.n_byte;
      munmap(old.address, old.n_byte);
      old = {};
    }
    total_ += mapping.n_byte;
    kept_[oldest_] = mapping;
    oldest_ = (oldest_ + 1) % kept_.size();
  }

 private:
  static constexpr std::size_t most_kept = std::size_t{256} << 20U;

  static std::size_t rest(const Mapping& mapping) {
    return mapping.n_byte -
           static_cast<std::size_t>(mapping.begin - static_cast<std::byte*>(mapping.address));
  }

  std::mutex mutex_;
  std::array<Mapping, 32> kept_{};
  std::size_t oldest_ = 0;
  std::size_t total_ = 0;
};

KeptMappings& kept_mappings() {
  static auto& kept = *new KeptMappings;  // never destroyed: arrays may outlive static objects
  return kept;
}

void* map(std::size_t n_byte) {
  const bool large = n_byte >= 2 * large_page;
  const std::size_t room = large ? large_page : 0;
  const std::size_t page = large ? large_page : std::size_t{4096};
  const std::size_t total = (n_byte / page + 1) * page + room;
  if (const auto kept = kept_mappings().take(total); kept.address != nullptr) {
    return with_header(kept.begin, kept.address, total);
  }
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
    kept_mappings().keep({header.mapping, static_cast<std::byte*>(begin), header.n_byte});
    return;
  }
#endif
  std::free(begin);
}

}  // namespace nmcx
