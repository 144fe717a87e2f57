// Places of a surface where lithium reacts, and a straight open-circuit potential, for the tests of
// the electrode.
#pragma once

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "nmcx/fem/butler_volmer.hpp"
#include "nmcx/fem/transport.hpp"
#include "two_grains.hpp"

namespace electrode {

inline constexpr double none = std::numeric_limits<double>::quiet_NaN();
inline constexpr double bare = std::numeric_limits<double>::infinity();
inline constexpr double full = 60'000;
inline constexpr double thermal = 38.92;

/// U(x) = 4.3 − 0.8 x, and sites of the surface that each carry what is the tests' own.
struct Sites {
  std::vector<double> potential{4.3, 3.5};
  std::vector<double> slope{-0.8, -0.8};
  std::vector<std::int64_t> unknown;
  std::vector<double> area, conductance, coverage, shift, relief;

  /// Bare sites of a square metre.
  explicit Sites(std::vector<std::int64_t> of)
      : unknown(std::move(of)),
        area(unknown.size(), 1.0),
        conductance(unknown.size(), bare),
        coverage(unknown.size(), 0.0),
        shift(unknown.size(), 0.0),
        relief(unknown.size(), 0.0) {}

  /// Corners of the facets of a body, each with its share of their area.
  explicit Sites(const nmcx::Transport& transport) : Sites(corners(transport)) {
    for (std::size_t p = 0; p < area.size(); ++p) area[p] = transport.surface_area()[p / 3] / 3;
  }

  static std::vector<std::int64_t> corners(const nmcx::Transport& transport) {
    const auto of = transport.surface_unknowns();
    return {of.data(), of.data() + of.size()};
  }

  [[nodiscard]] nmcx::Electrode electrode() const {
    const std::array<std::size_t, 1> n{unknown.size()};
    return {.sites = {.unknown = {unknown.data(), n},
                      .area = view(area),
                      .conductance = view(conductance),
                      .coverage = view(coverage),
                      .shift = view(shift),
                      .relief = view(relief)},
            .kinetics = {.max_concentration = full,
                         .prefactor = 1e-4,
                         .transfer_anodic = 0.5,
                         .transfer_cathodic = 0.5,
                         .thermal = thermal,
                         .equilibrium = view(potential),
                         .slope = view(slope)}};
  }
  [[nodiscard]] nmcx::Electrode with_current(double current, double start = 3.8) const {
    nmcx::Electrode result = electrode();
    result.current = current;
    result.potential = start;
    return result;
  }
  [[nodiscard]] nmcx::Electrode with_potential(double given) const {
    nmcx::Electrode result = electrode();
    result.current_is_given = false;
    result.potential = given;
    return result;
  }
  /// The flux of a site by the kinetics alone, with what stress adds to U.
  [[nodiscard]] double flux(std::size_t p, double c, double at) const {
    const double eta_shift = shift[p] - (relief[p] * c);
    return nmcx::covered_surface(electrode().kinetics, c, at - eta_shift, conductance[p],
                                 coverage[p])
        .flux;
  }
};

inline double equilibrium(double c) {
  return 4.3 - (0.8 * c / full);
}

inline double exchange_current(double c) {
  return 1e-4 * std::sqrt(c * (full - c));
}

template <class Error, class Call>
void fails(const Call& call, const std::string& words) {
  BOOST_CHECK_EXCEPTION(call(), Error, [&](const Error& error) {
    return std::string(error.what()).find(words) != std::string::npos;
  });
}

}  // namespace electrode
