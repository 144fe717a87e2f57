"""Meshes of Voronoi polycrystals: seed sets, sizes and the time they take."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from check import Check, Row, apart, apart_each, recorded

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))


def meshed(dimension: int, seed: int, n_grains: int, size_um: float) -> dict[str, Any]:
    """Quality of one mesh of 5 µm radius; `ball` and `disc` raise if a facet does not match."""
    from nmcx import mesh

    make = mesh.ball if dimension == 3 else mesh.disc
    started = time.perf_counter()
    made = make(5e-6, n_grains=n_grains, size=1e-6 * size_um, seed=seed)
    seconds = time.perf_counter() - started
    sides = made.points[made.interfaces.reshape(len(made.interfaces), 2, dimension)]
    apart_m = np.linalg.norm(sides[:, 0] - sides[:, 1], axis=-1).max(initial=0.0)
    kept = ("wall_area_error", "volume_error", "tries", "merged_corners", "tilted_wall_share")
    return {
        "angle": np.rad2deg(mesh.smallest_angle(made).min()),
        "apart": apart_m / (1e-6 * size_um),
        "cells": len(made.cells),
        "seconds": seconds,
        **{name: made.settings[name] for name in kept},
    }


def _sets(dimension: int, n_set: int, n_grains: int, size_um: float) -> dict[str, np.ndarray]:
    words = [(dimension, seed, n_grains, size_um) for seed in range(1, n_set + 1)]
    each = apart_each(meshed, words)
    return {name: np.array([one[name] for one in each]) for name in each[0]}


def seed_sets(reduced: bool) -> list[Row]:
    """200 balls of 30 grains, edges of 0.5 µm, as in the page on meshing."""
    n_set = 6 if reduced else 200
    found = _sets(3, n_set, 30, 0.5)
    words = f"balls of 30 grains, size 0.5 µm, seeds 1…{n_set}"
    angle, area = found["angle"], np.abs(found["wall_area_error"])
    share = float(np.mean(angle >= 10.0))
    return [
        Row(
            f"sides of wall facets that lie apart [edge lengths]; {words}",
            f"{found['apart'].max():.1e}",
            "0",
            bool(found["apart"].max() == 0.0),
        ),
        Row(
            f"largest error of the wall area; {words}",
            f"{area.max():.3%} (mean {found['wall_area_error'].mean():+.3%})",
            "≤ 0.3 %",
            bool(area.max() <= 3e-3),
        ),
        Row(
            f"smallest dihedral angle at least 10°; {words}",
            f"{share:.1%} (median {np.median(angle):.1f}°)",
            "≥ 90 %",
            share >= 0.9,
        ),
        Row(
            f"smallest dihedral angle of all; {words}",
            f"{angle.min():.2f}°",
            "≥ 3°",
            bool(angle.min() >= 3.0),
        ),
        recorded(f"error of the volume, mean; {words}", f"{found['volume_error'].mean():+.3%}"),
        recorded(
            f"meshes with merged Voronoi corners, and wall area that leaves its plane; {words}",
            f"{np.count_nonzero(found['merged_corners'])}; mean "
            f"{found['tilted_wall_share'].mean():.3%}, "
            f"largest {found['tilted_wall_share'].max():.2%}",
        ),
        recorded(f"meshes that took more than one try; {words}", str(np.sum(found["tries"] > 1))),
    ]


def discs(reduced: bool) -> list[Row]:
    """Discs of 30 grains."""
    n_set = 20 if reduced else 200
    found = _sets(2, n_set, 30, 0.3)
    words = f"discs of 30 grains, size 0.3 µm, seeds 1…{n_set}"
    area = np.abs(found["wall_area_error"])
    return [
        Row(
            f"largest error of the length of the walls; {words}",
            f"{area.max():.3%}",
            "≤ 0.3 %",
            bool(area.max() <= 3e-3),
        ),
        recorded(
            f"smallest angle of the triangles; {words}",
            f"median {np.median(found['angle']):.1f}°, least {found['angle'].min():.2f}°",
        ),
    ]


def voxelised(n_grains: int, size_um: float, voxel_um: float, seed: int) -> dict[str, float]:
    """A mesh from the labels of a Voronoi ball of 5 µm radius beside the exact ball."""
    from test_from_labels import voronoi_image

    from nmcx import mesh
    from nmcx.mesh.clipped import clip

    radius = 5.0
    rng = np.random.default_rng(seed)
    seeds = rng.uniform(-radius, radius, (20 * n_grains, 3))
    seeds = seeds[np.linalg.norm(seeds, axis=1) < 0.95 * radius][:n_grains]
    labels, _ = voronoi_image(seeds, radius, voxel_um)
    started = time.perf_counter()
    made = mesh.from_labels(labels, voxel_um, size=1e-6 * size_um, threads=1)
    seconds = time.perf_counter() - started
    table = mesh.quality(made)
    return {
        "angle": float(np.rad2deg(table.angle_least)),
        "area": table.wall_area / (1e-12 * clip(seeds, radius).area.sum()) - 1,
        "volume": table.volume / (4 / 3 * np.pi * 1e-18 * radius**3) - 1,
        "cells": len(made.cells),
        "seconds": seconds,
    }


def label_images(reduced: bool) -> list[Row]:
    """Voxelised Voronoi balls: the page on meshing has 12°, 3 % and 1.5 %."""
    cases = [(60, 0.4, 0.1), (60, 0.4, 0.16)]
    if not reduced:
        cases += [(60, 0.25, 0.1), (200, 0.25, 0.1)]
    n_set = 1 if reduced else 3
    words = [(*case, seed) for case in cases for seed in range(1, n_set + 1)]
    each = apart_each(voxelised, words)
    rows = []
    for k, (n_grains, size_um, voxel_um) in enumerate(cases):
        found = {
            name: np.array([one[name] for one in each[k * n_set : (k + 1) * n_set]])
            for name in each[0]
        }
        case = (
            f"labels of {n_grains} grains, size {size_um} µm, voxels {voxel_um} µm, seeds 1…{n_set}"
        )
        for name, allowed in (("area", 0.03), ("volume", 0.015)):
            worst = found[name][np.argmax(np.abs(found[name]))]
            rows.append(
                Row(
                    f"largest error of the {'walls’ area' if name == 'area' else name}; {case}",
                    f"{worst:+.2%}",
                    f"≤ {allowed:.1%}",
                    bool(abs(worst) <= allowed),
                )
            )
        least = found["angle"].min()
        rows.append(
            Row(f"smallest dihedral angle; {case}", f"{least:.1f}°", "≥ 10°", bool(least >= 10))
        )
        speed = f"{found['cells'].mean() / 1e3:.0f} k cells in {found['seconds'].mean():.1f} s"
        rows.append(recorded(f"time, one thread; {case}", speed))
    return rows


def million(reduced: bool) -> list[Row]:
    """A ball of a million tetrahedra."""
    del reduced
    found = apart(meshed, 3, 1, 200, 0.169)
    return [
        Row(
            f"ball of 200 grains, {found['cells'] / 1e6:.2f} M tetrahedra, one thread",
            f"{found['seconds']:.1f} s (smallest angle {found['angle']:.1f}°, wall area "
            f"{found['wall_area_error']:+.3%})",
            "≤ 60 s",
            bool(found["seconds"] <= 60.0 and found["cells"] >= 1e6),
        )
    ]


CHECKS = [
    Check("million", million, in_reduced=False),
    Check("seed_sets", seed_sets),
    Check("discs", discs),
    Check("label_images", label_images),
]
