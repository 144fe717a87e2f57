"""OME-Zarr: images in chunks, with axes and units that napari and other viewers read."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nmcx.io import ome_metadata, stacks_zarr
from nmcx.io._atomic import atomic_folder
from nmcx.io._boxes import Say, copy, stored_type
from nmcx.io.images import Image

#: Edges of a chunk along z, y and x; one energy each.
_CHUNK = (32, 256, 256)


def write_ome_zarr(
    path: str | PathLike[str],
    image: Image,
    *,
    zarr_format: int = 2,
    overwrite: bool = False,
    say: Say | None = None,
) -> None:
    """Write an image as an OME-Zarr store, part by part.

    Parameters
    ----------
    path : path-like
        The store, by custom ``*.ome.zarr``.
    image : Image
        From `open_image`; bool becomes uint8.
    zarr_format : int
        2: OME-Zarr 0.4, which every reader knows; 3: OME-Zarr 0.5.
    overwrite : bool
        Whether an existing store may be replaced.
    say : callable, optional
        Called as ``say(done, total)`` [bytes].

    Raises
    ------
    nmcx.errors.OutputError
        If the store exists and `overwrite` is false, or it cannot be written.
    ValueError
        If `zarr_format` is neither 2 nor 3.
    ImportError
        If zarr is not installed.

    References
    ----------
    .. [1] J. Moore et al., "OME-NGFF: a next-generation file format for expanding bioimaging
       data-access strategies", Nature Methods 18, 1496 (2021); ngff.openmicroscopy.org, versions
       0.4 and 0.5. The arrays ``energy_ev`` and ``variance`` are ours.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from nmcx import io
    >>> image = Image(np.ones((2, 3, 4)), ("z", "y", "x"), voxel_size_um=(0.2, 0.1, 0.1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = pathlib.Path(folder, "particle.ome.zarr")
    ...     write_ome_zarr(store, image)
    ...     io.read_volume(store).voxel_size_um
    (0.2, 0.1, 0.1)
    """
    if zarr_format not in ome_metadata.VERSIONS:
        raise ValueError(f"zarr_format must be 2 or 3, not {zarr_format}")
    zarr = stacks_zarr.zarr_library()
    with atomic_folder(path, overwrite, stacks_zarr.is_store, "zarr store") as temporary:
        root = zarr.open_group(store=str(temporary), mode="w-", zarr_format=zarr_format)
        energy = image.energy_ev
        name = image.name or Path(path).name
        root.attrs.update(
            ome_metadata.write(image.axes, image.voxel_size_um, energy, name, zarr_format)
        )
        _write_array(root, ome_metadata.FULL, image.values, image, say)
        if image.variance is not None:
            _write_array(root, "variance", image.variance, image, None)
        if energy is not None:
            axis = root.create_array("energy_ev", data=np.asarray(energy, dtype=np.float64))
            axis.attrs["units"] = "eV"


def _write_array(root: Any, name: str, values: Any, image: Image, say: Say | None) -> None:
    dtype, shape = stored_type(values), tuple(int(n) for n in values.shape)
    n_energy = 0 if image.energy_ev is None else 1
    edges = (*(1,) * n_energy, *_CHUNK[n_energy - len(shape) :])
    chunks = tuple(min(edge, n) for edge, n in zip(edges, shape, strict=True))
    # A chunk that is lost later reads as NaN, not as zero.
    options: dict[str, Any] = {"fill_value": np.nan if dtype.kind == "f" else 0}
    if root.metadata.zarr_format == 2:
        options["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
    else:
        options["dimension_names"] = list(image.axes)
    array = root.create_array(name, shape=shape, dtype=dtype, chunks=chunks, **options)
    array.attrs["units"] = image.unit
    copy(values, array, chunks, say)
