#include "bind.hpp"

void bind_xanes(py::module_& m) {
  (void)m;
}
