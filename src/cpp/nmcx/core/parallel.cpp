#include "nmcx/core/parallel.hpp"

#include <utility>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace nmcx {
namespace {

// Some tens of microseconds: longer than the pause between two loops of a solver, shorter than what
// anybody would notice.
constexpr int spins_before_sleep = 4000;
constexpr int spins_before_yield = 200;

/// Tells the core that this is a waiting loop.
inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#endif
}

}  // namespace

Team::Team(const Execution& execution)
    : shares_(execution.threads != 0 ? execution.threads
                                     : std::max(1U, std::thread::hardware_concurrency())),
      poll_(execution.poll) {}

Team::~Team() {
  is_closing_.store(true, std::memory_order_relaxed);
  loop_.fetch_add(1, std::memory_order_release);
  loop_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void Team::start_helpers(std::size_t n_helper) {
  try {
    while (helpers_.size() < n_helper) {
      helpers_.emplace_back([this, member = helpers_.size() + 1] { help(member); });
    }
  } catch (const std::system_error&) {
    return;  // no more threads to be had: the ones we have do the work
  }
}

void Team::help(std::size_t member) {
  while (true) {
    const std::uint32_t seen = loop_.load(std::memory_order_acquire);
    if (is_closing_.load(std::memory_order_relaxed)) return;
    while (take_chunk(member)) {
    }
    for (int spins = 0; loop_.load(std::memory_order_relaxed) == seen; ++spins) {
      if (spins < spins_before_sleep) {
        relax();
      } else {
        loop_.wait(seen, std::memory_order_relaxed);
      }
    }
  }
}

/// One chunk of the own share, or of another's when that is done.
bool Team::take_chunk(std::size_t member) {
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    Share& share = shares_[(member + i) % shares_.size()];
    std::uint64_t ticket = share.ticket.load(std::memory_order_acquire);
    while ((ticket & chunk_mask) != 0) {
      if (!share.ticket.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acq_rel,
                                              std::memory_order_acquire)) {
        continue;
      }
      do_chunk(share.end - static_cast<std::size_t>(ticket & chunk_mask), member == 0);
      return true;
    }
  }
  return false;
}

void Team::do_chunk(std::size_t chunk, bool is_caller) {
  if (!has_failed_.load(std::memory_order_relaxed)) {
    try {
      call_(body_, chunk);
      if (is_caller) poll_();
    } catch (...) {
      const std::scoped_lock lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
      has_failed_.store(true, std::memory_order_relaxed);
    }
  }
  n_done_.fetch_add(1, std::memory_order_acq_rel);
}

void Team::run_chunks(std::size_t n_chunk) {
  require(n_chunk <= chunk_mask, "a loop has more than 2^32 chunks: take larger ones");
  const std::size_t n_member = std::min(shares_.size(), n_chunk);
  start_helpers(n_member - 1);
  n_done_.store(0, std::memory_order_relaxed);
  const std::uint64_t number = std::uint64_t{loop_.load(std::memory_order_relaxed) + 1} << 32;
  for (std::size_t i = 0; i < n_member; ++i) {
    const std::size_t begin = n_chunk * i / n_member;
    shares_[i].end = n_chunk * (i + 1) / n_member;
    shares_[i].ticket.store(number | (shares_[i].end - begin), std::memory_order_release);
  }
  loop_.fetch_add(1, std::memory_order_release);
  if (!helpers_.empty()) loop_.notify_all();
  while (take_chunk(0)) {
  }
  for (int spins = 0; n_done_.load(std::memory_order_acquire) < n_chunk; ++spins) {
    if (spins < spins_before_yield) {
      relax();
    } else {
      std::this_thread::yield();
    }
  }
  if (error_) {
    has_failed_.store(false, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(error_, nullptr));
  }
}

}  // namespace nmcx
