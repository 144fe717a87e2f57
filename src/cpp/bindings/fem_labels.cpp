#include "bind.hpp"
#include "nmcx/fem/label_lattice.hpp"
#include "nmcx/fem/label_projection.hpp"

using namespace py::literals;

void bind_fem_labels(py::module_& m) {
  using nmcx::bindings::ReleaseGil;

  py::class_<nmcx::LabelLattice>(m, "LabelLattice")
      .def_readonly("points", &nmcx::LabelLattice::points)
      .def_readonly("cells", &nmcx::LabelLattice::cells)
      .def_readonly("label", &nmcx::LabelLattice::label);
  m.def(
      "label_lattice",
      [](const nmcx::ArrayView<std::int32_t, 3>& labels, const nmcx::ArrayView<double, 1>& spacing,
         double edge, double smoothing, const nmcx::Execution& threads) {
        return nmcx::label_lattice(labels, spacing, {.edge = edge, .smoothing = smoothing},
                                   threads);
      },
      "labels"_a.noconvert(), "spacing"_a.noconvert(), "edge"_a, "smoothing"_a, "threads"_a = 0,
      ReleaseGil());

  py::class_<nmcx::ProjectedMesh>(m, "ProjectedMesh")
      .def_readonly("points", &nmcx::ProjectedMesh::points)
      .def_readonly("distance", &nmcx::ProjectedMesh::distance);
  m.def(
      "project_labels",
      [](const nmcx::ArrayView<double, 2>& points, const nmcx::ArrayView<std::int64_t, 2>& cells,
         const nmcx::ArrayView<std::int64_t, 1>& label,
         const nmcx::ArrayView<std::int32_t, 3>& labels, const nmcx::ArrayView<double, 1>& spacing,
         double edge, double smoothing, double floor, double target, int n_sweep, int n_settle,
         const nmcx::Execution& threads) {
        return nmcx::project_labels(points, cells, label, labels, spacing,
                                    {.smoothing = smoothing,
                                     .edge = edge,
                                     .floor = floor,
                                     .target = target,
                                     .n_sweep = n_sweep,
                                     .n_settle = n_settle},
                                    threads);
      },
      "points"_a.noconvert(), "cells"_a.noconvert(), "label"_a.noconvert(), "labels"_a.noconvert(),
      "spacing"_a.noconvert(), "edge"_a, "smoothing"_a, "floor"_a, "target"_a, "n_sweep"_a,
      "n_settle"_a, "threads"_a = 0, ReleaseGil());
}
