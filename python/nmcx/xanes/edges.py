"""Edge and white-line energy of every voxel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import EdgeMap, Spectrum
from nmcx.results.base import is_dask
from nmcx.xanes._coerce import Window, coerce, coerce_variance, integer
from nmcx.xanes.lazy import fit_edges_of_dask
from nmcx.xanes.preparation import FitOptions, prepare
from nmcx.xanes.sampling import sample_stack


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
    template: Spectrum | Sequence[ArrayLike] | None = None,
    normalisation: str = "window",
    white_line_half_width_ev: float | None = None,
    variance: ArrayLike | None = None,
    energy_axis: int = 0,
    threads: int | None = None,
) -> EdgeMap:
    """Edge and white-line energy of every voxel, with standard errors and status.

    In each voxel a polynomial, pre, is fitted to the pre-edge window and taken off, and another,
    post, to the rest in the post-edge window. The white line is the maximum of (mu - pre) / post
    near its highest sample, by a least-squares parabola. The edge energy is, by `estimator`:

    ==================== ==========================================================================
    ``half_jump``        last upward crossing of mu - pre = `level` × post before the white line, by
                         four-point cubic inverse interpolation
    ``half_white_line``  the same for half of the maximum of mu - pre, which is the parabola's; it
                         does not depend on the post-edge curve
    ``white_line``       the white line itself
    ``derivative``       steepest place before the white line, by local cubics over 1.5 times the
                         reach of the parabola. A trap on layered nickel oxides, whose edge has two
                         steep places: bit 16 where the second is at least 0.8 times as steep
    ``integral``         with F = (mu - pre) / post: E1 + ∫ (1 - F) dE / 0.85 from E1, the last
                         upward crossing of F = 0.15, to that of F = 1 before the white line: the
                         step from 0.15 to 1 that has the same area
    ``template``         maximum-likelihood shift of a template: pre + post × F(E - shift) fitted to
                         all energies together, weighted by the variance if it is given; on the
                         scale of the template's own half-jump. Least variance, but voxels whose
                         edges differ in shape are off by more than their error
    ==================== ==========================================================================

    They measure different things; never compare maps of different estimators.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV], strictly increasing.
    mu : (n_energy, ...) array_like
        Absorption (optical density or per voxel) [1] with any number of spatial axes; float32 and
        float64 are taken as they are, anything else becomes float32. A dask array gives a map of
        dask arrays with the same bits; other lazy arrays are loaded (`fit_edges_to_file` streams
        them). A voxel with NaN or Inf at an energy that is used, or masked there, gets status
        bit 1.
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
        A 2 over less than 150 eV or 6 energies is refused: its jump is unstable.
    level : float
        Height of the edge as a fraction of the post-edge curve [1], between 0 and 1; of
        ``half_jump`` only.
    estimator : {"half_jump", "half_white_line", "white_line", "derivative", "integral", "template"}
        Rule for the edge energy, see above.
    template : Spectrum or (energy_ev, mu), optional
        Of ``template`` only. Default: the mean of a sample of the voxels, aligned by their edges.
    normalisation : {"window", "global_shape"}
        ``window`` fits both polynomials in each voxel. ``global_shape`` takes their slopes and
        curvature, relative to the jump, from the mean spectrum and fits an offset and a jump:
        less noise, but biased where the slopes are not proportional to the jump.
    white_line_half_width_ev : float, optional
        Reach of the white-line parabola to either side [eV]; on coarse grids at least the nearest
        neighbours. Default: 2 eV; if the noise of the map (of its pre-edge, or the variance given)
        is above 1/60 of its jump, ``2 (60 noise / jump)^0.4``, rounded up to 0.5 eV, at most 5 and
        at most 0.55 of the distance from the half-jump to the white line. Give it to compare maps
        of different noise; it is stored with the map.
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
        If energies do not increase or look like keV, shapes disagree, a window holds too few
        energies for its degree, fewer than four energies (six for ``derivative``) lie between the
        windows, `level` is not in (0, 1) or given for another estimator than ``half_jump``, the
        estimator is unknown, a quadratic post-edge has too short a window, or a variance for all
        voxels is not positive.

    References
    ----------
    Estimators, standard errors by linear propagation, degrees and status limits are our defaults.
    Pre-edge and post-edge normalisation as in M. Newville, "Larch: An analysis package for XAFS and
    related spectroscopies", J. Phys. Conf. Ser. 430, 012007 (2013). Integral after T. A. Capehart,
    J. F. Herbst, R. K. Mishra, F. E. Pinkerton, Phys. Rev. B 52, 7907 (1995), between the levels
    0.15 and 1 as in H. Dau, P. Liebisch, M. Haumann, Anal. Bioanal. Chem. 376, 562 (2003). Jump
    against noise and the crossings of ``half_jump`` are calculated in single precision, energies
    exact to 1e-4 eV.

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
    options = FitOptions(
        pre_edge,
        post_edge,
        pre_degree,
        post_degree,
        level,
        estimator,
        template,
        normalisation,
        white_line_half_width_ev,
    )
    n_thread = 0 if threads is None else integer(threads, "threads")
    if is_dask(mu):
        return fit_edges_of_dask(energy_ev, mu, options, variance, energy_axis, n_thread)
    energy, stack, voxel_major, shape = coerce(energy_ev, mu, energy_axis)
    given = coerce_variance(variance, stack, np.ndim(mu), energy_axis, voxel_major)

    def sampled_variance() -> NDArray[np.float64]:
        if given.shape[0 if voxel_major else 1] == 1:  # for all voxels
            return given.reshape(-1, 1).astype(np.float64)
        return sample_stack(given, shape, voxel_major)

    prepared = prepare(
        energy,
        options,
        lambda: sample_stack(stack, shape, voxel_major),
        None if variance is None else sampled_variance,
    )
    raw = _core.fit_edges(
        energy,
        stack,
        given,
        voxel_major,
        list(shape) if len(shape) in (2, 3) else [],
        prepared.edge_model(),
        prepared.estimator_model(),
        n_thread,
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
