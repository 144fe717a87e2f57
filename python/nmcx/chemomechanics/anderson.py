"""Anderson's acceleration of a fixed-point iteration p = G(p)."""

from __future__ import annotations

import numpy as np

from nmcx.chemomechanics.boundary import Doubles


class Anderson:
    """Next guess from the last few: where their residuals G(p) − p, combined, come nearest to zero.

    D. G. Anderson, J. ACM 12 (1965) 547; the form without damping of H. F. Walker and P. Ni, SIAM
    J. Numer. Anal. 49 (2011) 1715.
    """

    def __init__(self, weight: Doubles, depth: int = 3) -> None:
        self._weight, self._depth = weight, depth
        self._results: list[Doubles] = []
        self._residuals: list[Doubles] = []

    def next(self, guess: Doubles, result: Doubles) -> Doubles:
        """What to try after G(guess) = result."""
        self._results = [*self._results[-self._depth :], result]
        self._residuals = [*self._residuals[-self._depth :], self._weight * (result - guess)]
        if len(self._results) == 1:
            return result
        residuals = np.diff(np.stack(self._residuals, axis=1), axis=1)
        # Residuals that hardly differ tell nothing: their combinations are cut off.
        share = np.linalg.lstsq(residuals, self._residuals[-1], rcond=1e-8)[0]
        return np.asarray(result - np.diff(np.stack(self._results, axis=1), axis=1) @ share)
