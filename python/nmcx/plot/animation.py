"""A particle that loses lithium and cracks, as an animation."""

from __future__ import annotations

import io
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.plot.field_panel import (
    COLOUR_MAPS,
    FIELDS,
    FILLED,
    LAYER,
    FieldPanel,
    View,
    common_limits,
)
from nmcx.plot.panels import COLOURS, TITLE, label_axes, new_figure, open_frame
from nmcx.results import History, Mesh

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: How long the last frame stays, in durations of the others.
_LAST = 6
#: Colours of the potential, and of the present in it.
LINE, MARK = COLOURS[0], COLOURS[1]


def animate(
    mesh: Mesh,
    history: History,
    path: str | PathLike[str],
    *,
    max_concentration: float,
    n_frames: int = 40,
    frame_duration: float = 0.25,
    dpi: float = 80.0,
    passivated: ArrayLike | None = None,
    normal: ArrayLike = (0, 0, 1),
    offset: float | None = None,
) -> Path:
    """Write lithium, hoop stress and damage over time, with the potential, as an animated GIF.

    Fields are those of `coupled_fields`, each on one colour scale for all times.
    The same history gives the same bytes, with the same versions of matplotlib and Pillow.

    Parameters
    ----------
    mesh : Mesh
    history : History
        On `mesh`, of two times at least.
    path : path-like
        The file, ``….gif``; one that is there is replaced.
    max_concentration : float
        C_max [mol/m³].
    n_frames : int
        Frames at most, evenly among the saved times.
    frame_duration : float
        Of a frame [s]; the last one stays six times as long.
    dpi : float
        Dots per inch; frames are 9.6 × 4.6 inches.
    passivated, normal, offset
        As of `coupled_fields`.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If the name does not end in .gif, there are not two times or frames, a duration or dpi is
        not positive, the plane misses the mesh, or the history is of another mesh.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from nmcx import chemomechanics as cm, materials, mesh, plot
    >>> grains = mesh.disc(2e-6, n_grains=6, size=0.6e-6, seed=1)
    >>> charge = cm.Charge(1.0, until=0.6)
    >>> history = cm.simulate(grains, materials.NMC811, protocol=charge, states=2)
    >>> full = materials.NMC811.max_concentration
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = plot.animate(
    ...         grains, history, pathlib.Path(folder, "charge.gif"), max_concentration=full
    ...     )
    ...     file.read_bytes()[:6]
    b'GIF89a'
    """
    target = Path(path)
    if target.suffix.lower() != ".gif":
        raise ValueError(f"path must end in .gif, not {target.name!r}")
    if min(len(history.times), n_frames) < 2:
        raise ValueError("an animation needs two saved times and two frames at least")
    if not (0.0 < frame_duration < np.inf and 0.0 < dpi < np.inf):
        raise ValueError("frame_duration and dpi must be positive and finite")
    view = View(mesh, max_concentration, normal, offset, passivated)
    n = len(history.times)
    chosen = np.linspace(0, n - 1, min(n, n_frames)).round().astype(int).tolist()
    film = _Film(view, history, chosen)
    pictures = [film.picture(i, dpi) for i in chosen]
    target.write_bytes(_gif(pictures, frame_duration))
    return target


class _Film:
    """The figure of all frames, of which only the artists change."""

    def __init__(self, view: View, history: History, chosen: list[int]) -> None:
        self._history, self._full = history, view.max_concentration
        self._figure: Figure = new_figure(9.6, 4.6)
        grid = self._figure.add_gridspec(2, len(FIELDS), height_ratios=(3.2, 1.0))
        self._panels = []
        for k, field in enumerate(FIELDS):
            ax = self._figure.add_subplot(grid[0, k])
            limits = common_limits(view, [(history, i) for i in chosen], field)
            panel = FieldPanel(ax, view, history, field, limits)
            panel.colour_bar(ax, location="bottom", shrink=0.8, aspect=20)
            self._panels.append(panel)
        below = self._figure.add_subplot(grid[1, :])
        below.plot(history.times, history.potential, color=LINE, linewidth=1.2)
        label_axes(below, "time [s]", "potential [V]")
        open_frame(below)
        (self._mark,) = below.plot([], [], "o", color=MARK, markersize=6)
        self._title = self._figure.suptitle(" ", fontsize=TITLE)

    def picture(self, index: int, dpi: float) -> Any:
        """The frame of a saved time, as an image of Pillow."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from PIL import Image

        history = self._history
        for panel in self._panels:
            panel.show(index)
        time, potential = float(history.times[index]), float(history.potential[index])
        self._mark.set_data([time], [potential])
        content = history.mean_concentration[index] / self._full
        self._title.set_text(f"{time:.0f} s, mean x = {content:.3f}, {potential:.3f} V")
        self._figure.set_dpi(dpi)
        canvas: Any = FigureCanvasAgg(self._figure)
        canvas.draw()
        # What the first frame has laid out stays where it is.
        self._figure.set_layout_engine("none")
        return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def _gif(pictures: list[Any], frame_duration: float) -> bytes:
    from PIL import Image

    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette().tobytes())
    frames = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    durations = [round(1000 * frame_duration)] * (len(frames) - 1)
    buffer = io.BytesIO()
    frames[0].save(
        buffer, format="GIF", save_all=True, append_images=frames[1:],
        duration=[*durations, round(1000 * frame_duration * _LAST)], loop=0, optimize=False,
    )  # fmt: skip
    return buffer.getvalue()


def _palette() -> NDArray[np.uint8]:
    """(256, 3) the colours that are drawn: found in the pictures, rare ones would be missing."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    scales = [colormaps[name](np.linspace(0.0, 1.0, 72))[:, :3] for name in COLOUR_MAPS.values()]
    greys = np.repeat(np.linspace(0.0, 1.0, 24)[:, None], 3, axis=1)
    white = np.linspace(0.0, 0.75, 4)[:, None]  # lines fade into white at their edges
    lines = [
        (1.0 - white) * np.array(to_rgb(colour)) + white for colour in (LINE, MARK, FILLED, LAYER)
    ]
    return np.rint(255.0 * np.concatenate([*scales, greys, *lines])).astype(np.uint8)
