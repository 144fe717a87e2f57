"""Issue 5: exact cone counts, how fast, in how much memory, and at sizes that overflow 32 bits."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from check import Check, Row, apart, module_of, recorded, tests_pass
from numpy.typing import NDArray

from nmcx import cones
from nmcx.results import Particle

_GIB = 2**30


def exactness(reduced: bool) -> list[Row]:
    """Analytic answers and brute force: the test-suite's own, and the list of them here."""
    n = 61 if reduced else 161
    centre = (n - 1) / 2
    envelope = np.linalg.norm(np.indices((n, n, n)) - centre, axis=0) < centre - 0.5
    rows = [
        tests_pass(
            "counts against brute force, shapes, spacings, apexes, instruction sets, weights",
            "tests/python/test_cones.py",
        )
    ]
    half = envelope.copy()
    half[int(centre) + 1 :] = False
    gamma = np.linspace(0.1, np.pi - 0.1, 40)
    axes = np.column_stack([np.cos(gamma), np.sin(gamma), 0 * gamma])
    found = cones.cone_porosity(Particle(half, envelope), axes, np.pi / 2).porosity[:, 0]
    # The void begins half a voxel above the apex: a slab of at most that of all the cone's volume.
    slab = 0.5 * np.pi * centre**2 / (2 / 3 * np.pi * centre**3)
    worst = float(np.abs(found - (1 - gamma / np.pi)).max())
    rows.append(
        Row(
            f"half-space of voids, φ(90°) − (1 − γ/π), largest over 40 γ, ball of {n} voxels",
            f"{worst:.4f}",
            f"≤ {slab:.4f} (half a voxel)",
            worst <= slab,
        )
    )
    rng = np.random.default_rng(1)
    p = 0.05
    uniform = Particle(envelope & (rng.random(envelope.shape) >= p), envelope)
    directions = cones.fibonacci_directions(600)
    counted = cones.cone_porosity(uniform, directions, np.deg2rad([10.0, 30.0]))
    z = (counted.porosity - p) / np.sqrt(p * (1 - p) / counted.envelope_voxels)
    # At 10° some 130 of the cones are disjoint: the variance is known to sqrt(2 / 130) = 12 %.
    ratio = float(np.mean(z[:, 0] ** 2))
    rows += [
        Row(
            "uniform voids p, variance of φ over p(1 − p)/N, 10°, 600 directions",
            f"{ratio:.3f}",
            "1 ± 0.36 (3 standard errors)",
            abs(ratio - 1) <= 0.36,
        ),
        Row(
            "the same, largest deviation in standard errors",
            f"{np.abs(z).max():.2f}",
            "< 5",
            bool(np.abs(z).max() < 5),
        ),
    ]
    whole = cones.cone_porosity(uniform, directions[:5], np.pi).porosity
    same = bool(np.all(whole == uniform.porosity))
    rows.append(Row("φ(180°) − global porosity", "0" if same else "not 0", "0", same))
    return rows


def peers(reduced: bool) -> list[Row]:
    """The task of the performance page, beside numpy and scipy in one process."""
    module = module_of("benchmarks/peers", "cones")
    found = module.run(reduced)
    if not reduced:
        module.OUT.write_text(module.table(found))
    best, wrong = found[0].seconds, found[0].largest
    rows = [
        Row(
            f"counts that differ from the definition, {found[0].method.n_direction} directions",
            f"{100 * found[0].wrong:.2g} %, largest {wrong}",
            "none",
            wrong == 0,
        )
    ]
    if reduced:
        return rows
    rows.append(
        Row(
            "CPU time, 256³ (7.3 M voxels) × 3,000 directions × 10 half-angles",
            f"{best:.3f} s",
            "≤ 1 s (1.5 s at most)",
            best <= 1.5,
        )
    )
    rows += [
        recorded(
            f"the same, {row.method.name}",
            f"{row.seconds:.3g} s ({row.seconds / best:.3g} ×), {100 * row.wrong:.2g} % differ",
        )
        for row in found[1:]
    ]
    return rows


def _ball(n: int) -> Particle:
    axis = (np.arange(n, dtype=np.float32) - (n - 1) / 2) ** 2
    envelope = axis[:, None, None] + axis[None, :, None] + axis[None, None, :] < (0.47 * n) ** 2
    solid = envelope.copy()
    solid[:: n // 16] = False
    return Particle(solid, envelope)


def _status(name: str) -> float:
    """A size of this process in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * float(next(line for line in lines if line.startswith(name)).split()[1])


def _peak(n: int, n_direction: int, n_angle: int) -> tuple[float, float, float, float]:
    """Bytes before and at the peak, seconds, and voxels of the envelope."""
    particle = _ball(n)
    directions = cones.fibonacci_directions(n_direction)
    angles = np.deg2rad(np.linspace(2.5, 50.0, n_angle))
    Path("/proc/self/clear_refs").write_text("5")  # what making the particle took is forgotten
    before = _status("VmRSS")
    started = time.perf_counter()
    cones.cone_porosity(particle, directions, angles, threads=2)
    seconds = time.perf_counter() - started
    return before, _status("VmHWM"), seconds, float(np.count_nonzero(particle.envelope))


def memory(reduced: bool) -> list[Row]:
    """Memory beyond the volume, in units of the list of voxels at 8 bytes each."""
    before, peak, _, n_voxel = apart(_peak, 160 if reduced else 256, 300, 10)
    ratio = (peak - before) / (8 * n_voxel)
    return [
        Row(
            f"memory taken, voxel lists of 8 bytes a voxel ({n_voxel / 1e6:.1f} M voxels)",
            f"{ratio:.2f}",
            "≤ 2",
            ratio <= 2,
        )
    ]


def large(reduced: bool) -> list[Row]:
    """512³ voxels, 10,000 directions, 20 half-angles."""
    _, peak, seconds, n_voxel = apart(_peak, 512, 10_000, 20)
    return [
        Row(
            f"512³ ({n_voxel / 1e6:.0f} M voxels) × 10,000 directions × 20 half-angles, two cores",
            f"{seconds:.1f} s",
            "≤ 60 s",
            seconds <= 60,
        ),
        Row("the same, peak memory", f"{peak / _GIB:.2f} GiB", "≤ 8 GiB", peak <= 8 * _GIB),
    ]


def _beyond_32_bits(every: int) -> tuple[int, int, int]:
    """Voxels of the volume, counts compared, and counts that differ from plane-wise sums."""
    n = 1296
    envelope = np.zeros((n, n, n), bool)
    envelope[::every, ::8, ::4] = True
    envelope[-1, -1, -1] = True
    solid = envelope.copy()
    solid[:, :, 1::8] = False
    solid[n // 2 :, ::16] = False
    particle = Particle(solid, envelope, (0.02, 0.02, 0.02))
    directions = np.array([[1.0, 0, 0], [-1, 0, 0], [0.3, 0.5, -0.8], [1, 1, 1]])
    angles = np.deg2rad([3.0, 40.0, 120.0, 180.0])
    found = cones.cone_porosity(particle, directions, angles)
    apex = np.array(particle.centre_um)
    counts: NDArray[np.int64] = np.zeros((2, 4, 4), np.int64)
    for plane in np.flatnonzero(envelope.any(axis=(1, 2))):
        y, x = np.nonzero(envelope[plane])
        arm = np.column_stack([np.full(y.size, plane), y, x]) * 0.02 - apex
        length = np.sqrt((arm * arm) @ np.ones(3))
        is_void = ~solid[plane, y, x]
        for d, axis in enumerate(found.directions):
            dot = arm[:, 0] * axis[0] + arm[:, 1] * axis[1] + arm[:, 2] * axis[2]
            for k, angle in enumerate(angles):
                inside = (dot >= length * np.cos(angle)) | (angle == np.pi)
                counts[:, d, k] += np.count_nonzero(inside & is_void), np.count_nonzero(inside)
    wrong = np.count_nonzero(counts[0] != found.void_voxels)
    wrong += np.count_nonzero(counts[1] != found.envelope_voxels)
    return envelope.size, counts.size, int(wrong)


def beyond_32_bits(reduced: bool) -> list[Row]:
    n_voxel, n_count, wrong = apart(_beyond_32_bits, 12)
    return [
        Row(
            f"counts in a volume of {n_voxel:,} voxels (2³¹ = 2,147,483,648) that differ from sums "
            "plane by plane",
            f"{wrong} of {n_count}",
            "0",
            wrong == 0 and n_voxel > 2**31,
        )
    ]


CHECKS = [
    Check("cones_exactness", exactness),
    Check("cones_peers", peers),
    Check("cones_memory", memory),
    Check("cones_512", large, in_reduced=False),
    Check("cones_beyond_32_bits", beyond_32_bits, in_reduced=False),
]
