#include "nmcx/xanes/template_kernel.hpp"

#define NMCX_LANES 4
// The order matters.
// clang-format off
#include "nmcx/core/vectors.inc"
#include "nmcx/xanes/template_kernel.inc"
// clang-format on

const nmcx::xanes::TemplateKernel nmcx::xanes::template_generic{scan_block, project};
