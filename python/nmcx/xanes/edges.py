"""Edge and white-line energy of every voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nmcx import _core
from nmcx.results import EdgeMap, is_dask
from nmcx.xanes._coerce import Window, coerce, coerce_variance
from nmcx.xanes.lazy import fit_edges_of_dask
from nmcx.xanes.preparation import prepare
from nmcx.xanes.sampling import sample_spectra


def fit_edges(
    energy_ev: ArrayLike,
    mu: ArrayLike,
    *,
    pre_edge: Window,
    post_edge: Window,
    pre_degree: int | None = None,
    post_degree: int | None = None,
    level: float = 0.5,
    estimator: str = "half_jump",
    variance: ArrayLike | None = None,
    energy_axis: int = 0,
    threads: int | None = None,
) -> EdgeMap:
    """Half-jump and white-line energy of every voxel, with standard errors and status.

    In each voxel a polynomial is fitted to the pre-edge window and taken off, and another to the
    rest in the post-edge window. The edge is the last upward crossing of `level` times the
    post-edge curve before the white line, by four-point cubic inverse interpolation. The white line
    is the maximum of the flattened spectrum near its highest sample, by a least-squares parabola
    over ±2 eV (`WHITE_LINE_HALF_WIDTH_EV`; on coarse grids the nearest neighbours).

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV], strictly increasing.
    mu : (n_energy, ...) array_like
        Absorption (optical density or per voxel) [1] with any number of spatial axes; float32 and
        float64 are taken as they are, anything else becomes float32. A dask array gives a map of
        dask arrays with the same bits; other lazy arrays are loaded (`fit_edges_to_file` streams
        them). A voxel with NaN or Inf at an energy that is used gets status bit 1.
    pre_edge, post_edge : (float, float)
        Closed windows of absolute energy [eV]; they may reach past the data. The edge and the white
        line are looked for strictly between them.
    pre_degree : {0, 1}, optional
        Degree of the pre-edge polynomial. Default: 1 with at least 4 energies over at least 50 eV,
        else 0.
    post_degree : {0, 1, 2}, optional
        Degree of the post-edge polynomial. Default: 1 over at least 100 eV, else 0; 2 over at least
        250 eV with at least 6 energies if an F-test on the mean spectrum says so (p < 0.01); the
        mean is over all voxels of up to 16384, else over 64 spread runs of 64 along the last axis.
    level : float
        Height of the edge as a fraction of the post-edge curve [1], between 0 and 1.
    estimator : {"half_jump"}
        Rule for the edge energy.
    variance : (n_energy,) or like `mu`, array_like, optional
        Variance of `mu`. Default: the noise is taken from the residuals of both fits, as the root
        mean square over the 3 × 3 (× 3) neighbours if there are 2 (3) spatial axes.
    energy_axis : int
        Axis of `mu` that runs over energy; 0 and the last axis need no copy.
    threads : int, optional
        Number of threads; default: all cores, one per task of a dask array. The result does not
        depend on it.

    Returns
    -------
    EdgeMap
        Maps over the spatial axes of `mu`. Energies, their errors and the height are NaN where not
        `EdgeMap.ok`; `edge_jump` (taken at the edge, or in the middle of the scan range where there
        is none) and `noise` are NaN only where status bit 1 is set. `noise` is what the standard
        errors were made with: pooled, or the root mean variance of the windows if `variance` was
        given. Voxels with too small a jump are left out of pooling and keep their own noise.

    Raises
    ------
    ValueError
        If energies do not increase, shapes disagree, a window holds too few energies for its
        degree, fewer than four energies lie between the windows, or `level` is not in (0, 1).

    References
    ----------
    Estimators, standard errors by linear propagation, degrees and status limits are our defaults.
    Pre-edge and post-edge normalisation as in M. Newville, "Larch: An analysis package for XAFS and
    related spectroscopies", J. Phys. Conf. Ser. 430, 012007 (2013). Jump against noise and cubic
    crossings calculated in single precision, energies exact to 1e-4 eV.

    Examples
    --------
    >>> from nmcx import phantom, xanes
    >>> ramp = phantom.edge_ramp(8344.0, 8346.0, n_voxel=3)
    >>> edges = xanes.fit_edges(
    ...     ramp.energy_ev, ramp.mu, pre_edge=(8250, 8320), post_edge=(8380, 8640)
    ... )
    >>> edges.edge_energy_ev.round(2)
    array([8344., 8345., 8346.])
    """
    if is_dask(mu):
        return fit_edges_of_dask(
            energy_ev,
            mu,
            pre_edge=pre_edge,
            post_edge=post_edge,
            pre_degree=pre_degree,
            post_degree=post_degree,
            level=level,
            estimator=estimator,
            variance=variance,
            energy_axis=energy_axis,
            threads=threads,
        )
    energy, stack, voxel_major, shape = coerce(energy_ev, mu, energy_axis)
    n_energy = stack.shape[-1 if voxel_major else 0]
    spectra = stack.reshape((*shape, n_energy) if voxel_major else (n_energy, *shape))
    prepared = prepare(
        energy,
        lambda: sample_spectra(spectra, voxel_major),
        pre_edge=pre_edge,
        post_edge=post_edge,
        pre_degree=pre_degree,
        post_degree=post_degree,
        level=level,
        estimator=estimator,
        noise_given=variance is not None,
    )
    raw = _core.fit_edges(
        energy,
        stack,
        coerce_variance(variance, stack, np.ndim(mu), energy_axis, voxel_major),
        voxel_major,
        list(shape) if len(shape) in (2, 3) else [],
        prepared.edge_model(),
        prepared.estimator_model(),
        threads or 0,
    )
    return EdgeMap(
        edge_energy_ev=raw.edge_energy_ev.reshape(shape),
        edge_energy_std_ev=raw.edge_energy_std_ev.reshape(shape),
        white_line_ev=raw.white_line_ev.reshape(shape),
        white_line_std_ev=raw.white_line_std_ev.reshape(shape),
        white_line_height=raw.white_line_height.reshape(shape),
        edge_jump=raw.edge_jump.reshape(shape),
        noise=raw.noise.reshape(shape),
        status=raw.status.reshape(shape),
        settings=prepared.settings(),
    )
