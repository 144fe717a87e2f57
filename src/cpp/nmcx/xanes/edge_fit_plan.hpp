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
  explicit KernelTables(const EdgePlan& plan);
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
  /// @param peak_index  scan energy of the peak sample
  [[nodiscard]] Factors with_variance(const double* variance, double edge, double peak,
                                      std::size_t peak_index) const;

 private:
  void make_stencils();
  void make_parabolas();

  EdgePlan plan_;
  std::vector<float> x_, pre_weights_, post_weights_;
  std::vector<float> stencil_ev_, stencil_weight_;
  std::vector<int> peak_first_;
  std::vector<float> peak_ev_, peak_weight_, peak_moment_;
  std::size_t peak_points_ = 0;
  int stencil_run_[2] = {0, 0};
  int peak_run_[2] = {0, 0};
};

}  // namespace nmcx::xanes
