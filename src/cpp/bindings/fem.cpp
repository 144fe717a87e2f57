#include <optional>

#include "bind.hpp"
#include "nmcx/fem/interface_insertion.hpp"
#include "nmcx/fem/midside_nodes.hpp"

using namespace py::literals;

void bind_transport(py::module_& m);  // transport.cpp

namespace {

void bind_interface_insertion(py::module_& m) {
  using nmcx::bindings::ReleaseGil;

  py::class_<nmcx::InsertedInterfaces>(m, "InsertedInterfaces")
      .def_readonly("source", &nmcx::InsertedInterfaces::source)
      .def_readonly("cells", &nmcx::InsertedInterfaces::cells)
      .def_readonly("interfaces", &nmcx::InsertedInterfaces::interfaces)
      .def_readonly("interface_grains", &nmcx::InsertedInterfaces::interface_grains)
      .def_readonly("surface", &nmcx::InsertedInterfaces::surface);
  m.def("insert_interfaces", &nmcx::insert_interfaces, "cells"_a.noconvert(), "grain"_a.noconvert(),
        "n_node"_a, "walls"_a.noconvert() = py::none(), ReleaseGil());

  py::class_<nmcx::MidsideNodes>(m, "MidsideNodes")
      .def_readonly("ends", &nmcx::MidsideNodes::ends)
      .def_readonly("cells", &nmcx::MidsideNodes::cells)
      .def_readonly("interfaces", &nmcx::MidsideNodes::interfaces)
      .def_readonly("surface", &nmcx::MidsideNodes::surface);
  m.def("midside_nodes", &nmcx::midside_nodes, "cells"_a.noconvert(), "n_node"_a,
        "interfaces"_a.noconvert(), "surface"_a.noconvert(), ReleaseGil());
}

}  // namespace

void bind_fem(py::module_& m) {
  bind_interface_insertion(m);
  bind_transport(m);
}
