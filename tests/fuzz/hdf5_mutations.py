"""HDF5 files whose structure is turned against the reader, while each stays a valid file."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

_UNSUITED = (
    *("i1", "u1", "i8", "u8", "f2", "f4", "f8", ">f4", ">i4", "?", "c8", "c16", "S4", "S1", "V3"),
    *([("a", "f4"), ("b", "i4")], ("f4", (2,)), h5py.string_dtype(), h5py.vlen_dtype("f4")),
    *(h5py.ref_dtype, h5py.regionref_dtype, h5py.enum_dtype({"on": 1, "off": 0}, basetype="i4")),
)
_HOSTILE = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300, 2.0**31, 2.0**63, 5e-324)
_WORDS = (
    "",
    "eV",
    "keV",
    "furlong",
    "µm",
    "um",
    "nan",
    "-1nm",
    "1e400nm",
    "\ud83d\ude00",
    "x" * 70_000,
)
_WORDS += ("EnergyStack", "FrameStack", "NXentry", "results", "mapping", "texts", "number", "tuple")

Item = h5py.Group | h5py.Dataset


_MOST_BYTES = 32 * 2**20

#: What HDF5 does not let one write, nobody has to read.
_NOT_TO_BE_WRITTEN = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    RuntimeError,
    NotImplementedError,
)
_NOT_TO_BE_WRITTEN += (MemoryError,)


def restructured(content: bytes, rng: random.Random) -> bytes:
    """The bytes of an HDF5 file after one to three changes of its structure."""
    with h5py.File.in_memory(content) as opened:
        for _ in range(rng.choice((1, 1, 2, 3))):
            change = rng.choice(_CHANGES)
            try:
                change(opened, rng)
            except _NOT_TO_BE_WRITTEN:
                continue
        opened.flush()
        try:
            image = bytes(opened.id.get_file_image())
        except MemoryError:
            return content
        # A reader that is watched may not take as much, nor write it.
        return image if len(image) <= _MOST_BYTES else content


def _names(opened: h5py.File) -> list[str]:
    names: list[str] = []
    opened.visit(names.append)
    return sorted(names)


def _one(opened: h5py.File, rng: random.Random) -> str:
    return rng.choice(_names(opened) or ["missing"])


def _dataset(opened: h5py.File, rng: random.Random) -> tuple[str, h5py.Dataset]:
    names = [name for name in _names(opened) if isinstance(opened.get(name), h5py.Dataset)]
    name = rng.choice(names)
    return name, opened[name]


def _replaced(opened: h5py.File, name: str, *words: Any, **options: Any) -> None:
    """Another dataset in place of one, with the attributes of the first."""
    old = opened.get(name)
    kept = list(old.attrs.items()) if old is not None else []
    del opened[name]
    new = opened.create_dataset(name, *words, track_times=False, **options)
    for key, value in kept:
        new.attrs[key] = value


def other_type(opened: h5py.File, rng: random.Random) -> None:
    name, data = _dataset(opened, rng)
    dtype = rng.choice(_UNSUITED)
    _replaced(opened, name, shape=data.shape, dtype=dtype)


def other_shape(opened: h5py.File, rng: random.Random) -> None:
    name, data = _dataset(opened, rng)
    shape = data.shape or ()
    shapes = [(), (0,), (1,), (2,), (*shape, 1), (1, *shape), shape[:-1], shape[1:], shape[::-1]]
    shapes += [tuple(max(n - 1, 0) for n in shape), tuple(n + 1 for n in shape), (1,) * 32]
    shapes += [(0, *shape[1:]), (*shape[:-1], 0)]
    dtype = data.dtype if data.dtype.kind in "biuf" else "f4"
    _replaced(opened, name, data=np.ones(rng.choice(shapes), dtype))


def no_space(opened: h5py.File, rng: random.Random) -> None:
    name, _ = _dataset(opened, rng)
    _replaced(opened, name, data=h5py.Empty(rng.choice(("f4", "i4", "S5"))))


def huge(opened: h5py.File, rng: random.Random) -> None:
    """Sizes that a few bytes of file declare."""
    name, data = _dataset(opened, rng)
    shape = tuple(rng.choice((n, 2**20, 2**31, 2**40)) for n in data.shape or (1,))
    shape = rng.choice((shape, (2**40,), (3, 2**16, 2**16), (2**62, 4), (2**13, 2**13)))
    chunks = tuple(min(n, rng.choice((1, 64, 4096))) for n in shape)
    if rng.random() < 0.3:
        dtype = rng.choice((f"S{2**31 - 1}", "S65536"))
        _replaced(opened, name, shape=(1,), dtype=dtype, chunks=(1,) if dtype[1:] < "3" else None)
        return
    _replaced(opened, name, shape=shape, dtype=rng.choice(("f8", "u1", "f4")), chunks=chunks)


def bomb(opened: h5py.File, rng: random.Random) -> None:
    """Zeros that were packed a thousand times smaller."""
    name, _ = _dataset(opened, rng)
    n = rng.choice((64, 512, 2048))
    shape = rng.choice(((n, n), (1, n, n), (2, n, n // 2)))
    _replaced(opened, name, data=np.zeros(shape, "u1"), compression=rng.choice(("gzip", "lzf")))


def hostile_values(opened: h5py.File, rng: random.Random) -> None:
    name, data = _dataset(opened, rng)
    if data.size is not None and data.size > 10**6:
        return
    values = np.asarray(data[()] if data.dtype.kind in "biuf" else np.ones(3), np.float64)
    flat = np.atleast_1d(values).copy().ravel()
    with np.errstate(all="ignore"):
        if rng.random() < 0.3:
            flat[:] = rng.choice(_HOSTILE)
        elif rng.random() < 0.5 and flat.size:
            flat[rng.randrange(flat.size)] = rng.choice(_HOSTILE)
        else:
            flat = flat[::-1] * rng.choice((1.0, -1.0, 1e-3, 1e3))
        kept = rng.random() < 0.5 and data.dtype.kind in "biuf"
        _replaced(
            opened, name, data=flat.reshape(values.shape).astype(data.dtype if kept else "f8")
        )


def remove(opened: h5py.File, rng: random.Random) -> None:
    del opened[_one(opened, rng)]


def change_places(opened: h5py.File, rng: random.Random) -> None:
    first, second = _one(opened, rng), _one(opened, rng)
    opened.move(first, "between")
    opened.move(second, first)
    opened.move("between", second)


def group_for_dataset(opened: h5py.File, rng: random.Random) -> None:
    name = _one(opened, rng)
    was_group = isinstance(opened[name], h5py.Group)
    del opened[name]
    if was_group:
        opened[name] = np.ones(3)
    elif rng.random() < 0.7:
        opened.create_group(name)
    else:
        opened[name] = np.dtype("f8")  # a committed type


def other_attribute(opened: h5py.File, rng: random.Random) -> None:
    item = opened[rng.choice(["/", *_names(opened)])]
    known = ["units", "nmcx_class", "nmcx_kind", "NX_class", "signal", "axes", "axis", "creator"]
    name = rng.choice([*item.attrs, *known])
    if rng.random() < 0.2 and name in item.attrs:
        del item.attrs[name]
        return
    value: Any = rng.choice(
        (
            *(
                rng.choice(_WORDS),
                rng.choice(_WORDS),
                np.float64(rng.choice(_HOSTILE)),
                2**40,
                True,
            ),
            *(np.zeros(0), np.ones(3), np.ones((2, 2)), h5py.Empty("f4"), h5py.Empty("S3")),
            *(np.array([b"a", b"b"]), np.bytes_(b"\xff\xfe"), np.zeros(1, [("a", "f4")])),
            *(item.ref, np.array(["a", "b"], h5py.string_dtype()), np.complex64(1j)),
        )
    )
    item.attrs[name] = value


def link(opened: h5py.File, rng: random.Random) -> None:
    """Links that run in a circle, lead nowhere or lead out."""
    name = _one(opened, rng)
    kind = rng.randrange(6)
    if kind == 0:
        del opened[name]
        opened[name] = h5py.SoftLink(f"/{name}")
    elif kind == 1:
        del opened[name]
        opened[name] = h5py.SoftLink(rng.choice(("/nowhere", "..", "/", ".", f"/{name}/x")))
    elif kind == 2:
        del opened[name]
        opened[name] = h5py.ExternalLink(rng.choice(("/etc/hostname", "../b.h5", "a.h5")), "/")
    elif kind == 3:
        parent = opened[name] if isinstance(opened[name], h5py.Group) else opened
        parent[f"circle{rng.randrange(100)}"] = opened[rng.choice(("/", name))]
    elif kind == 4:
        opened.move(name, "elsewhere")
        for i in range(rng.choice((2, 15, 18))):
            opened[f"chain{i}"] = h5py.SoftLink(f"/chain{i - 1}" if i else "/elsewhere")
        opened[name] = h5py.SoftLink("/chain1")
    else:
        del opened[name]
        opened[name] = opened[_one(opened, rng)]


def deep(opened: h5py.File, rng: random.Random) -> None:
    name = rng.choice(["", *_names(opened)])
    depth = rng.choice((5, 62, 63, 64, 65, 200))
    inner = opened.create_group(f"{name}/{'/'.join(['g'] * depth)}")
    inner["data"] = np.ones(3)


def elsewhere(opened: h5py.File, rng: random.Random) -> None:
    """Data that are said to lie in another file."""
    name, data = _dataset(opened, rng)
    shape = data.shape or (1,)
    del opened[name]
    if rng.random() < 0.5:
        size = int(np.prod(shape)) * 4
        opened.create_dataset(name, shape, "f4", external=[("/etc/hostname", 0, size or 4)])
        return
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource(rng.choice(("b.h5", "/etc/x.h5", ".")), "/data", shape)
    opened.create_virtual_dataset(name, layout)


def packed(opened: h5py.File, rng: random.Random) -> None:
    """The same numbers, in chunks, by a filter."""
    name, data = _dataset(opened, rng)
    if data.size is not None and data.size > 10**6:
        return
    options = rng.choice(
        ({"compression": "gzip"}, {"compression": "lzf"}, {"fletcher32": True}, {"shuffle": True})
    )
    _replaced(opened, name, data=data[()], chunks=True, **options)


def text_dataset(opened: h5py.File, rng: random.Random) -> None:
    name = _one(opened, rng)
    del opened[name]
    opened[name] = rng.choice(
        (*_WORDS, b"\xff\xfe", "[" * 3000, '{"tuple": [1]}', "{}", "[1]", "3.5nm")
    )


_CHANGES: tuple[Callable[[h5py.File, random.Random], None], ...] = (
    *(other_type, other_shape, no_space, huge, bomb, hostile_values, hostile_values, remove),
    *(change_places, group_for_dataset, other_attribute, other_attribute, other_attribute, link),
    *(deep, elsewhere, packed, text_dataset),
)
