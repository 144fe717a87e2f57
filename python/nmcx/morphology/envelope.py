"""The particle with its pores and open cracks filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx import _core

_Array = NDArray[Any]

# Balls larger than this many times the solid are planes to it.
_MOST = 4.0


class Closing:
    """Closes one solid by balls of any radius up to the largest, and fills its holes."""

    def __init__(
        self, solid: _Array, spacing: Sequence[float], largest_radius: float, threads: int
    ) -> None:
        # No ball fits beyond the planes that bound the solid: only what lies between is looked at.
        self._shape = solid.shape
        self._box = bounding_box(solid)
        inside = solid[self._box]
        extent = float(np.linalg.norm(np.multiply(inside.shape, spacing)))
        if largest_radius > _MOST * extent:
            raise ValueError(
                f"a closing radius of {largest_radius:.3g} µm is beyond a solid of {extent:.3g} "
                "µm: choose one that is smaller than the particle"
            )
        # Wide enough that the dilated solid never meets the border, whose far side is unknown.
        margin = [int(np.ceil(largest_radius / h)) + 1 for h in spacing]
        self._padded = np.pad(inside, [(m, m) for m in margin])
        self._inner = tuple(slice(m, m + n) for m, n in zip(margin, inside.shape, strict=True))
        self._spacing = np.array(spacing)
        self._threads = threads
        self._to_solid: _Array | None = None

    def envelope(self, radius: float) -> NDArray[np.bool_]:
        """(nz, ny, nx) solid closed by a ball of this radius [µm], holes filled."""
        from scipy import ndimage

        closed = self._padded
        if radius > 0:
            if self._to_solid is None:
                self._to_solid = _core.distance_transform(
                    ~self._padded, self._spacing, self._threads
                )
            dilated = self._to_solid <= radius
            inward = _core.distance_transform(dilated, self._spacing, self._threads)
            closed = inward > radius
        # Outside is what hangs together with the corner; by faces, so that no leak is diagonal.
        labels, _ = ndimage.label(~closed)
        filled = labels != labels[0, 0, 0]
        envelope = np.zeros(self._shape, bool)
        envelope[self._box] = filled[self._inner]
        return envelope


def bounding_box(mask: _Array) -> tuple[slice, ...]:
    """The smallest box that holds all true voxels of a mask that has some."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        at = np.flatnonzero(mask.any(axis=others))
        box.append(slice(int(at[0]), int(at[-1]) + 1))
    return tuple(box)


def given_envelope(envelope: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """An envelope that the caller made; it must fit the volume and hold something."""
    given = np.asarray(envelope)
    if given.dtype != np.bool_:
        raise ValueError(
            'envelope must be "closing", "rays" or a boolean array of the shape of volume, '
            f"not {envelope if isinstance(envelope, str) else given.dtype}"
        )
    if given.shape != shape:
        raise ValueError(f"envelope {given.shape} must have the shape of volume {shape}")
    if not given.any():
        raise ValueError("envelope is empty: it must be true inside the particle")
    return np.array(given, order="C")


def depth_below(envelope: _Array, spacing: Sequence[float], threads: int) -> NDArray[np.float64]:
    """Distance to the nearest voxel centre outside; the volume's border is a surface."""
    padded = np.pad(envelope, 1)
    distance = _core.distance_transform(padded, np.array(spacing), threads)
    return np.asarray(distance[1:-1, 1:-1, 1:-1])
