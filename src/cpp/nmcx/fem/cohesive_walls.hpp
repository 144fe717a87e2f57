// The grain boundaries of a mesh as interface elements that carry a cohesive law.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/fem/cohesive.hpp"
#include "nmcx/fem/interface_element.hpp"

namespace nmcx {

/// History of every quadrature point; plain data to copy, keep and put back.
struct CohesiveState {
  std::vector<CohesiveHistory> points;  ///< (k × q)
};

struct WallOptions {
  TangentKind tangent = TangentKind::none;
  double time_step = 0;                       ///< [s]
  double residual_integrity = 0;              ///< least that new damage leaves; 1: none grows
  ArrayView<std::int8_t, 2> frozen_branch{};  ///< (k, q) 1 loading, 0 unloading, -1 automatic;
                                              ///< without data: all automatic
};

/// Energies of all walls [J]; per metre of thickness [J/m] with d = 2.
struct WallEnergies {
  double stored = 0;
  double dissipated = 0;       ///< work of separation spent since the start
  double viscous = 0;          ///< artificial work of the viscosity since the start
  double dissipated_step = 0;  ///< part of `dissipated` since the given state
  double viscous_step = 0;     ///< part of `viscous` since the given state
};

/// Local components are normal first, then the directions of sliding of `FacetFrame`.
struct WallResponse {
  Array<double, 1> force;     ///< (n · d) internal force at each unknown [N]; [N/m] with d = 2
  Array<double, 3> matrices;  ///< (k, m d, m d), or (0, m d, m d) without a tangent [N/m]
  Array<double, 2> opening;   ///< (k, q) normal separation [m]
  Array<double, 3> sliding;   ///< (k, q, d - 1) [m]
  Array<double, 3> traction;  ///< (k, q, d) that the second side exerts on the first [Pa]
  Array<double, 2> damage;    ///< (k, q) that traction follows
  Array<bool, 2> is_loading;  ///< (k, q) damage has grown
  CohesiveState state;        ///< at the end of the step
  WallEnergies energies;
};

/// Interface elements on one mesh. Both sides of a facet start in one place; separations are
/// differences of displacement, second side minus first, in the axes of the undeformed facet.
///
/// A facet's matrix couples differences only: with A = `matrices[facet]`, rows and columns node by
/// node and component by component of one side, that of both sides is [[A, -A], [-A, A]].
class CohesiveWalls {
 public:
  /// @param positions   (n, d) [m] of the unknown nodes, d components each
  /// @param walls       (k, 2 m) nodes, first one side, then the other, corner by corner in the
  ///                    order of `facet_rule`; m is 2 or 3 with d = 2, 3 or 6 with d = 3
  /// @param laws        at least one
  /// @param law_of_wall (k) index into `laws`
  /// @throws InvalidArgument for unknown nodes or laws, laws that cannot be, facets of no area
  ///         or bent ones, and sides that do not lie in one place or are one and the same
  CohesiveWalls(const ArrayView<double, 2>& positions, const ArrayView<std::int64_t, 2>& walls,
                std::vector<CohesiveLaw> laws, const ArrayView<std::int64_t, 1>& law_of_wall,
                FacetQuadrature quadrature);

  [[nodiscard]] std::size_t dimension() const { return dimension_; }
  [[nodiscard]] std::size_t n_wall() const { return area_.shape[0]; }
  [[nodiscard]] std::size_t n_side_node() const { return rule_.n_node; }
  [[nodiscard]] std::size_t n_point() const { return rule_.n_point(); }
  [[nodiscard]] const FacetRule& rule() const { return rule_; }
  [[nodiscard]] const Array<double, 1>& area() const { return area_; }          ///< (k) [m²]
  [[nodiscard]] const Array<double, 3>& rotation() const { return rotation_; }  ///< (k, d, d)

  /// Undamaged everywhere.
  [[nodiscard]] CohesiveState initial_state() const;

  /// A state as numbers to keep: (k, q, 5) members of `CohesiveHistory` in their order.
  [[nodiscard]] Array<double, 3> values_of(const CohesiveState& state) const;

  /// The state of such numbers.
  /// @throws InvalidArgument for another shape, or what no history can be
  [[nodiscard]] CohesiveState state_of(const ArrayView<double, 3>& values) const;

  /// Forces, matrices and new histories; the same bits for every number of threads.
  /// @param displacement (n · d) [m], the d components of a node together
  /// @throws InvalidArgument for sizes that differ, displacements that are not finite, a negative
  ///         time step, or a residual outside 0 … 1
  [[nodiscard]] WallResponse evaluate(const ArrayView<double, 1>& displacement,
                                      const CohesiveState& state, const WallOptions& options,
                                      const Execution& execution) const;

  /// What a way from one response to another leaves once fatigue has its share: `nmcx::fatigued`
  /// point by point, each wall staying where it is.
  ///
  /// @param residual_integrity least that fatigue leaves
  /// @throws InvalidArgument for responses of other walls
  [[nodiscard]] CohesiveState fatigued(const WallResponse& from, const WallResponse& to,
                                       double residual_integrity) const;

 private:
  /// Where each node occurs in the facets' rows, in ascending order.
  struct Contributions {
    std::vector<std::size_t> start;  ///< (n + 1)
    std::vector<std::size_t> entry;  ///< facet · 2 m + place in the row
  };

  template <std::size_t d>
  void take_facets(const ArrayView<double, 2>& positions);
  void take_contributions(std::size_t n_node);
  template <std::size_t d>
  void add_facet(std::size_t facet, const ArrayView<double, 1>& displacement,
                 const CohesiveState& state, const WallOptions& options, WallResponse& response,
                 double* side_force, WallEnergies& sum) const;
  void gather(std::span<const double> side_force, Array<double, 1>& force,
              const Execution& execution) const;

  std::size_t dimension_;
  FacetRule rule_;
  std::vector<CohesiveLaw> laws_;
  std::vector<std::size_t> law_of_wall_;  ///< (k)
  std::vector<std::size_t> nodes_;        ///< (k × 2 m)
  Array<double, 1> area_;
  Array<double, 3> rotation_;
  Contributions contributions_;
};

}  // namespace nmcx
