// Small-strain elasticity of a polycrystal whose grains have stiffnesses and lattice strains of
// their own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "nmcx/core/parallel.hpp"
#include "nmcx/core/views.hpp"
#include "nmcx/fem/block_matrix.hpp"
#include "nmcx/fem/sparse.hpp"
#include "nmcx/fem/unknowns.hpp"

namespace nmcx {

/// What a body does in the direction that a mesh of the plane leaves out.
enum class PlaneState {
  solid,                     ///< three dimensions
  generalised_plane_strain,  ///< one strain 33, 23, 13 for the section; it transmits no force
  plane_strain,              ///< no strain 33, 23, 13
  plane_stress               ///< no stress 33, 23, 13
};

/// Cells and walls of a polycrystal in d = 2 or 3 dimensions; with d = 2 volumes are areas and
/// forces are per length. Edges are straight; with f nodes per facet:
struct ElasticMesh {
  ArrayView<double, 2> points;            ///< (n_node, d) [m]; corners first, then midside nodes
  ArrayView<std::int64_t, 2> cells;       ///< (m, d + 1), or quadratic (m, 6) or (m, 10)
  ArrayView<std::int64_t, 1> grain;       ///< (m)
  ArrayView<std::int64_t, 2> interfaces;  ///< (k, 2 f) nodes, first one side, then the other
  ArrayView<bool, 1> is_tied;             ///< (k) walls whose sides move as one
};

/// Stress and energy of given displacements.
struct ElasticState {
  Array<double, 2> stress;        ///< (m, 6) mean over each cell [Pa], Voigt
  Array<double, 2> nodal_stress;  ///< (n_corner, 6) mean over the cells of a node's grain [Pa]
  double stored_energy = 0;       ///< [J], [J/m] with d = 2
};

/// Stiffness of a polycrystal's cells, on unknowns that tied nodes share.
///
/// Vectors of unknowns hold the d displacements of each node one after another [m], then, in
/// generalised plane strain, the section's strains 33, 23, 13 (`n_border` = 3). Untied walls have
/// entries in the pattern, but no stiffness: `add_wall_matrices` puts any in.
class Elasticity {
 public:
  /// @param stiffness (n_grain, 6, 6) in sample axes [Pa], Voigt 11, 22, 33, 23, 13, 12 with
  ///        engineering shears
  /// @throws InvalidArgument for cells of no volume, unknown nodes or grains, a stiffness that is
  ///         not symmetric and positive definite (with grain and smallest Kelvin modulus)
  Elasticity(const ElasticMesh& mesh, const ArrayView<double, 3>& stiffness, PlaneState state,
             const Execution& execution);
  Elasticity(const Elasticity&) = delete;
  Elasticity& operator=(const Elasticity&) = delete;

  /// Fills the matrix anew, with another stiffness of the grains.
  /// @throws InvalidArgument as the constructor
  void assemble(const ArrayView<double, 3>& stiffness, const Execution& execution);

  [[nodiscard]] std::size_t dimension() const { return dimension_; }
  [[nodiscard]] std::size_t n_border() const { return n_border_; }
  /// Length of a vector of unknowns.
  [[nodiscard]] std::size_t size() const { return (pattern_.size() * dimension_) + n_border_; }
  [[nodiscard]] const SparsePattern& pattern() const { return pattern_; }
  [[nodiscard]] const Unknowns& unknowns() const { return unknowns_; }
  [[nodiscard]] std::size_t n_cell() const { return grain_.size(); }
  /// Nodes that are corners: those a lattice strain is given at.
  [[nodiscard]] std::size_t n_corner() const { return n_corner_; }

  /// Stiffness of the cells; walls are empty.
  [[nodiscard]] BlockMatrix matrix() const;

  /// Untied walls: unknown nodes (n_wall × 2 f) as in `ElasticMesh::interfaces`, and the rows
  /// there.
  [[nodiscard]] const Connectivity& walls() const { return walls_; }
  [[nodiscard]] std::span<const std::size_t> facet_of_wall() const { return facet_of_wall_; }

  /// Adds the stiffness of untied walls to values as `matrix` has them: with A the symmetric matrix
  /// of a wall, (n_wall, f d, f d), that of both sides is [[A, -A], [-A, A]].
  void add_wall_matrices(const ArrayView<double, 3>& matrices, std::span<double> values,
                         const Execution& execution) const;

  /// Forces that a lattice strain exerts, ∫ Bᵀ C ε*: the displacements of equilibrium x fulfil
  /// A x = load + forces on nodes.
  /// @param eigenstrain (n_corner, 6) Voigt, engineering shears; linear within a cell
  [[nodiscard]] std::vector<double> load(const ArrayView<double, 2>& eigenstrain,
                                         const Execution& execution) const;

  /// Stress C (ε − ε*) and energy of unknowns x.
  [[nodiscard]] ElasticState state(std::span<const double> x,
                                   const ArrayView<double, 2>& eigenstrain,
                                   const Execution& execution) const;

 private:
  template <std::size_t d, std::size_t n>
  void add_cells(const Execution& execution);
  template <std::size_t d, std::size_t n>
  void add_border(const Execution& execution);
  template <std::size_t d, std::size_t n>
  void add_load(const ArrayView<double, 2>& eigenstrain, std::span<double> load,
                const Execution& execution) const;
  template <std::size_t d, std::size_t n>
  void fill_state(std::span<const double> x, const ArrayView<double, 2>& eigenstrain,
                  ElasticState& result, const Execution& execution) const;
  /// Calls call.operator()<d, n>() for the dimension and the nodes of a cell.
  template <class Call>
  void with_cell_type(const Call& call) const {
    if (dimension_ == 2 && cells_.n_member == 3) return call.template operator()<2, 3>();
    if (dimension_ == 2) return call.template operator()<2, 6>();
    if (cells_.n_member == 4) return call.template operator()<3, 4>();
    return call.template operator()<3, 10>();
  }
  /// As `with_cell_type`, for the nodes of an untied wall.
  template <class Call>
  void with_wall_type(const Call& call) const {
    if (dimension_ == 2 && walls_.n_member == 4) return call.template operator()<2, 4>();
    if (dimension_ == 2) return call.template operator()<2, 6>();
    if (walls_.n_member == 6) return call.template operator()<3, 6>();
    return call.template operator()<3, 12>();
  }
  template <std::size_t d>
  void take_cells(const ElasticMesh& mesh);
  void take_walls(const ElasticMesh& mesh);
  void take_stiffness(const ArrayView<double, 3>& stiffness);
  void check_eigenstrain(const ArrayView<double, 2>& eigenstrain) const;

  /// (6 × 6) that strains of a grain which are not condensed meet.
  [[nodiscard]] const double* stiffness_of(std::size_t cell) const {
    return stiffness_.data() + (grain_[cell] * 36);
  }

  std::size_t dimension_;
  PlaneState plane_;
  std::size_t n_border_ = 0;
  std::size_t n_corner_ = 0;
  Unknowns unknowns_;
  Connectivity cells_;              ///< in the order of their first unknowns
  std::vector<std::size_t> row_;    ///< of each of them in the mesh
  std::vector<std::size_t> grain_;  ///< of each of them
  std::vector<Index> corner_;       ///< (m × (d + 1)) nodes
  Connectivity walls_;
  std::vector<std::size_t> facet_of_wall_;
  std::vector<double> stiffness_;  ///< (n_grain × 36)
  SparsePattern pattern_;
  std::unique_ptr<Assembly> cell_assembly_;
  std::unique_ptr<Assembly> wall_assembly_;
  std::vector<double> values_;         ///< of the matrix
  std::vector<double> border_;         ///< (n_border × n d)
  std::vector<double> corner_values_;  ///< (n_border × n_border)
};

}  // namespace nmcx
