"""Chunks of uncompressed zarr arrays, read straight into place.

The zarr library copies every chunk twice on its way; without compression a chunk's file holds the
plain numbers, so one read per chunk is enough.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _safe, _system

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

    @property
    def files(self) -> tuple[Path, ...]:
        """The file that describes the array; chunks that were never written have none."""
        return (self.folder / "zarr.json",)

    def read_into(self, out: NDArray[Any], order: Sequence[int], start: int) -> bool:
        """Rows ``start … start + out.shape[1]`` of all images into `out`; False if it cannot."""
        if list(order) != list(range(self.shape[0])):
            return False
        rest = [range(n) for n in self.shape[2:]]
        return self.read_box_into(
            out, [range(self.shape[0]), range(start, start + out.shape[1]), *rest]
        )

    def read_box_into(self, out: NDArray[Any], spans: Sequence[range]) -> bool:
        """The consecutive elements `spans`; False if a chunk has no file (its fill value).

        Raises
        ------
        nmcx.errors.InputError
            If a chunk is cut short.
        """
        buffer = None
        axes = [
            range(span.start // n, -(-span.stop // n))
            for span, n in zip(spans, self.chunks, strict=True)
        ]
        for index in itertools.product(*axes):
            file = self.folder.joinpath("c", *map(str, index))
            inside, outside = [], []
            for k, n, span in zip(index, self.chunks, spans, strict=True):
                first, last = max(k * n, span.start), min((k + 1) * n, span.stop)
                inside.append(slice(first - k * n, last - k * n))
                outside.append(slice(first - span.start, last - span.start))
            pieces = _pieces(out[tuple(outside)], self)
            if not pieces and buffer is None:
                buffer = np.empty(self.chunks, self.stored)
            try:
                with file.open("rb", buffering=0) as opened:
                    if pieces:
                        n_byte = _system.read_at(opened.fileno(), pieces, 0)
                    else:
                        assert buffer is not None
                        n_byte = opened.readinto(buffer.reshape(-1).view(np.uint8).data)
                        out[tuple(outside)] = buffer[tuple(inside)]
            except FileNotFoundError:
                return False
            if n_byte != math.prod(self.chunks) * self.stored.itemsize:
                raise InputError(f"{file}: is cut short; copy the store again")
        return True


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


def _pieces(region: NDArray[Any], array: PlainArray) -> list[memoryview]:
    """Where the parts of a whole chunk go, in its order; none if the chunk has to be cut."""
    whole = region.shape == array.chunks and region.dtype == array.stored and region.ndim > 2
    n_piece = math.prod(region.shape[:-2])
    if not whole or n_piece > _MAX_PIECES:
        return []
    if not region[(0,) * (region.ndim - 2)].flags.c_contiguous:
        return []
    return [
        region[index].reshape(-1).view(np.uint8).data for index in np.ndindex(region.shape[:-2])
    ]
