#include "nmcx/fem/elasticity.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "nmcx/fem/elastic_equilibrium.hpp"

using namespace py::literals;

namespace {

nmcx::Array<double, 1> array_of(const std::vector<double>& values) {
  nmcx::Array<double, 1> result({values.size()});
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

/// The stiffness as other solvers take it.
struct MatrixArrays {
  nmcx::Array<std::int64_t, 1> row_start;  ///< (n + 1)
  nmcx::Array<std::int64_t, 1> column;     ///< (n_entry)
  nmcx::Array<double, 3> blocks;           ///< (n_entry, d, d)
  nmcx::Array<double, 2> border;           ///< (n_border, n d)
  nmcx::Array<double, 2> corner;           ///< (n_border, n_border)
};

MatrixArrays matrix_of(const nmcx::Elasticity& elasticity) {
  const nmcx::BlockMatrix matrix = elasticity.matrix();
  const nmcx::SparsePattern& pattern = *matrix.pattern;
  const std::size_t d = matrix.dimension;
  const std::size_t n_border = elasticity.n_border();
  MatrixArrays result{.row_start = nmcx::Array<std::int64_t, 1>({pattern.row_start.size()}),
                      .column = nmcx::Array<std::int64_t, 1>({pattern.column.size()}),
                      .blocks = nmcx::Array<double, 3>({pattern.column.size(), d, d}),
                      .border = nmcx::Array<double, 2>({n_border, matrix.inner()}),
                      .corner = nmcx::Array<double, 2>({n_border, n_border})};
  std::ranges::copy(pattern.row_start, result.row_start.data());
  std::ranges::copy(pattern.column, result.column.data());
  std::ranges::copy(matrix.values, result.blocks.data());
  std::ranges::copy(matrix.border, result.border.data());
  std::ranges::copy(matrix.corner, result.corner.data());
  return result;
}

}  // namespace

void bind_elasticity(py::module_& m) {
  using Doubles = nmcx::ArrayView<double, 2>;
  using Rows = nmcx::ArrayView<std::int64_t, 2>;
  using nmcx::ElasticEquilibrium;
  using nmcx::Elasticity;
  using nmcx::ElasticSolver;
  using nmcx::PlaneState;
  using nmcx::bindings::ReleaseGil;

  py::enum_<PlaneState>(m, "PlaneState")
      .value("solid", PlaneState::solid)
      .value("generalised_plane_strain", PlaneState::generalised_plane_strain)
      .value("plane_strain", PlaneState::plane_strain)
      .value("plane_stress", PlaneState::plane_stress);

  py::class_<nmcx::ElasticState>(m, "ElasticState")
      .def_readonly("stress", &nmcx::ElasticState::stress)
      .def_readonly("nodal_stress", &nmcx::ElasticState::nodal_stress)
      .def_readonly("stored_energy", &nmcx::ElasticState::stored_energy);
  py::class_<ElasticEquilibrium>(m, "ElasticEquilibrium")
      .def_readonly("displacement", &ElasticEquilibrium::displacement)
      .def_readonly("section_strain", &ElasticEquilibrium::section_strain)
      .def_readonly("state", &ElasticEquilibrium::state)
      .def_readonly("iterations", &ElasticEquilibrium::iterations)
      .def_readonly("residual", &ElasticEquilibrium::residual);

  py::class_<MatrixArrays>(m, "MatrixArrays")
      .def_readonly("row_start", &MatrixArrays::row_start)
      .def_readonly("column", &MatrixArrays::column)
      .def_readonly("blocks", &MatrixArrays::blocks)
      .def_readonly("border", &MatrixArrays::border)
      .def_readonly("corner", &MatrixArrays::corner);

  py::class_<Elasticity>(m, "Elasticity")
      .def(py::init([](const Doubles& points, const Rows& cells,
                       const nmcx::ArrayView<std::int64_t, 1>& grain, const Rows& interfaces,
                       const nmcx::ArrayView<bool, 1>& is_tied,
                       const nmcx::ArrayView<double, 3>& stiffness, PlaneState plane,
                       const nmcx::Execution& threads) {
             return nmcx::bindings::without_gil([&] {
               return std::make_unique<Elasticity>(
                   nmcx::ElasticMesh{points, cells, grain, interfaces, is_tied}, stiffness, plane,
                   threads);
             });
           }),
           "points"_a.noconvert(), "cells"_a.noconvert(), "grain"_a.noconvert(),
           "interfaces"_a.noconvert(), "is_tied"_a.noconvert(), "stiffness"_a.noconvert(),
           "plane"_a, "threads"_a = 0)
      .def("assemble", &Elasticity::assemble, "stiffness"_a.noconvert(), "threads"_a = 0,
           ReleaseGil())
      .def_property_readonly("size", &Elasticity::size)
      .def_property_readonly("n_corner", &Elasticity::n_corner)
      .def_property_readonly("matrix", &matrix_of)
      .def(
          "state",
          [](const Elasticity& self, const nmcx::ArrayView<double, 1>& x,
             const Doubles& eigenstrain, const nmcx::Execution& threads) {
            return self.state({x.data, x.shape[0]}, eigenstrain, threads);
          },
          "x"_a.noconvert(), "eigenstrain"_a.noconvert(), "threads"_a = 0, ReleaseGil());

  py::class_<ElasticSolver>(m, "ElasticSolver")
      .def(py::init<const Elasticity&, const Doubles&>(), "elasticity"_a, "fixed"_a.noconvert(),
           py::keep_alive<1, 2>(), ReleaseGil())
      .def_property_readonly("held",
                             [](const ElasticSolver& self) { return array_of(self.held()); })
      .def_property_readonly("rigid_modes", &ElasticSolver::rigid_modes)
      .def("prepare", &ElasticSolver::prepare, "threads"_a = 0, ReleaseGil())
      .def(
          "forces",
          [](const ElasticSolver& self, const Doubles& eigenstrain, const Doubles& force,
             const nmcx::Execution& threads) {
            return array_of(self.forces(eigenstrain, force, threads));
          },
          "eigenstrain"_a.noconvert(), "force"_a.noconvert(), "threads"_a = 0, ReleaseGil())
      .def(
          "solve",
          [](ElasticSolver& self, const nmcx::ArrayView<double, 1>& forces, double tolerance,
             std::size_t max_iterations, const nmcx::Execution& threads) {
            std::vector<double> x;
            const auto report =
                self.solve({forces.data, forces.shape[0]}, x, {tolerance, max_iterations}, threads);
            return std::make_pair(array_of(x), report.iterations);
          },
          "forces"_a.noconvert(), "tolerance"_a = 1e-12, "max_iterations"_a = 200, "threads"_a = 0,
          ReleaseGil())
      .def(
          "displacement",
          [](const ElasticSolver& self, const nmcx::ArrayView<double, 1>& x) {
            return nmcx::displacement_of_nodes(self.elasticity(), {x.data, x.shape[0]});
          },
          "x"_a.noconvert());

  m.def(
      "elastic_equilibrium",
      [](const Elasticity& elasticity, const Doubles& eigenstrain, const Doubles& fixed,
         const Doubles& force, double tolerance, std::size_t max_iterations,
         const nmcx::Execution& threads) {
        return nmcx::elastic_equilibrium(elasticity, {eigenstrain, fixed, force},
                                         {tolerance, max_iterations}, threads);
      },
      "elasticity"_a, "eigenstrain"_a.noconvert(), "fixed"_a.noconvert(), "force"_a.noconvert(),
      "tolerance"_a = 1e-12, "max_iterations"_a = 200, "threads"_a = 0, ReleaseGil());
}
