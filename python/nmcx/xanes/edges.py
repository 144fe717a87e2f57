"""Edge and white-line energy of every voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nmcx import _core
from nmcx.results import EdgeMap
from nmcx.xanes._coerce import Window, coerce, coerce_variance, integer, number, window_of
from nmcx.xanes.degrees import choose_degrees
from nmcx.xanes.peak_width import (
    WHITE_LINE_HALF_WIDTH_EV,
    choose_half_width_ev,
    sample_voxels,
)


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
    ==================== ==========================================================================

    They measure different things; never compare maps of different estimators.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV], strictly increasing.
    mu : (n_energy, ...) array_like
        Absorption (optical density or per voxel) [1] with any number of spatial axes; float32 and
        float64 are taken as they are, anything else becomes float32. Lazy arrays are loaded. A
        voxel with NaN or Inf at an energy that is used, or masked there, gets status bit 1.
    pre_edge, post_edge : (float, float)
        Closed windows of absolute energy [eV]; they may reach past the data. The edge and the white
        line are looked for strictly between them.
    pre_degree : {0, 1}, optional
        Degree of the pre-edge polynomial. Default: 1 with at least 4 energies over at least 50 eV,
        else 0.
    post_degree : {0, 1, 2}, optional
        Degree of the post-edge polynomial. Default: 1 over at least 100 eV, else 0; 2 over at least
        250 eV with at least 6 energies if an F-test on the mean spectrum says so (p < 0.01). A 2
        over less than 150 eV or 6 energies is refused: its jump is unstable.
    level : float
        Height of the edge as a fraction of the post-edge curve [1], between 0 and 1; of
        ``half_jump`` only.
    estimator : {"half_jump", "half_white_line", "white_line", "derivative", "integral"}
        Rule for the edge energy, see above.
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
    energy, stack, voxel_major, shape = coerce(energy_ev, mu, energy_axis)
    degrees = choose_degrees(
        energy, stack, voxel_major, pre_edge, post_edge, pre_degree, post_degree
    )
    given = coerce_variance(variance, stack, np.ndim(mu), energy_axis, voxel_major)
    if estimator != "half_jump" and level != 0.5:
        raise ValueError(
            f"level belongs to estimator 'half_jump', not to {estimator!r}: leave it out"
        )
    level = number(level, "level")
    windows = window_of(pre_edge, "pre_edge"), window_of(post_edge, "post_edge")

    def model_of(half_width_ev: float) -> _core.EdgeModel:
        return _core.EdgeModel(*windows, *degrees, level, half_width_ev)

    if white_line_half_width_ev is None:
        white_line_half_width_ev = choose_half_width_ev(
            energy,
            sample_voxels(stack, voxel_major),
            sample_voxels(given, voxel_major),
            model_of(WHITE_LINE_HALF_WIDTH_EV),
            *windows,
            degrees[0],
        )
    white_line_half_width_ev = number(white_line_half_width_ev, "white_line_half_width_ev")
    if not 0.0 < white_line_half_width_ev < 100.0:
        raise ValueError("white_line_half_width_ev must be above 0 and below 100 eV")
    raw = _core.fit_edges(
        energy,
        stack,
        given,
        voxel_major,
        list(shape) if len(shape) in (2, 3) else [],
        model_of(white_line_half_width_ev),
        _core.EstimatorModel(str(estimator)),
        0 if threads is None else integer(threads, "threads"),
    )
    settings = {
        "pre_edge": windows[0],
        "post_edge": windows[1],
        "pre_degree": degrees[0],
        "post_degree": degrees[1],
        **({"level": level} if estimator == "half_jump" else {}),
        "estimator": estimator,
        "white_line_estimator": "maximum of the flattened spectrum, parabola",
        "white_line_half_width_ev": white_line_half_width_ev,
        "noise_source": "variance" if variance is not None else "residuals",
        "instruction_set": _core.active_instruction_set(),
    }
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
