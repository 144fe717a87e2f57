#include "bind.hpp"

void bind_geometry(py::module_& m) {
  (void)m;
}
