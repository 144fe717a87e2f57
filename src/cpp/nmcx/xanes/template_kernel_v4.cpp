#include "nmcx/xanes/template_kernel.hpp"

#if defined(__x86_64__)
#define NMCX_LANES 16
// The order matters.
// clang-format off
#include "nmcx/core/vectors.inc"
#include "nmcx/xanes/template_kernel.inc"
// clang-format on

const nmcx::xanes::TemplateKernel nmcx::xanes::template_v4{scan_block, project};
#endif
