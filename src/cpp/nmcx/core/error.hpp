// The only error types of the library. A bad voxel is never one of them: it gets a status and NaN.
#pragma once

#include <stdexcept>
#include <string>

namespace nmcx {

/// The caller's mistake; becomes Python's ValueError. The message names argument and remedy.
struct InvalidArgument : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// An iteration that did not arrive; the message gives step, residual and tolerance.
struct ConvergenceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Stopped on request; becomes Python's KeyboardInterrupt.
struct Cancelled : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return "cancelled"; }
};

inline void require(bool condition, const std::string& message) {
  if (!condition) throw InvalidArgument(message);
}

inline void require(bool condition, const char* message) {
  if (!condition) throw InvalidArgument(message);
}

}  // namespace nmcx
