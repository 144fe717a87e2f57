#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

BOOST_AUTO_TEST_SUITE(parallel)

BOOST_AUTO_TEST_CASE(every_index_is_visited_once_for_any_number_of_threads) {
  for (const unsigned threads : {0U, 1U, 2U, 3U, 7U}) {
    std::vector<int> visits(1003, 0);
    std::atomic<bool> chunks_fit{true};  // Boost's checks are for one thread only
    nmcx::parallel_for(visits.size(), 10, {.threads = threads, .poll = {}},
                       [&](std::size_t begin, std::size_t end, std::size_t chunk) {
                         if (begin != chunk * 10) chunks_fit = false;
                         for (std::size_t i = begin; i < end; ++i) ++visits[i];
                       });
    BOOST_TEST(chunks_fit.load());
    for (const int n : visits) BOOST_TEST(n == 1);
  }
}

BOOST_AUTO_TEST_CASE(chunked_sum_has_the_same_bits_for_any_number_of_threads) {
  const std::size_t n = 100'000;
  const auto sum = [&](unsigned threads) {
    std::vector<double> partial((n + 999) / 1000, 0.0);
    nmcx::parallel_for(n, 1000, {.threads = threads, .poll = {}},
                       [&](std::size_t begin, std::size_t end, std::size_t chunk) {
                         for (std::size_t i = begin; i < end; ++i) {
                           partial[chunk] += 1.0 / static_cast<double>(i + 1);
                         }
                       });
    return std::accumulate(partial.begin(), partial.end(), 0.0);
  };
  const double serial = sum(1);
  for (const unsigned threads : {2U, 3U, 7U}) BOOST_TEST(sum(threads) == serial);
}

BOOST_AUTO_TEST_CASE(an_exception_of_a_chunk_reaches_the_caller) {
  const auto run = [] {
    nmcx::parallel_for(100, 1, {.threads = 3, .poll = {}},
                       [](std::size_t begin, std::size_t, std::size_t) {
                         if (begin == 57) throw std::runtime_error("chunk 57");
                       });
  };
  BOOST_CHECK_EXCEPTION(run(), std::runtime_error, [](const std::runtime_error& error) {
    return std::string(error.what()) == "chunk 57";
  });
}

BOOST_AUTO_TEST_CASE(a_poll_that_says_stop_cancels_the_loop) {
  std::atomic<std::size_t> done{0};
  const auto run = [&] {
    nmcx::parallel_for(1'000'000, 1, {.threads = 2, .poll = [] { return true; }},
                       [&](std::size_t, std::size_t, std::size_t) {
                         ++done;
                         std::this_thread::sleep_for(std::chrono::microseconds(100));
                       });
  };
  BOOST_CHECK_THROW(run(), nmcx::Cancelled);
  BOOST_TEST(done.load() < 100'000U);
}

BOOST_AUTO_TEST_CASE(a_team_does_one_loop_after_another_and_sleeps_between_them) {
  for (const unsigned threads : {1U, 2U, 5U}) {
    const nmcx::Execution execution{.threads = threads, .poll = {}};
    nmcx::Team team(execution);
    std::vector<std::size_t> sums(64, 0);
    std::size_t expected = 0;
    // Loops of one chunk to many, most at once after the last, some after the helpers fell asleep.
    for (std::size_t loop = 1; loop <= 3000; ++loop) {
      const std::size_t n = 1 + (loop % sums.size());
      team.loop(n, 1, [&](std::size_t begin, std::size_t, std::size_t) { sums[begin] += loop; });
      expected += n * loop;
      if (loop % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    BOOST_TEST(std::accumulate(sums.begin(), sums.end(), std::size_t{0}) == expected);
  }
}

BOOST_AUTO_TEST_CASE(a_team_goes_on_after_an_exception) {
  const nmcx::Execution execution{.threads = 3, .poll = {}};
  nmcx::Team team(execution);
  for (int round = 0; round < 50; ++round) {
    const auto fail = [&] {
      team.loop(20, 1, [](std::size_t begin, std::size_t, std::size_t) {
        if (begin % 7 == 3) throw std::runtime_error("chunk");
      });
    };
    BOOST_CHECK_THROW(fail(), std::runtime_error);
    std::vector<int> visits(20, 0);
    team.loop(20, 1, [&](std::size_t begin, std::size_t, std::size_t) { ++visits[begin]; });
    for (const int n : visits) BOOST_TEST(n == 1);
  }
}

BOOST_AUTO_TEST_CASE(threads_without_work_of_their_own_help_the_others) {
  const nmcx::Execution execution{.threads = 2, .poll = {}};
  nmcx::Team team(execution);
  std::vector<std::thread::id> done_by(8);
  team.loop(8, 1, [&](std::size_t begin, std::size_t, std::size_t) {
    // The second half is slow: its owner cannot have finished it before the caller is free.
    if (begin >= 4) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    done_by[begin] = std::this_thread::get_id();
  });
  const auto by_caller = std::count(done_by.begin(), done_by.end(), std::this_thread::get_id());
  BOOST_TEST(by_caller > 4);
}

BOOST_AUTO_TEST_CASE(an_empty_range_calls_nothing) {
  nmcx::parallel_for(0, 8, {}, [](std::size_t, std::size_t, std::size_t) { BOOST_TEST(false); });
}

BOOST_AUTO_TEST_CASE(a_shape_that_overflows_is_refused) {
  const std::size_t huge = std::size_t{1} << 33;
  BOOST_CHECK_THROW(nmcx::checked_size<3>({huge, huge, huge}), nmcx::InvalidArgument);
  BOOST_TEST((nmcx::checked_size<3>({huge, 0, huge})) == 0U);
}

BOOST_AUTO_TEST_CASE(between_two_parts_a_kernel_stops_at_once_if_asked) {
  const nmcx::Execution stopped{.threads = 1, .poll = [] { return true; }};
  BOOST_CHECK_THROW(stopped.stop_if_asked(), nmcx::Cancelled);
  const nmcx::Execution goes_on{.threads = 1, .poll = [] { return false; }};
  BOOST_CHECK_NO_THROW(goes_on.stop_if_asked());
  const nmcx::Execution unasked{.threads = 1, .poll = {}};
  BOOST_CHECK_NO_THROW(unasked.stop_if_asked());
}

BOOST_AUTO_TEST_CASE(a_poll_asks_now_and_then_and_stops_if_told_so) {
  int n_asked = 0;
  const std::function<bool()> ask = [&] { return ++n_asked > 1; };
  nmcx::Poll poll(ask);
  for (int i = 0; i < 1000; ++i) poll();  // within 50 ms it does not ask
  BOOST_TEST(n_asked == 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  poll();
  BOOST_TEST(n_asked == 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  BOOST_CHECK_THROW(poll(), nmcx::Cancelled);
  const std::function<bool()> nobody;
  nmcx::Poll never(nobody);
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  never();
}

BOOST_AUTO_TEST_SUITE_END()
