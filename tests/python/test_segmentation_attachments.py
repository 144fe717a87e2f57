"""Needle and weld are found by what they lack, an edge jump, or by where they are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from nmcx import morphology

N = 56


def mounted(seed: int = 1, noise: float = 0.05) -> dict[str, NDArray[np.float64]]:
    """A cracked particle on a tungsten needle, welded with platinum; ten times its absorption."""
    z, y, x = np.indices((N, N, N)) - (N - 1) / 2
    ball = z**2 + y**2 + x**2 < 18.0**2
    ball &= ~((np.abs(y) < 1.0) & (z > 0))
    wire = (y**2 + x**2 < 5.0**2) & (z < -16.0)
    weld = ((z + 16.0) ** 2 + (y - 5.0) ** 2 + x**2 < 4.0**2) & ~wire
    metal = wire | weld
    rng = np.random.default_rng(seed)
    density = np.where(metal, np.where(wire, 10.0, 2.0), 1.0 * ball)
    jump = np.where(metal, 0.0, 0.6 * ball)
    return {
        "density": density + rng.normal(0, noise, ball.shape),
        "jump": jump + rng.normal(0, noise, ball.shape),
        "ball": ball & ~metal,
        "wire": wire,
        "metal": metal,
    }


def test_the_ratio_test_finds_needle_and_weld_and_leaves_the_particle_whole() -> None:
    made = mounted()
    found = morphology.find_attachments(made["density"], edge_jump=made["jump"])
    assert np.array_equal(found, made["metal"])
    particle = morphology.segment(
        made["density"], voxel_size_um=0.1, exclude=found, threshold=0.5, closing_radius_um=0.2
    )
    assert not np.any(particle.envelope & made["metal"])
    assert np.array_equal(particle.solid, made["ball"])
    # Left in, the needle belongs to the particle.
    naive = morphology.segment(made["density"], voxel_size_um=0.1, threshold=0.5)
    assert np.all(naive.solid[made["wire"]])


@pytest.mark.parametrize("noise", [0.1, 0.2])
def test_noise_makes_no_holes_in_the_particle(noise: float) -> None:
    made = mounted(seed=2, noise=noise)
    found = morphology.find_attachments(made["density"], edge_jump=made["jump"])
    assert np.count_nonzero(found & made["ball"]) < 0.002 * np.count_nonzero(made["ball"])
    assert np.count_nonzero(found & made["metal"]) > 0.97 * np.count_nonzero(made["metal"])


def test_a_needle_region_picks_what_touches_it() -> None:
    made = mounted()
    density = made["density"].copy()
    density[50:54, 50:54, 50:54] = 12.0  # a speck of metal elsewhere
    region = np.zeros(density.shape, bool)
    region[0] = True
    jump = made["jump"]
    by_ratio = morphology.find_attachments(density, edge_jump=jump, needle=region)
    assert np.array_equal(by_ratio, made["metal"])
    assert morphology.find_attachments(density, edge_jump=jump)[51, 51, 51]
    by_place = morphology.find_attachments(density, needle=region, threshold=5.0, margin_voxels=0)
    assert np.array_equal(by_place, made["wire"])


def test_without_an_edge_jump_the_half_filled_face_of_the_needle_goes_too() -> None:
    made = mounted(noise=0.0)
    blurred = ndimage.gaussian_filter(made["density"], 0.6)
    region = np.zeros(blurred.shape, bool)
    region[0] = True
    found = morphology.find_attachments(blurred, needle=region, margin_voxels=2)
    away = np.indices(blurred.shape)[0] < 8  # far below the particle
    left = morphology.segment(
        blurred, voxel_size_um=0.1, exclude=found, threshold=0.5, closing_radius_um=0.0
    )
    assert not left.solid[away].any()
    assert np.all(found[made["wire"]])


def test_a_particle_alone_has_no_attachment() -> None:
    z, y, x = np.indices((N, N, N)) - (N - 1) / 2
    ball = z**2 + y**2 + x**2 < 18.0**2
    noise = np.random.default_rng(4).normal(0, 0.1, (2, N, N, N))
    found = morphology.find_attachments(ball + noise[0], edge_jump=0.6 * ball + noise[1])
    assert not found.any()


GOOD = np.pad(np.ones((4, 4, 4)), 2)


@pytest.mark.parametrize(
    ("volume", "options", "message"),
    [
        (GOOD, {}, "give edge_jump for the ratio test"),
        (GOOD[0], {"edge_jump": GOOD}, "three axes"),
        (GOOD, {"edge_jump": GOOD[1:]}, "edge_jump .* must have the shape"),
        (GOOD, {"needle": GOOD[1:] > 0, "threshold": 0.5}, "needle .* must have the shape"),
        (GOOD, {"needle": GOOD > 2, "threshold": 0.5}, "touches needle"),
        (GOOD, {"needle": GOOD > 0, "threshold": np.nan}, "threshold must be finite"),
        (GOOD, {"needle": GOOD > 0, "max_jump_ratio": 0.1}, "is for the ratio test"),
        (GOOD * np.nan, {"needle": GOOD > 0}, "no finite value"),
        (GOOD, {"edge_jump": GOOD * np.nan}, "both a finite volume and a finite edge_jump"),
        (GOOD, {"edge_jump": -GOOD}, "no voxel holds nickel"),
        (GOOD, {"edge_jump": GOOD, "margin_voxels": -1}, "margin_voxels must be"),
        (GOOD, {"edge_jump": GOOD, "connectivity": 4}, "connectivity must be"),
    ],
)
def test_what_cannot_be_searched_is_named(
    volume: NDArray[np.float64], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        morphology.find_attachments(volume, **options)
