"""What the correlation would be if the map lay a little elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.correlation.placing import place, tilted_frame
from nmcx.correlation.scan import observed_correlation
from nmcx.results import ConePorosity, Particle, Robustness, XiMap

_Float = NDArray[np.float64]

#: Five and ten degrees.
_TURNS = (float(np.deg2rad(5.0)), float(np.deg2rad(10.0)))
#: Axes of the turns, as `Robustness.turns` orders them.
_AXES = ("view", "up", "right")


def robustness(
    xi_map: XiMap,
    particle: Particle,
    cones: ConePorosity,
    *,
    view: ArrayLike,
    tilt: tuple[float, float] = (0.0, 0.0),
    rotation: float = 0.0,
    offset_um: tuple[float, float] = (0.0, 0.0),
    scale: float = 1.0,
    turns: Sequence[float] = _TURNS,
    samples: ArrayLike | None = None,
    n_sample: int = 100,
    matched: bool = True,
    weighted: bool = False,
    min_points: int = 3,
    max_incidence: float = np.pi / 3,
    beam: ArrayLike | None = None,
    threads: int | None = None,
) -> Robustness:
    """Correlation at every opening angle for placements turned away from the given one.

    The map is placed anew after turns by ± each of `turns` about the view, the map's upward axis
    and its rightward one, and correlated with the porosity again. What stays the same within this
    band does not depend on a placement that a nearly round silhouette cannot fix.

    Parameters
    ----------
    xi_map, particle
        As for `place`.
    cones : ConePorosity
        ``porosity (n_direction, n_angle)`` in directions that cover the whole sphere.
    view, tilt, rotation, offset_um, scale
        The placement, as for `place` [rad], [µm], [1]; ``**pose.as_options()`` of a fitted one.
    turns : sequence of float
        Turns [rad]; default 5 and 10 degrees.
    samples : (n, 6) array_like, optional
        Placements drawn from a posterior (``pose.samples``), in the order of `Pose.samples`.
    n_sample : int
        How many of them are used, evenly along the list.
    matched, weighted, min_points
        As for `angle_scan`.
    max_incidence : float
        As for `place` [rad].
    beam : (3,) array_like, optional
        As for `place`.
    threads : int, optional
        Number of threads; default: all cores.

    Returns
    -------
    Robustness
        ``pearson (n_turn, n_angle)``, the given placement first; ``band`` from the least to the
        largest of them at each angle; the middle 95 % of the samples if there are any. The sign is
        that of r(xi, porosity): negative where cracks and degradation go together.

    Raises
    ------
    ValueError
        If `turns` is empty or out of range, `samples` has another shape, `n_sample` is less than
        1, or the given placement itself cannot be placed or correlated.

    References
    ----------
    .. [1] Our method.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import cones, correlation, phantom
    >>> made = phantom.placed_map(3, shape=(40, 40, 40), voxel_size_um=0.3, map_shape=(32, 32))
    >>> porosity = cones.cone_porosity(made.particle, cones.fibonacci_directions(300), [0.3, 0.5])
    >>> found = correlation.robustness(made.xi_map, made.particle, porosity, view=made.view)
    >>> found.pearson.shape, found.turns.shape
    ((13, 2), (13, 3))
    """
    sizes = [float(turn) for turn in turns]
    if not sizes or not all(0 < size < np.pi / 2 for size in sizes):
        raise ValueError(f"turns must be one or more angles in 0..pi/2 [rad], not {turns}")
    if n_sample < 1:
        raise ValueError(f"n_sample must be at least 1, not {n_sample}")
    drawn = None if samples is None else np.asarray(samples, dtype=np.float64)
    if drawn is not None and (drawn.ndim != 2 or drawn.shape[1] != 6 or len(drawn) == 0):
        raise ValueError(f"samples must have shape (n, 6), not {drawn.shape}")

    given: dict[str, Any] = {
        "view": view,
        "tilt": tilt,
        "rotation": rotation,
        "offset_um": offset_um,
        "scale": scale,
    }

    def correlated(placement: dict[str, Any]) -> _Float:
        placed = place(
            xi_map, particle, **placement, max_incidence=max_incidence, beam=beam, threads=threads
        )
        return observed_correlation(
            placed, cones, matched=matched, weighted=weighted, min_points=min_points,
            threads=threads,
        )  # fmt: skip

    first = correlated(given)
    lost = np.full_like(first, np.nan)
    failed: list[str] = []

    def tried(placement: dict[str, Any], name: str) -> _Float:
        try:
            return correlated(placement)
        except ValueError as error:
            # One pose that misses the particle is a finding about the pose, not an end.
            failed.append(f"{name}: {error}")
            return lost

    turned, curves = [np.zeros(3)], [first]
    for axis in range(3):
        for size in (side * size for size in sizes for side in (-1.0, 1.0)):
            turn = np.zeros(3)
            turn[axis] = size
            name = f"turn by {np.degrees(size):.1f} degrees about {_AXES[axis]}"
            turned.append(turn)
            curves.append(tried({**given, **_turned(view, tilt, rotation, turn)}, name))
    pearson = np.array(curves)
    sampled = None
    if drawn is not None:
        chosen = drawn[np.unique(np.linspace(0, len(drawn) - 1, n_sample).round().astype(int))]
        sampled = np.array([tried(_sample(view, one), "sample") for one in chosen])
    return Robustness(
        half_angle=np.asarray(cones.half_angle, dtype=np.float64),
        pearson=pearson,
        turns=np.array(turned),
        band=_bounds(pearson, (0.0, 100.0)),
        sampled=sampled,
        sampled_band=None if sampled is None else _bounds(sampled, (2.5, 97.5)),
        settings={
            "rotation": float(rotation),
            "scale": float(scale),
            "tilt": (float(tilt[0]), float(tilt[1])),
            "turns": tuple(sizes),
            "matched": matched,
            "weighted": weighted,
            "min_points": min_points,
            "max_incidence": float(max_incidence),
        },
        notes=tuple(failed),
    )


def _turned(
    view: ArrayLike, tilt: tuple[float, float], rotation: float, turn: _Float
) -> dict[str, Any]:
    """Tilt and rotation after a turn about one of the map's own axes (view, up, right).

    About the view the map turns in its plane. About the others the view moves along a great circle;
    seen from the nominal view, where tilts are counted, that is another tilt and a small rotation.
    """
    if turn[0] != 0.0:
        return {"rotation": rotation + float(turn[0])}
    k, up, right = tilted_frame(view, tilt)
    cos, sin = np.cos(rotation), np.sin(rotation)
    map_up, map_right = cos * up - sin * right, sin * up + cos * right
    # About up the view moves to the right; about right it moves downwards.
    size, towards = (turn[1], map_right) if turn[1] != 0.0 else (turn[2], -map_up)
    new = np.cos(size) * k + np.sin(size) * towards
    moved = np.cos(size) * towards - np.sin(size) * k
    fixed = map_up if turn[1] != 0.0 else map_right
    new_up = fixed if turn[1] != 0.0 else -moved
    nominal, first_up, first_right = tilted_frame(view, (0.0, 0.0))
    angle = float(np.arccos(np.clip(new @ nominal, -1.0, 1.0)))
    across = new - (new @ nominal) * nominal
    length = float(np.linalg.norm(across))
    aim = across / length if length > 0 else first_up
    new_tilt = (angle * float(aim @ first_up), angle * float(aim @ first_right))
    _, tilted_up, tilted_right = tilted_frame(view, new_tilt)
    new_rotation = float(np.arctan2(-(new_up @ tilted_right), new_up @ tilted_up))
    return {"tilt": new_tilt, "rotation": new_rotation}


def _sample(view: ArrayLike, parameters: _Float) -> dict[str, Any]:
    """A row of `Pose.samples` as options of `place`."""
    values = [float(value) for value in parameters]
    return {
        "view": view,
        "tilt": (values[0], values[1]),
        "rotation": values[2],
        "offset_um": (values[3], values[4]),
        "scale": values[5],
    }


def _bounds(curves: _Float, percentiles: tuple[float, float]) -> _Float:
    """Percentiles (n_angle, 2) of the finite values at each angle; NaN where there is none."""
    bounds = np.full((curves.shape[1], 2), np.nan)
    for i, column in enumerate(curves.T):
        finite = column[np.isfinite(column)]
        if finite.size:
            bounds[i] = np.percentile(finite, percentiles)
    return bounds
