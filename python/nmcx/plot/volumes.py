"""Three orthogonal slices of volumes, and where and why an edge fit failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.plot.panels import (
    TICK,
    TITLE,
    bar_beside,
    image,
    label_axes,
    new_figure,
    robust_limits,
)
from nmcx.results import NOT_OK, STATUS_BITS, EdgeMap, Particle, voxel_spacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PLANES = (("xy", 0), ("xz", 1), ("yz", 2))
_STATUS_COLOURS = {
    "usable": "#D9E6F2",
    "low_transmission": "#000000",
    "jump_below_noise": "#0072B2",
    "partial_volume": "#56B4E9",
    "window_border": "#D55E00",
    "wrong_curvature": "#CC79A7",
    "misaligned": "#E69F00",
}


def slices(
    volume: ArrayLike,
    voxel_size_um: float | tuple[float, ...],
    *,
    label: str,
    at: tuple[int, int, int] | None = None,
    cmap: str = "viridis",
    limits: tuple[float, float] | None = None,
    outline: NDArray[np.bool_] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Three orthogonal slices of a volume on one colour scale.

    Parameters
    ----------
    volume : (nz, ny, nx) array_like
        Values, NaN where missing. A 2-D array (ny, nx) gives one panel.
    voxel_size_um : float or (dz, dy, dx)
        Voxel edges [µm].
    label : str
        Name and unit for the colour bar.
    at : (z, y, x) of int, optional
        Voxel through which the slices pass; default the middle of `outline`, else of the volume.
    cmap : str
        A matplotlib colour map.
    limits : (low, high), optional
        Ends of the colour bar; default 1 and 99 % of the finite values.
    outline : (nz, ny, nx) array of bool, optional
        Region whose border is drawn, for instance the envelope of the particle.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the volume is neither 2-D nor 3-D, or the voxel size is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> len(slices(np.zeros((4, 5, 6)), 0.1, label="density [1]").axes)
    3
    """
    data = np.asarray(volume, dtype=float)
    if data.ndim == 2:
        data = data[None]
        planes: tuple[tuple[str, int], ...] = _PLANES[:1]
    elif data.ndim == 3:
        planes = _PLANES
    else:
        raise ValueError(f"volume must be (nz, ny, nx) or (ny, nx), not of shape {data.shape}")
    spacing = voxel_spacing(voxel_size_um)
    middle = _middle(data.shape, outline) if at is None else at
    span = robust_limits(data) if limits is None else limits
    fig = new_figure(3.9 if len(planes) == 1 else 8.6, 3.0) if figure is None else figure
    axes = fig.subplots(1, len(planes), squeeze=False)[0]
    for i, (ax, (name, axis)) in enumerate(zip(axes, planes, strict=True)):
        plane = np.take(data, middle[axis], axis=axis)
        sizes = [s for a, s in enumerate(spacing) if a != axis]
        position = middle[axis] * spacing[axis]
        title = f"{name} slice" + (
            f", {'zyx'[axis]} = {position:.2f} µm" if data.shape[0] > 1 else ""
        )
        last = i == len(planes) - 1
        shown = image(
            ax, plane, pixel_size_um=(sizes[0], sizes[1]), label=label, title=title, cmap=cmap,
            limits=span, colour_bar=False,
        )  # fmt: skip
        if last:
            bar_beside(ax, shown, data, label, span)
        if outline is not None and data.shape == outline.shape:
            _outline(ax, np.take(outline, middle[axis], axis=axis), sizes)
    return fig


def _middle(shape: tuple[int, ...], region: NDArray[np.bool_] | None) -> tuple[int, int, int]:
    if region is None or region.shape != shape or not region.any():
        return shape[0] // 2, shape[1] // 2, shape[2] // 2
    centre = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        inside = np.flatnonzero(region.any(axis=others))
        centre.append(int(inside[0] + inside[-1]) // 2)
    return centre[0], centre[1], centre[2]


def _outline(ax: Any, plane: NDArray[np.bool_], sizes: list[float]) -> None:
    if plane.any() and not plane.all() and min(plane.shape) >= 2:
        y, x = ((np.arange(n) + 0.5) * s for n, s in zip(plane.shape, sizes, strict=True))
        ax.contour(x, y, plane.astype(float), levels=[0.5], colors="white", linewidths=0.7)


def particle_slices(
    particle: Particle,
    volume: ArrayLike | None = None,
    *,
    label: str = "density [1]",
    figure: Figure | None = None,
) -> Figure:
    """Slices of the tomogram with the outline of the particle, or of the segmentation itself.

    Parameters
    ----------
    particle : Particle
        Segmentation; its envelope is outlined.
    volume : (nz, ny, nx) array_like, optional
        Tomogram or edge jump that was segmented [1]; without it, solid is 1 and void 0.
    label : str
        Name and unit of `volume`.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if volume is None:
        volume = np.where(particle.envelope, particle.solid.astype(float), np.nan)
        label = "solid [1]"
    return slices(
        volume,
        particle.voxel_size_um,
        label=label,
        cmap="inferno",
        outline=particle.envelope,
        figure=figure,
    )


def edge_map(
    edges: EdgeMap,
    *,
    particle: Particle | None = None,
    voxel_size_um: float | tuple[float, ...] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Slices of the edge-energy map [eV]; voxels that are not `ok` are grey.

    Parameters
    ----------
    edges : EdgeMap
        From `nmcx.xanes.fit_edges`, 2-D or 3-D.
    particle : Particle, optional
        Its envelope is outlined, and its voxel size taken.
    voxel_size_um : float or (dz, dy, dx), optional
        Voxel edges [µm]; default those of `particle`, else 1.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure
    """
    outline = particle.envelope if particle is not None else None
    values = np.where(edges.ok, edges.edge_energy_ev, np.nan)
    if voxel_size_um is None:
        voxel_size_um = 1.0 if particle is None else particle.voxel_size_um
    label = "edge energy [eV]"
    return slices(values, voxel_size_um, label=label, outline=outline, figure=figure)


def status(edges: EdgeMap, *, figure: Figure | None = None) -> Figure:
    """Where voxels were refused (middle slice) and the share of voxels with each status bit.

    Parameters
    ----------
    edges : EdgeMap
        From `nmcx.xanes.fit_edges`.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig = new_figure(8.6, 3.1) if figure is None else figure
    left, right = fig.subplots(1, 2, width_ratios=(1.0, 1.5))
    codes = edges.status if edges.status.ndim > 1 else edges.status.reshape(1, -1)
    first_reason(left, codes[codes.shape[0] // 2] if codes.ndim == 3 else codes)
    status_shares(right, edges.status)
    return fig


def first_reason(ax: Axes, status: NDArray[np.uint16]) -> None:
    """Picture of a plane of status masks: usable, or the first bit that refuses the voxel."""
    from matplotlib.colors import BoundaryNorm, ListedColormap

    names = list(_STATUS_COLOURS)
    category = np.zeros(status.shape, dtype=int)
    for i, name in reversed(list(enumerate(names[1:], start=1))):
        category[(status & STATUS_BITS[name]) != 0] = i
    ax.imshow(
        category,
        origin="lower",
        # A strip of voxels would be a line.
        aspect="equal" if min(status.shape) > 1 else "auto",
        cmap=ListedColormap(list(_STATUS_COLOURS.values())),
        norm=BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names)),
        interpolation="nearest",
    )
    ax.set_title("First reason of refusal, middle slice", fontsize=TITLE)
    ax.set_xticks([])
    ax.set_yticks([])


def status_shares(ax: Axes, status: NDArray[np.uint16]) -> None:
    """Bars with share and number of the voxels with each status bit, the legend of the picture."""
    counts = {"usable": int(np.count_nonzero((status & NOT_OK) == 0))}
    counts |= {n: int(np.count_nonzero(status & bit)) for n, bit in STATUS_BITS.items()}
    rows = list(reversed(counts.items()))
    shares = [100.0 * n / max(status.size, 1) for _, n in rows]
    ax.barh(
        [f"{name.replace('_', ' ')} {STATUS_BITS.get(name, '')}".rstrip() for name, _ in rows],
        shares,
        color=[_STATUS_COLOURS.get(name, "0.65") for name, _ in rows],
        edgecolor="0.5",
        linewidth=0.4,
    )
    for i, ((_, n), share) in enumerate(zip(rows, shares, strict=True)):
        ax.text(share + 1.0, i, f"{share:.1f} % ({n:,})", va="center", fontsize=TICK)
    label_axes(ax, "share of all voxels [%]", "", "Status bits")
    ax.set_xlim(0, 135)
    ax.set_xticks(range(0, 101, 20))
    ax.spines[["top", "right"]].set_visible(False)
    for tick, (name, _) in zip(ax.get_yticklabels(), rows, strict=True):
        refuses = name == "usable" or bool(STATUS_BITS[name] & NOT_OK)
        tick.set_color("black" if refuses else "0.45")
    ax.text(
        0.99, 0.02, "grey: a remark, the voxel is still used", transform=ax.transAxes,
        fontsize=TICK, ha="right", color="0.45",
    )  # fmt: skip
