"""The particle in space by pyvista: skin, maps and cone, as a picture or in a window."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.plot.cone_panels import CONE, imaged_directions
from nmcx.plot.images import view_frame
from nmcx.plot.panels import fenced_limits, scale_bar_length
from nmcx.plot.seen_particle import SeenParticle, colour_table, seen_particle
from nmcx.results import ConePorosity, Particle, SurfaceValues

Float = NDArray[np.float64]

_BARE, _INK = "#BCC1C8", "#1C2430"
#: Turn of the camera off the beam [rad]: to the right, and upwards.
_ASIDE, _ABOVE = 0.35, 0.25


def view_particle(
    particle: Particle,
    *,
    surface: SurfaceValues | None = None,
    cones: ConePorosity | None = None,
    i_angle: int | None = None,
    direction: ArrayLike | None = None,
    show: str = "both",
    opacity: float = 1.0,
    size: tuple[int, int] = (1200, 900),
    n_triangles: int = 100_000,
    off_screen: bool = True,
) -> Any:
    """The particle in space with its surface map, its porosity map and one cone.

    Needs ``pip install "nmcx[view]"``. Without a display it draws off screen.

    Parameters
    ----------
    particle : Particle
        Its envelope is shown.
    surface : SurfaceValues, optional
        Map placed on it, from `nmcx.correlation.place`; the camera looks a little past its view.
    cones : ConePorosity, optional
        From `nmcx.cones.cone_porosity`; the skin shows the porosity of the cone through each point.
    i_angle : int, optional
        Which half-opening angle; default the middle one.
    direction : (3,) array_like, optional
        Axis of the cone that is drawn (z, y, x); the nearest measured one is taken. Default: the
        most porous one, of those inside the map if there is one.
    show : {"both", "surface", "porosity"}
        What the skin carries; "both" is ξ where it was mapped and porosity elsewhere.
    opacity : float
        Of the skin, 0 … 1; below 1 the void shines through.
    size : (int, int)
        Width and height [px].
    n_triangles : int
        Triangles of the skin to aim at.
    off_screen : bool
        False for a plotter whose ``show()`` opens a window.

    Returns
    -------
    pyvista.Plotter
        ``.screenshot("particle.png")`` writes the picture, ``.close()`` frees it.

    Raises
    ------
    ImportError
        If pyvista is not installed; the message says how to get it.
    ValueError
        If there is nothing to show, or `show` asks for what is not given.

    References
    ----------
    .. [1] Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 4.
    """
    try:
        import pyvista
    except ImportError as error:
        raise ImportError('view_particle needs pyvista: pip install "nmcx[view]"') from error
    wanted = {"surface": surface, "porosity": cones}
    if show not in ("both", *wanted):
        raise ValueError(f'show must be "both", "surface" or "porosity", not {show!r}')
    if (surface is None and cones is None) or (show in wanted and wanted[show] is None):
        raise ValueError("give surface or cones, and what show names")
    seen = seen_particle(particle, surface, cones, n_triangles=n_triangles)
    plotter = pyvista.Plotter(off_screen=off_screen, window_size=list(size), lighting="none")
    plotter.set_background("white")
    i = 0 if cones is None else len(cones.half_angle) // 2 if i_angle is None else i_angle
    _add_skin(plotter, seen, show, i, opacity)
    if opacity < 1.0 and particle.void.any():
        at = np.argwhere(particle.void) * np.asarray(particle.voxel_size_um)
        plotter.add_points(
            _xyz(at), color=_INK, point_size=3, opacity=0.5, render_points_as_spheres=True
        )
    if cones is not None:
        _add_cone(plotter, seen, cones, _axis(cones, surface, i, direction), i)
    _look(plotter, seen)
    return plotter


def _xyz(points: Float) -> Float:
    return np.ascontiguousarray(np.asarray(points, dtype=np.float64)[..., ::-1])


def _faces(triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.insert(triangles, 0, 3, axis=1).ravel()


def _add_skin(plotter: Any, seen: SeenParticle, show: str, i: int, opacity: float) -> None:
    """The triangles with a value of ξ, those with a porosity, and the rest, each as a mesh."""
    import pyvista
    from matplotlib.colors import ListedColormap

    left = np.ones(len(seen.mesh.triangles), bool)
    fields: list[tuple[Float | None, str, str, Float]] = []
    if show != "porosity" and seen.xi is not None:
        fields.append((seen.xi, "ξ [1]", "xi", seen.xi))
    if show != "surface" and seen.cones is not None:
        opening = np.rad2deg(2 * seen.cones.half_angle[i])
        all_of = np.asarray(seen.cones.porosity[:, i], dtype=np.float64)
        title = f"porosity [1], 2α = {opening:.0f}°"
        fields.append((seen.porosity(i), title, "porosity", all_of))
    fields.append((None, "", "", np.array([])))
    light = {"ambient": 0.55, "diffuse": 0.5, "specular": 0.0, "smooth_shading": True}
    for k, (values, title, name, limits_of) in enumerate(fields):
        chosen = left.copy()
        if values is not None:
            chosen &= np.isfinite(values[seen.mesh.triangles]).all(axis=1)
        left &= ~chosen
        if not chosen.any():
            continue
        mesh = pyvista.PolyData(_xyz(seen.mesh.points_um), _faces(seen.mesh.triangles[chosen]))
        mesh.point_data["Normals"] = _xyz(seen.normals)
        mesh.point_data.active_normals_name = "Normals"
        if values is None:
            plotter.add_mesh(mesh, color=_BARE, opacity=opacity, **light)
            continue
        plotter.add_mesh(
            mesh, scalars=values, cmap=ListedColormap(colour_table(name)),
            clim=fenced_limits(limits_of), opacity=opacity,
            scalar_bar_args={
                "title": title, "vertical": True, "position_x": 0.87, "width": 0.06,
                "position_y": 0.08 + 0.46 * k, "height": 0.38, "color": _INK, "fmt": "%.3f",
                "title_font_size": 18, "label_font_size": 16, "n_labels": 4,
            },
            **light,
        )  # fmt: skip
        _write_greek(plotter.scalar_bars[title])


def _write_greek(bar: Any) -> None:
    """VTK's own fonts know no Greek; matplotlib brings one that does."""
    from matplotlib.font_manager import findfont
    from vtkmodules.vtkCommonCore import VTK_FONT_FILE

    for words in (bar.GetTitleTextProperty(), bar.GetLabelTextProperty()):
        words.SetFontFamily(VTK_FONT_FILE)
        words.SetFontFile(findfont("DejaVu Sans"))
    bar.SetVerticalTitleSeparation(12)


def _axis(
    cones: ConePorosity, surface: SurfaceValues | None, i: int, direction: ArrayLike | None
) -> Float:
    if direction is not None:
        axis = np.asarray(direction, dtype=np.float64)
        return np.asarray(cones.directions[int(np.argmax(cones.directions @ axis))])
    among = np.arange(len(cones.directions))
    if surface is not None and (inside := imaged_directions(surface, cones)).size:
        among = inside
    values = np.nan_to_num(cones.porosity[among, i], nan=-1.0)
    return np.asarray(cones.directions[among[int(np.argmax(values))]])


def _add_cone(plotter: Any, seen: SeenParticle, cones: ConePorosity, axis: Float, i: int) -> None:
    """Its flank, translucent and somewhat beyond the skin, and its rim on the skin."""
    import pyvista

    rim = seen.rim_um(axis, float(cones.half_angle[i]), 180)
    n = len(rim)
    beyond = seen.apex_um + 1.16 * (rim - seen.apex_um)
    around = np.stack([np.full(n, n), np.arange(n), np.roll(np.arange(n), -1)], axis=1)
    flank = pyvista.PolyData(_xyz(np.vstack([beyond, seen.apex_um])), _faces(around))
    plotter.add_mesh(flank, color=CONE, opacity=0.28, ambient=1.0, diffuse=0.0)
    on_skin = seen.apex_um + 1.012 * (rim - seen.apex_um)
    line = pyvista.lines_from_points(_xyz(np.vstack([on_skin, on_skin[:1]])))
    for colour, width in (("white", 9), (CONE, 4)):
        plotter.add_mesh(line, color=colour, line_width=width, lighting=False)


def _turned(first: Float, second: Float, angle: float) -> tuple[Float, Float]:
    """Both vectors in their plane, the first turned towards the second."""
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * first + sin * second, cos * second - sin * first


def _look(plotter: Any, seen: SeenParticle) -> None:
    """Camera a little off the beam, without perspective, with axes and a scale bar."""
    import pyvista

    right, up = view_frame(seen.view)
    k = np.asarray(seen.view, dtype=np.float64) / np.linalg.norm(seen.view)
    k, right = _turned(k, right, _ASIDE)
    k, up = _turned(k, up, _ABOVE)
    points = seen.mesh.points_um
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    radius = float(np.linalg.norm(points - middle, axis=1).max())
    # The bars stand on the right: the particle moves aside for them.
    focus = middle + 0.16 * radius * right
    camera = plotter.camera
    camera.focal_point = tuple(_xyz(focus))
    camera.position = tuple(_xyz(focus + 10.0 * radius * k))
    camera.up = tuple(_xyz(up))
    camera.parallel_projection = True
    camera.parallel_scale = 1.25 * radius
    for place in (k - 0.35 * right + 0.5 * up, k):
        plotter.add_light(
            pyvista.Light(position=tuple(_xyz(focus + 10 * radius * place)),
                          focal_point=tuple(_xyz(focus)), intensity=0.55)
        )  # fmt: skip
    length = scale_bar_length(2.0 * radius)
    start = middle + radius * (-0.98 * right - 1.12 * up + k)
    bar = pyvista.Line(_xyz(start), _xyz(start + length * right))
    plotter.add_mesh(bar, color=_INK, line_width=6, lighting=False)
    text = f"{length:g} µm" if length >= 1 else f"{1000 * length:g} nm"
    plotter.add_point_labels(
        _xyz((start + 0.5 * length * right + 0.03 * radius * up)[None]), [text], font_size=20,
        text_color=_INK, shape=None, show_points=False, justification_horizontal="center",
        justification_vertical="bottom", always_visible=True,
    )  # fmt: skip
    plotter.camera.reset_clipping_range()
    plotter.add_axes(color=_INK, viewport=(0.0, 0.82, 0.16, 1.0))


__all__ = ["view_particle"]
