"""The two curves of an edge fit, for single voxels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.xanes._coerce import Window
from nmcx.xanes.edges import fit_edges

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Baselines(NamedTuple):
    """The two fitted curves of some spectra, at every energy, in the unit of the spectra."""

    pre: NDArray[np.float64]  #: (n_energy, ...) pre-edge curve
    post: NDArray[np.float64]  #: (n_energy, ...) post-edge curve minus pre-edge curve


def baselines(
    energy_ev: ArrayLike,
    mu: ArrayLike,
    *,
    pre_edge: Window,
    post_edge: Window,
    pre_degree: int | None = None,
    post_degree: int | None = None,
    shape_mu: ArrayLike | None = None,
    energy_axis: int = 0,
) -> Baselines:
    """Pre-edge and post-edge curves of a few spectra, for drawing and checking a fit.

    The polynomials are those of `fit_edges`; the half-jump edge lies where mu = pre + level × post.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV], strictly increasing.
    mu : (n_energy, ...) array_like
        Absorption [1]; a spectrum with NaN in a window has NaN curves.
    pre_edge, post_edge, pre_degree, post_degree
        As in `fit_edges`.
    shape_mu : (n_energy,) array_like, optional
        Mean spectrum whose slopes are imposed: ``settings["shape_mu"]`` of a map made with
        ``normalisation="global_shape"``.
    energy_axis : int
        Axis of `mu` that runs over energy.

    Returns
    -------
    Baselines
        `pre` and `post`, both with the energies first.

    Raises
    ------
    ValueError
        As `fit_edges`; or if `shape_mu` has not one value per energy.

    References
    ----------
    Least squares on a centred and scaled energy axis, as in `fit_edges`.

    Examples
    --------
    >>> from nmcx import phantom, xanes
    >>> ramp = phantom.edge_ramp(n_voxel=1)
    >>> curves = xanes.baselines(
    ...     ramp.energy_ev, 2 * ramp.mu, pre_edge=(8250, 8320), post_edge=(8380, 8640)
    ... )
    >>> curves.post[-1].round(3)
    array([2.])
    """
    # A fit checks everything and chooses the degrees; with a variance it needs no residuals.
    settings = fit_edges(
        energy_ev, mu, pre_edge=pre_edge, post_edge=post_edge, pre_degree=pre_degree,
        post_degree=post_degree, variance=np.ones(np.size(energy_ev)), energy_axis=energy_axis,
        threads=1,
    ).settings  # fmt: skip
    energy = np.asarray(energy_ev, dtype=np.float64)
    spectra = np.moveaxis(np.asarray(mu, dtype=np.float64), energy_axis, 0)
    flat = spectra.reshape(energy.size, -1) if spectra.size else np.empty((energy.size, 0))
    x = (energy - energy.mean()) / np.ptp(energy)
    before, after = (
        (energy >= low) & (energy <= high)
        for low, high in (settings["pre_edge"], settings["post_edge"])
    )
    degrees = settings["pre_degree"], settings["post_degree"]
    if shape_mu is None:
        pre, post = _polynomials(x, flat, before, after, degrees)
    else:
        shape = np.asarray(shape_mu, dtype=np.float64)
        if shape.shape != energy.shape:
            raise ValueError("shape_mu must have one value per energy")
        pre, post = _scaled(
            _polynomials(x, shape[:, None], before, after, degrees), flat, before, after
        )
    return Baselines(pre.reshape(spectra.shape), post.reshape(spectra.shape))


def _polynomials(
    x: Float, values: Float, before: Mask, after: Mask, degrees: tuple[int, int]
) -> tuple[Float, Float]:
    pre = _polynomial(x, values, before, degrees[0])
    return pre, _polynomial(x, values - pre, after, degrees[1])


def _scaled(
    shape: tuple[Float, Float], values: Float, before: Mask, after: Mask
) -> tuple[Float, Float]:
    """Curves of the mean spectrum, times a jump and plus an offset, fitted to each spectrum."""
    pre, post = shape
    basis = np.concatenate([np.ones_like(pre), pre + after[:, None] * post], axis=1)
    used = before | after
    with np.errstate(all="ignore"):
        offset, jump = np.linalg.pinv(basis[used]) @ values[used]
        return offset + jump * pre, jump * post


def _polynomial(
    x: NDArray[np.float64], values: NDArray[np.float64], used: NDArray[np.bool_], degree: int
) -> NDArray[np.float64]:
    """Least-squares polynomial through the rows used, at every row."""
    powers = np.vander(x, degree + 1, increasing=True)
    # Inf in a spectrum gives NaN curves, as wanted, and is not worth a warning.
    with np.errstate(all="ignore"):
        return np.asarray(powers @ (np.linalg.pinv(powers[used]) @ values[used]))
