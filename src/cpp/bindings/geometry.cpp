#include "bind.hpp"
#include "nmcx/geometry/distance_transform.hpp"
#include "nmcx/geometry/voxel_traversal.hpp"

using namespace py::literals;

void bind_geometry(py::module_& m) {
  using nmcx::bindings::ReleaseGil;

  py::class_<nmcx::FirstHits>(m, "FirstHits")
      .def_readonly("voxel", &nmcx::FirstHits::voxel)
      .def_readonly("point_um", &nmcx::FirstHits::point_um);
  m.def("first_hits", &nmcx::first_hits, "mask"_a.noconvert(), "spacing"_a.noconvert(),
        "origins"_a.noconvert(), "direction"_a.noconvert(), "threads"_a = 0, ReleaseGil());
  m.def("distance_transform", &nmcx::distance_transform, "mask"_a.noconvert(),
        "spacing"_a.noconvert(), "threads"_a = 0, ReleaseGil());
}
