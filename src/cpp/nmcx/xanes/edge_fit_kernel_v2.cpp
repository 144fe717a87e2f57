#include "nmcx/xanes/edge_fit_kernel.hpp"

#if defined(__x86_64__)
#define NMCX_LANES 4
// The order matters.
// clang-format off
#include "nmcx/core/vectors.inc"
#include "nmcx/xanes/tile_copy.inc"
#include "nmcx/xanes/edge_fit_kernel.inc"
#include "nmcx/xanes/tile_write.inc"
#include "nmcx/xanes/judge_loops.inc"
// clang-format on

const nmcx::xanes::Kernel nmcx::xanes::edge_fit_v2{
    fit_tile,  copy_tile, transpose_tile, write_tile, judge_alone,   judge_noise, add_usable,
    add_lines, pool_row,  add_marks,      mark_rim,   finish_errors, refuse_bad};
#endif
