"""Volumes nobody should hand in: each gives an answer that holds, or an error that helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmcx import morphology
from nmcx.results import Particle

VOXEL = {"voxel_size_um": 0.1}


def block(n: int = 9, dtype: type = np.float64) -> NDArray[Any]:
    volume = np.zeros((n, n, n), dtype)
    volume[2:-2, 2:-2, 2:-2] = 1
    return volume


ENVELOPES: list[Any] = ["closing", "rays", np.ones((9, 9, 9), bool)]


@pytest.mark.parametrize("envelope", ENVELOPES, ids=["closing", "rays", "given"])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32])
def test_any_kind_of_number_is_segmented_alike(dtype: type, envelope: Any) -> None:
    expected = morphology.segment(block(), envelope=envelope, soft=True, **VOXEL)
    found = morphology.segment(block(dtype=dtype), envelope=envelope, soft=True, **VOXEL)
    assert np.array_equal(found.solid, expected.solid)
    assert np.array_equal(found.envelope, expected.envelope)
    np.testing.assert_array_equal(found.solid_fraction, expected.solid_fraction)
    swapped = np.asfortranarray(block(dtype=dtype))[::-1]
    flipped = morphology.segment(swapped, envelope=envelope, soft=True, **VOXEL)
    assert np.array_equal(flipped.solid, expected.solid[::-1])


def test_nan_and_infinity_are_never_solid_but_may_be_void() -> None:
    volume = block(15)
    volume[7, 7, 7], volume[6, 6, 6], volume[8, 8, 8] = np.nan, np.inf, -np.inf
    volume[0] = np.nan
    particle = morphology.segment(volume, soft=True, **VOXEL)
    for at in ((7, 7, 7), (6, 6, 6), (8, 8, 8)):
        assert particle.void[at]
        assert particle.solid_fraction is not None and particle.solid_fraction[at] == 0
    assert particle.porosity == pytest.approx(3 / 11**3)
    assert particle.soft_porosity == pytest.approx(3 / 11**3)


def test_a_solid_that_fills_the_volume_is_all_envelope_and_has_no_void() -> None:
    volume = np.ones((5, 6, 7))
    for envelope in ("closing", "rays"):
        particle = morphology.segment(volume, threshold=0.5, envelope=envelope, soft=True, **VOXEL)
        assert particle.envelope.all() and particle.porosity == 0.0
        assert particle.soft_porosity == 0.0
    assert not morphology.label_voids(particle).labels.any()


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 9, 1), (2, 1, 1)])
def test_a_particle_of_a_few_voxels_in_a_row_works(shape: tuple[int, int, int]) -> None:
    particle = morphology.segment(np.ones(shape), threshold=1.0, soft=True, **VOXEL)
    assert particle.solid.all() and particle.soft_porosity == 0.0


ONE = np.zeros((5, 5, 5))
ONE[2, 2, 2] = 1.0
CALLS: dict[str, Callable[[Any], object]] = {
    "segment": lambda v: morphology.segment(v, **VOXEL),
    "multi_otsu": lambda v: morphology.segment(v, method="multi_otsu", n_classes=2, **VOXEL),
    "hysteresis": lambda v: morphology.segment(
        v, method="hysteresis", threshold=(0.4, 0.6), **VOXEL
    ),
    "rays": lambda v: morphology.segment(v, envelope="rays", **VOXEL),
    "soft": lambda v: morphology.segment(v, soft=True, **VOXEL),
    "porosity_sensitivity": lambda v: morphology.porosity_sensitivity(v, **VOXEL),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (ONE, "single voxel|less than two voxels"),
        (np.zeros((4, 4, 4)), "all 0|no voxel is solid"),
        (np.full((4, 4, 4), np.nan), "no finite value"),
        (np.full((4, 4, 4), np.inf), "no finite value"),
        (np.empty((0, 4, 4)), "no finite value"),
        (np.ones(4), "three axes"),
        (np.ones((2, 2, 2, 2)), "three axes"),
    ],
    ids=["one voxel", "no solid", "NaN", "infinite", "empty", "1-D", "4-D"],
)
def test_what_holds_no_particle_is_refused(call: str, volume: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CALLS[call](volume)


def test_an_empty_envelope_is_refused_wherever_it_comes_from() -> None:
    nothing = np.zeros((9, 9, 9), bool)
    with pytest.raises(ValueError, match="envelope is empty"):
        Particle(nothing, nothing, 0.1)
    with pytest.raises(ValueError, match="envelope is empty"):
        morphology.segment(block(), envelope=nothing, **VOXEL)
    with pytest.raises(ValueError, match="no solid lies in the given envelope"):
        morphology.segment(block(), envelope=block() == 0, **VOXEL)


@pytest.mark.parametrize("call", ["segment", "rays", "soft", "porosity_sensitivity", "voids"])
def test_a_negative_number_of_threads_is_refused(call: str) -> None:
    calls: dict[str, Callable[[], object]] = {
        "segment": lambda: morphology.segment(block(), threads=-1, **VOXEL),
        "rays": lambda: morphology.segment(block(), envelope="rays", threads=-1, **VOXEL),
        "soft": lambda: morphology.segment(
            block(), envelope=block() > 0, soft=True, threads=-1, **VOXEL
        ),
        "porosity_sensitivity": lambda: morphology.porosity_sensitivity(
            block(), threads=-1, **VOXEL
        ),
        "voids": lambda: morphology.label_voids(Particle(block() > 0, block() > 0), threads=-1),
    }
    with pytest.raises(ValueError, match="threads"):
        calls[call]()


def test_the_input_is_left_as_it_was() -> None:
    volume, exclude, envelope = block(), np.zeros((9, 9, 9), bool), np.ones((9, 9, 9), bool)
    exclude[:3] = True
    copies = volume.copy(), exclude.copy(), envelope.copy()
    for array in (volume, exclude, envelope):
        array.flags.writeable = False
    particle = morphology.segment(volume, exclude=exclude, envelope=envelope, soft=True, **VOXEL)
    morphology.label_voids(particle)
    for array, copy in zip((volume, exclude, envelope), copies, strict=True):
        assert np.array_equal(array, copy)
