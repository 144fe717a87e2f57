#include "bind.hpp"

using namespace py::literals;

void bind_fem(py::module_& m) { (void)m; }
