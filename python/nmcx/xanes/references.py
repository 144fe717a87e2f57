"""Fractions of reference spectra in every voxel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from nmcx import _core
from nmcx.results import ReferenceFit, Spectrum
from nmcx.xanes._coerce import Window, coerce, coerce_variance, interval_of, window_of
from nmcx.xanes.peak_width import WHITE_LINE_HALF_WIDTH_EV
from nmcx.xanes.preparation import FitOptions, prepare
from nmcx.xanes.sampling import sample_stack
from nmcx.xanes.template import given_template


def fit_references(
    energy_ev: ArrayLike,
    mu: ArrayLike,
    references: Sequence[Spectrum | Sequence[ArrayLike]],
    *,
    pre_edge: Window,
    post_edge: Window,
    pre_degree: int | None = None,
    post_degree: int | None = None,
    sum_to_one: bool = False,
    energy_shift: Window | None = None,
    window: Window | None = None,
    variance: ArrayLike | None = None,
    energy_axis: int = 0,
    threads: int | None = None,
) -> ReferenceFit:
    """Fractions of reference spectra in every voxel, with standard errors and status.

    Each reference is flattened with the windows and degrees of the fit, (mu - pre) / post, so that
    its jump is one. Every voxel's spectrum is then, by least squares over all energies fitted, a
    pre-edge polynomial plus the references times weights that are not negative, plus x and x² times
    their mean as far as `post_degree` reaches, with x the distance from the middle of the scan
    range. The fractions are the weights over the edge jump.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV], strictly increasing.
    mu : (n_energy, ...) array_like
        Absorption [1]; see `fit_edges`.
    references : sequence of Spectrum or (energy_ev, mu)
        One to twelve spectra on the energy scale of `energy_ev`, each covering both windows; they
        are interpolated by cubic splines.
    pre_edge, post_edge : (float, float)
        Windows of absolute energy [eV], as in `fit_edges`.
    pre_degree, post_degree : int, optional
        Degrees of the polynomials, as in `fit_edges`.
    sum_to_one : bool
        True: the jump is the sum of the weights, so that the fractions sum to one. False: it is the
        jump between the voxel's own windows, and a sum other than one tells that a reference is
        missing or does not fit.
    energy_shift : (float, float), optional
        Bounds of a shift of all references together, fitted in every voxel [eV]. Default: none.
    window : (float, float), optional
        Energies fitted between the two windows [eV], which are always fitted. Default: all.
    variance : (n_energy,) or like `mu`, array_like, optional
        Variance of `mu`. One value per energy weights the fit; one per voxel serves the errors
        only. Default: the noise of each voxel from its own residuals.
    energy_axis : int
        Axis of `mu` that runs over energy.
    threads : int, optional
        Number of threads; default: all cores. The result does not depend on it.

    Returns
    -------
    ReferenceFit
        Fractions with the references first. The error of a fraction above zero is that of a fit
        with the references above zero alone. The error of a fraction of zero is what it would have
        if it were let go: fractions up to about twice it are not excluded. Status bit 1: not
        finite; 2: jump below five times the noise; 8: shift at its bound; 16: no convergence.

    Raises
    ------
    ValueError
        If energies do not increase, shapes disagree, a window holds too few energies, a reference
        does not cover the windows or is nearly a mixture of the others.

    References
    ----------
    C. L. Lawson and R. J. Hanson, "Solving Least Squares Problems", chapter 23 (1974). Background
    terms, standard errors by linear propagation and limits are our defaults.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import phantom, xanes
    >>> energy_ev = phantom.edge_energies()
    >>> low, high = phantom.edge_curve(energy_ev, [8342.0, 8345.0]).T
    >>> fit = xanes.fit_references(
    ...     energy_ev,
    ...     0.3 + 0.8 * (0.25 * low + 0.75 * high),
    ...     [(energy_ev, low), (energy_ev, high)],
    ...     pre_edge=(8250, 8320),
    ...     post_edge=(8380, 8640),
    ... )
    >>> fit.fraction.round(3)
    array([0.25, 0.75])
    """
    energy, stack, voxel_major, shape = coerce(energy_ev, mu, energy_axis)
    options = FitOptions(
        pre_edge,
        post_edge,
        pre_degree,
        post_degree,
        white_line_half_width_ev=WHITE_LINE_HALF_WIDTH_EV,
    )
    windows = prepare(
        energy, options, lambda: sample_stack(stack, shape, voxel_major), None
    ).windows
    flat = [
        given_template(reference, energy, windows, f"references[{k}]")
        for k, reference in enumerate(references)
    ]
    shift = (0.0, 0.0) if energy_shift is None else interval_of(energy_shift, "energy_shift")
    fitted = (windows.pre_edge[0], windows.post_edge[1])
    if window is not None:
        fitted = window_of(window, "window")
    raw = _core.fit_references(
        energy,
        stack,
        coerce_variance(variance, stack, np.ndim(mu), energy_axis, voxel_major),
        voxel_major,
        _core.ReferenceModel(
            windows.core(),
            [reference.energy_ev.tolist() for reference in flat],
            [reference.mu.tolist() for reference in flat],
            fitted,
            shift,
            sum_to_one,
        ),
        threads or 0,
    )
    settings = {
        "pre_edge": windows.pre_edge,
        "post_edge": windows.post_edge,
        "pre_degree": windows.pre_degree,
        "post_degree": windows.post_degree,
        "window": fitted,
        "sum_to_one": bool(sum_to_one),
        "energy_shift": shift if energy_shift is not None else (),
        "noise_source": "variance" if variance is not None else "residuals",
        "references": tuple(reference.name for reference in flat),
    }
    return ReferenceFit(
        fraction=raw.fraction.reshape((-1, *shape)),
        fraction_std=raw.fraction_std.reshape((-1, *shape)),
        residual=raw.residual.reshape(shape),
        energy_shift_ev=raw.energy_shift.reshape(shape),
        energy_shift_std_ev=raw.energy_shift_std.reshape(shape),
        edge_jump=raw.edge_jump.reshape(shape),
        status=raw.status.reshape(shape),
        settings=settings,
    )
