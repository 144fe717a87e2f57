// Fractions of reference spectra in every voxel, by non-negative least squares.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/xanes/normalise.hpp"

namespace nmcx::xanes {

/// What is fitted: mu = pre + sum_k g_k R_k(E - shift) + (h_1 x + h_2 x²) mean(R), g_k >= 0, with
/// the polynomials of the edge model. The fractions are g_k over the jump.
struct ReferenceModel {
  EdgeModel edge;                                 ///< windows and degrees
  std::vector<std::vector<double>> reference_ev;  ///< photon energies of each reference [eV]
  std::vector<std::vector<double>> reference_mu;  ///< normalised: 0 before, 1 after the edge
  std::array<double, 2> window{};                 ///< energies fitted between the two windows [eV]
  std::array<double, 2> shift{};  ///< bounds of a shift common to all references [eV]; equal: none
  bool sum_to_one = false;        ///< jump = sum of g_k; else that of the windows
};

struct ReferenceMap {
  Array<double, 2> fraction;         ///< (n_reference, n_voxel)
  Array<float, 2> fraction_std;      ///< (n_reference, n_voxel)
  Array<float, 1> residual;          ///< (n_voxel,) root mean square misfit in jumps
  Array<double, 1> energy_shift;     ///< (n_voxel,) [eV]
  Array<float, 1> energy_shift_std;  ///< (n_voxel,) [eV]
  Array<float, 1> edge_jump;         ///< (n_voxel,)
  Array<std::uint16_t, 1>
      status;  ///< (n_voxel,) `EdgeStatus` bits 1, 2, 8 (shift at its bound), 16
};

/// @param energy_ev  photon energies [eV], (n_energy,), increasing
/// @param mu         absorption, (n_energy, n_voxel), or (n_voxel, n_energy) if `voxel_major`
/// @param variance   as in `fit_edges`: of one voxel, weights and errors; of all, errors only;
///                   empty: noise of each voxel from its residuals
/// @throws InvalidArgument as `make_edge_plan` and `EdgeCurve`, if references are nearly dependent,
///         more than `most_references`, or too few energies are fitted
ReferenceMap fit_references(ArrayView<double, 1> energy_ev, ArrayView<float, 2> mu,
                            ArrayView<float, 2> variance, bool voxel_major,
                            const ReferenceModel& model, const Execution& execution);
/// The same for double.
ReferenceMap fit_references(ArrayView<double, 1> energy_ev, ArrayView<double, 2> mu,
                            ArrayView<double, 2> variance, bool voxel_major,
                            const ReferenceModel& model, const Execution& execution);

}  // namespace nmcx::xanes
