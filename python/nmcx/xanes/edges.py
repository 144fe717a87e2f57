"""Edge and white-line energy of every voxel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import EdgeMap, Spectrum
from nmcx.xanes._coerce import Window, coerce, coerce_variance, window_of
from nmcx.xanes.degrees import choose_degrees
from nmcx.xanes.template import FitWindows, given_template, make_template

#: Reach of the white-line parabola on either side of the highest sample [eV] (our default: a wider
#: window has less noise, but follows the asymmetry of the line; on LiNiO2 3 eV moves it by 0.12).
WHITE_LINE_HALF_WIDTH_EV = 2.0


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
        float64 are taken as they are, anything else becomes float32. Lazy arrays are loaded. A
        voxel with NaN or Inf at an energy that is used gets status bit 1.
    pre_edge, post_edge : (float, float)
        Closed windows of absolute energy [eV]; they may reach past the data. The edge and the white
        line are looked for strictly between them.
    pre_degree : {0, 1}, optional
        Degree of the pre-edge polynomial. Default: 1 with at least 4 energies over at least 50 eV,
        else 0.
    post_degree : {0, 1, 2}, optional
        Degree of the post-edge polynomial. Default: 1 over at least 100 eV, else 0; 2 over at least
        250 eV with at least 6 energies if an F-test on the mean spectrum says so (p < 0.01).
    level : float
        Height of the edge as a fraction of the post-edge curve [1], between 0 and 1.
    estimator : {"half_jump", "template"}
        Rule for the edge energy. "template": the shift of a template that makes the spectrum most
        likely, with all energies and the polynomials above as free background; its edge is the
        half-jump of the template plus the shift.
    template : Spectrum or (energy_ev, mu), optional
        Template of estimator "template": a spectrum that covers both windows; flattened here.
        Default: the mean of the voxels, aligned by their edges.
    variance : (n_energy,) or like `mu`, array_like, optional
        Variance of `mu`. Default: the noise is taken from the residuals of both fits, as the root
        mean square over the 3 × 3 (× 3) neighbours if there are 2 (3) spatial axes.
    energy_axis : int
        Axis of `mu` that runs over energy; 0 and the last axis need no copy.
    threads : int, optional
        Number of threads; default: all cores. The result does not depend on it.

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
    energy, stack, voxel_major, shape = coerce(energy_ev, mu, energy_axis)
    degrees = choose_degrees(
        energy, stack, voxel_major, pre_edge, post_edge, pre_degree, post_degree
    )
    windows = FitWindows(
        window_of(pre_edge, "pre_edge"),
        window_of(post_edge, "post_edge"),
        *degrees,
        float(level),
        WHITE_LINE_HALF_WIDTH_EV,
    )
    rule = _rule(estimator, template, energy, stack, voxel_major, windows)
    raw = _core.fit_edges(
        energy,
        stack,
        coerce_variance(variance, stack, np.ndim(mu), energy_axis, voxel_major),
        voxel_major,
        list(shape) if len(shape) in (2, 3) else [],
        windows.core(),
        _core.EstimatorModel(
            estimator, *([] if rule is None else [rule.energy_ev.tolist(), rule.mu.tolist()])
        ),
        threads or 0,
    )
    settings: dict[str, Any] = {
        "pre_edge": windows.pre_edge,
        "post_edge": windows.post_edge,
        "pre_degree": degrees[0],
        "post_degree": degrees[1],
        "level": float(level),
        "estimator": estimator,
        "white_line_estimator": "maximum of the flattened spectrum, parabola",
        "white_line_half_width_ev": WHITE_LINE_HALF_WIDTH_EV,
        "noise_source": "variance" if variance is not None else "residuals",
        "instruction_set": _core.active_instruction_set(),
    }
    if rule is not None:
        settings["template_ev"] = tuple(rule.energy_ev.tolist())
        settings["template_mu"] = tuple(rule.mu.tolist())
    return EdgeMap(
        edge_energy_ev=raw.edge_energy_ev.reshape(shape),
        edge_energy_std_ev=raw.edge_energy_std_ev.reshape(shape),
        white_line_ev=raw.white_line_ev.reshape(shape),
        white_line_std_ev=raw.white_line_std_ev.reshape(shape),
        white_line_height=raw.white_line_height.reshape(shape),
        edge_jump=raw.edge_jump.reshape(shape),
        noise=raw.noise.reshape(shape),
        status=raw.status.reshape(shape),
        settings=settings,
    )


def _rule(
    estimator: str,
    template: Spectrum | Sequence[ArrayLike] | None,
    energy: NDArray[np.float64],
    stack: NDArray[Any],
    voxel_major: bool,
    windows: FitWindows,
) -> Spectrum | None:
    """The template, if the estimator has one."""
    if estimator != "template":
        if template is not None:
            raise ValueError('template needs estimator="template"')
        return None
    if template is not None:
        return given_template(template, energy, windows)
    return make_template(energy, stack.T if voxel_major else stack, windows)
