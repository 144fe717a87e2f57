// The smallest polycrystal: two tetrahedra.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/transport.hpp"

/// Two tetrahedra that share a face, each in a grain of its own with nodes of its own.
struct TwoGrains {
  std::vector<double> points{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1,
                             1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1};
  std::vector<std::int64_t> cells{0, 1, 2, 3, 4, 5, 6, 7};
  std::vector<std::int64_t> grain{0, 1};
  std::vector<std::int64_t> interfaces{1, 2, 3, 4, 5, 6};
  std::vector<std::int64_t> surface{0, 2, 1, 0, 1, 3, 0, 3, 2, 4, 5, 7, 5, 6, 7, 4, 7, 6};
  std::vector<double> diffusivity{2, 0.5, 0, 0.5, 1, 0, 0, 0, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1};
  std::vector<double> conductance{std::numeric_limits<double>::infinity()};
  std::vector<double> along{0};

  [[nodiscard]] nmcx::TransportMesh mesh() const {
    return {.points = {points.data(), {points.size() / 3, 3}},
            .cells = {cells.data(), {2, 4}},
            .grain = {grain.data(), {2}},
            .interfaces = {interfaces.data(), {1, 6}},
            .surface = {surface.data(), {6, 3}}};
  }
  [[nodiscard]] nmcx::TransportProperties properties() const {
    return {.diffusivity = {diffusivity.data(), {2, 3, 3}},
            .conductance = {conductance.data(), {1}},
            .along = {along.data(), {1}}};
  }
  [[nodiscard]] nmcx::Transport transport() const {
    return {mesh(), properties(), true, nmcx::SolverKind::automatic, one_thread};
  }
  nmcx::Execution one_thread{.threads = 1, .poll = {}};
};

inline nmcx::ArrayView<double, 1> view(const std::vector<double>& values) {
  return {values.data(), {values.size()}};
}

inline bool names(const nmcx::InvalidArgument& error, const char* word) {
  return std::string(error.what()).find(word) != std::string::npos;
}
