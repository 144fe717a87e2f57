"""Chunks of uncompressed zarr arrays, read straight into place.

The zarr library copies every chunk twice on its way; without compression a chunk's file holds the
plain numbers, so one read per chunk is enough.
"""

from __future__ import annotations

import itertools
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _safe

_TYPES = frozenset(f"{kind}{n}" for kind in ("int", "uint") for n in (8, 16, 32, 64))
_TYPES |= {"float32", "float64"}
_MAX_PIECES = 1024  # of one call of preadv


@dataclass(frozen=True)
class PlainArray:
    """Where an uncompressed zarr array of version 3 keeps its numbers."""

    folder: Path
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    stored: np.dtype[Any]


def find(folder: Path, shape: tuple[int, ...], chunks: tuple[int, ...]) -> PlainArray | None:
    """The array in `folder`, if its chunks are plain numbers under their default names."""
    file = folder / "zarr.json"
    if not file.is_file():
        return None
    document = json.loads(_safe.read_text(file, "zarr metadata file"))
    names = document.get("chunk_key_encoding", {})
    codecs = document.get("codecs")
    endian = {"little": "<", "big": ">"}
    if (
        document.get("data_type") not in _TYPES
        or document.get("chunk_grid", {}).get("name") != "regular"
        or names.get("name") != "default"
        or names.get("configuration", {}).get("separator", "/") != "/"
        or not isinstance(codecs, list)
        or [codec.get("name") for codec in codecs] != ["bytes"]
    ):
        return None
    order = endian.get(codecs[0].get("configuration", {}).get("endian", "little"))
    if order is None:
        return None
    return PlainArray(folder, shape, chunks, np.dtype(document["data_type"]).newbyteorder(order))


def read(array: PlainArray, spans: list[range]) -> NDArray[Any] | None:
    """The block of consecutive elements `spans`; None if a chunk has no file (its fill value).

    Raises
    ------
    nmcx.errors.InputError
        If a chunk is cut short.
    """
    out = np.empty([len(span) for span in spans], array.stored.newbyteorder("="))
    buffer = np.empty(array.chunks, array.stored)
    axes = [
        range(span.start // n, -(-span.stop // n))
        for span, n in zip(spans, array.chunks, strict=True)
    ]
    for index in itertools.product(*axes):
        file = array.folder.joinpath("c", *map(str, index))
        if not file.is_file():
            return None
        inside, outside = [], []
        for k, n, span in zip(index, array.chunks, spans, strict=True):
            start, stop = max(k * n, span.start), min((k + 1) * n, span.stop)
            inside.append(slice(start - k * n, stop - k * n))
            outside.append(slice(start - span.start, stop - span.start))
        pieces = _pieces(out[tuple(outside)], array)
        with file.open("rb", buffering=0) as opened:
            if pieces:
                n_byte = os.preadv(opened.fileno(), pieces, 0)
            else:
                n_byte = opened.readinto(buffer.reshape(-1).view(np.uint8).data)
                out[tuple(outside)] = buffer[tuple(inside)]
        if n_byte != buffer.nbytes:
            raise InputError(f"{file}: is cut short; copy the store again")
    return out


def _pieces(region: NDArray[Any], array: PlainArray) -> list[memoryview]:
    """Where the parts of a whole chunk go, in its order; none if the chunk has to be cut."""
    whole = region.shape == array.chunks and array.stored.isnative and region.ndim > 2
    n_piece = math.prod(region.shape[:-2])
    if not whole or n_piece > _MAX_PIECES or not hasattr(os, "preadv"):
        return []
    if not region[(0,) * (region.ndim - 2)].flags.c_contiguous:
        return []
    return [
        region[index].reshape(-1).view(np.uint8).data for index in np.ndindex(region.shape[:-2])
    ]
