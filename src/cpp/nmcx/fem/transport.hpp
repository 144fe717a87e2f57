// Implicit diffusion in a polycrystal whose grains have diffusion tensors of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/fem/butler_volmer.hpp"
#include "nmcx/fem/linear_solver.hpp"
#include "nmcx/fem/sparse.hpp"
#include "nmcx/fem/unknowns.hpp"

namespace nmcx {

/// Cells, walls and surface of a polycrystal in d = 2 or 3 dimensions; with d = 2 volumes are
/// areas.
struct TransportMesh {
  ArrayView<double, 2> points;            ///< (n_node, d) [m]
  ArrayView<std::int64_t, 2> cells;       ///< (m, d + 1), of positive volume
  ArrayView<std::int64_t, 1> grain;       ///< (m)
  ArrayView<std::int64_t, 2> interfaces;  ///< (k, 2 d) nodes, first one side, then the other
  ArrayView<std::int64_t, 2> surface;     ///< (s, d)
};

/// What lithium meets in grains and walls.
struct TransportProperties {
  ArrayView<double, 3> diffusivity;  ///< (n_grain, d, d) [m²/s], symmetric positive definite
  ArrayView<double, 1> conductance;  ///< (k) across the wall [m/s]; infinity ties both sides
  ArrayView<double, 1> along;        ///< (k) width × diffusivity along the wall [m³/s]
};

/// An implicit step: rate M c − M history = load − exchange c − K c, c given where fixed.
///
/// M is the mass, K the stiffness of diffusion; backward Euler and BDF2 differ in rate and history.
struct LinearStep {
  double rate = 0;                ///< factor of the new concentration [1/s]; 0: steady state
  ArrayView<double, 1> history;   ///< (n) what the old ones contribute [mol/m³/s]
  ArrayView<double, 1> load;      ///< (n) inflow at each unknown [mol/s]
  ArrayView<double, 1> exchange;  ///< (n) outflow per concentration [m³/s], ≥ 0
  ArrayView<double, 1> fixed;     ///< (n) concentration, NaN where it is free
  ArrayView<double, 1> guess;     ///< (n) to start from
};

struct StepResult {
  Array<double, 1> concentration;  ///< (n) [mol/m³]
  Array<double, 1> reaction;       ///< (n) inflow through fixed unknowns [mol/s], 0 elsewhere
  double inflow = 0;               ///< through surface and fixed unknowns together [mol/s]
  std::int64_t iterations = 0;
  double residual = 0;  ///< relative
};

/// Places of the surface where lithium reacts: corners of facets, so that fluxes are nodal.
struct ReactionSites {
  ArrayView<std::int64_t, 1> unknown;  ///< (p)
  ArrayView<double, 1> area;           ///< (p) [m²]
  ArrayView<double, 1> conductance;    ///< (p) of the layer [m/s]; infinite: none
  ArrayView<double, 1> coverage;       ///< (p) part that carries the layer
  ArrayView<double, 1> shift;   ///< (p) [V] s in η = φ − U − (s − t c), what stress adds to U
  ArrayView<double, 1> relief;  ///< (p) [V m³/mol] t ≥ 0 there, of the concentration under a layer
};

/// Stress that drives lithium: J = −D [∇c − C m(x) ∇ψ] with x = c / C and ψ = σ:∂ε/∂x / (C R T).
///
/// Lithium relieves the stress that draws it. Of ∇ψ = g − Λ ∇x that fall Λ is taken with the new
/// concentration, as a diffusivity D (1 + m Λ), and only g is given: no step is too long to be
/// stable.
struct StressDrive {
  ArrayView<double, 1> concentration;  ///< (n) at which m is taken [mol/m³]
  ArrayView<double, 1> mobility;       ///< (r) m at x = 0 … 1 in even steps, straight in between
  ArrayView<double, 1> relief;         ///< (m) Λ ≥ 0 of each cell
  ArrayView<double, 2> pull;           ///< (m, d) g [1/m]
  double max_concentration = 0;        ///< C [mol/m³]
};

/// A surface at one electrode potential; the total current or that potential is given.
struct Electrode {
  ReactionSites sites;
  ElectrodeKinetics kinetics;
  bool current_is_given = true;
  double current = 0;    ///< [A], positive while lithium leaves
  double potential = 0;  ///< given, or where to start [V]
};

struct ElectrodeResult {
  Array<double, 1> concentration;  ///< (n) [mol/m³]
  Array<double, 1> flux;           ///< (p) outward at each site [mol/m²/s]
  double potential = 0;            ///< [V]
  double current = 0;              ///< [A]
  double inflow = 0;               ///< [mol/s]
  std::int64_t iterations = 0;     ///< of the linear solver
  std::int64_t newton = 0;         ///< of Newton's method
};

/// Potential at which the sites together carry a current, at given concentrations.
/// @param poll  true stops it
/// @throws ConvergenceError if there is none within ± 5 V of equilibrium
ElectrodeResult electrode_potential(const Electrode& electrode,
                                    const ArrayView<double, 1>& concentration,
                                    const std::function<bool()>& poll = {});

/// Matrices of diffusion on one mesh. Calls of one object wait for each other.
class Transport {
 public:
  /// @param lumped  mass on the diagonal (row sums) instead of the consistent one
  /// @throws InvalidArgument for cells of no volume, unknown nodes or grains, tensors that are not
  ///         symmetric positive definite, negative conductances
  Transport(const TransportMesh& mesh, const TransportProperties& properties, bool lumped,
            SolverKind solver, const Execution& execution);
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  [[nodiscard]] std::size_t size() const { return pattern_.size(); }
  [[nodiscard]] Array<std::int64_t, 1> unknown_of_node() const;
  [[nodiscard]] Array<std::int64_t, 2> surface_unknowns() const;        ///< (s, d)
  [[nodiscard]] const Array<double, 1>& mass() const { return mass_; }  ///< (n) row sums [m³]
  [[nodiscard]] const Array<double, 1>& surface_area() const { return surface_area_; }  ///< (s)
  [[nodiscard]] std::size_t n_entry() const { return pattern_.column.size(); }

  /// Fills mass and stiffness again, with other tensors or conductances; walls stay tied or not.
  void assemble(const TransportProperties& properties, const Execution& execution);

  /// Fills the stiffness again, as stress makes it, until the next call; tensors and conductances
  /// stay those of `assemble`.
  /// @returns (n) what g brings to each unknown, for the load of a step; its sum is zero [mol/s]
  Array<double, 1> drive_by_stress(const StressDrive& drive, const Execution& execution);

  /// One step, exact in the total amount: an iterative solution is shifted by the constant that
  /// takes away the sum of its residual.
  /// @throws ConvergenceError with iterations, residual and tolerance
  StepResult step(const LinearStep& request, const SolveOptions& options,
                  const Execution& execution);

  /// One step with Butler–Volmer kinetics, by Newton's method on concentrations and potential; the
  /// balance is closed as in `step`. Nothing may be fixed.
  /// @throws ConvergenceError with iterations, residual and tolerance
  ElectrodeResult electrode_step(const LinearStep& request, const Electrode& electrode,
                                 const SolveOptions& options, const Execution& execution);

  /// Amounts per time that diffusion carries away from each unknown, K c [mol/s].
  [[nodiscard]] Array<double, 1> outflow(const ArrayView<double, 1>& concentration,
                                         const Execution& execution) const;

  /// Systems are solved by another solver from the next one on.
  void use(std::shared_ptr<OutsideSolver> outside);

  /// Forgets the system of the last step: what comes then depends on `experience` alone.
  void forget_system();
  [[nodiscard]] SolverExperience experience() const;
  void set_experience(const SolverExperience& experience);

 private:
  /// System of the last step: equal steps share its factorisation.
  struct System {
    double rate = -1;
    std::vector<double> values;    ///< empty: those of the stiffness
    std::vector<double> diagonal;  ///< (n)
    Array<bool, 1> is_free;        ///< (n)
    std::vector<double> ones;      ///< (n) the system times one on free unknowns
    bool any_fixed = false;
    std::vector<double> response;  ///< (n) of concentrations to the potential
  };

  template <std::size_t d>
  void take_mesh(const TransportMesh& mesh);
  template <std::size_t d>
  void add_cells(const Execution& execution);
  template <std::size_t d>
  void add_driven_cells(const StressDrive& drive, double* load, const Execution& execution);
  template <std::size_t d>
  void add_walls(const Execution& execution);

  /// Calls row(i) for every unknown.
  template <class Row>
  void for_each_row(Team& team, const Row& row) const {
    team.loop(size(), rows_of_chunk, [&](std::size_t begin, std::size_t end, std::size_t) {
      for (std::size_t i = begin; i < end; ++i) row(i);
    });
  }
  void check_request(const LinearStep& request) const;
  void set_system(double rate, std::span<const double> exchange, const ArrayView<double, 1>& fixed,
                  Team& team);
  [[nodiscard]] SparseMatrix system_matrix() const;
  [[nodiscard]] std::vector<double> right_hand_side(const LinearStep& request, Team& team) const;
  [[nodiscard]] double reference_norm(std::span<const double> right, const LinearStep& request,
                                      Team& team) const;

  std::size_t dimension_;
  bool lumped_;
  Unknowns unknowns_;
  Connectivity cells_;
  std::vector<std::size_t> order_;  ///< row of the mesh's cells of each group of cells_
  std::vector<std::size_t> grain_;  ///< of each group of cells_
  std::vector<double> diffusivity_;
  std::vector<double> conductance_;
  std::vector<double> along_;
  Connectivity walls_;
  std::vector<std::size_t> facet_of_wall_;  ///< row of the mesh's interfaces
  Connectivity surface_;
  SparsePattern pattern_;
  std::unique_ptr<Assembly> cell_assembly_;
  std::unique_ptr<Assembly> wall_assembly_;
  std::vector<double> stiffness_;
  std::vector<double> mass_values_;  ///< consistent mass; empty if lumped
  Array<double, 1> mass_;
  Array<double, 1> surface_area_;
  std::unique_ptr<LinearSolver> solver_;
  System system_;
  mutable std::mutex mutex_;
};

}  // namespace nmcx
