"""The jump image of aligned frames: what absorbs at the edge alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nmcx.report import Findings


def with_jump(found: Findings) -> Findings:
    """The findings with the jump image: the last of the aligned energies less the first.

    Parameters
    ----------
    found : Findings
        With `aligned`; where fewer than two energies could be aligned they stay as they are.

    Returns
    -------
    Findings
    """
    aligned = found.aligned
    if aligned is None or np.count_nonzero(~aligned.is_outlier) < 2:
        return found
    stack = aligned.stack
    return replace(
        found,
        jump=stack.mu[-1] - stack.mu[0],
        jump_std=np.sqrt(stack.variance[-1] + stack.variance[0]),
        jump_pixel_um=aligned.pixel_size_um[0],
        jump_energies_ev=(float(stack.energy_ev[0]), float(stack.energy_ev[-1])),
    )
