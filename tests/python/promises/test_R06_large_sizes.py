"""Sizes beyond what 32 or 64 bits hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from promises.shows import Shows

from nmcx import _core
from nmcx.io import _memory

#: 2³¹ and somewhat more.
SHAPE = (8, 16384, 16385)


@pytest.fixture
def volume(tmp_path: Path) -> np.memmap:
    """A file with holes: only what is touched takes room."""
    assert np.prod(SHAPE, dtype=object) > 2**31
    mapped = np.memmap(tmp_path / "volume", np.bool_, "w+", shape=SHAPE)
    mapped[:, -1, -1] = True
    mapped[:, -1, -3] = True
    mapped[3, -1, -3] = False
    return mapped


def test_R06_rays_find_voxels_beyond_2_to_the_31(volume: np.memmap, shows: Shows) -> None:
    """The last voxel of all, and those before it."""
    z, y, x = SHAPE
    origins = np.array([[-5.0, y - 1, x - 1], [-5.0, y - 1, x - 3], [-5.0, y - 1, x - 2]])
    up, spacing = np.array([1.0, 0.0, 0.0]), np.ones(3)
    mask = np.asarray(volume)
    hits = _core.first_hits(mask, spacing, origins, up, 1)
    first = [(y - 1) * x + x - 1, (y - 1) * x + x - 3, -1]
    from_above = origins.copy()
    from_above[:, 0] = z + 5.0
    last = _core.first_hits(mask, spacing, from_above, -up, 1)
    beyond = [first[0] + (z - 1) * y * x, first[1] + (z - 1) * y * x, -1]
    length = _core.chord_lengths(mask, spacing, origins, up, 1)
    found = [*hits.voxel.tolist(), *last.voxel.tolist(), *length.tolist()]
    wanted = [*first, *beyond, float(z), float(z - 1), 0.0]
    assert beyond[0] == np.prod(SHAPE, dtype=object) - 1 > 2**31
    same = sum(a == b for a, b in zip(found, wanted, strict=True))
    shows.holds("rays through a memory-mapped volume of 2³¹ + 131,072 voxels", same, len(wanted))


@pytest.mark.parametrize(
    "shape", [(2**33, 2**33), (2**31 + 8, 2**33 - 1), (2**63 - 1, 3), (2**32, 2**32)]
)
def test_R06_a_size_that_no_integer_holds_is_refused(shape: tuple[int, int], shows: Shows) -> None:
    one = np.ones(3)
    with pytest.raises((ValueError, MemoryError)):
        _core.surface_view(
            np.zeros((4, 4, 4), np.float32), one, one, one, one, one, np.array([1.0, 0, 0]),
            shape, 1.0, 1,
        )  # fmt: skip
    shows.holds("products of sizes beyond 64 bits that are refused", 1, 1)


@pytest.mark.parametrize(
    "shape", [(2**11, 2**11, 2**9), (2**21,) * 3, (2**40, 2**40), (2**31 + 8,)]
)
def test_R06_bytes_are_counted_without_overflow(shape: tuple[int, ...], shows: Shows) -> None:
    expected = 8
    for n in shape:
        expected *= n
    assert expected > 2**31
    found = _memory.n_bytes(
        tuple(map(np.int32, shape)) if max(shape) < 2**31 else shape, np.dtype("f8")
    )
    shows.holds("sizes of files beyond 2³¹", int(found == expected), 1)


def test_R06_every_voxel_of_a_large_volume_is_counted(shows: Shows, full: bool) -> None:
    """Cones: each count against sums plane by plane; small here, beyond 2³¹ at full count."""
    if full:
        from check import apart, module_of  # tests/verify, which asks for full counts

        count = module_of("tests/verify", "issue_05_cones")._beyond_32_bits
        n_voxel, n_count, wrong = apart(count, 12)
        assert n_voxel > 2**31
        shows.holds("counts of cones in a volume beyond 2³¹", n_count - wrong, n_count)
        return
    n = 40
    envelope = np.ones((n, n, n), dtype=bool)
    solid = np.random.default_rng(1).random((n, n, n)) > 0.1
    apex, cos = np.full(3, 0.5 * (n - 1)), np.array([-1.0])
    way = np.array([[0.0, 0.0, 1.0]])
    found = _core.cone_porosity(envelope, solid, np.ones(3), apex, way, cos, threads=1)
    right = int(found.envelopes[0, 0] == n**3) + int(found.voids[0, 0] == (~solid).sum())
    shows.holds("counts of cones that take every voxel", right, 2)
