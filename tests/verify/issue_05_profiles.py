"""Issue 5: depth, and whether the errors of profiles and trends are what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
from check import Check, Row, recorded
from numpy.typing import NDArray
from scipy import ndimage

from nmcx import morphology
from nmcx.results import Particle

Array = NDArray[Any]


def radius(shape: tuple[int, ...], spacing: tuple[float, ...] = (1.0, 1.0, 1.0)) -> Array:
    """Distance of each voxel from the middle of the volume."""
    axes = [(np.arange(n) - (n - 1) / 2) * h for n, h in zip(shape, spacing, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    return np.asarray(np.sqrt(z**2 + y**2 + x**2))


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
        figure = f"depth in balls of 1–2 µm, spacing {spacing} µm, largest error"
        measured = f"{worst / (2 * limit):.3f} voxel diagonals"
        if len(set(spacing)) == 1:
            rows.append(Row(figure, measured, "≤ 1/2 (√3/2 voxels)", worst <= limit))
        else:
            # The bound is that of cubes; half the smallest voxel is taken off whatever the way.
            rows.append(recorded(figure, measured))
    return rows


def _noise(shape: tuple[int, ...], blur: float, seed: int) -> Array:
    white = np.random.default_rng(seed).normal(size=shape)
    if blur == 0:
        return white
    smooth = ndimage.gaussian_filter(white, blur, mode="wrap")
    return np.asarray(smooth / np.sqrt(np.mean(smooth**2)))


def coverage(reduced: bool) -> list[Row]:
    """How often intervals hold the truth when neighbours fluctuate together."""
    trials = 20 if reduced else 300
    inside = radius((61, 61, 61)) < 28.0
    particle = Particle(inside, inside, 0.1)
    below = morphology.depth(particle)
    directions = np.random.default_rng(3).normal(size=(12, 3))
    rows = []
    for blur in (0.0, 1.5) if reduced else (0.0, 1.0, 1.5, 2.0):
        medians, slopes, pulls = [], [], []
        for seed in range(1, trials + 1):
            field = _noise(inside.shape, blur, seed)
            profile = morphology.depth_profile(field, particle)
            many = profile.count >= 50
            low, high = profile.interval_95[many].T
            within = np.abs(profile.median[many]) < profile.median_std[many]
            medians.append([np.mean(within), np.mean((low < 0) & (high > 0))])
            # A slope as steep as the noise over the radius, to every second field.
            true = -0.35 if seed % 2 else 0.0
            trend = morphology.depth_trend(field + true * below, particle, n_bootstrap=299)
            slopes.append([a < true < b for a, b in (trend.interval_68, trend.interval_95)])
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


CHECKS = [Check("ball_depth", ball_depth), Check("profile_coverage", coverage)]
