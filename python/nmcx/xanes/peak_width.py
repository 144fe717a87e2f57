"""Reach of the white-line parabola, from the noise of the whole map."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.xanes.windows import FitWindows

#: Reach of the white-line parabola on either side of the sample nearest to it [eV], at little noise
#: (our default: a wider window follows the asymmetry of the line; on LiNiO2 3 eV moves it by 0.12).
WHITE_LINE_HALF_WIDTH_EV = 2.0

_WIDEST_EV = 5.0  # wider ones reach down into the edge
_SHARE_OF_DISTANCE = 0.55  # of that from the half-jump to the white line
_STEP_EV = 0.5  # so that two maps of about the same noise use the same window
_LITTLE_NOISE = 1 / 60  # of the jump
_LEAST_FRACTION = 0.3  # of the median jump, below it voxels are partly outside
_LEAST_JUMP = 5.0  # in units of the noise, below it there is none


def choose_half_width_ev(
    energy: NDArray[np.float64],
    sample: NDArray[np.float64],
    variance: NDArray[np.float64],
    windows: FitWindows,
) -> float:
    """``2 (60 noise / jump)^0.4`` eV, rounded up to 0.5 eV, at least 2 and at most 5.

    At most 0.55 of the typical distance from the half-jump to the white line either: the search for
    the line's middle reaches twice as far, and must not follow the edge.

    The curvature of a parabola over ±w is known to noise / w^2.5, so the power keeps its relative
    error; the factor makes that about a sixth for a line as wide as that of layered oxides.

    Parameters
    ----------
    energy : (n_energy,) array
        Photon energies [eV].
    sample : (n_energy, n_sample) array
        Spectra that stand for the map.
    variance : (n_energy, any) array
        Variance of such spectra; empty if not given.
    windows : FitWindows
        Windows and degrees; its own half-width does not matter.
    """
    # The variance only stands in for residuals, of which there may be none.
    unit = np.full((energy.size, 1), 1e-12)
    measured = _core.measure_edges(
        energy, sample, unit, False, windows.core(), _core.EstimatorModel("half_jump"), 1
    )
    usable = (np.asarray(measured.map.status) & 1) == 0
    jump = np.asarray(measured.map.edge_jump, dtype=np.float64)[usable]
    # A variance of another length is refused by the fit.
    if variance.shape[0] == energy.size:
        between = (energy > windows.pre_edge[1]) & (energy < windows.post_edge[0])
        squares = np.full(jump.shape, max(0.0, float(np.mean(variance[between]))))
    else:
        before = windows.inside(energy, "pre")
        squares = _residual_variance(energy[before], sample[before][:, usable], windows.pre_degree)
    relative = _typical_ratio(squares, jump)
    wanted = WHITE_LINE_HALF_WIDTH_EV * math.pow(max(1.0, relative / _LITTLE_NOISE), 0.4)
    width = _STEP_EV * math.ceil(wanted / _STEP_EV)
    if width == WHITE_LINE_HALF_WIDTH_EV:
        return width
    edge = np.asarray(measured.map.edge_energy_ev)[usable][jump > 0]
    peak = np.asarray(measured.map.white_line_ev)[usable][jump > 0]
    finite = np.isfinite(edge) & np.isfinite(peak)
    distance = peak[finite] - edge[finite]
    room = _SHARE_OF_DISTANCE * float(np.median(distance)) if distance.size > 0 else _WIDEST_EV
    widest = max(WHITE_LINE_HALF_WIDTH_EV, _STEP_EV * math.floor(room / _STEP_EV))
    return min(_WIDEST_EV, widest, width)


def _residual_variance(
    energy: NDArray[np.float64], points: NDArray[np.float64], degree: int
) -> NDArray[np.float64]:
    """Of the pre-edge alone, because oscillations after the edge are no noise; 0 if unknown."""
    freedom = energy.size - degree - 1
    if freedom < 1:
        return np.zeros(points.shape[1])
    x = (energy - energy.mean()) / np.ptp(energy)
    basis, _ = np.linalg.qr(np.vander(x, degree + 1))
    rest = points - basis @ (basis.T @ points)
    return np.asarray(np.sum(rest**2, axis=0) / freedom)


def _typical_ratio(variance: NDArray[np.float64], jump: NDArray[np.float64]) -> float:
    """Noise of the voxels with a full jump over their median jump; 0 if there are none."""
    clear = jump > _LEAST_JUMP * np.sqrt(variance)
    if not clear.any():
        return 0.0
    typical = float(np.median(jump[clear]))
    inside = jump >= _LEAST_FRACTION * typical
    return float(np.sqrt(np.mean(variance[inside]))) / typical
