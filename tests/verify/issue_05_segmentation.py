"""Issue 5: distance transform, thresholds, envelope of rays, cracks thinner than a voxel."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from check import Check, Row, module_of, recorded
from scipy import ndimage

from nmcx import _core, morphology

SPACINGS = ((1.0, 1.0, 1.0), (0.05, 0.033, 0.06), (4.0, 0.1, 1.0))


def distance_equality(reduced: bool) -> list[Row]:
    """Largest relative difference to scipy over shapes and spacings."""
    shapes = module_of("tests/python", "test_segmentation_distance")
    n = 64 if reduced else 160
    masks = [make() for make in shapes.SHAPES.values()]
    masks += [shapes.porous_ball(n, seed) for seed in (3, 4)]
    rng = np.random.default_rng(5)
    masks += [rng.random((n, n - 7, n - 3)) < fraction for fraction in (0.1, 0.9, 0.9999)]
    worst, n_voxel = 0.0, 0
    for mask in masks:
        for spacing in SPACINGS:
            expected = ndimage.distance_transform_edt(mask, sampling=spacing)
            found = _core.distance_transform(mask, np.array(spacing), 2)
            inside = expected > 0
            if not np.array_equal(found > 0, inside):
                worst = np.inf
            apart = np.abs(found[inside] - expected[inside]) / expected[inside]
            worst = max(worst, float(apart.max(initial=0.0)))
            n_voxel += mask.size
    words = f"{len(masks)} masks × {len(SPACINGS)} spacings, {n_voxel / 1e6:.0f} M voxels"
    return [
        Row(
            f"distance transform against scipy's, largest relative difference; {words}",
            f"{worst:.1e}",
            "≤ 1e-14 (rounding)",
            worst <= 1e-14,
        )
    ]


def best_of(n_repeat: int, call: Callable[[], Any]) -> tuple[float, float]:
    """Least wall-clock and least CPU time [s]."""
    wall, cpu = [], []
    for _ in range(n_repeat):
        began, spent = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - spent)
    return min(wall), min(cpu)


def distance_speed(reduced: bool) -> list[Row]:
    mask = module_of("tests/python", "test_segmentation_distance").porous_ball(256)
    spacing = np.array([0.05, 0.04, 0.06])
    ours = best_of(7, lambda: _core.distance_transform(mask, spacing, 2))
    scipys = best_of(3, lambda: ndimage.distance_transform_edt(mask, sampling=spacing))
    ratio = scipys[0] / ours[0]
    return [
        Row(
            "speed of the distance transform over scipy's, 256³ porous ball, two threads",
            f"{ratio:.1f}× ({ours[0]:.2f} s and {scipys[0]:.2f} s; CPU time {ours[1]:.2f} s and "
            f"{scipys[1]:.2f} s)",
            "≥ 4×",
            ratio >= 4.0,
        )
    ]


def multi_otsu(reduced: bool) -> list[Row]:
    """Variance between classes against that of the best of all divisions."""
    helper = module_of("tests/python", "test_segmentation")
    n_trial, worst = 100 if reduced else 1000, 0.0
    for seed in range(1, n_trial + 1):
        rng = np.random.default_rng(seed)
        n_classes = 2 + seed % 4
        steps = np.r_[0, np.sort(rng.choice(np.arange(1, 255), 10, replace=False)), 255]
        values = np.repeat(steps, rng.integers(1, 60, steps.size)) * 255 / 256.0
        borders = 0.5 * (steps[1:] + steps[:-1]) * 255 / 256.0
        best = max(
            helper.between_classes(values, np.array(c))
            for c in combinations(borders, n_classes - 1)
        )
        found = morphology.multi_otsu_thresholds(values, n_classes=n_classes)
        worst = max(worst, 1.0 - helper.between_classes(values, found) / best)
    return [
        Row(
            f"multi-Otsu, variance between classes short of the best of all divisions, 2…5 classes "
            f"of 12 values, seeds 1…{n_trial}",
            f"{worst:.1e}",
            "≤ 1e-6",
            worst <= 1e-6,
        )
    ]


def ray_envelope(reduced: bool) -> list[Row]:
    helper = module_of("tests/python", "test_segmentation")
    n_trial, differ, n_voxel = 10 if reduced else 100, 0, 0
    for seed in range(1, n_trial + 1):
        rng = np.random.default_rng(seed)
        solid = rng.random(rng.integers(1, 33, 3)) < rng.choice([0.003, 0.03, 0.3])
        counts = helper.ray_counts(solid)
        for min_rays in (1, 9, 18, 26):
            expected = solid | (counts >= min_rays)
            differ += int(np.count_nonzero(_core.ray_envelope(solid, min_rays, 2) ^ expected))
            n_voxel += solid.size
    return [
        Row(
            f"envelope of rays, voxels unlike those of single rays, of {n_voxel}; "
            f"seeds 1…{n_trial}",
            str(differ),
            "0",
            differ == 0,
        )
    ]


def soft_cracks(reduced: bool) -> list[Row]:
    """Volume of flat round cracks inside a ball, by soft and by hard voids."""
    helper = module_of("tests/python", "test_segmentation")
    widths = (0.25, 0.45) if reduced else (0.1, 0.2, 0.3, 0.4, 0.5)
    tilts = (0.4,) if reduced else (0.2, 0.4, 0.7, 1.1)
    soft, hard = [], []
    for width in widths:
        for tilt in tilts:
            for blur in (0.0, 0.7):
                volume, expected = helper.cracked_ball(width, tilt, blur)
                particle = morphology.segment(volume, voxel_size_um=0.05, soft=True)
                n_envelope = np.count_nonzero(particle.envelope)
                soft.append(particle.soft_porosity * n_envelope / expected - 1.0)
                hard.append(np.count_nonzero(particle.void) / expected - 1.0)
    words = f"cracks {widths[0]}…{widths[-1]} voxels wide, {len(soft)} phantoms"
    worst = float(np.max(np.abs(soft)))
    rows = [
        Row(
            f"soft volume of {words}: worst relative error",
            f"{100 * worst:.2f} % (mean {100 * np.mean(soft):+.2f} %)",
            "≤ 5 %",
            worst <= 0.05,
        ),
        recorded(f"hard volume of {words}: mean relative error", f"{100 * np.mean(hard):+.0f} %"),
    ]
    for noise in (0.01, 0.05):
        ball = (helper.from_centre(64) ** 2).sum(0) < 28.0**2
        noisy = ball * (1.0 + np.random.default_rng(1).normal(0, noise, ball.shape))
        feigned = morphology.segment(noisy, voxel_size_um=0.1, soft=True).soft_porosity
        rows.append(
            recorded(
                f"soft porosity of a dense ball with {100 * noise:.0f} % noise", f"{feigned:.4f}"
            )
        )
    return rows


CHECKS = [
    Check("distance_equality", distance_equality),
    Check("distance_speed", distance_speed, in_reduced=False),
    Check("multi_otsu", multi_otsu),
    Check("ray_envelope", ray_envelope),
    Check("soft_cracks", soft_cracks),
]
