"""The particle in space as one HTML page that needs no network: skin, maps, void and cone."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from html import escape
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.correlation.pairs import patch_of
from nmcx.plot.cone_panels import imaged_directions
from nmcx.plot.images import view_frame
from nmcx.plot.panels import fenced_limits
from nmcx.plot.seen_particle import SeenParticle, colour_table, seen_particle
from nmcx.results import AngleScan, ConePorosity, Particle, SurfaceValues

Array = NDArray[Any]

_SCRIPTS = ("fields.js", "drawing.js", "controls.js", "start.js")
#: Stands for a value that is missing among the whole numbers 0 … 65534.
_MISSING = 65535


class ScenePage(str):
    """An HTML page that can stand in another one."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        # Shut in: it may run its own script and reach nothing else.
        return (
            '<iframe class="scene" title="The particle in space, to be turned" loading="lazy" '
            'style="width: 100%; height: 38rem; border: 1px solid #dfe4ea; border-radius: 4px" '
            f'sandbox="allow-scripts" allow="fullscreen" srcdoc="{escape(self, quote=True)}">'
            "</iframe>"
        )


def scene_html(
    particle: Particle,
    *,
    surface: SurfaceValues | None = None,
    cones: ConePorosity | None = None,
    scan: AngleScan | None = None,
    title: str = "",
    n_triangles: int = 40_000,
    n_void: int = 25_000,
) -> ScenePage:
    """Interactive picture of the particle in space, as the text of one HTML page.

    The skin of the envelope carries ξ where it was mapped and the porosity of the cone through each
    of its points. A cone can be pointed by a click or by sliders and opened to any of the measured
    angles; the page then says its porosity and the mean of ξ over its cap. The skin can be made
    translucent to look at the void. Mesh, numbers, colours and viewer lie in the page: it asks
    nothing of a network. The browser needs WebGL 2.

    Parameters
    ----------
    particle : Particle
        Envelope and void (nz, ny, nx).
    surface : SurfaceValues, optional
        Map placed on it, from `nmcx.correlation.place`.
    cones : ConePorosity, optional
        From `nmcx.cones.cone_porosity`.
    scan : AngleScan, optional
        From `nmcx.correlation.angle_scan` of these cones; its curve is shown beside.
    title : str
        Heading.
    n_triangles : int
        Triangles of the skin to aim at, see `nmcx.plot.surface_mesh.surface_mesh`.
    n_void : int
        Most void voxels to draw; of more, every n-th is taken.

    Returns
    -------
    ScenePage
        The page, a `str` to be written as UTF-8; a notebook shows it as the value of a cell.

    Raises
    ------
    ValueError
        If there is neither a map nor cones, or `scan` has other angles than `cones`.

    References
    ----------
    .. [1] Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 4.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import cones, phantom
    >>> particle, seen = phantom.surface_and_porosity(1)
    >>> porosity = cones.cone_porosity(particle, cones.fibonacci_directions(300), np.deg2rad([20]))
    >>> page = scene_html(particle, surface=seen, cones=porosity)
    >>> page[:15], "http://" in page or "https://" in page
    ('<!DOCTYPE html>', False)
    """
    if surface is None and cones is None:
        raise ValueError("give surface or cones: there is nothing to paint on the particle")
    if scan is not None and (
        cones is None or not np.array_equal(scan.half_angle, cones.half_angle)
    ):
        raise ValueError("scan needs the cones that it is of, with the same half-opening angles")
    seen = seen_particle(particle, surface, cones, n_triangles=n_triangles)
    meta, arrays = _frame(seen, surface)
    _add_skin(meta, arrays, seen)
    _add_void(meta, arrays, particle, n_void)
    if surface is not None:
        _add_map(meta, arrays, surface)
    if cones is not None:
        _add_cones(meta, arrays, seen, cones, surface, scan)
    meta["arrays"] = {name: _stored(values) for name, values in arrays.items()}
    heading = escape(title or "The particle in space")
    # Inside of a script element only "<" could end it.
    data = json.dumps(meta, allow_nan=False).replace("<", "\\u003c")
    script = "\n".join(_text(name) for name in _SCRIPTS)
    parts = {"title": heading, "style": _text("style.css"), "script": script, "data": data}
    return ScenePage(_filled(parts))


def _text(name: str) -> str:
    folder = resources.files("nmcx.plot") / "scene_page"
    return (folder / name).read_text(encoding="utf-8")


def _filled(parts: Mapping[str, str]) -> str:
    # In one pass: what is put in is not searched again.
    first, *rest = _text("page.html").split("{{")
    pieces = [first]
    for piece in rest:
        name, _, after = piece.partition("}}")
        pieces += [parts[name], after]
    return "".join(pieces)


def _stored(values: Array) -> dict[str, str]:
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return {
        "dtype": values.dtype.name,
        "base64": base64.b64encode(little.tobytes()).decode("ascii"),
    }


def _xyz(vectors: Array) -> Array:
    """The viewer's order of components."""
    return np.asarray(vectors, dtype=np.float64)[..., ::-1]


def _whole(values: Array, limits: tuple[float, float]) -> NDArray[np.uint16]:
    """Values as whole numbers of the range, with the mark of what is missing."""
    low, high = limits
    with np.errstate(invalid="ignore"):
        share = (np.asarray(values, dtype=np.float64) - low) / (high - low)
        whole = np.rint(share * (_MISSING - 1))
    return np.asarray(np.where(np.isfinite(share), whole, _MISSING).astype(np.uint16))


def _span(values: Array) -> tuple[float, float]:
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _frame(
    seen: SeenParticle, surface: SurfaceValues | None
) -> tuple[dict[str, Any], dict[str, Array]]:
    points = _xyz(seen.mesh.points_um)
    right, up = view_frame(seen.view)
    k = np.asarray(seen.view) / np.linalg.norm(seen.view)
    values = np.array([]) if surface is None else np.asarray(surface.values)
    meta = {
        "low": points.min(axis=0).tolist(),
        "high": points.max(axis=0).tolist(),
        "apex": _xyz(seen.apex_um).tolist(),
        "frame": [_xyz(v).tolist() for v in (right, up, k)],
        "start_angle": 0,
        "start_axis": _xyz(k).tolist(),
        # Means of the map's values lie between them: one range for the skin and the points.
        "xi_range": list(_span(values)),
        "xi_limits": list(fenced_limits(values)),
        "porosity_range": [0.0, 1.0],
        "half_angle": [],
    }
    tables = {name: np.rint(255 * colour_table(name)) for name in ("xi", "porosity")}
    return meta, {f"{name}_colours": table.astype(np.uint8) for name, table in tables.items()}


def _inside_box(meta: dict[str, Any], points_um: Array) -> NDArray[np.uint16]:
    low, high = np.array(meta["low"]), np.array(meta["high"])
    share = (_xyz(points_um) - low) / (high - low)
    return np.asarray(np.rint(65535 * np.clip(share, 0.0, 1.0)).astype(np.uint16))


def _add_skin(meta: dict[str, Any], arrays: dict[str, Array], seen: SeenParticle) -> None:
    n_point = len(seen.mesh.points_um)
    kind = np.uint16 if n_point < 65536 else np.uint32
    arrays["points"] = _inside_box(meta, seen.mesh.points_um)
    arrays["normals"] = np.rint(127 * _xyz(seen.normals)).astype(np.int8)
    arrays["triangles"] = seen.mesh.triangles.astype(kind)
    if seen.xi is not None:
        arrays["xi"] = _whole(seen.xi, tuple(meta["xi_range"]))
    if seen.nearest is not None and seen.weight is not None:
        many = seen.cones is not None and len(seen.cones.directions) > 65535
        arrays["nearest"] = seen.nearest.astype(np.uint32 if many else np.uint16)
        arrays["weight"] = np.rint(255 * seen.weight).astype(np.uint8)


def _add_void(meta: dict[str, Any], arrays: dict[str, Array], particle: Particle, n: int) -> None:
    at = np.flatnonzero(particle.void)
    # Every n-th in the order of the volume: as dense everywhere, and the same each time.
    step = max(1, -(-at.size // max(n, 1)))
    voxel = np.stack(np.unravel_index(at[::step], particle.void.shape), axis=1)
    size = np.asarray(particle.voxel_size_um)
    meta["void_um"] = float(np.cbrt(size.prod()))
    if at.size:
        arrays["voids"] = _inside_box(meta, voxel * size)


def _add_map(meta: dict[str, Any], arrays: dict[str, Array], surface: SurfaceValues) -> None:
    patch = patch_of(surface)
    arrays["map_xi"] = _whole(patch.values[0], tuple(meta["xi_range"]))
    arrays["map_weight"] = patch.weights.astype(np.float32)
    arrays["map_directions"] = _directions(patch.directions)


def _directions(vectors: Array) -> NDArray[np.int16]:
    return np.asarray(np.rint(32767 * _xyz(vectors)).astype(np.int16))


def _add_cones(
    meta: dict[str, Any],
    arrays: dict[str, Array],
    seen: SeenParticle,
    cones: ConePorosity,
    surface: SurfaceValues | None,
    scan: AngleScan | None,
) -> None:
    order = np.argsort(cones.half_angle)
    porosity = np.asarray(cones.porosity, dtype=np.float64)[:, order]
    meta["half_angle"] = np.asarray(cones.half_angle, float)[order].tolist()
    meta["porosity_range"] = list(_span(porosity))
    meta["porosity_limits"] = [list(fenced_limits(column)) for column in porosity.T]
    arrays["porosity"] = _whole(porosity, _span(porosity))
    arrays["directions"] = _directions(cones.directions)
    best = cones.half_angle.size // 2
    if scan is not None:
        if np.isfinite(scan.pearson).any():
            best = int(np.flatnonzero(order == scan.strongest)[0])
        meta["scan"] = {
            "pearson": _numbers(np.asarray(scan.pearson)[order]),
            "null_band": [_numbers(pair) for pair in np.asarray(scan.null_band)[order]],
            "p_family": f"{scan.p_family:.3g}",
            "caption": "Pearson's r of ξ and cone porosity against opening angle; grey: 95 % of "
            f"the null model. {scan.sign_convention}.",
        }
    meta["start_angle"] = best
    looked = np.arange(len(porosity)) if surface is None else imaged_directions(surface, cones)
    column = np.nan_to_num(porosity[looked, best], nan=-1.0)
    if looked.size:
        meta["start_axis"] = _xyz(cones.directions[looked[int(np.argmax(column))]]).tolist()


def _numbers(values: Array) -> list[float | None]:
    """JSON knows no NaN."""
    return [float(v) if np.isfinite(v) else None for v in np.asarray(values, dtype=float)]


__all__ = ["scene_html"]
