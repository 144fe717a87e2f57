"""What all figures share: sizes, colours, maps with a colour bar, scale bars.

Sizes are set on the artists and never through `matplotlib.rcParams`, which are global.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

TITLE, LABEL, TICK = 10.0, 9.0, 8.0
MISSING = "0.88"
#: Okabe and Ito's colours, told apart by colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def new_figure(width: float, height: float) -> Figure:
    """Empty figure of a size in inches that needs no display."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def one_panel(ax: Axes | None, width: float = 4.4, height: float = 3.6) -> Axes:
    """`ax`, or the only axes of a new figure."""
    return new_figure(width, height).subplots() if ax is None else ax


def label_axes(ax: Axes, x: str, y: str, title: str = "") -> None:
    """Name the axes in the sizes of all figures."""
    ax.set_xlabel(x, fontsize=LABEL)
    ax.set_ylabel(y, fontsize=LABEL)
    ax.tick_params(labelsize=TICK)
    if title:
        ax.set_title(title, fontsize=TITLE)


def open_frame(ax: Axes) -> None:
    """Leave only the left and lower line of the frame, with a faint grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(visible=True, color="0.92", linewidth=0.6)
    ax.set_axisbelow(True)


def robust_limits(values: ArrayLike, low: float = 1.0, high: float = 99.0) -> tuple[float, float]:
    """Percentiles of the finite values for the colour bar; (0, 1) if there are none."""
    array = np.asarray(values, dtype=float)
    finite = array[np.isfinite(array)]
    if finite.size == 0:
        return 0.0, 1.0
    bottom, top = np.percentile(finite, (low, high))
    margin = 0.1 * abs(bottom) if bottom else 0.5
    return (float(bottom), float(top)) if top > bottom else (bottom - margin, bottom + margin)


def fenced_limits(values: ArrayLike) -> tuple[float, float]:
    """Ends of the colour bar that outliers at a rim cannot stretch: Tukey's fences."""
    array = np.asarray(values, dtype=float)
    finite = array[np.isfinite(array)]
    if finite.size == 0:
        return 0.0, 1.0
    lower, upper = np.percentile(finite, (25, 75))
    reach = 1.5 * (upper - lower)
    inside = finite[(finite >= lower - reach) & (finite <= upper + reach)]
    return robust_limits(inside, 0.0, 100.0)


def image(
    ax: Axes,
    values: ArrayLike,
    *,
    pixel_size_um: tuple[float, float],
    label: str,
    title: str = "",
    cmap: str = "viridis",
    limits: tuple[float, float] | None = None,
    colour_bar: bool = True,
) -> AxesImage:
    """Map with square micrometres, row 0 at the bottom, scale bar and colour bar."""
    from matplotlib import colormaps

    array = np.asarray(values, dtype=float)
    dy, dx = (size if np.isfinite(size) and size > 0 else 1.0 for size in pixel_size_um)
    ny, nx = array.shape
    low, high = robust_limits(array) if limits is None else limits
    shown = ax.imshow(
        np.ma.masked_invalid(array),
        origin="lower",
        extent=(0.0, nx * dx, 0.0, ny * dy),
        cmap=colormaps[cmap].with_extremes(bad=MISSING),
        vmin=low,
        vmax=high,
        interpolation="nearest",
    )
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    if title:
        ax.set_title(title, fontsize=TITLE)
    scale_bar(ax, nx * dx)
    if colour_bar:
        bar_beside(ax, shown, array, label, (low, high))
    return shown


def bar_beside(
    ax: Axes, shown: Any, values: ArrayLike, label: str, limits: tuple[float, float]
) -> None:
    """Colour bar as high as the map, with arrows where values lie outside."""
    array = np.asarray(values, dtype=float)
    with np.errstate(invalid="ignore"):
        below, above = bool(np.any(array < limits[0])), bool(np.any(array > limits[1]))
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    # An inset is exactly as high as the map, whatever the aspect of the figure.
    bar = ax.figure.colorbar(shown, cax=ax.inset_axes((1.04, 0.0, 0.05, 1.0)), extend=extend)
    bar.set_label(label, fontsize=LABEL)
    bar.ax.tick_params(labelsize=TICK)
    bar.ax.ticklabel_format(axis="y", useOffset=False)
    bar.outline.set_linewidth(0.5)


def scale_bar_length(width_um: float) -> float:
    """Round length (1, 2 or 5 times a power of ten) near a quarter of the width [µm].

    Parameters
    ----------
    width_um : float
        Width of the map [µm].

    Returns
    -------
    float
        Length of the bar [µm].

    Raises
    ------
    ValueError
        If the width is not positive and finite.

    Examples
    --------
    >>> scale_bar_length(3.3), scale_bar_length(12.0)
    (0.5, 2.0)
    """
    if not (np.isfinite(width_um) and width_um > 0):
        raise ValueError(f"width_um must be positive, not {width_um}")
    target = width_um / 4.0
    power = 10.0 ** np.floor(np.log10(target))
    # The margin keeps 0.9999999 x 5 from falling to 2.
    step = max(s for s in (1.0, 2.0, 5.0) if s * power <= target * (1 + 1e-9))
    return float(step * power)


def scale_bar(ax: Axes, width_um: float) -> float:
    """Draw a bar of round length on a map whose x axis is in micrometres; its length [µm].

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes of the map.
    width_um : float
        Width of the map [µm].

    Returns
    -------
    float
        Length of the bar [µm].
    """
    length = scale_bar_length(width_um)
    from matplotlib.offsetbox import AnchoredOffsetbox, AuxTransformBox, TextArea, VPacker
    from matplotlib.patches import Rectangle

    text = f"{length:g} µm" if length >= 1 else f"{length * 1000:g} nm"
    # Lengths are in data units across and in points upwards: the bar stays as thin on any map.
    bar = AuxTransformBox(ax.transData)
    y0, y1 = ax.get_ylim()
    bar.add_artist(Rectangle((0, 0), length, 0.012 * abs(y1 - y0), color="black", linewidth=0))
    name = TextArea(text, textprops={"fontsize": TICK, "color": "black"})
    packed = VPacker(children=[name, bar], align="center", pad=0, sep=2)
    box = AnchoredOffsetbox(loc="lower left", child=packed, pad=0.35, borderpad=0.4, frameon=True)
    box.patch.set(
        facecolor="white", alpha=0.75, linewidth=0, boxstyle="round,pad=0,rounding_size=0.2"
    )
    ax.add_artist(box)
    return length
