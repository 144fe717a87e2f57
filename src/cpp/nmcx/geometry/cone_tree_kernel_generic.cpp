#include "nmcx/geometry/cone_tree_kernel.hpp"
#include "nmcx/geometry/cone_tree_kernel.inc"

const nmcx::ConeTreeKernel nmcx::cone_tree_generic{open, count, cells, units};
