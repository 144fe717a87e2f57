#include "bind.hpp"
#include "nmcx/geometry/cone_porosity.hpp"
#include "nmcx/geometry/distance_transform.hpp"
#include "nmcx/geometry/line_profile.hpp"
#include "nmcx/geometry/surface_view.hpp"
#include "nmcx/geometry/voxel_traversal.hpp"

using namespace py::literals;

void bind_geometry(py::module_& m) {
  using nmcx::bindings::ReleaseGil;

  py::class_<nmcx::FirstHits>(m, "FirstHits")
      .def_readonly("voxel", &nmcx::FirstHits::voxel)
      .def_readonly("point_um", &nmcx::FirstHits::point_um);
  m.def("first_hits", &nmcx::first_hits, "mask"_a.noconvert(), "spacing"_a.noconvert(),
        "origins"_a.noconvert(), "direction"_a.noconvert(), "threads"_a = 0, ReleaseGil());

  py::class_<nmcx::ConeCounts>(m, "ConeCounts")
      .def_readonly("directions", &nmcx::ConeCounts::directions)
      .def_readonly("void_voxels", &nmcx::ConeCounts::void_voxels)
      .def_readonly("envelope_voxels", &nmcx::ConeCounts::envelope_voxels);
  m.def("cone_porosity", &nmcx::cone_porosity, "envelope"_a.noconvert(), "solid"_a.noconvert(),
        "spacing"_a.noconvert(), "apex"_a.noconvert(), "directions"_a.noconvert(),
        "cos_half_angle"_a.noconvert(), "threads"_a = 0, ReleaseGil());

  m.def("distance_transform", &nmcx::distance_transform, "mask"_a.noconvert(),
        "spacing"_a.noconvert(), "threads"_a = 0, ReleaseGil());

  py::class_<nmcx::LineMeans>(m, "LineMeans")
      .def_readonly("mean", &nmcx::LineMeans::mean)
      .def_readonly("standard_error", &nmcx::LineMeans::standard_error)
      .def_readonly("count", &nmcx::LineMeans::count)
      .def_readonly("directions", &nmcx::LineMeans::directions)
      .def_readonly("surface_um", &nmcx::LineMeans::surface_um);
  m.def("line_profiles", &nmcx::line_profiles<float>, "values"_a.noconvert(),
        "envelope"_a.noconvert(), "spacing"_a.noconvert(), "centre"_a.noconvert(),
        "directions"_a.noconvert(), "radius"_a, "step"_a, "threads"_a = 0, ReleaseGil());
  m.def("line_profiles", &nmcx::line_profiles<double>, "values"_a.noconvert(),
        "envelope"_a.noconvert(), "spacing"_a.noconvert(), "centre"_a.noconvert(),
        "directions"_a.noconvert(), "radius"_a, "step"_a, "threads"_a = 0, ReleaseGil());

  py::class_<nmcx::SurfaceView>(m, "SurfaceView")
      .def_readonly("cosine", &nmcx::SurfaceView::cosine)
      .def_readonly("height_um", &nmcx::SurfaceView::height_um)
      .def_readonly("clearance_um", &nmcx::SurfaceView::clearance_um);
  m.def("surface_view", &nmcx::surface_view, "distance"_a.noconvert(), "spacing"_a.noconvert(),
        "corner"_a.noconvert(), "first"_a.noconvert(), "row"_a.noconvert(), "column"_a.noconvert(),
        "view"_a.noconvert(), "shape"_a, "rim_um"_a, "threads"_a = 0, ReleaseGil());
}
