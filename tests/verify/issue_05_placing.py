"""Issue 5: planted placements of a surface map are recovered within their reported spread."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from check import Check, Row, apart_each, recorded
from numpy.typing import NDArray

_Float = NDArray[np.float64]

#: 95 % of chi squared with six degrees of freedom, and of a normal distribution.
_WITHIN, _TWO_SIDED = 12.5916, 1.95996
_NAMES = ("tilt up", "tilt right", "rotation", "offset up", "offset right", "scale")
#: Unit of each parameter in the table, and its size in radians, micrometres or 1.
_UNITS = ("°", "°", "°", "µm", "µm", "%")
_SIZES = np.array([np.pi / 180, np.pi / 180, np.pi / 180, 1.0, 1.0, 0.01])


def placed(seed: int) -> dict[str, Any]:
    """Error and spread (6,), distance, whether it is ambiguous, and seconds of CPU of one fit."""
    from nmcx import correlation, phantom

    made = phantom.placed_map(seed)
    started = time.process_time()
    pose = correlation.fit_pose(made.xi_map, made.particle, view=made.view, threads=1)
    seconds = time.process_time() - started
    error = np.array([*pose.tilt, pose.rotation, *pose.offset_um, pose.scale]) - made.parameters
    error[2] = (error[2] + np.pi) % (2.0 * np.pi) - np.pi
    return {
        "errors": error,
        "spreads": pose.std,
        "distances": error @ np.linalg.solve(pose.covariance, error),
        "ambiguous": pose.ambiguous,
        "seconds": seconds,
    }


def placements(reduced: bool) -> list[Row]:
    """Tilt, rotation, offset and scale together, and each of them."""
    seeds = range(1, 3 if reduced else 101)
    each = apart_each(placed, [(seed,) for seed in seeds])
    found = {name: np.array([one[name] for one in each]) for name in each[0]}
    words = f"seeds 1…{seeds[-1]}"
    share = float(np.mean(found["distances"] <= _WITHIN))
    ratio = np.abs(found["errors"]) / found["spreads"]
    rows = [
        Row(
            "placements whose six parameters lie together within the reported 95 % region "
            f"(Mahalanobis distance² ≤ 12.59); {words}",
            f"{np.count_nonzero(found['distances'] <= _WITHIN)} of {len(seeds)} (median distance² "
            f"{np.median(found['distances']):.1f}, expected 5.3)",
            "≥ 90 %",
            share >= 0.9,
        )
    ]
    for i, name in enumerate(_NAMES):
        inside = float(np.mean(ratio[:, i] <= _TWO_SIDED))
        rows.append(
            Row(
                f"{name} within its reported 95 % interval; {words}",
                f"{inside:.0%}; median spread "
                f"{np.median(found['spreads'][:, i]) / _SIZES[i]:.3g} {_UNITS[i]}, median error "
                f"{np.median(np.abs(found['errors'][:, i])) / _SIZES[i]:.3g} {_UNITS[i]}, "
                f"median error/spread {np.median(ratio[:, i]):.2f} (0.67 if normal)",
                "≥ 90 %",
                inside >= 0.9,
            )
        )
    rows.append(
        recorded(f"placements called ambiguous; {words}", str(np.count_nonzero(found["ambiguous"])))
    )
    rows.append(
        recorded(
            f"CPU time of `fit_pose`, 64×64 map, 126³ voxels, one thread, median; {words}",
            f"{np.median(found['seconds']):.1f} s",
        )
    )
    return rows


CHECKS = [Check("placements", placements)]
