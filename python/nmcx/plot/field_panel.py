"""A field of a particle that cracks, in a plane: drawn once, shown at any of its times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.chemomechanics import hoop_stress
from nmcx.plot.mesh_section import Section, draw_lines, mesh_section
from nmcx.plot.panels import COLOURS, LABEL, TICK, scale_bar
from nmcx.results import History, Mesh

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIELDS = ("lithium", "hoop_stress", "damage")
_LABELS = {
    "lithium": "lithium content x − mean [1]",
    "hoop_stress": "hoop stress [MPa]",
    "damage": "damage of walls [1]",
}
COLOUR_MAPS = {"lithium": "cividis", "hoop_stress": "PuOr_r", "damage": "magma_r"}
_MICRON = 1e-6
#: Damage below which a wall is drawn as sound.
_SOUND = 0.01
FILLED = COLOURS[5]
LAYER = COLOURS[2]
#: Least span of a colour bar of lithium, in x.
_NARROWEST = 0.01


@dataclass(frozen=True)
class View:
    """What is looked at, and where it is cut.

    Raises
    ------
    ValueError
        If the plane misses the mesh.
    """

    mesh: Mesh
    max_concentration: float  #: [mol/m³]
    normal: ArrayLike
    offset: float | None  #: [m]; None: through the middle
    passivated: ArrayLike | None  #: (s,) surface facets that carry a layer

    @cached_property
    def section(self) -> Section:
        """The cut."""
        offset = _middle(self.mesh, self.normal) if self.offset is None else self.offset
        return mesh_section(self.mesh, self.normal, offset)

    def values(self, history: History, index: int, field: str) -> NDArray[np.float64]:
        """Of all nodes or walls, in the unit of the colour bar."""
        if field == "lithium":
            # The mean falls by ten times what places differ by: it would hide them.
            above = history.concentration[index] - history.mean_concentration[index]
            return np.asarray(above / self.max_concentration)
        if field == "hoop_stress":
            return self._of_nodes(hoop_stress(self.mesh, history.stress[index]) / 1e6)
        return np.asarray(history.damage[index], dtype=np.float64)

    def shown(self, history: History, index: int, field: str) -> NDArray[np.float64]:
        """Of the points or wall lines of the cut."""
        values = self.values(history, index, field)
        return values[self.section.wall] if field == "damage" else self.section.of_nodes(values)

    def _of_nodes(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        # Stress of linear cells goes up and down from cell to cell; nodes belong to one grain each.
        n, volume = len(self.mesh.points), self.mesh.volume
        node = self.mesh.cells.ravel()
        total, weight = (
            np.bincount(node, np.repeat(of, self.mesh.cells.shape[1]), n)
            for of in (values * volume, volume)
        )
        return np.asarray(total / weight)


def common_limits(
    view: View, states: Iterable[tuple[History, int]], field: str
) -> tuple[float, float]:
    """Ends of the colour bar for several states of a field."""
    if field == "damage":
        return 0.0, 1.0
    values = np.concatenate([view.values(history, i, field) for history, i in states])
    if field == "hoop_stress":
        most = float(np.percentile(np.abs(values), 99.0)) or 1.0
        return -most, most
    low, high = float(values.min()), float(values.max())
    half = max(high - low, _NARROWEST) / 2
    return (low + high) / 2 - half, (low + high) / 2 + half


def _middle(mesh: Mesh, normal: ArrayLike) -> float:
    """Height of the centre of volume above the origin [m]."""
    if mesh.dimension == 2:
        return 0.0
    centre = np.average(mesh.points[mesh.cells].mean(axis=1), axis=0, weights=mesh.volume)
    way = np.asarray(normal, dtype=np.float64)
    return float(centre @ way / np.linalg.norm(way))


class FieldPanel:
    """A map of one field, with grain boundaries and surface.

    Raises
    ------
    ValueError
        If the history is of another mesh.
    """

    def __init__(
        self, ax: Axes, view: View, history: History, field: str, limits: tuple[float, float]
    ) -> None:
        mesh = view.mesh
        shape = history.concentration.shape[1], history.stress.shape[1], history.damage.shape[1]
        if shape != (len(mesh.points), len(mesh.cells), len(mesh.interfaces)):
            raise ValueError("history must be of this mesh")
        self._view, self._history, self._field, self._ax = view, history, field, ax
        section = view.section
        draw_lines(ax, section, _MICRON)
        self._draw_layer()
        if field == "damage":
            self._mappable = self._walls()
        else:
            self._mappable = self._map()
        self._mappable.set_clim(*limits)
        ax.set_xticks([])
        ax.set_yticks([])
        for spine in ax.spines.values():
            spine.set_visible(False)

    def _map(self) -> Any:
        from matplotlib.tri import Triangulation

        section = self._view.section
        right, up = (section.points / _MICRON).T
        triangles = Triangulation(right, up, section.triangles)
        return self._ax.tripcolor(
            triangles, np.zeros(len(right)), shading="gouraud", cmap=COLOUR_MAPS[self._field],
            rasterized=True,
        )  # fmt: skip

    def _walls(self) -> Any:
        from matplotlib.collections import LineCollection

        lines = list(self._view.section.walls / _MICRON)
        style: dict[str, Any] = {"capstyle": "round", "linewidths": 0.0}
        self._ground = LineCollection(lines, colors=FILLED, zorder=2.5, **style)
        walls = LineCollection(lines, cmap=COLOUR_MAPS["damage"], zorder=3, **style)
        self._ax.add_collection(self._ground)
        self._ax.add_collection(walls)
        return walls

    def _draw_layer(self) -> None:
        if self._view.passivated is None:
            return
        from matplotlib.collections import LineCollection

        section = self._view.section
        covered = np.asarray(self._view.passivated, dtype=bool)
        if covered.shape != (len(self._view.mesh.surface),):
            raise ValueError("passivated must have one value per surface facet")
        lines = list(section.rim[covered[section.rim_facet]] / _MICRON)
        self._ax.add_collection(LineCollection(lines, colors=LAYER, linewidths=3.0, zorder=4))

    def show(self, index: int) -> None:
        """Show the field as it is at a saved time."""
        values = self._view.shown(self._history, index, self._field)
        self._mappable.set_array(values)
        if self._field == "damage":
            filled = self._history.wetted[index][self._view.section.wall]
            self._ground.set_linewidth(np.where(filled, 5.0, 0.0).tolist())
            self._mappable.set_linewidth(np.where(values > _SOUND, 1.6, 0.0).tolist())

    def colour_bar(self, axes: Any, **where: Any) -> None:
        """Colour bar beside the panels, for all of them."""
        extend = "both" if self._field == "hoop_stress" else "neither"
        bar = self._ax.figure.colorbar(
            self._mappable, ax=axes, extend=extend,
            **{"shrink": 0.85, "pad": 0.02, "aspect": 25, **where},
        )  # fmt: skip
        bar.set_label(_LABELS[self._field], fontsize=LABEL)
        bar.ax.tick_params(labelsize=TICK)

    def scale(self) -> None:
        """Draw a scale bar."""
        low, high = self._ax.get_xlim()
        scale_bar(self._ax, high - low)
        frame: Any = self._ax.artists[-1]
        frame.patch.set_visible(False)  # it would hide part of the rim
