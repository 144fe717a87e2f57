"""Two scans before and after their drift is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from nmcx import surface
from nmcx.plot.panels import image, new_figure
from nmcx.results import Affine, Shift

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def registration(
    fixed: ArrayLike,
    moving: ArrayLike,
    motion: Shift | Affine,
    *,
    pixel_size_um: tuple[float, float],
    label: str = "log counts",
    figure: Figure | None = None,
) -> Figure:
    """Both images, and what one leaves of the other before and after registration.

    Differences are those of the images scaled to zero mean and unit spread over the common field.

    Parameters
    ----------
    fixed, moving : (ny, nx) array_like
        What `nmcx.surface.register` compared, such as the logarithm of counts or optical density.
    motion : Shift or Affine
        From `nmcx.surface.register` [px].
    pixel_size_um : (float, float)
        (dy, dx) [µm].
    label : str
        Quantity and unit of the images, for the colour bars.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:24, :24] - 12.0
    >>> low, high = np.exp(-(x**2 + y**2) / 40), np.exp(-((x - 2) ** 2 + y**2) / 40)
    >>> figure = registration(low, high, Shift(0.0, 2.0, 0.01), pixel_size_um=(0.05, 0.05))
    >>> [ax.get_title() for ax in figure.axes][2:]
    ['Difference before', 'Difference after']
    """
    a, b = np.asarray(fixed, dtype=float), np.asarray(moving, dtype=float)
    moved, _ = surface.resampled(b, np.ones_like(b), motion)
    fig = new_figure(7.6, 6.2) if figure is None else figure
    panels = fig.subplots(2, 2).ravel()
    common = np.isfinite(a) & np.isfinite(moved)
    before, after = _difference(a, b, common), _difference(a, moved, common)
    shift = motion.offset if isinstance(motion, Affine) else (motion.dy, motion.dx)
    title = f"Moving, drift ({shift[0]:.2f}, {shift[1]:.2f}) px"
    for ax, values, name in zip(panels[:2], (a, b), ("Fixed", title), strict=True):
        image(ax, values, pixel_size_um=pixel_size_um, label=label, title=name, cmap="inferno")
    # One scale for both, so that what the registration took off is seen.
    reach = float(np.nanpercentile(np.abs(before), 99)) if common.any() else 1.0
    for ax, values, name in zip(panels[2:], (before, after), ("before", "after"), strict=True):
        image(
            ax,
            values,
            pixel_size_um=pixel_size_um,
            label="difference [standard deviations]",
            title=f"Difference {name}",
            cmap="RdBu_r",
            limits=(-reach, reach),
        )
    return fig


def _difference(a: np.ndarray, b: np.ndarray, common: np.ndarray) -> np.ndarray:
    """B less a, each scaled over the common field; NaN outside it."""

    def scaled(values: np.ndarray) -> np.ndarray:
        inside = np.where(common, values, np.nan)
        if not np.isfinite(inside).any():
            return inside
        spread = float(np.nanstd(inside))
        return np.asarray((inside - np.nanmean(inside)) / (spread if spread > 0 else 1.0))

    return np.asarray(scaled(b) - scaled(a))
