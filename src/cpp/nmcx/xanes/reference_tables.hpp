// Reference spectra on the energies of a stack, at every shift of a grid.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <vector>

#include "nmcx/xanes/nonnegative.hpp"
#include "nmcx/xanes/normalise.hpp"
#include "nmcx/xanes/reference_fit.hpp"

namespace nmcx::xanes {

/// References at one shift, weighted, with the free background taken out of them.
struct ShiftedReferences {
  Eigen::MatrixXd background;  ///< (n, n_free) orthonormal
  Eigen::MatrixXd columns;     ///< (n, n_ref) R_k, then (n, n_ref) -dR_k/dE if there is a shift
  Eigen::MatrixXd gram;        ///< columnsᵀ columns
};

struct ReferenceTables {
  EdgePlan plan;
  std::vector<std::size_t> rows;  ///< energies fitted, as rows of the plan
  Eigen::VectorXd root_weight;    ///< (n,) of these
  Eigen::VectorXd jump;           ///< (n,) weights that give the jump from the windows' fits
  Eigen::Index n_reference = 0;
  double first_shift = 0.0;  ///< [eV]
  double spacing = 0.0;      ///< of the grid of shifts [eV]; 0: no shift
  std::size_t coarse = 1;    ///< every how manyth shift is tried first
  std::vector<ShiftedReferences> shifted;
};

/// @param variance  (n_energy,) variance of each energy, the same in all voxels; empty: all one
/// @throws InvalidArgument as `fit_references`
ReferenceTables make_reference_tables(ArrayView<double, 1> energy_ev, const ReferenceModel& model,
                                      const std::vector<double>& variance);

}  // namespace nmcx::xanes
