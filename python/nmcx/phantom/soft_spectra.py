"""Ni L and O K spectra of a particle with a reduced surface, before and after cycling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.results import Result, Spectrum
from nmcx.results.base import Float, quantity
from nmcx.spectra import divide_by_i0

# Heights of the two L3 peaks in edge jumps: Ni2+-like and Ni3+/4+-like end members. Our default;
# the order of the peaks changes between them, as in rock salt and charged layered oxides.
_NI_HEIGHTS = np.array([[4.0, 1.8], [2.0, 3.6]])
_NI_SIGMA = (0.60, 0.75)
_L3_EV, _SPLIT_EV, _SPIN_ORBIT_EV, _STEP_EV = 854.0, 2.2, 17.3, 0.6
# O K pre-edge area in edge jumps times eV of the same end members.
_PRE_EDGE_AREA = np.array([0.35, 1.30])
_PRE_EDGE_EV, _PRE_EDGE_SIGMA = 530.3, 0.75
_O_EDGE_EV, _O_STEP_EV = 535.0, 0.7
_O_PEAKS = ((0.65, 537.9, 1.3), (0.45, 541.5, 2.2))  # height, place, standard deviation


@dataclass(frozen=True)
class SoftSpectra(Result):
    """Spectra of the first and the cycled state by both yields, and their truth.

    Axes of the truth: yield (tey, fy) and state (first, cycled).
    """

    nickel_tey: tuple[Spectrum, ...] = quantity("")  #: Ni L, first and cycled
    nickel_fy: tuple[Spectrum, ...] = quantity("")  #: Ni L, first and cycled
    oxygen_tey: tuple[Spectrum, ...] = quantity("")  #: O K, first and cycled
    oxygen_fy: tuple[Spectrum, ...] = quantity("")  #: O K, first and cycled
    ni3_fraction: Float = quantity("1", "yield state")  #: (2, 2) what each yield sees
    ratio: Float = quantity("1", "yield state")  #: (2, 2) heights of the L3 peaks, high over low
    pre_edge_area: Float = quantity("eV", "yield state")  #: (2, 2) in jumps times eV
    suppression: Float = quantity("1", "yield")  #: (2,) 1 - cycled / first area


def soft_spectra(
    *,
    ni3_fraction: float = 0.7,
    surface_ni3_fraction: float = 0.1,
    layer_nm: float = 10.0,
    tey_depth_nm: float = 7.0,
    fy_depth_nm: float = 70.0,
    counts: float | None = 1e5,
    i0_drift: float = 0.1,
    self_absorption: float = 0.0,
    energy_offset_ev: float = 0.0,
    step_ev: float = 0.1,
    seed: int = 1,
) -> SoftSpectra:
    """Ni L and O K spectra of a surface that cycling reduces, by electron and fluorescence yield.

    The first state is uniform. In the cycled one the Ni3+/4+-like fraction is
    ``ni3_fraction - (ni3_fraction - surface_ni3_fraction) exp(-z / layer_nm)`` at depth z. A yield
    weights depths by ``exp(-z / depth)``, so it sees the surface's deficit times
    ``layer / (layer + depth)``. Spectra mix linearly from two end members.

    Parameters
    ----------
    ni3_fraction, surface_ni3_fraction : float
        Ni3+/4+-like fraction of bulk and, after cycling, of the outermost layer [1].
    layer_nm : float
        Depth over which the reduction decays [nm].
    tey_depth_nm, fy_depth_nm : float
        Probing depth of electron yield (5 to 10 nm) and fluorescence yield (50 to 100 nm) [nm].
    counts : float, optional
        Counts of one edge jump; None: no noise and no drift of the beam.
    i0_drift : float
        Loss of incident beam from the first to the last energy [1].
    self_absorption : float
        Absorption of the edge's jump over that of everything else [1]; bends the fluorescence
        yield, electron yield has none.
    energy_offset_ev : float
        Added to all energies: another beamline's scale [eV].
    step_ev : float
        Energy step near the edges; twice as much elsewhere [eV].
    seed : int
        Seed of the random numbers.

    Returns
    -------
    SoftSpectra
        Spectra over their incident beam (with `i0` and `variance` if there is noise), in edge
        jumps, and their truth.

    Raises
    ------
    ValueError
        If a fraction lies outside 0 to 1, or a depth, `counts` or `step_ev` is not positive.

    References
    ----------
    Our default for shapes and heights; probing depths as in J. Stöhr, "NEXAFS Spectroscopy" (1992),
    section 5.2.

    Examples
    --------
    >>> made = soft_spectra()
    >>> made.suppression.round(2)  # electron yield sees more of the reduced surface
    array([0.33, 0.07])
    """
    if not (0 <= ni3_fraction <= 1 and 0 <= surface_ni3_fraction <= 1):
        raise ValueError("ni3_fraction and surface_ni3_fraction must lie between 0 and 1")
    if not min(layer_nm, tey_depth_nm, fy_depth_nm, step_ev) > 0:
        raise ValueError("layer_nm, tey_depth_nm, fy_depth_nm and step_ev must be positive")
    if counts is not None and not counts > 0:
        raise ValueError("counts must be positive, or None for no noise")
    if not (self_absorption >= 0 and 0 <= i0_drift < 1):
        raise ValueError("self_absorption must not be negative, i0_drift must lie in 0 to 1")
    rng = np.random.default_rng(seed)
    seen = layer_nm / (layer_nm + np.array([tey_depth_nm, fy_depth_nm]))
    deficit = (ni3_fraction - surface_ni3_fraction) * seen
    fraction = np.column_stack([np.full(2, ni3_fraction), ni3_fraction - deficit])
    area = _mixed(fraction, _PRE_EDGE_AREA)
    nickel, oxygen = _grids(step_ev)
    made: dict[str, tuple[Spectrum, ...]] = {}
    for element, energy, curve in (("Ni L", nickel, _nickel), ("O K", oxygen, _oxygen)):
        for i, mode in enumerate(("tey", "fy")):
            strength = self_absorption if mode == "fy" else 0.0
            curves = [curve(energy, f) for f in fraction[i]]
            bent = [y * (1 + strength) / (1 + strength * y) for y in curves]
            made[f"{element} {mode}"] = tuple(
                _measured(
                    energy, y, counts, i0_drift, rng, f"{element} {mode} {state}",
                    mode, energy_offset_ev,
                )
                for y, state in zip(bent, ("first", "cycled"), strict=True)
            )  # fmt: skip
    return SoftSpectra(
        nickel_tey=made["Ni L tey"],
        nickel_fy=made["Ni L fy"],
        oxygen_tey=made["O K tey"],
        oxygen_fy=made["O K fy"],
        ni3_fraction=fraction,
        ratio=np.vectorize(_true_ratio)(fraction),
        pre_edge_area=area,
        suppression=1.0 - area[:, 1] / area[:, 0],
    )


def _grids(step: float) -> tuple[Float, Float]:
    def grid(*corners: float) -> Float:
        outer = 2 * step
        low, fine, coarse, high = corners
        return np.concatenate(
            [
                np.arange(low, fine, outer),
                np.arange(fine, coarse, step),
                np.arange(coarse, high, outer),
            ]
        )

    return grid(843.0, 851.0, 859.0, 888.0), grid(518.0, 526.0, 538.0, 552.0)


def _mixed(fraction: ArrayLike, members: NDArray[np.float64]) -> NDArray[np.float64]:
    f = np.asarray(fraction, dtype=np.float64)
    return np.asarray(np.multiply.outer(1 - f, members[0]) + np.multiply.outer(f, members[1]))


def _gaussian(x: Float, centre: float, sigma: float) -> Float:
    return np.asarray(np.exp(-0.5 * ((x - centre) / sigma) ** 2))


def _step(x: Float, centre: float, width: float) -> Float:
    return np.asarray(0.5 + np.arctan((x - centre) / width) / np.pi)


def _l3_peaks(energy: Float, fraction: float) -> Float:
    low, high = _mixed(fraction, _NI_HEIGHTS)
    return np.asarray(
        low * _gaussian(energy, _L3_EV, _NI_SIGMA[0])
        + high * _gaussian(energy, _L3_EV + _SPLIT_EV, _NI_SIGMA[1])
    )


def _nickel(energy: Float, fraction: float) -> Float:
    """L3 and L2 in edge jumps; L2 is half as high and broader, its core hole lives shorter."""
    low, high = 0.4 * _mixed(fraction, _NI_HEIGHTS)
    at = _L3_EV + _SPLIT_EV
    second = _L3_EV + _SPIN_ORBIT_EV
    return np.asarray(
        _l3_peaks(energy, fraction)
        + low * _gaussian(energy, second, 0.9)
        + high * _gaussian(energy, second + _SPLIT_EV, 1.0)
        + 2 / 3 * _step(energy, at, _STEP_EV)
        + 1 / 3 * _step(energy, at + _SPIN_ORBIT_EV, _STEP_EV)
    )


def _oxygen(energy: Float, fraction: float) -> Float:
    height = float(_mixed(fraction, _PRE_EDGE_AREA)) / (_PRE_EDGE_SIGMA * np.sqrt(2 * np.pi))
    curve: Float = height * _gaussian(energy, _PRE_EDGE_EV, _PRE_EDGE_SIGMA)
    curve += _step(energy, _O_EDGE_EV, _O_STEP_EV)
    for peak, centre, sigma in _O_PEAKS:
        curve = curve + peak * _gaussian(energy, centre, sigma)
    return np.asarray(curve)


def _true_ratio(fraction: float) -> float:
    """Heights of the noise-free peaks above the steps, at their tops."""
    top = []
    for centre in (_L3_EV, _L3_EV + _SPLIT_EV):
        near = np.linspace(centre - 0.5, centre + 0.5, 2001)
        top.append(_l3_peaks(near, fraction).max())
    return float(top[1] / top[0])


def _measured(
    energy: Float,
    curve: Float,
    counts: float | None,
    i0_drift: float,
    rng: np.random.Generator,
    name: str,
    mode: str,
    offset_ev: float,
) -> Spectrum:
    """Counts of a curve in edge jumps over a sloping background, and of the beam."""
    progress = (energy - energy[0]) / (energy[-1] - energy[0])
    yielded = curve + 0.6 - 0.1 * progress
    if counts is None:
        return Spectrum(energy + offset_ev, yielded, name, mode=mode)
    beam = 1.0 - i0_drift * progress
    measured = rng.poisson(counts * beam * yielded).astype(np.float64)
    # The monitor counts a hundred times more than one jump does.
    i0 = np.maximum(rng.poisson(100.0 * counts * beam), 1) / 100.0
    return divide_by_i0(
        energy + offset_ev,
        measured,
        i0,
        variance=np.maximum(measured, 1.0),
        i0_variance=i0 / 100.0,
        mode=mode,
        name=name,
    )
