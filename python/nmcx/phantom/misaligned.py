"""Energy series of one particle whose images drift and shrink: the true displacement is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.phantom.spectra import edge_curve, edge_energies, white_line_offset
from nmcx.results import EnergyStack, OpticalDensity, Result
from nmcx.results.base import Float, quantity

Array = NDArray[np.float64]
_BLUR_REACH = 4.0  # standard deviations of the blur that are computed beyond the image


@dataclass(frozen=True)
class MisalignedStack(Result):
    """An energy series as measured, and how it was displaced."""

    images: OpticalDensity | EnergyStack = quantity("1")  #: as measured: 2-D images or tomograms
    shift_px: Float = quantity("px", "energy direction")  #: (n_energy, 2|3) drift, first is zero
    magnification: Float = quantity("1", "energy")  #: (n_energy,) against the first energy
    thickness: Float = quantity("1", "...")  #: (...) on the grid of the first energy, largest ~ 1
    edge_energy_ev: float = quantity("eV")  #: half-jump energy of every pixel
    white_line_ev: float = quantity("eV")  #: white-line energy of every pixel
    edge_jump: float = quantity("1")  #: jump where the thickness is one
    noise: float = quantity("1")  #: standard deviation of a pixel, in jumps


def misaligned_stack(
    seed: int = 1,
    *,
    shape: tuple[int, ...] = (96, 96),
    noise: float = 0.02,
    drift_px: float = 3.0,
    magnified: bool = True,
    edge_energy_ev: float = 8344.3,
    edge_jump: float = 0.4,
    energy_ev: ArrayLike | None = None,
    pixel_size_um: float = 0.033,
    blur_px: float = 0.8,
    oversampling: int = 4,
) -> MisalignedStack:
    """Images of a particle of one valence everywhere, displaced and unequally magnified.

    The particle is a formula: a lumpy, cracked body of uneven density whose thickness multiplies
    one spectrum. Each image is that formula at its own transformed coordinates, blurred by the
    microscope and averaged over each pixel; nothing is interpolated.

    Parameters
    ----------
    seed : int
        Seed of everything random.
    shape : (int, int) or (int, int, int)
        Pixels of an image (ny, nx), or voxels of a tomogram (nz, ny, nx).
    noise : float
        Standard deviation of a pixel, in jumps of the thickest part [1].
    drift_px : float
        Standard deviation of the drift along each axis, drawn anew for each energy [px].
    magnified : bool
        Whether a pixel grows in proportion to the energy, as behind a zone plate.
    edge_energy_ev : float
        Half-jump energy of the whole particle [eV].
    edge_jump : float
        Jump of the optical density in the thickest part [1].
    energy_ev : (n_energy,) array_like, optional
        Rising energies [eV]; default `edge_energies()`.
    pixel_size_um : float
        Pixel at the first energy [µm].
    blur_px : float
        Standard deviation of the microscope's blur [px].
    oversampling : int
        Samples per pixel along each axis.

    Returns
    -------
    MisalignedStack
        `images` is an `OpticalDensity` in 2-D, an `EnergyStack` in 3-D. What the first image holds
        at pixel x lies at ``c + (x - c) magnification + shift_px``, c being the middle.

    Raises
    ------
    ValueError
        If `shape` is not 2-D or 3-D of at least 16 pixels, or a number is negative.

    References
    ----------
    Our default. Pixel in proportion to energy: focal length of a zone plate.

    Examples
    --------
    >>> series = misaligned_stack(1, shape=(32, 32), energy_ev=[8250.0, 8340.0, 8400.0])
    >>> series.images.od.shape, series.magnification.round(4).tolist()
    ((3, 32, 32), [1.0, 0.9892, 0.9821])
    """
    n_axis = len(shape)
    if n_axis not in (2, 3) or min(shape) < 16:
        raise ValueError(f"shape must be two or three numbers of at least 16, not {shape}")
    if not (noise >= 0 and drift_px >= 0 and edge_jump > 0 and blur_px >= 0 and oversampling >= 1):
        raise ValueError(
            "noise, drift_px and blur_px must not be negative, edge_jump must be positive and "
            "oversampling at least 1"
        )
    energy = edge_energies() if energy_ev is None else np.asarray(energy_ev, dtype=np.float64)
    form_rng, drift_rng, noise_rng = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)
    )
    body = partial(_thickness, _Form.drawn(form_rng, n_axis, 0.30 * min(shape)))
    magnification = energy[0] / energy if magnified else np.ones(energy.size)
    shift = drift_px * drift_rng.standard_normal((energy.size, n_axis))
    shift[0] = 0.0
    render = partial(_render, body, shape, blur_px=blur_px, oversampling=oversampling)

    relative = energy - 8333.0
    level = edge_jump * (edge_curve(energy, edge_energy_ev) + 0.6 - 8e-4 * relative)
    od = np.empty((energy.size, *shape), np.float32)
    for i in range(energy.size):
        clean = level[i] * render(magnification[i], shift[i])
        od[i] = clean + noise * edge_jump * noise_rng.standard_normal(shape)
    variance = np.full(od.shape, (noise * edge_jump) ** 2, np.float32)
    images: OpticalDensity | EnergyStack
    if n_axis == 2:
        images = OpticalDensity(
            energy_ev=energy,
            theta=np.zeros(energy.size),
            od=od,
            variance=variance,
            valid=np.ones(od.shape, bool),
            pixel_size_um=pixel_size_um / magnification,
        )
    else:
        images = EnergyStack(energy, od, variance, (pixel_size_um,) * 3)
    return MisalignedStack(
        images=images,
        shift_px=shift,
        magnification=magnification,
        thickness=render(1.0, np.zeros(n_axis)),
        edge_energy_ev=float(edge_energy_ev),
        white_line_ev=float(edge_energy_ev + white_line_offset()),
        edge_jump=float(edge_jump),
        noise=float(noise),
    )


@dataclass(frozen=True)
class _Form:
    """Numbers that describe a body about the origin [px of the first energy]."""

    radius: float
    centre: Array  #: (n_axis,)
    axes: Array  #: (n_axis,) relative half axes
    lumps: Array  #: (n_lump, n_axis) wave vectors on the unit sphere that bend the surface
    waves: Array  #: (n_wave, n_axis) wave vectors of the uneven density
    phases: Array  #: (n_lump + n_wave,)
    cracks: Array  #: (n_crack, n_axis + 1) unit normal and distance of a crack from the centre

    @staticmethod
    def drawn(rng: np.random.Generator, n_axis: int, radius: float) -> _Form:
        normals = rng.standard_normal((2, n_axis))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return _Form(
            radius=radius,
            centre=rng.uniform(-0.06, 0.06, n_axis) * radius,
            axes=rng.uniform(0.85, 1.1, n_axis),
            lumps=3.0 * rng.standard_normal((3, n_axis)),
            waves=rng.standard_normal((5, n_axis)) * (5.0 / radius),
            phases=rng.uniform(0.0, 2.0 * np.pi, 8),
            cracks=np.column_stack([normals, rng.uniform(-0.5, 0.5, 2) * radius]),
        )


def _thickness(form: _Form, points: tuple[Array, ...]) -> Array:
    """Thickness (2-D) or density (3-D) at points given per axis [px]; largest about one."""
    away = [(p - c) / a for p, c, a in zip(points, form.centre, form.axes, strict=True)]
    distance = np.sqrt(sum(q * q for q in away))
    unit = [q / np.maximum(distance, 1e-9) for q in away]
    bend = sum(
        np.cos(sum(k * u for k, u in zip(lump, unit, strict=True)) + phase)
        for lump, phase in zip(form.lumps, form.phases[:3], strict=True)
    )
    inside = 1.0 - (distance / (form.radius * (1.0 + 0.04 * bend))) ** 2
    # Seen from the side a round body thins out to its rim; a slice of it does not.
    solid = np.sqrt(np.maximum(inside, 0.0)) if len(points) == 2 else (inside > 0).astype(float)
    uneven = sum(
        np.cos(sum(k * q for k, q in zip(wave, away, strict=True)) + phase)
        for wave, phase in zip(form.waves, form.phases[3:], strict=True)
    )
    density = 1.0 + 0.06 * uneven
    for crack in form.cracks:
        gap = sum(n * q for n, q in zip(crack[:-1], away, strict=True)) - crack[-1]
        density = density * (1.0 - 0.5 * np.exp(-0.5 * (gap / 1.5) ** 2))
    return np.asarray(solid * density)


def _render(
    body: partial[Array],
    shape: tuple[int, ...],
    magnification: float,
    shift: Array,
    *,
    blur_px: float,
    oversampling: int,
) -> Array:
    """Pixel averages of the blurred body, enlarged about the middle of the image and moved."""
    from scipy import ndimage

    margin = int(np.ceil(_BLUR_REACH * blur_px))
    fine = []
    for axis, n in enumerate(shape):
        n_fine = (n + 2 * margin) * oversampling
        position = (np.arange(n_fine) + 0.5) / oversampling - 0.5 - margin
        at = (position - 0.5 * (n - 1) - shift[axis]) / magnification
        fine.append(at.reshape([-1 if i == axis else 1 for i in range(len(shape))]))
    seen = body(tuple(fine))
    if blur_px > 0:
        seen = ndimage.gaussian_filter(seen, blur_px * oversampling, truncate=_BLUR_REACH)
    for axis, n in enumerate(shape):
        parts = (*seen.shape[:axis], n + 2 * margin, oversampling, *seen.shape[axis + 1 :])
        seen = seen.reshape(parts).mean(axis=axis + 1)
    return np.asarray(seen[tuple(slice(margin, margin + n) for n in shape)])


__all__ = ["MisalignedStack", "misaligned_stack"]
