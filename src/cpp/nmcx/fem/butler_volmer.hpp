// Kinetics of the surface: Butler–Volmer, through a thin layer that covers part of it.
#pragma once

#include <cstddef>

#include "nmcx/core/views.hpp"

namespace nmcx {

inline constexpr double faraday = 96485.33212;  ///< [C/mol]

/// i = i_0 (exp(α_a F η/RT) − exp(−α_c F η/RT)), η = φ − U(c), positive while lithium leaves.
struct ElectrodeKinetics {
  double max_concentration = 0;      ///< [mol/m³]
  double prefactor = 0;              ///< i_0 = prefactor (C_max − c)^α_a c^α_c [A/m²]
  double transfer_anodic = 0.5;      ///< α_a
  double transfer_cathodic = 0.5;    ///< α_c
  double thermal = 0;                ///< F/RT [1/V]
  ArrayView<double, 1> equilibrium;  ///< (n) U at x = 0 … 1 in even steps [V]
  ArrayView<double, 1> slope;        ///< (n) dU/dx there [V]
};

/// Outward flux J = i/F of a surface point and its derivatives.
struct SurfaceFlux {
  double flux = 0;               ///< [mol/m²/s]
  double per_concentration = 0;  ///< [m/s]
  double per_potential = 0;      ///< [mol/m²/s/V]
};

/// @throws InvalidArgument if a constant is not positive or the table has fewer than two rows
void check_kinetics(const ElectrodeKinetics& kinetics);

/// Flux of a bare surface at concentration c and electrode potential φ.
SurfaceFlux butler_volmer(const ElectrodeKinetics& kinetics, double concentration,
                          double potential);

/// Flux behind a layer of conductance k [m/s], J = k (c − c_outer) with Butler–Volmer at c_outer,
/// on the covered part, and of the bare surface on the rest.
SurfaceFlux covered_surface(const ElectrodeKinetics& kinetics, double concentration,
                            double potential, double conductance, double coverage);

}  // namespace nmcx
