#include <limits>
#include <optional>

#include "bind.hpp"
#include "nmcx/geometry/cap_means.hpp"
#include "nmcx/geometry/cone_porosity.hpp"
#include "nmcx/geometry/distance_classes.hpp"
#include "nmcx/geometry/distance_transform.hpp"
#include "nmcx/geometry/line_profile.hpp"
#include "nmcx/geometry/ray_envelope.hpp"
#include "nmcx/geometry/rotation_null.hpp"
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

  m.def("chord_lengths", &nmcx::chord_lengths, "mask"_a.noconvert(), "spacing"_a.noconvert(),
        "origins"_a.noconvert(), "direction"_a.noconvert(), "threads"_a = 0, ReleaseGil());

  py::class_<nmcx::ConeCounts>(m, "ConeCounts")
      .def_readonly("directions", &nmcx::ConeCounts::directions)
      .def_readonly("voids", &nmcx::ConeCounts::voids)
      .def_readonly("envelopes", &nmcx::ConeCounts::envelopes);
  m.def(
      "cone_porosity",
      [](const nmcx::VolumeView<bool>& envelope, const nmcx::VolumeView<bool>& solid,
         const nmcx::ArrayView<double, 1>& spacing, const nmcx::ArrayView<double, 1>& apex,
         const nmcx::ArrayView<double, 2>& directions,
         const nmcx::ArrayView<double, 1>& cos_half_angle, double nearest, double farthest,
         bool solid_angle, const std::optional<nmcx::VolumeView<float>>& solid_fraction,
         const nmcx::Execution& threads) {
        const nmcx::ConeMeasure measure{
            .gate = {.nearest = nearest, .farthest = farthest},
            .weights = {.solid_angle = solid_angle,
                        .solid_fraction = solid_fraction.value_or(nmcx::VolumeView<float>{})}};
        return nmcx::cone_porosity(envelope, solid, spacing, apex, directions, cos_half_angle,
                                   measure, threads);
      },
      "envelope"_a.noconvert(), "solid"_a.noconvert(), "spacing"_a.noconvert(),
      "apex"_a.noconvert(), "directions"_a.noconvert(), "cos_half_angle"_a.noconvert(),
      "nearest"_a = 0.0, "farthest"_a = std::numeric_limits<double>::infinity(),
      "solid_angle"_a = false, "solid_fraction"_a = py::none(), "threads"_a = 0, ReleaseGil());

  m.def("distance_transform", &nmcx::distance_transform, "mask"_a.noconvert(),
        "spacing"_a.noconvert(), "threads"_a = 0, ReleaseGil());

  m.def("ray_envelope", &nmcx::ray_envelope, "solid"_a.noconvert(), "min_rays"_a, "threads"_a = 0,
        ReleaseGil());

  py::class_<nmcx::LineMeans>(m, "LineMeans")
      .def_readonly("mean", &nmcx::LineMeans::mean)
      .def_readonly("standard_error", &nmcx::LineMeans::standard_error)
      .def_readonly("effective_count", &nmcx::LineMeans::effective_count)
      .def_readonly("count", &nmcx::LineMeans::count)
      .def_readonly("directions", &nmcx::LineMeans::directions)
      .def_readonly("surface_um", &nmcx::LineMeans::surface_um);
  m.def("line_profiles", &nmcx::line_profiles<float>, "values"_a.noconvert(),
        "envelope"_a.noconvert(), "spacing"_a.noconvert(), "centre"_a.noconvert(),
        "directions"_a.noconvert(), "radius"_a, "step"_a, "correlation"_a.noconvert(), "variance"_a,
        "threads"_a = 0, ReleaseGil());
  m.def("line_profiles", &nmcx::line_profiles<double>, "values"_a.noconvert(),
        "envelope"_a.noconvert(), "spacing"_a.noconvert(), "centre"_a.noconvert(),
        "directions"_a.noconvert(), "radius"_a, "step"_a, "correlation"_a.noconvert(), "variance"_a,
        "threads"_a = 0, ReleaseGil());

  py::class_<nmcx::SurfaceView>(m, "SurfaceView")
      .def_readonly("cosine", &nmcx::SurfaceView::cosine)
      .def_readonly("height_um", &nmcx::SurfaceView::height_um)
      .def_readonly("clearance_um", &nmcx::SurfaceView::clearance_um);
  m.def("surface_view", &nmcx::surface_view, "distance"_a.noconvert(), "spacing"_a.noconvert(),
        "corner"_a.noconvert(), "first"_a.noconvert(), "row"_a.noconvert(), "column"_a.noconvert(),
        "view"_a.noconvert(), "shape"_a, "rim_um"_a, "threads"_a = 0, ReleaseGil());

  py::class_<nmcx::CapMeans>(m, "CapMeans")
      .def_readonly("mean", &nmcx::CapMeans::mean)
      .def_readonly("weight", &nmcx::CapMeans::weight)
      .def_readonly("n_point", &nmcx::CapMeans::n_point);
  m.def("cap_means", &nmcx::cap_means, "points"_a.noconvert(), "values"_a.noconvert(),
        "weights"_a.noconvert(), "directions"_a.noconvert(), "cos_half_angle"_a.noconvert(),
        "threads"_a = 0, ReleaseGil());

  py::class_<nmcx::DistanceClasses>(m, "DistanceClasses")
      .def_readonly("covariance", &nmcx::DistanceClasses::covariance)
      .def_readonly("n_pair", &nmcx::DistanceClasses::n_pair)
      .def_readonly("neighbours", &nmcx::DistanceClasses::neighbours)
      .def_readonly("angle", &nmcx::DistanceClasses::angle);
  m.def("distance_classes", &nmcx::distance_classes, "directions"_a.noconvert(),
        "values"_a.noconvert(), "n_class"_a, "threads"_a = 0, ReleaseGil());

  py::class_<nmcx::TurnedCorrelations>(m, "TurnedCorrelations")
      .def_readonly("correlation", &nmcx::TurnedCorrelations::correlation)
      .def_readonly("farthest", &nmcx::TurnedCorrelations::farthest);
  m.def(
      "rotation_null",
      [](const nmcx::ArrayView<double, 2>& field, const nmcx::ArrayView<double, 2>& directions,
         const nmcx::ArrayView<double, 2>& patch, const nmcx::ArrayView<double, 2>& values,
         const nmcx::ArrayView<double, 2>& weights, const nmcx::ArrayView<double, 3>& covariates,
         const nmcx::ArrayView<double, 3>& rotations, const nmcx::Execution& threads) {
        return nmcx::rotation_null(field, directions, {patch, values, weights, covariates},
                                   rotations, threads);
      },
      "field"_a.noconvert(), "directions"_a.noconvert(), "patch"_a.noconvert(),
      "values"_a.noconvert(), "weights"_a.noconvert(), "covariates"_a.noconvert(),
      "rotations"_a.noconvert(), "threads"_a = 0, ReleaseGil());
}
