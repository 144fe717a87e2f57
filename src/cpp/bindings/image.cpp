#include <array>

#include "bind.hpp"
#include "nmcx/image/registration.hpp"
#include "nmcx/image/resample.hpp"

using namespace pybind11::literals;
using nmcx::bindings::ReleaseGil;
namespace image = nmcx::image;

void bind_image(py::module_& m) {
  py::enum_<image::MotionModel>(m, "MotionModel")
      .value("translation", image::MotionModel::translation)
      .value("drift", image::MotionModel::drift)
      .value("affine", image::MotionModel::affine);
  py::class_<image::RegistrationOptions>(m, "RegistrationOptions")
      .def(py::init([](double max_dy, double max_dx, image::MotionModel model, double smoothing,
                       int variation, double significance) {
             return image::RegistrationOptions{.max_dy = max_dy,
                                               .max_dx = max_dx,
                                               .smoothing = smoothing,
                                               .variation = variation,
                                               .model = model,
                                               .significance = significance};
           }),
           "max_dy"_a, "max_dx"_a, "model"_a, "smoothing"_a = 0.8, "variation"_a = 0,
           "significance"_a = 4.5);
  py::class_<image::Warp>(m, "Warp")
      .def(py::init<double, double, std::array<double, 4>>(), "dy"_a, "dx"_a,
           "strain"_a = std::array<double, 4>{})
      .def_readonly("dy", &image::Warp::dy)
      .def_readonly("dx", &image::Warp::dx)
      .def_readonly("strain", &image::Warp::strain);
  py::class_<image::Registration>(m, "Registration")
      .def_property_readonly("dy", [](const image::Registration& r) { return r.warp.dy; })
      .def_property_readonly("dx", [](const image::Registration& r) { return r.warp.dx; })
      .def_property_readonly("std", &image::Registration::std)
      .def_readonly("warp", &image::Registration::warp)
      .def_readonly("error", &image::Registration::error)
      .def_readonly("correlation", &image::Registration::correlation)
      .def_readonly("significance", &image::Registration::significance)
      .def_readonly("n_pixel", &image::Registration::n_pixel)
      .def_readonly("n_iteration", &image::Registration::n_iteration);
  py::class_<image::Resampled>(m, "Resampled")
      .def_readonly("value", &image::Resampled::value)
      .def_readonly("variance", &image::Resampled::variance);

  m.def(
      "register_images",
      [](const nmcx::ArrayView<double, 2>& fixed, const nmcx::ArrayView<double, 2>& moving,
         image::RegistrationOptions options) {
        options.poll = nmcx::bindings::signals_pending;
        return image::register_images(fixed, moving, options);
      },
      "fixed"_a.noconvert(), "moving"_a.noconvert(), "options"_a, ReleaseGil());
  m.def("resample", &image::resample, "image"_a.noconvert(), "variance"_a.noconvert(), "warp"_a,
        ReleaseGil());
}
