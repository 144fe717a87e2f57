#pragma once

#include <cstdint>

namespace nmcx {

/// Numbers from -1 to 1 that depend on the seed only, the same on every machine (splitmix64).
class UniformNumbers {
 public:
  explicit UniformNumbers(std::uint64_t seed) : state_(seed) {}

  /// Numbers of their own for each of many keys, however close.
  static UniformNumbers of_key(std::uint64_t key) { return UniformNumbers(key * increment); }

  double operator()() {
    state_ += increment;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    z ^= z >> 31U;
    return (static_cast<double>(z >> 11U) * 0x1p-52) - 1.0;
  }

 private:
  static constexpr std::uint64_t increment = 0x9E3779B97F4A7C15U;
  std::uint64_t state_;
};

}  // namespace nmcx
