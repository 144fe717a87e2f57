"""Reader for napari: stacks, volumes and the maps of result files as layers.

napari finds it by the manifest ``napari.yaml``; nothing of nmcx imports this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Layer = tuple[Any, dict[str, Any], str]
Paths = str | Sequence[str]

#: Fields that are shown as labels: whole numbers without an order.
_LABELS = ("particle/solid", "particle/envelope", "edge_map/status", "void_labels/labels")
#: Fields that are shown at once; others are there, and hidden.
_SHOWN = ("edge_energy_ev", "xi", "mu", "solid")


def get_reader(path: Paths) -> Callable[[Paths], list[Layer]] | None:
    """The reader of a path, for napari.

    Parameters
    ----------
    path : str or sequence of str
        What shall be opened.

    Returns
    -------
    callable or None
        `read`, or None where this is no image that nmcx reads; no image is loaded to find out.
    """
    from nmcx.errors import Error

    try:
        for one in _listed(path):
            if next(_images(Path(one)), None) is None:
                return None
    except (Error, ImportError):
        return None
    return read


def read(path: Paths) -> list[Layer]:
    """Images of files or stores as layers; large ones stay where they are until they are seen.

    Parameters
    ----------
    path : str or sequence of str
        Energy stacks, volumes, OME-Zarr stores, result files.

    Returns
    -------
    list of tuple
        (data, options, "image" or "labels") of each image: scale in µm, and along the energy
        in steps from one to the next, whose values are in the metadata.
    """
    return [_layer(image) for one in _listed(path) for image in _images(Path(one))]


def _listed(path: Paths) -> list[str]:
    return [path] if isinstance(path, str) else [str(one) for one in path]


def _images(path: Path) -> Iterator[Any]:
    from nmcx import io
    from nmcx.io.images import images_of
    from nmcx.io.nexus import holds_results

    if not holds_results(path):
        yield io.open_image(path)
        return
    for name in dict(images_of(io.load(path, lazy=True))):
        yield io.open_image(path, dataset=name)


def _layer(image: Any) -> Layer:
    size = image.voxel_size_um or (1.0,) * (len(image.axes) - (image.energy_ev is not None))
    told = {"unit": image.unit, "notes": list(image.notes)}
    if image.energy_ev is not None:
        told["energy_ev"] = np.asarray(image.energy_ev).tolist()
    options: dict[str, Any] = {
        "name": image.name,
        "scale": (*((1.0,) if image.energy_ev is not None else ()), *size),
        "metadata": {"nmcx": told},
    }
    if "/" in image.name and image.name.rpartition("/")[2] not in _SHOWN:
        options["visible"] = False
    if image.name in _LABELS:
        return np.asarray(image.values).astype(np.uint32), options, "labels"
    return image.values, options, "image"
