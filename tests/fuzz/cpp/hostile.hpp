// Sizes and numbers out of the bytes that a fuzzer varies.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace nmcx::fuzz {

/// Bytes taken from the front one after the other; zeros once there are none.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}

  std::uint8_t byte() { return at_ == end_ ? std::uint8_t{0} : *at_++; }

  /// A number from `low` to `high`.
  std::size_t number(std::size_t low, std::size_t high) {
    return low + (byte() % (high - low + 1));
  }

  /// Anything a double can be: round numbers mostly, else limits, else any bits.
  double real() {
    static constexpr std::array<double, 10> limits{std::numeric_limits<double>::quiet_NaN(),
                                                   std::numeric_limits<double>::infinity(),
                                                   -std::numeric_limits<double>::infinity(),
                                                   std::numeric_limits<double>::max(),
                                                   std::numeric_limits<double>::denorm_min(),
                                                   -0.0,
                                                   1e-300,
                                                   1e30,
                                                   9.3e18,
                                                   -1.0};
    const std::uint8_t kind = byte();
    if (kind < 200) return (static_cast<double>(byte()) / 16.0) - 2.0;
    if (kind < 240) return limits[kind % limits.size()];
    std::array<std::uint8_t, sizeof(double)> bits{};
    for (auto& bit : bits) bit = byte();
    double value = 0;
    std::memcpy(&value, bits.data(), sizeof value);
    return value;
  }

  template <class T = double>
  std::vector<T> reals(std::size_t n) {
    std::vector<T> values(n);
    for (T& value : values) value = static_cast<T>(real());
    return values;
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

}  // namespace nmcx::fuzz
