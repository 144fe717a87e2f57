// The tables of the vectorised edge fit and the standard errors for a given variance.
#pragma once

#include <cstddef>
#include <vector>

#include "nmcx/xanes/edge_fit_kernel.hpp"
#include "nmcx/xanes/normalise.hpp"

namespace nmcx::xanes {

/// Owns what a `KernelPlan` points to.
class KernelTables {
 public:
  /// @param noise_given  a voxel without an edge may only be told by the sign of its jump
  KernelTables(const EdgePlan& plan, bool noise_given);
  [[nodiscard]] KernelPlan plan() const;

  /// Factors by which the standard errors of a fit with unit noise change when every energy has
  /// its own variance.
  struct Factors {
    double edge;
    double peak;
  };
  /// @param variance  (n,) variance of each used energy
  /// @param edge      edge energy relative to the reference [eV]
  /// @param peak      white line relative to the reference [eV]
  /// @param peak_index  scan energy in the middle of the parabola
  [[nodiscard]] Factors with_variance(const double* variance, double edge, double peak,
                                      std::size_t peak_index) const;

 private:
  /// Owns what a `ParabolaTable` points to.
  struct Parabolas {
    std::vector<int> first;
    std::vector<float> weight, moment, shared;
    std::size_t points = 0;
    int run[2] = {0, -1};

    [[nodiscard]] ParabolaTable table() const;
  };

  void make_scan_energies();
  void make_crossings();
  [[nodiscard]] Parabolas make_parabolas(double half_width_ev) const;

  EdgePlan plan_;
  bool noise_given_;
  std::vector<float> x_, pre_weights_, post_weights_;
  std::vector<float> offset_ev_, crossing_weight_, crossing_variance_, crossing_shared_;
  std::vector<int> index_code_;
  int index_bits_ = 0;
  std::vector<float> scan_ev_;
  Parabolas wide_, white_line_;
  bool wide_crossing_ = false;
  int crossing_run_[2] = {0, -1};
  int even_run_[2] = {0, -1};
  float even_origin_ = 0.0F;
  float even_step_ = 0.0F;
};

}  // namespace nmcx::xanes
