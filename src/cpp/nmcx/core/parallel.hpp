// The only threading of the library: a loop over fixed chunks on std::thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "nmcx/core/error.hpp"

namespace nmcx {

/// How a kernel runs: on how many threads, and what asks it to stop.
struct Execution {
  unsigned threads = 0;        ///< 0 takes every core
  std::function<bool()> poll;  ///< called on the calling thread only; true stops the kernel
};

/// Calls body(begin, end, chunk) for every chunk of `grain` indices below `n`.
///
/// Chunk borders depend on `n` and `grain` alone, never on the number of threads: a body that
/// writes its own range only gives the same bits on 1 thread or 64. For a reduction keep one
/// partial result per chunk and sum them in the order of the chunks. The first exception of a body
/// is rethrown here.
///
/// @throws Cancelled if `execution.poll` asked to stop
template <class Body>
void parallel_for(std::size_t n, std::size_t grain, const Execution& execution, const Body& body) {
  if (n == 0) return;
  grain = std::max<std::size_t>(1, grain);
  const std::size_t n_chunk = (n / grain) + (n % grain != 0 ? 1 : 0);
  std::size_t n_thread = execution.threads;
  if (n_thread == 0) n_thread = std::max(1U, std::thread::hardware_concurrency());
  n_thread = std::min(n_thread, n_chunk);

  std::atomic<std::size_t> next{0};
  std::atomic<bool> stop{false};
  std::exception_ptr error;
  std::mutex error_mutex;

  const auto work = [&](bool is_caller) {
    using Clock = std::chrono::steady_clock;
    auto polled = Clock::now();
    try {
      while (!stop.load(std::memory_order_relaxed)) {
        const std::size_t chunk = next.fetch_add(1, std::memory_order_relaxed);
        if (chunk >= n_chunk) return;
        const std::size_t begin = chunk * grain;
        body(begin, std::min(n, begin + grain), chunk);
        if (is_caller && execution.poll && Clock::now() - polled > std::chrono::milliseconds(50)) {
          polled = Clock::now();
          if (execution.poll()) throw Cancelled();
        }
      }
    } catch (...) {
      const std::scoped_lock lock(error_mutex);
      if (!error) error = std::current_exception();
      stop.store(true, std::memory_order_relaxed);
    }
  };

  std::vector<std::thread> helpers;
  helpers.reserve(n_thread - 1);
  for (std::size_t i = 1; i < n_thread; ++i) {
    try {
      helpers.emplace_back(work, false);
    } catch (const std::system_error&) {
      break;  // no more threads to be had: the ones we have do the work
    }
  }
  work(true);
  for (std::thread& helper : helpers) helper.join();
  if (error) std::rethrow_exception(error);
}

}  // namespace nmcx
