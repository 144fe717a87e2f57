"""From detector frames to optical density with its variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.results import SAME_ENERGY_EV, FrameStack, OpticalDensity
from nmcx.txm.photon_transfer import photon_transfer

__all__ = ["optical_density"]

Array = NDArray[np.float64]

#: Frames closer than this in angle [rad], and than `SAME_ENERGY_EV`, are repeats of one image.
SAME_ANGLE = 1e-4


def optical_density(
    frames: FrameStack,
    *,
    dark: ArrayLike | None = None,
    gain: float | None = None,
    read_noise: float | None = None,
    min_reference_snr: float = 3.0,
    use_beam_current: bool | None = None,
) -> OpticalDensity:
    r"""Optical density of the sample with its variance, one image per energy and angle.

    Sample frames of one energy and angle are summed, and so are the reference frames of that energy
    that lie nearest in the order of acquisition; then

    .. math:: OD = -\ln T, \quad T = \frac{\bar S - \bar D}{\bar R - \bar D}\,
              \frac{t_R}{t_S}\,\frac{i_R}{i_S}.

    Pixels with :math:`T \le 0`, with :math:`\bar R - \bar D` not above `min_reference_snr` times
    its standard deviation, or saturated in a frame are NaN and not `valid`: nothing is clipped.

    Parameters
    ----------
    frames : FrameStack
        Sample and reference frames, (n_frame, ny, nx) [counts].
    dark : (ny, nx) or (n_dark, ny, nx) array_like, optional
        Dark counts; default: the frames marked `is_dark`, else none are subtracted.
    gain : float, optional
        Detector counts per photon. Default: estimated by photon transfer.
    read_noise : float, optional
        Standard deviation of the detector's own noise in a frame [counts]. Default: estimated with
        the gain, or 0 if the gain is given.
    min_reference_snr : float
        Fewest standard deviations of the reference above dark [1].
    use_beam_current : bool, optional
        Whether to divide by the beam current. Default: if it is known and, where three or more
        references of one energy can tell, dividing by it brings their mean counts closer together
        (a coarsely digitised reading would add its own error).

    Returns
    -------
    OpticalDensity
        `od` and `variance` (n_image, ny, nx), float32 from 16-bit or float32 counts, else float64;
        `gain` [counts/photon]; `notes` says which rules were used. Without a gain, given or
        estimated from two references of one energy, the variance is NaN.

    Raises
    ------
    ValueError
        If there are no sample or no reference frames, an energy is unknown, an energy has no
        reference, or `dark` has another shape.

    References
    ----------
    .. [1] Janesick, "Photon Transfer" (SPIE Press, 2007), ch. 5: the variance of the difference of
       two equal exposures, halved, is gain × mean + read noise².
    .. [2] Var[OD] = Var(S)/(S − D)² + Var(R)/(R − D)², first-order propagation.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> counts = rng.poisson([[[400.0]], [[400.0]], [[1000.0]], [[1000.0]]], (4, 64, 64))
    >>> unknown = np.full(4, np.nan)
    >>> frames = FrameStack(counts, np.full(4, 8354.0), np.array([False, False, True, True]),
    ...                     np.zeros(4), unknown, unknown)
    >>> image = optical_density(frames, gain=1.0)
    >>> bool(abs(image.od.mean() - np.log(1000 / 400)) < 0.01)
    True
    """
    sample, reference = _checked(frames)
    notes = list(frames.notes)
    background = _dark(frames, dark, notes)
    groups = [_Group(i, _references(frames, i, reference)) for i in _images(frames, sample)]
    weight = _weights(frames, groups, use_beam_current, notes)
    gain, read_noise = _noise(frames, reference, background, gain, read_noise, notes)
    kind = np.result_type(frames.counts.dtype, np.float32)
    shape = (len(groups), *np.shape(frames.counts)[1:])
    od, variance = np.empty(shape, kind), np.empty(shape, kind)
    n_saturated = 0
    for k, group in enumerate(groups):
        above = _sum(frames, group.sample, background, gain, read_noise)
        below = _sum(frames, group.reference, background, gain, read_noise)
        scale = weight[group.reference].sum() / weight[group.sample].sum()
        saturated = above.saturated | below.saturated
        n_saturated += int(np.count_nonzero(saturated))
        od[k], variance[k] = _log_ratio(above, below, scale, min_reference_snr, saturated)
    if n_saturated:
        notes.append(f"{n_saturated} pixels saturated in a frame: invalid")
    first = [int(group.sample[0]) for group in groups]
    pixel = np.asarray(frames.pixel_size_um, dtype=np.float64)
    return OpticalDensity(
        energy_ev=np.asarray(frames.energy_ev, dtype=np.float64)[first],
        theta=np.asarray(frames.theta, dtype=np.float64)[first],
        od=od,
        variance=variance,
        valid=np.isfinite(od),
        pixel_size_um=pixel[first],
        gain=gain,
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Group:
    """Indices of the frames that make one image."""

    sample: NDArray[np.intp]
    reference: NDArray[np.intp]


@dataclass(frozen=True)
class _Sum:
    """Dark-corrected sum of frames, its variance, and where a frame was saturated."""

    counts: Array
    variance: Array
    saturated: NDArray[np.bool_]


def _checked(frames: FrameStack) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    is_reference = np.asarray(frames.is_reference, dtype=bool)
    is_dark = (
        np.zeros_like(is_reference) if frames.is_dark is None else np.asarray(frames.is_dark, bool)
    )
    sample = np.flatnonzero(~is_reference & ~is_dark)
    reference = np.flatnonzero(is_reference & ~is_dark)
    if np.ndim(frames.counts) != 3 or len(frames.counts) != is_reference.size:
        raise ValueError("frames.counts must be (n_frame, ny, nx) with one is_reference each")
    if not sample.size or not reference.size:
        raise ValueError(
            f"frames holds {sample.size} sample and {reference.size} reference frames; "
            "both are needed: add the missing ones"
        )
    energy = np.asarray(frames.energy_ev, dtype=np.float64)
    if not np.isfinite(energy[np.concatenate([sample, reference])]).all():
        raise ValueError("frames.energy_ev is not known for every frame; set it")
    return sample, reference


def _images(frames: FrameStack, sample: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Sample frames of each (energy, angle), ordered by energy, then angle."""
    images = []
    for same_energy in _clusters(sample, np.asarray(frames.energy_ev), SAME_ENERGY_EV):
        images += _clusters(same_energy, np.asarray(frames.theta), SAME_ANGLE)
    return images


def _clusters(
    chosen: NDArray[np.intp], values: NDArray[np.floating[Any]], tolerance: float
) -> list[NDArray[np.intp]]:
    """Frames whose values follow each other closer than `tolerance`, by ascending value."""
    order = chosen[np.argsort(values[chosen], kind="stable")]
    gaps = np.flatnonzero(np.diff(values[order]) >= tolerance)
    return [np.sort(part) for part in np.split(order, gaps + 1)]


def _references(
    frames: FrameStack, image: NDArray[np.intp], reference: NDArray[np.intp]
) -> NDArray[np.intp]:
    energy = np.asarray(frames.energy_ev)
    wanted = energy[image[0]]
    same = reference[np.abs(energy[reference] - wanted) < SAME_ENERGY_EV]
    if not same.size:
        raise ValueError(
            f"no reference frame at {wanted:.2f} eV (references: "
            f"{', '.join(f'{e:.2f}' for e in np.unique(energy[reference]))} eV); add references of "
            "this energy or leave its frames out"
        )
    runs = np.split(same, np.flatnonzero(np.diff(same) > 1) + 1)
    # References move with the beam, so only the runs next to these frames count.
    gaps = [min(abs(int(i) - int(j)) for i in image for j in run[[0, -1]]) for run in runs]
    return np.concatenate([run for run, gap in zip(runs, gaps, strict=True) if gap == min(gaps)])


def _dark(frames: FrameStack, dark: ArrayLike | None, notes: list[str]) -> tuple[Array, Array]:
    """Mean dark frame and the variance of that mean, both (ny, nx)."""
    shape = np.shape(frames.counts)[1:]
    if dark is None and frames.is_dark is not None and np.any(frames.is_dark):
        dark = frames.counts[np.flatnonzero(frames.is_dark)]
    if dark is None:
        notes.append("no dark frames: none subtracted")
        return np.zeros(shape), np.zeros(shape)
    values = np.atleast_3d(np.asarray(dark, dtype=np.float64).T).T
    if values.shape[1:] != shape:
        raise ValueError(f"dark must be {shape} or (n_dark, *{shape}), not {np.shape(dark)}")
    n = len(values)
    notes.append(f"mean of {n} dark frame{'s' if n > 1 else ''} subtracted")
    spread = values.var(axis=0, ddof=1) / n if n > 1 else np.zeros(shape)
    return values.mean(axis=0), spread


def _weights(
    frames: FrameStack, groups: list[_Group], use_current: bool | None, notes: list[str]
) -> Array:
    """Exposure × beam current of each frame, or 1 where neither is known."""
    weight = np.ones(len(frames.counts))
    used = np.unique(np.concatenate([np.r_[g.sample, g.reference] for g in groups]))
    exposure = np.asarray(frames.exposure_s, dtype=np.float64)
    if np.all(np.isfinite(exposure[used]) & (exposure[used] > 0)):
        weight *= exposure
        notes.append("scaled by exposure time")
    else:
        notes.append("exposure times unknown: sample and reference taken as equally exposed")
    if frames.beam_current is None or use_current is False:
        if use_current:
            raise ValueError("use_beam_current is true but frames.beam_current is None")
        return weight
    current = np.asarray(frames.beam_current, dtype=np.float64)
    if not np.all(np.isfinite(current[used]) & (current[used] > 0)):
        notes.append("beam current unknown for some frames: not used")
        return weight
    before, after = (_scatter(frames, groups, w) for w in (weight, weight * current))
    if use_current is None and before is not None and after is not None and after >= before:
        notes.append(
            f"beam current not used: references scatter by {100 * before:.2g} % without and "
            f"{100 * after:.2g} % with it"
        )
        return weight
    notes.append("scaled by beam current")
    return weight * current


def _scatter(frames: FrameStack, groups: list[_Group], weight: Array) -> float | None:
    """Relative scatter of the references' mean counts; None with fewer than three per group."""
    squares, n_free = 0.0, 0
    for chosen in {tuple(group.reference) for group in groups}:
        if len(chosen) < 3:
            continue
        means = np.array([np.mean(frames.counts[i]) / weight[i] for i in chosen])
        squares += float(np.sum((means / means.mean() - 1.0) ** 2))
        n_free += means.size - 1
    return float(np.sqrt(squares / n_free)) if n_free else None


def _sum(
    frames: FrameStack,
    chosen: NDArray[np.intp],
    background: tuple[Array, Array],
    gain: float,
    read_noise: float,
) -> _Sum:
    dark, dark_variance = background
    n = chosen.size
    total = -n * dark
    saturated = np.zeros(dark.shape, dtype=bool)
    for i in chosen:
        stored = np.asarray(frames.counts[i])  # one at a time: the frames may lie in files
        total = total + stored
        if stored.dtype.kind in "iu" and stored.dtype.itemsize <= 2:
            saturated |= stored == np.iinfo(stored.dtype).max
    # Counting noise of a pixel without light is none, not imaginary.
    counting = gain * np.maximum(total, 0.0)
    return _Sum(total, counting + n * read_noise**2 + n**2 * dark_variance, saturated)


def _log_ratio(
    sample: _Sum, reference: _Sum, scale: float, min_snr: float, saturated: NDArray[np.bool_]
) -> tuple[Array, Array]:
    with np.errstate(all="ignore"):
        ratio = sample.counts / reference.counts * scale
        variance = sample.variance / sample.counts**2 + reference.variance / reference.counts**2
        od = -np.log(ratio)
        deviation = np.sqrt(reference.variance)
        # An unknown variance is no reason to refuse a pixel.
        threshold = np.where(np.isfinite(deviation), min_snr * deviation, 0.0)
        good = (ratio > 0) & (reference.counts > threshold) & np.isfinite(od) & ~saturated
    return np.where(good, od, np.nan), np.where(good, variance, np.nan)


def _noise(
    frames: FrameStack,
    reference: NDArray[np.intp],
    background: tuple[Array, Array],
    gain: float | None,
    read_noise: float | None,
    notes: list[str],
) -> tuple[float, float]:
    if gain is not None:
        if not (np.isfinite(gain) and gain > 0):
            raise ValueError(f"gain must be a positive number of counts per photon, not {gain}")
        return float(gain), float(read_noise or 0.0)
    estimated = photon_transfer(frames, reference, background[0])
    if estimated is None:
        notes.append("gain unknown (no two references of one energy): variance is NaN; pass gain")
        return float("nan"), float(read_noise or 0.0)
    slope, own = estimated
    own = own if read_noise is None else float(read_noise)
    notes.append(
        f"gain {slope:.4g} counts per photon and read noise {own:.3g} counts by photon transfer"
    )
    return slope, own
