#include <algorithm>
#include <cmath>
#include <string>

#include "nmcx/core/error.hpp"
#include "nmcx/fem/cell_corners.hpp"
#include "nmcx/fem/transport.hpp"
#include "nmcx/fem/transport_cells.hpp"

namespace nmcx {
namespace {

/// The table's value at x, straight between its rows; that of the end beyond it.
double interpolated(const ArrayView<double, 1>& table, double x) {
  const std::size_t n_interval = table.shape[0] - 1;
  const double at = std::clamp(x, 0.0, 1.0) * static_cast<double>(n_interval);
  const std::size_t i = std::min(n_interval - 1, static_cast<std::size_t>(at));
  const double t = at - static_cast<double>(i);
  return ((1 - t) * table[i]) + (t * table[i + 1]);
}

void check_drive(const StressDrive& drive, std::size_t n, std::size_t n_cell, std::size_t d) {
  require(drive.concentration.shape[0] == n, "a stress drive needs one concentration per unknown");
  require(drive.mobility.shape[0] >= 2, "the table of mobility needs two rows");
  require(
      drive.relief.shape[0] == n_cell && drive.pull.shape[0] == n_cell && drive.pull.shape[1] == d,
      "a stress drive needs a relief and a pull (d) per cell");
  require(drive.max_concentration > 0, "max_concentration must be positive");
  for (const double m : drive.mobility) {
    require(m >= 0 && std::isfinite(m), "mobility must be 0 or more, and finite");
  }
  for (const double relief : drive.relief) {
    require(relief >= 0 && std::isfinite(relief), "relief must be 0 or more, and finite");
  }
  for (const double pull : drive.pull) require(std::isfinite(pull), "pull must be finite");
}

}  // namespace

Array<double, 1> Transport::drive_by_stress(const StressDrive& drive, const Execution& execution) {
  const std::scoped_lock lock(mutex_);
  check_drive(drive, size(), cells_.size(), dimension_);
  std::fill(stiffness_.begin(), stiffness_.end(), 0.0);
  system_.rate = -1;  // the matrix is no longer that of the last step
  Array<double, 1> load({size()}, 0.0);
  if (dimension_ == 2) {
    add_driven_cells<2>(drive, load.data(), execution);
    add_walls<2>(execution);
  } else {
    add_driven_cells<3>(drive, load.data(), execution);
    add_walls<3>(execution);
  }
  return load;
}

template <std::size_t d>
void Transport::add_driven_cells(const StressDrive& drive, double* load,
                                 const Execution& execution) {
  constexpr std::size_t n = d + 1;
  cell_assembly_->for_each_group<n>(execution, [&](const auto& place) {
    const Simplex<d> s = simplex(cell_corners<d>(unknowns_, place.rows));
    const std::size_t cell = order_[place.group];
    Tensor<d> tensor;
    std::copy_n(diffusivity_.data() + (grain_[place.group] * d * d), d * d, tensor.begin());
    // The mean over the corners: a cell whose corners are all empty or full gives nothing.
    double mobility = 0;
    for (std::size_t i = 0; i < n; ++i) {
      mobility +=
          interpolated(drive.mobility, drive.concentration[place.row(i)] / drive.max_concentration);
    }
    mobility /= static_cast<double>(n);
    Vector<d> pull;
    for (std::size_t k = 0; k < d; ++k) {
      pull[k] = s.volume * drive.max_concentration * mobility * drive.pull(cell, k);
    }
    const Vector<d> flow = product<d>(tensor, pull);
    for (double& each : tensor) each *= 1 + (mobility * drive.relief[cell]);
    const auto k_ij = cell_stiffness(s, tensor.data());
    for (std::size_t i = 0; i < n; ++i) {
      if (!place.is_mine(i)) continue;
      load[place.row(i)] += dot<d>(s.gradients[i], flow);
      double* row = stiffness_.data() + place.row_begin(i);
      for (std::size_t j = 0; j < n; ++j) row[place.in_row(i, j)] += k_ij[(i * n) + j];
    }
  });
}

}  // namespace nmcx
