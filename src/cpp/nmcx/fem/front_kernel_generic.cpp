#include "nmcx/fem/front_kernel.hpp"

#define NMCX_LANES 4
// The order matters.
// clang-format off
#include "nmcx/core/vectors.inc"
#include "nmcx/fem/front_kernel.inc"
// clang-format on

const nmcx::FrontKernel nmcx::front_generic{workspace, eliminate, subtract, forward, backward};
