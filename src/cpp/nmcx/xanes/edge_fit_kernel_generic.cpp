#include "nmcx/xanes/edge_fit_kernel.hpp"

#define NMCX_LANES 4
#include "nmcx/xanes/edge_fit_kernel.inc"

const nmcx::xanes::Kernel nmcx::xanes::edge_fit_generic{fit_tile, copy_tile, transpose_tile};
