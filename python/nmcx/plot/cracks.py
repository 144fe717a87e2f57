"""A cracked polycrystal: grains apart, stress in them, work spent along their boundaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.plot.mesh_section import mesh_section, section_labels
from nmcx.plot.panels import LABEL, TICK, label_axes, one_panel
from nmcx.results import Equilibrium, Mesh

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_Float = NDArray[np.float64]

_MICRON = 1e-6
#: Rows and columns of stresses in Voigt order.
_VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
#: Walls that have spent less than this share of what the hardest has are drawn as sound.
_SOUND = 0.01


def cracked_section(
    mesh: Mesh,
    state: Equilibrium,
    *,
    magnification: float = 5.0,
    normal: ArrayLike = (0, 0, 1),
    offset: float = 0.0,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Largest principal stress in the grains, and the work that their boundaries have spent.

    Parameters
    ----------
    mesh : Mesh
    state : Equilibrium
        Of it, with cohesive walls.
    magnification : float
        Of the displacements of a mesh in the plane; in space the section is drawn undeformed.
    normal : array_like
        (3,) of the plane (x, y, z) through a mesh in space; it points to the reader.
    offset : float
        Distance of the plane from the origin along `normal` [m].
    title : str
    ax : matplotlib.axes.Axes, optional
        Axes to draw into.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the state has no cohesive walls or is of another mesh, or the plane misses the mesh.

    Examples
    --------
    >>> from nmcx import chemomechanics as cm, materials, mesh, plot
    >>> grains = mesh.disc(2e-6, n_grains=6, size=0.6e-6, seed=1)
    >>> delithiated = 0.5 * materials.NMC811.max_concentration
    >>> state = cm.equilibrium(grains, materials.NMC811, delithiated, walls="cohesive")
    >>> plot.cracked_section(grains, state).get_xlabel()
    'x [µm]'
    """
    if state.dissipated is None:
        raise ValueError("state must be an equilibrium with walls='cohesive'")
    if len(state.dissipated) != len(mesh.interfaces) or len(state.stress) != len(mesh.cells):
        raise ValueError("state must be an equilibrium of this mesh")
    section = mesh_section(mesh, normal, offset)
    points, lines = section.points, section.walls
    if mesh.dimension == 2:
        moved = np.asarray(mesh.points + magnification * state.displacement, dtype=np.float64)
        points = moved
        sides = moved[mesh.interfaces].reshape(-1, 2, 2, 2)
        lines = sides.mean(axis=1)
    axes = one_panel(ax, width=6.0)
    from matplotlib.collections import LineCollection
    from matplotlib.tri import Triangulation

    right, up = (points / _MICRON).T
    stress = _largest_principal(state.stress)[section.cell] / 1e6
    reach = float(np.percentile(stress, 99)) or 1.0  # single cells at triple points have more
    cells = axes.tripcolor(
        Triangulation(right, up, section.triangles), facecolors=stress, cmap="Oranges",
        vmin=min(0.0, float(stress.min())), vmax=reach, edgecolors="face", linewidth=0.2,
        rasterized=True,
    )  # fmt: skip
    spent = state.dissipated[section.wall]
    most = float(state.dissipated.max())
    is_sound = spent <= _SOUND * most
    axes.add_collection(
        LineCollection(list(lines[is_sound] / _MICRON), colors="0.45", linewidths=0.4)
    )
    order = np.flatnonzero(~is_sound)[np.argsort(spent[~is_sound])]
    walls = LineCollection(list(lines[order] / _MICRON), cmap="viridis", linewidths=1.8)
    walls.set_array(spent[order])
    walls.set_clim(0.0, most if most > 0.0 else 1.0)
    axes.add_collection(walls)
    axes.set_aspect("equal")
    axes.autoscale_view()
    label_axes(axes, *section_labels(mesh, normal), title)
    for shown, name in ((cells, "largest principal stress [MPa]"), (walls, "work spent [J/m²]")):
        bar = axes.figure.colorbar(shown, ax=axes, shrink=0.8, pad=0.03)
        bar.set_label(name, fontsize=LABEL)
        bar.ax.tick_params(labelsize=TICK)
    return axes


def _largest_principal(stress: ArrayLike) -> _Float:
    """Stresses in Voigt order (n, 6) → largest eigenvalue (n,)."""
    components = np.asarray(stress, dtype=np.float64)
    tensor = np.empty((len(components), 3, 3))
    for k, (i, j) in enumerate(_VOIGT):
        tensor[:, i, j] = tensor[:, j, i] = components[:, k]
    return np.asarray(np.linalg.eigvalsh(tensor)[:, -1])
