"""The surface of a mesh over all directions: any value of its facets, and the layer on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from nmcx.plot.panels import LABEL, TICK, TITLE, new_figure
from nmcx.results import LayerMap, Mesh

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def layer_map(
    mesh: Mesh, layer: LayerMap, *, title: str = "Passivation layer", ax: Axes | None = None
) -> Axes:
    """Thickness of the passivation layer over all directions from the middle of the particle.

    Mollweide, equal area; +x in the middle, z up. The white line encloses what was imaged.

    Parameters
    ----------
    mesh : Mesh
        In space.
    layer : LayerMap
        On it; the first draw is shown if there is one, else the most likely layer.
    title : str
    ax : matplotlib.axes.Axes, optional
        Axes to draw into, of the projection "mollweide".

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the layer is of another mesh.

    Examples
    --------
    >>> from nmcx import comparison, mesh, phantom, plot
    >>> particle, seen = phantom.surface_and_porosity(1, correlated=True)
    >>> grains = mesh.from_particle(particle, n_grains=12, size=1.6e-6, seed=1)
    >>> layer = comparison.layer_from_xi(seen, particle, grains, largest=100e-9, n_draw=1)
    >>> plot.layer_map(grains, layer).get_title()
    'Passivation layer'
    """
    thickness = layer.draws[0] if len(layer.draws) else layer.thickness
    if len(thickness) != len(mesh.surface):
        raise ValueError("layer must be of this mesh")
    nanometres = 1e9 * np.asarray(thickness, dtype=np.float64)
    return facet_map(
        mesh, nanometres, label="thickness [nm]", title=title, outline=layer.is_seen, ax=ax
    )


def facet_map(
    mesh: Mesh,
    values: ArrayLike,
    *,
    label: str,
    title: str,
    outline: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Value of the facet nearest to every direction, Mollweide; a line encloses `outline`."""
    shown_values = np.asarray(values, dtype=np.float64)
    centre = mesh.points[mesh.surface].mean(axis=1) - mesh.points.mean(axis=0)
    axes = (
        new_figure(4.6, 3.2).subplots(subplot_kw={"projection": "mollweide"}) if ax is None else ax
    )
    from scipy.spatial import cKDTree

    longitude, latitude = np.meshgrid(
        np.linspace(-np.pi, np.pi, 361), np.linspace(-1, 1, 181) * np.pi / 2
    )
    looked_at = np.stack(
        [
            np.cos(latitude) * np.cos(longitude),
            np.cos(latitude) * np.sin(longitude),
            np.sin(latitude),
        ],
        axis=-1,
    )
    direction = centre / np.linalg.norm(centre, axis=1, keepdims=True)
    nearest = cKDTree(direction).query(looked_at)[1]
    shown = axes.pcolormesh(
        longitude, latitude, shown_values[nearest], cmap="viridis", shading="nearest",
        rasterized=True,
    )  # fmt: skip
    if outline is not None:
        inside = np.asarray(outline, dtype=np.float64)[nearest]
        if inside.min() < inside.max():
            axes.contour(longitude, latitude, inside, levels=[0.5], colors="white", linewidths=1.2)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=TITLE, pad=8)
    bar = axes.figure.colorbar(
        shown, ax=axes, orientation="horizontal", shrink=0.7, pad=0.03, aspect=30
    )
    bar.ax.locator_params(nbins=6)
    bar.set_label(label, fontsize=LABEL)
    bar.ax.tick_params(labelsize=TICK)
    return axes
