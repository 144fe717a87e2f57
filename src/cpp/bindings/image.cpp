#include "bind.hpp"
#include "nmcx/image/registration.hpp"
#include "nmcx/image/resample.hpp"

using namespace pybind11::literals;
using nmcx::bindings::ReleaseGil;
namespace image = nmcx::image;

void bind_image(py::module_& m) {
  py::class_<image::RegistrationOptions>(m, "RegistrationOptions")
      .def(py::init<double, double, double, int, double>(), "max_dy"_a, "max_dx"_a,
           "smoothing"_a = 0.8, "variation"_a = 0, "significance"_a = 4.5);
  py::class_<image::Registration>(m, "Registration")
      .def_readonly("dy", &image::Registration::dy)
      .def_readonly("dx", &image::Registration::dx)
      .def_readonly("std", &image::Registration::std)
      .def_readonly("correlation", &image::Registration::correlation)
      .def_readonly("significance", &image::Registration::significance)
      .def_readonly("n_pixel", &image::Registration::n_pixel)
      .def_readonly("n_iteration", &image::Registration::n_iteration);
  py::class_<image::Resampled>(m, "Resampled")
      .def_readonly("value", &image::Resampled::value)
      .def_readonly("variance", &image::Resampled::variance);

  m.def("register_translation", &image::register_translation, "fixed"_a.noconvert(),
        "moving"_a.noconvert(), "options"_a, ReleaseGil());
  m.def("shift_image", &image::shift_image, "image"_a.noconvert(), "variance"_a.noconvert(), "dy"_a,
        "dx"_a, ReleaseGil());
}
