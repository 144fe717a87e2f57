"""Drift between the scans of one map."""

from __future__ import annotations

import logging

import numpy as np

from nmcx.errors import ConvergenceError
from nmcx.results import Shift
from nmcx.surface.registration import register
from nmcx.surface.scans import Scan

_log = logging.getLogger("nmcx")

#: Share of saturated pixels beyond which the shape of the image is not known (our default).
_MAX_SATURATED = 0.02


def find_drift(a: Scan, b: Scan, max_shift: float | tuple[float, float] | None) -> Shift:
    """Drift of scan b against a; its error includes how much the choice of contrast matters.

    Chemistry varies from place to place, and a smooth change of brightness passes for a shift of
    the rim. The whole images find the drift to a fraction of a pixel; their finest structure, with
    all that is smoother than a few pixels taken off, then measures it.
    """
    for scan in (a, b):
        if scan.saturated > _MAX_SATURATED:
            raise ConvergenceError(
                f"{scan.name} cannot be registered and gives no map: {100 * scan.saturated:.1f} % "
                "of its pixels are saturated; measure again with less flux or gain"
            )
    try:
        whole = register(a.contrast, b.contrast, max_shift=max_shift, variation=1)
    except ConvergenceError as error:
        raise ConvergenceError(
            f"{a.name} and {b.name} cannot be registered and give no map: {error}"
        ) from error
    row, column = round(whole.dy), round(whole.dx)
    ny, nx = a.detail.shape
    common = (
        slice(max(0, -row), min(ny, ny - row)),
        slice(max(0, -column), min(nx, nx - column)),
    )
    moved = tuple(
        slice(s.start + by, s.stop + by) for s, by in zip(common, (row, column), strict=True)
    )
    try:
        fine = register(a.detail[common], b.detail[moved], max_shift=2.0, variation=1)
    except ConvergenceError:
        _log.info("the finest structure is too weak: drift from the whole images")
        return whole
    dy, dx = row + fine.dy, column + fine.dx
    disagreement = np.hypot(dy - whole.dy, dx - whole.dx) / np.sqrt(2.0)
    return Shift(dy=dy, dx=dx, std=float(np.hypot(fine.std, disagreement)))
