// Arrays as kernels see them: borrowed row-major views in, owned row-major arrays out.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <type_traits>

#include "nmcx/core/error.hpp"
#include "nmcx/core/memory.hpp"

namespace nmcx {

/// Number of elements of a shape.
/// @throws InvalidArgument if it does not fit into a std::size_t
template <std::size_t N>
std::size_t checked_size(const std::array<std::size_t, N>& shape) {
  std::size_t total = 1;
  for (const std::size_t n : shape) {
    if (n != 0 && total > std::numeric_limits<std::size_t>::max() / n) {
      throw InvalidArgument("array shape is too large for this machine");
    }
    total *= n;
  }
  return total;
}

/// Borrowed, read-only, row-major array; the last index runs fastest.
template <class T, std::size_t N>
struct ArrayView {
  const T* data = nullptr;
  std::array<std::size_t, N> shape{};

  [[nodiscard]] std::size_t size() const {
    std::size_t total = 1;
    for (const std::size_t n : shape) total *= n;
    return total;
  }
  [[nodiscard]] const T& operator[](std::size_t i) const { return data[i]; }
  [[nodiscard]] const T* begin() const { return data; }
  [[nodiscard]] const T* end() const { return data + size(); }

  [[nodiscard]] const T& operator()(std::size_t i, std::size_t j) const
    requires(N == 2)
  {
    return data[(i * shape[1]) + j];
  }
  [[nodiscard]] const T& operator()(std::size_t i, std::size_t j, std::size_t k) const
    requires(N == 3)
  {
    return data[(((i * shape[1]) + j) * shape[2]) + k];
  }
};

/// Owned row-major array; elements start uninitialised unless a value is given.
template <class T, std::size_t N>
class Array {
 public:
  Array() = default;
  explicit Array(const std::array<std::size_t, N>& extents)
      : shape(extents), data_(allocated(checked_size(extents))) {}
  Array(const std::array<std::size_t, N>& extents, T value) : Array(extents) {
    for (std::size_t i = 0; i < size(); ++i) data_[i] = value;
  }

  std::array<std::size_t, N> shape{};

  [[nodiscard]] std::size_t size() const { return view().size(); }
  [[nodiscard]] T* data() { return data_.get(); }
  [[nodiscard]] const T* data() const { return data_.get(); }
  [[nodiscard]] T& operator[](std::size_t i) { return data_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return data_[i]; }
  [[nodiscard]] ArrayView<T, N> view() const { return {data_.get(), shape}; }

 private:
  static_assert(std::is_trivial_v<T>);
  using Memory = std::unique_ptr<T[], Release>;

  static Memory allocated(std::size_t n) {
    if (n > std::numeric_limits<std::size_t>::max() / sizeof(T)) {
      throw InvalidArgument("array shape is too large for this machine");
    }
    return Memory(static_cast<T*>(allocate(n * sizeof(T))));
  }

  Memory data_;
};

/// Boolean or integer volume in (z, y, x) order.
template <class T>
using VolumeView = ArrayView<T, 3>;

}  // namespace nmcx
