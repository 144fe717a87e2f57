// Pre-edge and post-edge fits on a fixed energy grid: one constant matrix for all voxels.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"

namespace nmcx::xanes {

/// What is fitted where. Windows are closed intervals of absolute photon energy.
struct EdgeModel {
  std::array<double, 2> pre_edge{};   ///< window of the pre-edge polynomial [eV]
  std::array<double, 2> post_edge{};  ///< window of the post-edge polynomial [eV]
  int pre_degree = 1;                 ///< 0 or 1
  int post_degree = 1;                ///< 0, 1 or 2
  double level = 0.5;                 ///< height of the edge as a fraction of the jump [1]
  double peak_half_width_ev = 2.0;    ///< reach of the white-line parabola [eV]
  /// Mean spectrum (n_energy,) whose slopes relative to its jump are imposed on every voxel, so
  /// that only an offset and a jump are fitted ("global shape"); empty: both polynomials are free.
  std::vector<double> shape_mu{};
};

/// The constants of a fit on one energy grid. Used energies are first..first + size() - 1: the
/// pre-edge window, the scan range strictly between the windows, the post-edge window.
/// Polynomials are in x = (energy - reference_ev) / scale_ev.
struct EdgePlan {
  EdgeModel model;
  std::size_t first = 0;
  std::size_t n_pre = 0;
  std::size_t n_scan = 0;
  std::size_t n_post = 0;
  double reference_ev = 0.0;
  double scale_ev = 1.0;
  std::vector<double> relative_ev;          ///< (n,) energy - reference_ev of the used energies
  std::vector<double> pre_weights;          ///< (2, n_pre): sums 0 and 1 over the pre-edge window
  std::vector<double> post_weights;         ///< (3, n_post): sums 2 to 4 over the post-edge window
  std::array<double, 25> mix{};             ///< (5, 5): coefficients from the sums
  std::vector<double> coefficient_weights;  ///< (5, n_pre + n_post): constant and slope of the
                                            ///< pre-edge, three of the post-edge, from mu
  std::vector<double> level_weights;        ///< (3, n_pre + n_post): pre + level × post from mu
  std::array<double, 5> level_variance{};   ///< its variance per unit noise, polynomial in x
  double pre_slope_variance = 0.0;          ///< variance of the pre-edge slope [1/eV²]
  std::size_t n_freedom = 0;                ///< degrees of freedom of both fits

  [[nodiscard]] std::size_t size() const { return n_pre + n_scan + n_post; }
  [[nodiscard]] double x(std::size_t row) const { return relative_ev[row] / scale_ev; }
};

/// @param energy_ev  photon energies [eV], (n_energy,)
/// @throws InvalidArgument if energies do not increase, a window holds too few points for its
///         degree, fewer than four energies lie between the windows, or the level is not in (0, 1)
EdgePlan make_edge_plan(ArrayView<double, 1> energy_ev, const EdgeModel& model);

struct Normalised {
  Array<double, 2> norm;       ///< (n_energy, n_voxel) (mu - pre) / jump
  Array<double, 2> flat;       ///< (n_energy, n_voxel) norm - (post / jump - 1) above the edge
  Array<double, 1> edge_jump;  ///< (n_voxel,) post-edge curve at the edge
};

/// Normalised and flattened spectra.
///
/// @param energy_ev  photon energies [eV], (n_energy,), increasing
/// @param mu         absorption [1], (n_energy, n_voxel); a voxel with NaN becomes NaN
/// @param edge_ev    where the jump is taken [eV]
/// @throws InvalidArgument as `make_edge_plan`, or if mu has another number of energies
Normalised normalise(ArrayView<double, 1> energy_ev, ArrayView<double, 2> mu,
                     const EdgeModel& model, double edge_ev, const Execution& execution);

}  // namespace nmcx::xanes
