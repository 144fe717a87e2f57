#include <optional>

#include "bind.hpp"
#include "nmcx/fem/interface_insertion.hpp"
#include "nmcx/fem/mesh_improvement.hpp"
#include "nmcx/fem/midside_nodes.hpp"

using namespace py::literals;

void bind_transport(py::module_& m);   // transport.cpp
void bind_elasticity(py::module_& m);  // elasticity.cpp
void bind_cohesive(py::module_& m);    // cohesive.cpp
void bind_fracture(py::module_& m);    // fracture.cpp

namespace {

void bind_mesh_improvement(py::module_& m) {
  using nmcx::bindings::ReleaseGil;

  py::enum_<nmcx::Freedom>(m, "Freedom")
      .value("FIXED", nmcx::Freedom::fixed)
      .value("LINE", nmcx::Freedom::line)
      .value("WALL", nmcx::Freedom::wall)
      .value("RIM", nmcx::Freedom::rim)
      .value("SURFACE", nmcx::Freedom::surface)
      .value("FREE", nmcx::Freedom::free);
  py::class_<nmcx::ImprovedMesh>(m, "ImprovedMesh")
      .def_readonly("points", &nmcx::ImprovedMesh::points)
      .def_readonly("cells", &nmcx::ImprovedMesh::cells)
      .def_readonly("grain", &nmcx::ImprovedMesh::grain)
      .def_readonly("source", &nmcx::ImprovedMesh::source)
      .def_readonly("worst", &nmcx::ImprovedMesh::worst)
      .def_readonly("n_move", &nmcx::ImprovedMesh::n_move)
      .def_readonly("n_flip", &nmcx::ImprovedMesh::n_flip)
      .def_readonly("n_collapse", &nmcx::ImprovedMesh::n_collapse)
      .def_readonly("n_merge", &nmcx::ImprovedMesh::n_merge);
  m.def(
      "improve_mesh",
      [](const nmcx::ArrayView<double, 2>& points, const nmcx::ArrayView<std::int64_t, 2>& cells,
         const nmcx::ArrayView<std::int64_t, 1>& grain,
         const nmcx::ArrayView<std::uint8_t, 1>& freedom,
         const nmcx::ArrayView<double, 2>& direction, const nmcx::ArrayView<double, 1>& spacing,
         double radius, double target, int n_pass, double floor, double collapse_length) {
        return nmcx::improve_mesh(points, cells, grain, freedom, direction, spacing,
                                  {.radius = radius,
                                   .target = target,
                                   .n_pass = n_pass,
                                   .floor = floor,
                                   .collapse_length = collapse_length,
                                   .poll = nmcx::bindings::signals_pending});
      },
      "points"_a.noconvert(), "cells"_a.noconvert(), "grain"_a.noconvert(), "freedom"_a.noconvert(),
      "direction"_a.noconvert(), "spacing"_a.noconvert(), "radius"_a, "target"_a, "n_pass"_a,
      "floor"_a, "collapse_length"_a, ReleaseGil());
}

void bind_interface_insertion(py::module_& m) {
  using nmcx::bindings::ReleaseGil;

  py::class_<nmcx::InsertedInterfaces>(m, "InsertedInterfaces")
      .def_readonly("source", &nmcx::InsertedInterfaces::source)
      .def_readonly("cells", &nmcx::InsertedInterfaces::cells)
      .def_readonly("interfaces", &nmcx::InsertedInterfaces::interfaces)
      .def_readonly("interface_grains", &nmcx::InsertedInterfaces::interface_grains)
      .def_readonly("surface", &nmcx::InsertedInterfaces::surface);
  m.def(
      "insert_interfaces",
      [](const nmcx::ArrayView<std::int64_t, 2>& cells,
         const nmcx::ArrayView<std::int64_t, 1>& grain, std::size_t n_node,
         const std::optional<nmcx::ArrayView<std::int64_t, 2>>& walls) {
        return nmcx::insert_interfaces(cells, grain, n_node, walls,
                                       nmcx::bindings::signals_pending);
      },
      "cells"_a.noconvert(), "grain"_a.noconvert(), "n_node"_a, "walls"_a.noconvert() = py::none(),
      ReleaseGil());

  py::class_<nmcx::MidsideNodes>(m, "MidsideNodes")
      .def_readonly("ends", &nmcx::MidsideNodes::ends)
      .def_readonly("cells", &nmcx::MidsideNodes::cells)
      .def_readonly("interfaces", &nmcx::MidsideNodes::interfaces)
      .def_readonly("surface", &nmcx::MidsideNodes::surface);
  m.def(
      "midside_nodes",
      [](const nmcx::ArrayView<std::int64_t, 2>& cells, std::size_t n_node,
         const nmcx::ArrayView<std::int64_t, 2>& interfaces,
         const nmcx::ArrayView<std::int64_t, 2>& surface) {
        return nmcx::midside_nodes(cells, n_node, interfaces, surface,
                                   nmcx::bindings::signals_pending);
      },
      "cells"_a.noconvert(), "n_node"_a, "interfaces"_a.noconvert(), "surface"_a.noconvert(),
      ReleaseGil());
}

}  // namespace

void bind_fem(py::module_& m) {
  bind_interface_insertion(m);
  bind_mesh_improvement(m);
  bind_transport(m);
  bind_elasticity(m);
  bind_cohesive(m);
  bind_fracture(m);
}
