"""Issue 5: distance transform, soft porosity, and the coverage of the errors of profiles."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from check import Check, Row, recorded
from numpy.typing import NDArray
from scipy import ndimage

from nmcx import _core, morphology
from nmcx.results import Particle

Array = NDArray[Any]

SPACINGS = ((1.0, 1.0, 1.0), (0.04, 0.033, 0.033), (0.5, 0.1, 0.7))


def radius(shape: tuple[int, ...], spacing: tuple[float, ...] = (1.0, 1.0, 1.0)) -> Array:
    """Distance of each voxel from the middle of the volume."""
    axes = [(np.arange(n) - (n - 1) / 2) * h for n, h in zip(shape, spacing, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    return np.asarray(np.sqrt(z**2 + y**2 + x**2))


def cracked_ball(n: int, seed: int = 1) -> Array:
    """A ball with walls of a random field for cracks."""
    rng = np.random.default_rng(seed)
    walls, high = (
        ndimage.gaussian_filter(rng.normal(size=(n, n, n)).astype(np.float32), 2.5)
        for _ in range(2)
    )
    cracks = (np.abs(walls) < 0.1 * walls.std()) & (high > high.std())
    return np.asarray((radius((n, n, n)) < 0.43 * n) & ~cracks)


def distance_exactness(reduced: bool) -> list[Row]:
    """Squared distances against scipy's, on random and on real shapes."""
    n = 48 if reduced else 160
    rng = np.random.default_rng(1)
    shapes = {
        "random, half false": rng.random((n, n - 7, n - 3)) < 0.5,
        "random, 1 in 10,000 false": rng.random((n, n - 7, n - 3)) < 0.9999,
        "cracked ball": cracked_ball(n),
        "one false voxel": np.ones((n, n, n), dtype=bool),
        "rods": rng.random((n, 1, n)).repeat(n, axis=1) < 0.99,
    }
    shapes["one false voxel"][n // 3, n // 2, n - 1] = False
    rows = []
    for name, mask in shapes.items():
        worst = 0.0
        for spacing in SPACINGS:
            found = _core.distance_transform(np.ascontiguousarray(mask), np.array(spacing), 2)
            expected = ndimage.distance_transform_edt(mask, sampling=spacing)
            inside = expected > 0
            relative = np.abs(found[inside] ** 2 / expected[inside] ** 2 - 1.0)
            worst = max(worst, float(relative.max(initial=0.0)))
            if np.any(found[~inside] != 0):
                worst = np.inf
        rows.append(
            Row(
                f"squared distance against scipy, {name}, three spacings, largest difference",
                f"{worst:.1e} relative",
                "≤ 1e-14 (rounding)",
                worst <= 1e-14,
            )
        )
    return rows


def distance_speed(reduced: bool) -> list[Row]:
    """Side by side with scipy in one process, alternating, the best of each."""
    rows = []
    for n in (128,) if reduced else (256, 384):
        mask = cracked_ball(n)
        for spacing in SPACINGS[:2]:
            wall, cpu, theirs = [], [], []
            for _ in range(3):
                start, used = time.perf_counter(), time.process_time()
                _core.distance_transform(mask, np.array(spacing), 2)
                wall.append(time.perf_counter() - start)
                cpu.append(time.process_time() - used)
                start = time.perf_counter()
                ndimage.distance_transform_edt(mask, sampling=spacing)
                theirs.append(time.perf_counter() - start)
            ratio = min(theirs) / min(wall)
            case = f"{n}³ cracked ball, spacing {spacing}"
            rows += [
                Row(
                    f"distance transform, scipy's wall time over ours on two threads, {case}",
                    f"{ratio:.1f}",
                    "≥ 4",
                    ratio >= 4.0,
                ),
                recorded(
                    f"wall and CPU time of ours, wall time of scipy's, {case}",
                    f"{min(wall):.2f} s, {min(cpu):.2f} s, {min(theirs):.2f} s",
                ),
            ]
    return rows


def ball_depth(reduced: bool) -> list[Row]:
    """Depth in analytic balls, off the lattice, isotropic and not."""
    rows = []
    for spacing in ((0.05, 0.05, 0.05), (0.08, 0.05, 0.04)):
        worst = 0.0
        for r in np.linspace(1.0, 2.0, 4 if reduced else 12):
            shape = tuple(2 * int(r / h) + 6 for h in spacing)
            at = radius(shape, spacing)
            inside = at < r
            found = morphology.depth(Particle(inside, inside, spacing))[inside]
            worst = max(worst, float(np.abs(found - (r - at[inside])).max()))
        limit = float(np.linalg.norm(spacing) / 2)
        rows.append(
            Row(
                f"depth in balls of 1–2 µm, spacing {spacing} µm, largest error",
                f"{worst / (2 * limit):.3f} voxel diagonals",
                "≤ 1/2 (√3/2 voxels)",
                worst <= limit,
            )
        )
    return rows


def _cracked(width: float, noise: float, blur: float, seed: int) -> tuple[Array, float]:
    """Jump of a ball of 81³ voxels with a crack of a given width across it, and its volume."""
    at = radius((81, 81, 81))
    z = np.arange(81) - 40.3
    low, high = np.maximum(z - 0.5, -0.5 * width), np.minimum(z + 0.5, 0.5 * width)
    void = np.where(at < 28, np.maximum(high - low, 0.0)[:, None, None], 0.0)
    volume = np.where(at < 36, 1.0, 0.0) * (1.0 - void)
    if blur:
        volume = ndimage.gaussian_filter(volume, blur)
    scatter = np.random.default_rng(seed).normal(0.0, 0.25 * noise, volume.shape)
    return 0.25 * volume + scatter, float(void.sum())


def soft_porosity(reduced: bool) -> list[Row]:
    """Volume of cracks thinner than a voxel, soft and hard."""
    rows = []
    for noise, blur in ((0.0, 0.0), (0.0, 0.8), (0.05, 0.0), (0.05, 0.8), (0.1, 0.8)):
        for width in (0.2, 0.4, 0.8):
            soft, hard = [], []
            for seed in range(1, 3 if reduced else 11):
                volume, crack = _cracked(width, noise, blur, seed)
                found = morphology.segment(volume, voxel_size_um=0.05, soft=True)
                n_voxel = np.count_nonzero(found.envelope)
                soft.append(found.soft_porosity * n_voxel / crack - 1.0)
                hard.append(found.porosity * n_voxel / crack - 1.0)
            bias = float(np.mean(soft))
            case = f"crack {width} voxels wide, noise {noise} of the jump, blur {blur} voxels"
            figure = f"{100 * bias:+.1f} % (hard: {100 * np.mean(hard):+.0f} %)"
            if noise < 0.1:
                rows.append(
                    Row(f"soft volume of a {case}, bias", figure, "± 5 %", abs(bias) <= 0.05)
                )
            else:
                rows.append(recorded(f"soft volume of a {case}, bias", figure))
    return rows


def _noise(shape: tuple[int, ...], blur: float, seed: int) -> Array:
    white = np.random.default_rng(seed).normal(size=shape)
    if blur == 0:
        return white
    smooth = ndimage.gaussian_filter(white, blur, mode="wrap")
    return np.asarray(smooth / np.sqrt(np.mean(smooth**2)))


def coverage(reduced: bool) -> list[Row]:
    """How often intervals hold the truth when neighbours fluctuate together."""
    trials = 40 if reduced else 400
    inside = radius((61, 61, 61)) < 28.0
    particle = Particle(inside, inside, 0.1)
    directions = np.random.default_rng(3).normal(size=(12, 3))
    rows = []
    for blur in (0.0, 1.0, 2.0):
        medians, slopes, pulls = [], [], []
        for seed in range(1, trials + 1):
            field = _noise(inside.shape, blur, seed)
            profile = morphology.depth_profile(field, particle)
            many = profile.count >= 50
            low, high = profile.interval_95[many].T
            within = np.abs(profile.median[many]) < profile.median_std[many]
            medians.append([np.mean(within), np.mean((low < 0) & (high > 0))])
            trend = morphology.depth_trend(field, particle, n_bootstrap=299)
            slopes.append([a < 0 < b for a, b in (trend.interval_68, trend.interval_95)])
            lines = morphology.line_profiles(field, particle, directions)
            pulls.append(lines.values / lines.std)
        # Three standard errors of so many trials, and 3 % for what the method leaves.
        chance = 3.0 * np.sqrt(np.array([0.68 * 0.32, 0.95 * 0.05]) / trials) + 0.03
        for name, found in (("median of a depth", medians), ("Theil–Sen slope", slopes)):
            share = np.mean(found, axis=0)
            rows.append(
                Row(
                    f"{name} in its intervals of 68 and 95 %, blur {blur} voxels, {trials} fields",
                    f"{100 * share[0]:.1f} %, {100 * share[1]:.1f} %",
                    f"within {100 * chance[0]:.1f} and {100 * chance[1]:.1f} %",
                    bool(np.all(np.abs(share - [0.68, 0.95]) <= chance)),
                )
            )
        width = float(np.nanstd(pulls))
        rows.append(
            Row(
                f"pulls of means along lines, standard deviation, blur {blur} voxels",
                f"{width:.3f}",
                "1 ± 0.1",
                abs(width - 1.0) <= 0.1,
            )
        )
    return rows


CHECKS = [
    Check("distance_exactness", distance_exactness),
    Check("distance_speed", distance_speed, in_reduced=False),
    Check("ball_depth", ball_depth),
    Check("soft_porosity", soft_porosity),
    Check("profile_coverage", coverage),
]
