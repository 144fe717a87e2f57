#include "nmcx/fem/front_kernel.hpp"

#if defined(__x86_64__)
#define NMCX_LANES 8
// The order matters.
// clang-format off
#include "nmcx/core/vectors.inc"
#include "nmcx/fem/front_kernel.inc"
// clang-format on

const nmcx::FrontKernel nmcx::front_v3{workspace, eliminate, subtract, forward, backward};
#endif
