#include "bind.hpp"
#include "nmcx/core/error.hpp"
#include "nmcx/core/instruction_set.hpp"

void bind_xanes(py::module_& m);       // xanes.cpp
void bind_image(py::module_& m);       // image.cpp
void bind_geometry(py::module_& m);    // geometry.cpp
void bind_fem(py::module_& m);         // fem.cpp
void bind_fem_labels(py::module_& m);  // fem_labels.cpp

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
  m.doc() = "Kernels of nmcx; private, see the Python modules for documentation.";
  m.attr("__version__") = NMCX_VERSION;

  py::register_exception<nmcx::ConvergenceError>(
      m, "ConvergenceError", py::module_::import("nmcx.errors").attr("ConvergenceError"));
  py::register_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const nmcx::Cancelled&) {
      // The poll that cancelled has left KeyboardInterrupt set.
      if (PyErr_Occurred() == nullptr) PyErr_SetNone(PyExc_KeyboardInterrupt);
    }
  });

  m.def("active_instruction_set", &nmcx::active_instruction_set_name);
  m.def("supported_instruction_set", &nmcx::supported_instruction_set_name);
  bind_xanes(m);
  bind_image(m);
  bind_geometry(m);
  bind_fem(m);
  bind_fem_labels(m);
}
