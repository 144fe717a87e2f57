#include "nmcx/geometry/cone_tree_kernel.hpp"

#if defined(__x86_64__)
#include "nmcx/geometry/cone_tree_kernel.inc"

const nmcx::ConeTreeKernel nmcx::cone_tree_v2{open, count, cells, units};
#endif
