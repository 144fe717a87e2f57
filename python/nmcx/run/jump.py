"""Jump image: optical density above the edge minus that below, on one grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nmcx import surface
from nmcx.errors import ConvergenceError
from nmcx.results import OpticalDensity, Shift

Array = NDArray[np.floating[Any]]
#: Largest drift between two energies that is looked for [px]; more would be another field.
MAX_SHIFT = 64.0


@dataclass(frozen=True)
class AlignedStack:
    """Optical density of all energies on the grid of the lowest, energies rising."""

    energy_ev: Array  #: (n_energy,) [eV]
    od: Array  #: (n_energy, ny, nx) [1], NaN where unknown
    variance: Array  #: (n_energy, ny, nx) of the frames, before interpolation
    pixel_size_um: float  #: [µm]
    notes: tuple[str, ...]


def align(od: OpticalDensity) -> AlignedStack:
    """Remove magnification and drift between energies in one interpolation per image.

    The zone plate's pixel grows with the energy, so an image at a higher energy is enlarged about
    its middle by the ratio of pixel sizes; the drift that is left is found by `surface.register` on
    the steepness of the images.

    Parameters
    ----------
    od : OpticalDensity
        One image per energy.

    Returns
    -------
    AlignedStack

    References
    ----------
    Magnification of a zone plate: pixel proportional to photon energy.
    """
    order = np.argsort(od.energy_ev)
    first = order[0]
    pixel = float(od.pixel_size_um[first])
    values, variances = [np.asarray(od.od[first])], [np.asarray(od.variance[first])]
    contours = _contours(values[0])
    notes = []
    for i in order[1:]:
        scale = pixel / float(od.pixel_size_um[i]) if np.isfinite(od.pixel_size_um[i]) else 1.0
        enlarged = _contours(_resampled(od.od[i], scale, (0.0, 0.0)))
        try:
            shift = surface.register(contours, enlarged, max_shift=MAX_SHIFT)
        except ConvergenceError as error:
            shift = Shift(0.0, 0.0, np.nan)
            notes.append(f"{od.energy_ev[i]:.1f} eV: drift unknown and left as it is ({error})")
        uneven = _quadrant_spread(contours, enlarged, shift)
        values.append(_resampled(od.od[i], scale, (shift.dy, shift.dx)))
        variances.append(_resampled(od.variance[i], scale, (shift.dy, shift.dx), order=1))
        notes.append(
            f"{od.energy_ev[i]:.1f} eV enlarged by {1 / scale:.5f} and moved by "
            f"({-shift.dy:+.2f}, {-shift.dx:+.2f}) ± {shift.std:.2f} px (rows, columns) onto "
            f"{od.energy_ev[first]:.1f} eV; the quarters of the field differ by {uneven:.1f} px, "
            "which a shift and a magnification cannot take out"
        )
    return AlignedStack(
        od.energy_ev[order], np.stack(values), np.stack(variances), pixel, tuple(notes)
    )


def _quadrant_spread(fixed: Array, moving: Array, shift: Shift) -> float:
    """Root mean square distance of the drifts of four quarters from that of the field [px]."""
    if not np.isfinite(shift.std):
        return float("nan")
    middle = np.array(fixed.shape) // 2
    squares = []
    for rows in (slice(None, middle[0]), slice(middle[0], None)):
        for columns in (slice(None, middle[1]), slice(middle[1], None)):
            try:
                part = surface.register(
                    fixed[rows, columns], moving[rows, columns], max_shift=MAX_SHIFT
                )
            except ConvergenceError:
                continue  # nothing to see in this quarter
            squares.append((part.dy - shift.dy) ** 2 + (part.dx - shift.dx) ** 2)
    return float(np.sqrt(np.mean(squares))) if squares else float("nan")


def _contours(image: Array) -> NDArray[Any]:
    # Contours stay while the contrast of a particle changes across its edge; two pixels of
    # smoothing put the noise of a single frame below them.
    from scipy import ndimage

    missing = ~np.isfinite(image)
    filled = np.where(missing, np.median(image[~missing]) if not missing.all() else 0.0, image)
    slope: NDArray[Any] = ndimage.gaussian_gradient_magnitude(filled.astype(np.float64), 2.0)
    # The borders of what is missing are no contours of the sample.
    slope[ndimage.binary_dilation(missing, iterations=8)] = np.nan
    return slope


def _resampled(
    image: Array, scale: float, shift: tuple[float, float], *, order: Literal[1, 3] = 3
) -> NDArray[Any]:
    """image(c + (x + shift - c) · scale): NaN outside and beside missing pixels."""
    from scipy import ndimage

    missing = ~np.isfinite(image)
    filled = np.where(missing, np.median(image[~missing]) if not missing.all() else 0.0, image)
    middle = (np.array(image.shape) - 1) / 2
    offset = middle * (1 - scale) + scale * np.asarray(shift)
    moved: NDArray[Any] = ndimage.affine_transform(
        filled, np.full(2, scale), offset, order=order, mode="constant", cval=np.nan
    )
    holes = ndimage.affine_transform(
        missing.astype(np.float32), np.full(2, scale), offset, order=1, mode="constant", cval=1.0
    )
    moved[holes > 0.01] = np.nan
    return moved
