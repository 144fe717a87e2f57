// The only threading of the library: loops over fixed chunks on threads that stay for a while.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
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

  /// Between two parts of a kernel that ask by themselves.
  /// @throws Cancelled if `poll` asks to stop
  void stop_if_asked() const {
    if (poll && poll()) throw Cancelled();
  }
};

/// Asks now and then whether to stop.
class Poll {
 public:
  explicit Poll(const std::function<bool()>& ask) : ask_(&ask) {}
  explicit Poll(std::function<bool()>&&) = delete;  ///< it would not live as long

  /// @throws Cancelled if so; asks no more often than every 50 ms
  void operator()() {
    if (!*ask_ || Clock::now() - asked_ <= std::chrono::milliseconds(50)) return;
    asked_ = Clock::now();
    if ((*ask_)()) throw Cancelled();
  }

  /// The same in a loop whose turns take less time than looking at a clock.
  void every_4096(std::size_t turn) {
    if (turn % 4096 == 0) (*this)();
  }

 private:
  using Clock = std::chrono::steady_clock;
  const std::function<bool()>* ask_;
  Clock::time_point asked_ = Clock::now();
};

/// Threads that share one loop after another.
///
/// An algorithm of many short loops, such as an iterative solver, makes one team and keeps it: a
/// thread takes as long to start as a hundred thousand products. Helpers start with the first loop
/// of more than one chunk, look out for the next loop for some tens of microseconds and sleep after
/// that. Each thread begins with the same share of every loop, so that what a solver reads again
/// and again stays in its cache, and then helps the others.
/// A team belongs to the thread that made it; loops of one team do not nest.
class Team {
 public:
  explicit Team(const Execution& execution);
  explicit Team(Execution&&) = delete;  ///< it would not live as long
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// Calls body(begin, end, chunk) for every chunk of `grain` indices below `n`.
  ///
  /// Chunk borders depend on `n` and `grain` alone, never on the number of threads: a body that
  /// writes its own range only gives the same bits on 1 thread or 64. For a reduction keep one
  /// partial result per chunk and sum them in the order of the chunks. The first exception of a
  /// body is rethrown here.
  ///
  /// @throws Cancelled if `execution.poll` asked to stop
  template <class Body>
  void loop(std::size_t n, std::size_t grain, const Body& body) {
    if (n == 0) return;
    grain = std::max<std::size_t>(1, grain);
    run((n / grain) + (n % grain != 0 ? 1 : 0), [&](std::size_t chunk) {
      const std::size_t begin = chunk * grain;
      body(begin, std::min(n, begin + grain), chunk);
    });
  }

 private:
  using Call = void (*)(const void* body, std::size_t chunk);

  /// Chunks of a loop that one thread begins with. The ticket holds how many are still to be taken
  /// and, above that, the number of the loop: who comes late takes nothing of a loop he does not
  /// know.
  struct alignas(64) Share {
    std::atomic<std::uint64_t> ticket{0};
    std::size_t end = 0;
  };
  static constexpr std::uint64_t chunk_mask = 0xFFFFFFFF;

  template <class Body>
  void run(std::size_t n_chunk, const Body& body) {
    body_ = &body;
    call_ = [](const void* each, std::size_t chunk) { (*static_cast<const Body*>(each))(chunk); };
    run_chunks(n_chunk);
  }

  void run_chunks(std::size_t n_chunk);
  void start_helpers(std::size_t n_helper);
  void help(std::size_t member);
  bool take_chunk(std::size_t member);
  void do_chunk(std::size_t chunk, bool is_caller);

  std::vector<Share> shares_;  ///< of each thread, the caller's first
  std::vector<std::thread> helpers_;
  Poll poll_;

  // Of the loop that runs; they stay as they are while one of its chunks is in work.
  const void* body_ = nullptr;
  Call call_ = nullptr;

  alignas(64) std::atomic<std::uint32_t> loop_{0};  ///< its number
  std::atomic<bool> is_closing_{false};
  alignas(64) std::atomic<std::size_t> n_done_{0};
  std::atomic<bool> has_failed_{false};
  std::mutex error_mutex_;
  std::exception_ptr error_;
};

/// One loop by a team of its own: see `Team::loop`.
template <class Body>
void parallel_for(std::size_t n, std::size_t grain, const Execution& execution, const Body& body) {
  Team(execution).loop(n, grain, body);
}

}  // namespace nmcx
