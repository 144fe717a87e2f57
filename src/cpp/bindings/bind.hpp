// How C++ arrays, views and executions become Python objects. Every binding file includes this one,
// so that all of them see the same type casters.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "nmcx/core/error.hpp"
#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

namespace py = pybind11;

namespace nmcx::bindings {

/// True when Python has a pending signal, such as Ctrl-C; leaves the exception set for the caller.
inline bool signals_pending() {
  const py::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

using ReleaseGil = py::call_guard<py::gil_scoped_release>;

/// What `make` returns, other threads of Python running meanwhile. For constructors that return an
/// owner: pybind11 enters the new object into its table of all objects as a part of the call, which
/// a guard of the whole call would have it do without the lock that protects this table.
template <class Make>
auto without_gil(const Make& make) {
  const py::gil_scoped_release released;
  return make();
}

}  // namespace nmcx::bindings

namespace pybind11::detail {

/// A C-contiguous, aligned numpy array of exactly this dtype and rank; anything else is a
/// TypeError.
template <class T, std::size_t N>
struct type_caster<nmcx::ArrayView<T, N>> {
  using Source = array_t<T, array::c_style>;
  using View = nmcx::ArrayView<T, N>;
  PYBIND11_TYPE_CASTER(View, const_name("numpy.typing.NDArray[") + npy_format_descriptor<T>::name +
                                 const_name("]"));

  bool load(handle source, bool /*convert*/) {
    if (!Source::check_(source)) return false;
    holder_ = reinterpret_borrow<Source>(source);
    if (holder_.ndim() != static_cast<ssize_t>(N) ||
        (holder_.flags() & npy_api::NPY_ARRAY_ALIGNED_) == 0) {
      return false;
    }
    for (std::size_t i = 0; i < N; ++i) {
      value.shape[i] = static_cast<std::size_t>(holder_.shape(static_cast<ssize_t>(i)));
    }
    value.data = holder_.data();
    return true;
  }

 private:
  Source holder_;  // keeps the memory alive during the call
};

/// A member of a bound result becomes a read-only view that keeps its owner alive.
template <class T, std::size_t N>
struct type_caster<nmcx::Array<T, N>> {
  using Owned = nmcx::Array<T, N>;
  static constexpr auto name =
      const_name("numpy.typing.NDArray[") + npy_format_descriptor<T>::name + const_name("]");

  static handle cast(const Owned& source, return_value_policy /*policy*/, handle parent) {
    array result(dtype::of<T>(), shape_of(source), source.data(), parent);
    result.attr("flags").attr("writeable") = false;
    return result.release();
  }
  static handle cast(Owned&& source, return_value_policy /*policy*/, handle /*parent*/) {
    auto* owner = new Owned(std::move(source));
    const capsule keep(owner, [](void* p) { delete static_cast<Owned*>(p); });
    return array(dtype::of<T>(), shape_of(*owner), owner->data(), keep).release();
  }

 private:
  static std::vector<ssize_t> shape_of(const Owned& source) {
    return {source.shape.begin(), source.shape.end()};
  }
};

/// A number of threads (0: all cores); the kernel it starts can be stopped by Ctrl-C.
template <>
struct type_caster<nmcx::Execution> {
  PYBIND11_TYPE_CASTER(nmcx::Execution, const_name("int"));

  bool load(handle source, bool /*convert*/) {
    make_caster<int> threads;
    if (!threads.load(source, false)) return false;
    nmcx::require(cast_op<int>(threads) >= 0, "threads must be 0 (all cores) or more");
    value = {.threads = static_cast<unsigned>(cast_op<int>(threads)),
             .poll = nmcx::bindings::signals_pending};
    return true;
  }
};

}  // namespace pybind11::detail
