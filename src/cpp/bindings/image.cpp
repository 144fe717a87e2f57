#include "bind.hpp"

void bind_image(py::module_& m) {
  (void)m;
}
