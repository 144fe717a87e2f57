"""What OME-Zarr says of an image: axes, units, and where its voxels lie."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmcx.io import _units

#: Versions of the specification by version of zarr.
VERSIONS = {2: "0.4", 3: "0.5"}
#: Folder of the only resolution that is written.
FULL = "0"
_PATH = re.compile(r"[A-Za-z0-9_-][\w.-]*(/[A-Za-z0-9_-][\w.-]*)*")


class Described(NamedTuple):
    """The image at full resolution."""

    path: str  #: of its array in the store
    axes: tuple[str, ...]  #: names
    voxel_size_um: tuple[float, ...] | None  #: along the axes of space [µm]


def write(
    axes: Sequence[str],
    voxel_size_um: Sequence[float] | None,
    energy_ev: NDArray[np.float64] | None,
    name: str,
    zarr_format: int,
) -> dict[str, Any]:
    """Attributes of the group of an image.

    Energies in even steps are the positions along their axis; others are counted, and stand in
    the array ``energy_ev`` alone.

    Parameters
    ----------
    axes : sequence of str
        "energy" first if it is there, then "z", "y", "x".
    voxel_size_um : sequence of float or None
        Along the axes of space [µm]; None: unknown, and the axes have no unit.
    energy_ev : (n_energy,) array or None
        Photon energies [eV].
    name : str
        Of the image.
    zarr_format : int
        2 for version 0.4 of the specification, 3 for 0.5.

    Returns
    -------
    dict
    """
    described: list[dict[str, str]] = []
    scale: list[float] = []
    translation = [0.0] * len(axes)
    if energy_ev is not None:
        step = _even_step(energy_ev)
        described.append({"name": "energy", "type": "energy"})
        if step is not None:
            described[0]["unit"] = "electronvolt"
            translation[0] = float(energy_ev[0])
        scale.append(step or 1.0)
    n_space = len(axes) - len(described)
    for axis, size in zip(axes[-n_space:], voxel_size_um or (None,) * n_space, strict=True):
        unit = {} if size is None else {"unit": "micrometer"}
        described.append({"name": axis, "type": "space", **unit})
        scale.append(1.0 if size is None else float(size))
    changes: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if any(translation):
        changes.append({"type": "translation", "translation": translation})
    image = {
        "name": name,
        "axes": described,
        "datasets": [{"path": FULL, "coordinateTransformations": changes}],
    }
    version = VERSIONS[zarr_format]
    if zarr_format == 2:
        return {"multiscales": [{"version": version, **image}]}
    return {"ome": {"version": version, "multiscales": [image]}}


def _even_step(energy_ev: NDArray[np.float64]) -> float | None:
    if energy_ev.size < 2:
        return None
    step = float(energy_ev[-1] - energy_ev[0]) / (energy_ev.size - 1)
    even = energy_ev[0] + step * np.arange(energy_ev.size)
    return step if np.allclose(energy_ev, even, rtol=0, atol=1e-6 * abs(step)) else None


def read(attributes: Mapping[str, Any]) -> Described | None:
    """The image that the attributes of a group describe; None if they describe none.

    Parameters
    ----------
    attributes : mapping
        Of the group.

    Returns
    -------
    Described or None
    """
    try:
        image = attributes.get("ome", attributes)["multiscales"][0]
        dataset = image["datasets"][0]
        path, axes = dataset["path"], image["axes"]
        names = tuple(str(axis["name"]) for axis in axes)
        changes = [*dataset["coordinateTransformations"]]
        changes += image.get("coordinateTransformations", ())
        factors = [change["scale"] for change in changes if change["type"] == "scale"]
        scale = np.prod(np.asarray(factors, dtype=np.float64).reshape(-1, len(axes)), axis=0)
        units = [axis.get("unit") for axis in axes]
        is_space = [axis.get("type") == "space" for axis in axes]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return None
    # The path names a file on the disk later on: it may not lead out of the store.
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        return None
    sizes = [
        _units.to_um(float(size), unit)
        for size, unit, space in zip(scale, units, is_space, strict=True)
        if space
    ]
    known = [size for size in sizes if size is not None]
    whole = bool(sizes) and len(known) == len(sizes)
    return Described(path, names, tuple(known) if whole else None)
