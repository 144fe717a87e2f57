"""The images of a stack that were taken at the two peaks of a doublet."""

from __future__ import annotations

import numpy as np

from nmcx.results import Doublet, StxmStack


def select_pair(
    stack: StxmStack, doublet: Doublet, *, tolerance_ev: float = 0.5
) -> tuple[StxmStack, StxmStack]:
    """The two images of a stack that were taken at the peaks of a doublet.

    Parameters
    ----------
    stack : StxmStack
        ``counts (n_energy, ny, nx)`` in any order of energy.
    doublet : Doublet
        From `find_doublet`, on the energy scale of the stack [eV].
    tolerance_ev : float
        Largest distance of an image from its peak (our default: 0.5 eV).

    Returns
    -------
    tuple of StxmStack
        (low, high), each with ``counts (1, ny, nx)``.

    Raises
    ------
    ValueError
        If no image lies close enough to a peak, or one image is nearest to both.

    References
    ----------
    Nothing is computed: the pair is what `xi_map` takes.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> from nmcx.results import Doublet, StxmStack
    >>> axis = np.arange(3.0)
    >>> stack = StxmStack(np.ones((5, 3, 3)), np.arange(852.0, 857.0), axis, axis)
    >>> doublet = Doublet(853.9, 856.1, 0.01, 0.01, 2.2, 0.02, 1.0, 0.7)
    >>> [float(scan.energy_ev[0]) for scan in surface.select_pair(stack, doublet)]
    [854.0, 856.0]
    """
    energy = np.asarray(stack.energy_ev, dtype=np.float64)
    chosen = []
    for peak in (doublet.low_ev, doublet.high_ev):
        i = int(np.argmin(np.abs(energy - peak)))
        if not abs(energy[i] - peak) <= tolerance_ev:
            raise ValueError(
                f"no image within {tolerance_ev:g} eV of the peak at {peak:.2f} eV; the nearest is "
                f"at {energy[i]:.2f} eV"
            )
        chosen.append(i)
    if chosen[0] == chosen[1]:
        raise ValueError("one image is nearest to both peaks; the stack is too coarse in energy")
    return stack.select([chosen[0]]), stack.select([chosen[1]])
