"""Two-dimensional maps: soft X-ray scans and their ratio, optical density and jump images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from nmcx import surface
from nmcx.plot.panels import (
    COLOURS,
    TICK,
    bar_beside,
    fenced_limits,
    image,
    label_axes,
    new_figure,
    one_panel,
    open_frame,
    robust_limits,
)
from nmcx.results import AlignedStack, OpticalDensity, StxmStack, SurfaceValues, XiMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def scans(low: StxmStack, high: StxmStack | None = None, *, figure: Figure | None = None) -> Figure:
    """The two scans as measured, before registration (Supplementary Fig. 1 of the paper).

    Parameters
    ----------
    low, high : StxmStack
        Scans at the lower and the higher energy; with `low` alone, its first two energies.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If `low` is given alone and holds fewer than two energies.

    References
    ----------
    .. [1] Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 1.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx.results import StxmStack
    >>> axis = np.arange(20) * 0.05
    >>> stack = StxmStack(np.ones((2, 20, 20)), np.array([854.0, 856.2]), axis, axis, 0.01)
    >>> len(scans(stack).axes)
    2
    """
    pair = [(low, i) for i in range(2)] if high is None else [(low, 0), (high, 0)]
    if high is None and len(low.energy_ev) < 2:
        raise ValueError("low holds one energy: give the scan at the other energy as high")
    fig = new_figure(7.2, 3.1) if figure is None else figure
    for name, ax, (stack, i) in zip("AB", fig.subplots(1, 2), pair, strict=True):
        image(
            ax,
            stack.counts[i],
            pixel_size_um=stack.pixel_size_um,
            label="counts",
            title=f"{name} scan, {stack.energy_ev[i]:.2f} eV",
            cmap="inferno",
        )
    return fig


def xi_map(xi: XiMap, *, ax: Axes | None = None) -> Axes:
    """Ratio map ξ = I_high / (I_low + I_high) [1], invalid pixels in grey.

    Parameters
    ----------
    xi : XiMap
        From `nmcx.surface.xi_map`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx.results import Shift, XiMap
    >>> flat = np.full((8, 8), 0.5)
    >>> xi = XiMap(flat, flat / 50, np.ones((8, 8), bool), Shift(0.0, 0.0, 0.0), (0.1, 0.1))
    >>> xi_map(xi).get_title()
    'Ratio map ξ, 854.0 and 856.2 eV'
    """
    ax = one_panel(ax)
    low, high = xi.energy_ev
    title = f"Ratio map ξ, {low:.1f} and {high:.1f} eV"
    values = np.where(xi.valid, xi.xi, np.nan)
    image(
        ax,
        values,
        pixel_size_um=xi.pixel_size_um,
        label="ξ [1]",
        title=title,
        limits=fenced_limits(values),
    )
    return ax


def relative_valence(xi: XiMap, *, ax: Axes | None = None) -> Axes:
    """Relative Ni valence: ξ on a linear scale of this map's own, from 0 to 1 [1].

    The scale is not calibrated: without reference spectra only differences within the map count.
    See `nmcx.surface.relative_valence`.

    Parameters
    ----------
    xi : XiMap
        From `nmcx.surface.xi_map`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into.

    Returns
    -------
    matplotlib.axes.Axes

    References
    ----------
    .. [1] Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 1:
       "proportional to" ξ.
    """
    ax = one_panel(ax)
    if np.any(xi.valid):
        values = surface.relative_valence(xi).valence
    else:
        values = np.full(xi.xi.shape, np.nan)
    image(
        ax,
        values,
        pixel_size_um=xi.pixel_size_um,
        label="relative valence, uncalibrated [1]",
        title="Relative valence",
        cmap="cividis",
        limits=fenced_limits(values),
    )
    return ax


def xi_error(xi: XiMap, *, ax: Axes | None = None) -> Axes:
    """Standard error of ξ from counting statistics [1].

    Parameters
    ----------
    xi : XiMap
        From `nmcx.surface.xi_map`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = one_panel(ax)
    values = np.where(xi.valid, xi.xi_std, np.nan)
    title = "Standard error of ξ"
    image(
        ax,
        values,
        pixel_size_um=xi.pixel_size_um,
        label="σ(ξ) [1]",
        title=title,
        cmap="inferno",
        limits=fenced_limits(values),
    )
    return ax


def optical_density(od: OpticalDensity, *, figure: Figure | None = None) -> Figure:
    """Optical density below and above the edge: the images of lowest and highest energy.

    Parameters
    ----------
    od : OpticalDensity
        From `nmcx.txm.optical_density`.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig = new_figure(7.2, 3.1) if figure is None else figure
    shown = sorted({int(np.argmin(od.energy_ev)), int(np.argmax(od.energy_ev))})
    limits = robust_limits(od.od[shown])
    axes = fig.subplots(1, len(shown), squeeze=False)[0]
    for ax, i in zip(axes, shown, strict=True):
        size = float(od.pixel_size_um[i])
        image(
            ax,
            np.where(od.valid[i], od.od[i], np.nan),
            pixel_size_um=(size, size),
            label="optical density [1]",
            title=f"{od.energy_ev[i]:.1f} eV",
            limits=limits,
        )
    return fig


def jump_image(
    jump: ArrayLike, pixel_size_um: float, *, title: str = "Edge jump", ax: Axes | None = None
) -> Axes:
    """Optical density above minus below the edge: where the absorbing element is.

    Parameters
    ----------
    jump : (ny, nx) array_like
        Difference of optical densities [1], NaN where unknown.
    pixel_size_um : float
        Edge of a pixel [µm].
    title : str
        Heading, usually with the two energies.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = one_panel(ax)
    size = (pixel_size_um, pixel_size_um)
    label = "jump of optical density [1]"
    image(ax, jump, pixel_size_um=size, label=label, title=title, cmap="cividis")
    return ax


def alignment(aligned: AlignedStack, *, figure: Figure | None = None) -> Figure:
    """Drift that was removed at each energy, and what is left of it [px]; outliers are crossed.

    The bands are the standard errors of the drift.

    Parameters
    ----------
    aligned : AlignedStack
        From `nmcx.txm.align_energies`.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from nmcx import phantom, txm
    >>> series = phantom.misaligned_stack(1, shape=(48, 48), energy_ev=[8250, 8300, 8380, 8420])
    >>> [ax.get_ylabel() for ax in alignment(txm.align_energies(series.images)).axes]
    ['drift [px]', 'residual [px]']
    """
    fig = new_figure(6.4, 4.2) if figure is None else figure
    above, below = fig.subplots(2, 1, sharex=True)
    energy, bad = aligned.energy_ev, aligned.is_outlier
    n_axis = aligned.shift_px.shape[1]
    for k, name in enumerate(("z", "y", "x")[-n_axis:]):
        drift, left = aligned.shift_px[:, k], aligned.residual_px[:, k]
        above.plot(energy[~bad], drift[~bad], "o-", ms=3, lw=0.8, color=COLOURS[k], label=name)
        # Bands may lie on each other, bars would hide each other.
        std = aligned.shift_std_px[~bad, k]
        below.fill_between(
            energy[~bad], left[~bad] - std, left[~bad] + std, color=COLOURS[k], alpha=0.3, lw=0.6
        )
        below.plot(energy[~bad], left[~bad], "o", ms=4.5 - 1.2 * k, color=COLOURS[k])
        above.plot(energy[bad], drift[bad], "x", ms=7, color=COLOURS[k])
    below.axhline(0.0, color="0.6", lw=0.8, zorder=0)
    for e in energy[bad]:
        below.axvline(e, color="0.5", lw=0.8, ls=":")
    for ax, name in ((above, "drift [px]"), (below, "residual [px]")):
        open_frame(ax)
        label_axes(ax, "energy [eV]" if ax is below else "", name)
    above.legend(fontsize=TICK, frameon=False, ncols=n_axis, loc="best")
    if bad.any():
        above.set_title(f"outliers crossed and dotted: {np.count_nonzero(bad)}", fontsize=TICK)
    return fig


def placement(surface: SurfaceValues, *, ax: Axes | None = None) -> Axes:
    """The surface map where it lies on the particle, seen along the beam.

    Points are drawn in the plane perpendicular to the view, in micrometres.

    Parameters
    ----------
    surface : SurfaceValues
        From `nmcx.correlation.place`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = one_panel(ax)
    right, up = view_frame(surface.view)
    points = np.asarray(surface.points_um, dtype=float)
    across, upwards = points @ right, points @ up
    limits = fenced_limits(surface.values)
    size = float(np.clip(36000.0 / max(len(across), 1), 2.0, 60.0))
    shown = ax.scatter(
        across,
        upwards,
        c=surface.values,
        s=size,
        marker="s",
        cmap="viridis",
        vmin=limits[0],
        vmax=limits[1],
        linewidths=0,
    )
    ax.set_aspect("equal")
    label_axes(ax, "right [µm]", "up [µm]", "ξ placed on the particle")
    if np.isfinite(surface.dice):
        ax.text(
            0.02, 0.98, f"Dice {surface.dice:.2f}", transform=ax.transAxes, fontsize=TICK, va="top"
        )
    bar_beside(ax, shown, surface.values, "ξ [1]", limits)
    return ax


def view_frame(view: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """(right, up) unit vectors (z, y, x) of the image seen from `view` towards the particle."""
    k = np.asarray(view, dtype=float) / np.linalg.norm(view)
    start = np.array([1.0, 0.0, 0.0]) if abs(k[0]) <= 0.99 else np.array([0.0, 1.0, 0.0])
    up = start - (start @ k) * k
    up /= np.linalg.norm(up)
    # The cross product of (x, y, z) vectors, on reversed components.
    right = np.cross(up[::-1], k[::-1])[::-1]
    return right, up
