"""Values along lines from the surface to the centre."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.morphology.depths import depth
from nmcx.morphology.fluctuations import about_medians, autocorrelation, significant
from nmcx.results import LineProfiles, Particle

#: Voxels further apart are taken to fluctuate for themselves.
_REACH_VOXELS = 24


def line_profiles(
    values: ArrayLike,
    particle: Particle,
    directions: ArrayLike,
    *,
    radius_um: float | None = None,
    step_um: float | None = None,
    unit: str = "eV",
    threads: int | None = None,
) -> LineProfiles:
    """Follow a quantity along lines from the surface to the centre.

    Each line starts at the outermost point of the envelope in its direction. Sample i is the mean
    of the finite values of all envelope voxels whose centres lie in a cylinder around the line,
    between i and i + 1 steps below that point; nothing is interpolated.

    Parameters
    ----------
    values : array_like
        (nz, ny, nx) for instance edge energies; values that are not finite are left out.
    particle : Particle
        Of the same shape; the lines end at `particle.centre_um`.
    directions : array_like
        (n_line, 3) or (3,) from the centre to the surface (z, y, x), of any length but 0.
    radius_um : float, optional
        Radius of the cylinder [µm]; default twice the largest voxel size.
    step_um : float, optional
        Length of a sample [µm]; default the largest voxel size.
    unit : str
        Unit of `values`.
    threads : int, optional
        Number of threads; default all cores.

    Returns
    -------
    LineProfiles
        `distance_um` is the middle of each sample; `std` the standard error of the mean as one for
        its depth: from the scatter of the sample and that about the medians of all depths, and from
        `effective_count`, how many independent voxels it is worth. NaN past the centre, where no
        voxel counts, and for lines that meet no envelope.

    Raises
    ------
    ValueError
        If shapes do not agree, a direction is zero or not finite, or a length is not positive.

    References
    ----------
    Lines after Li et al., Nature Communications 11 (2020) 4433, Supplementary Fig. 3e; the cylinder
    is our default. Mean of n values with mean correlation ρ: variance σ² (1 + (n - 1) ρ)/n.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import morphology
    >>> ball = np.linalg.norm(np.indices((21, 21, 21)) - 10.0, axis=0) < 8.6
    >>> particle = morphology.Particle(ball, ball, voxel_size_um=0.1)
    >>> lines = morphology.line_profiles(np.full(ball.shape, 8345.0), particle, [0, 0, 1])
    >>> lines.values.shape, float(lines.surface_um[0, 2].round(3))
    ((1, 9), 1.85)
    """
    field = np.asarray(values)
    if field.dtype not in (np.float32, np.float64):
        field = field.astype(np.float64)
    if field.shape != particle.envelope.shape:
        raise ValueError(
            f"values {field.shape} must have the shape of the particle {particle.envelope.shape}"
        )
    axes = np.atleast_2d(np.ascontiguousarray(directions, dtype=np.float64))
    if axes.ndim != 2 or axes.shape[1] != 3:
        raise ValueError(f"directions must have shape (n, 3), each (z, y, x), not {axes.shape}")
    coarsest = max(particle.voxel_size_um)
    step = coarsest if step_um is None else float(step_um)
    radius = 2.0 * coarsest if radius_um is None else float(radius_um)
    correlation, variance = _fluctuations(field, particle, 2.0 * radius + step, threads)
    lines = _core.line_profiles(
        np.ascontiguousarray(field),
        np.ascontiguousarray(particle.envelope),
        np.array(particle.voxel_size_um),
        np.array(particle.centre_um, dtype=np.float64),
        axes,
        radius,
        step,
        correlation,
        variance,
        threads or 0,
    )
    return LineProfiles(
        distance_um=step * (np.arange(lines.mean.shape[1]) + 0.5),
        values=lines.mean,
        std=lines.standard_error,
        effective_count=lines.effective_count,
        directions=lines.directions,
        surface_um=lines.surface_um,
        unit=unit,
    )


def _fluctuations(
    field: NDArray[Any], particle: Particle, length_um: float, threads: int | None
) -> tuple[NDArray[np.float64], float]:
    """Correlation of voxels up to a distance, against their lag, and variance about the medians."""
    used = particle.envelope & np.isfinite(field)
    if not np.any(used):
        return np.ones((1, 1, 1)), 0.0
    below = depth(particle, threads=threads)[used]
    about = np.zeros(field.shape)
    about[used] = about_medians(field[used], (below / max(particle.voxel_size_um)).astype(np.int64))
    # A wrong length is the kernel's to name.
    length = length_um if np.isfinite(length_um) and length_um > 0 else 0.0
    reach = [
        min(int(np.ceil(length / h)), _REACH_VOXELS, n - 1)
        for h, n in zip(particle.voxel_size_um, field.shape, strict=True)
    ]
    found, variance = autocorrelation(about, used, (reach[0], reach[1], reach[2]))
    return np.ascontiguousarray(significant(found)), variance
