"""Results of a made-up particle, built directly: figures and report need no measurement."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from nmcx.report import Findings
from nmcx.results import (
    NOT_OK,
    AngleScan,
    ConePorosity,
    DepthProfile,
    EdgeMap,
    LineProfiles,
    OpticalDensity,
    Particle,
    Shift,
    StxmStack,
    SurfaceValues,
    XiMap,
)

BROWSER = Path(__file__).parents[2] / "tools" / "browser.py"
SHAPE, VOXEL = (40, 36, 38), (0.25, 0.25, 0.25)


def radius() -> np.ndarray:
    grid = np.indices(SHAPE).astype(float)
    centre = (np.array(SHAPE) - 1) / 2
    return np.sqrt(sum(((g - c) * s) ** 2 for g, c, s in zip(grid, centre, VOXEL, strict=True)))


def soft(rng: np.random.Generator) -> tuple[StxmStack, StxmStack, XiMap]:
    n = 48
    y, x = np.mgrid[:n, :n] - (n - 1) / 2
    inside = np.hypot(x, y) < 18
    xi = np.where(inside, 0.5 + 0.05 * np.sin(x / 6) * np.cos(y / 5), np.nan)
    axis = np.arange(n) * 0.2
    total = np.where(inside, 2000.0, 80.0)
    low = rng.poisson(total * (1 - np.nan_to_num(xi, nan=0.5))).astype(float)
    high = rng.poisson(total * np.nan_to_num(xi, nan=0.5)).astype(float)
    scans = [
        StxmStack(counts[None], np.array([energy]), axis, axis, 0.01)
        for counts, energy in ((low, 854.0), (high, 856.2))
    ]
    found = XiMap(
        xi, np.where(inside, 0.011, np.nan), inside, Shift(1.2, -0.7, 0.02), (0.2, 0.2),
        notes=("no incident flux given: relative flux 1 at both energies",),
    )  # fmt: skip
    return scans[0], scans[1], found


def edge_map(rng: np.random.Generator, inside: np.ndarray, depth: np.ndarray) -> EdgeMap:
    energy = 8344.0 + 0.8 * np.exp(-depth / 0.8) + 0.05 * rng.normal(size=SHAPE)
    status = np.where(inside, 0, 2).astype(np.uint16)
    status[inside & (rng.random(SHAPE) < 0.05)] |= 4
    status[inside & (rng.random(SHAPE) < 0.05)] |= 16
    ok = (status & NOT_OK) == 0
    energy = np.where(ok, energy, np.nan)
    flat = np.full(SHAPE, 0.05)
    jump = np.where(inside, 0.1, 0.0) + 0.003 * rng.normal(size=SHAPE)
    return EdgeMap(energy, flat, energy + 7, flat / 2, flat * 30, jump, flat / 50, status)


def profiles(edges: EdgeMap, depth: np.ndarray) -> tuple[DepthProfile, LineProfiles]:
    values, at = edges.edge_energy_ev[edges.ok], depth[edges.ok]
    depth_edges, value_edges = np.linspace(0, 4, 17), np.linspace(8343.5, 8345.2, 40)
    histogram = np.histogram2d(values, at, bins=(value_edges, depth_edges))[0]
    column = np.digitize(at, depth_edges) - 1
    per_bin = [values[column == i] for i in range(16)]
    levels = np.array([np.percentile(v, (5, 16, 50, 84, 95)) for v in per_bin])
    count = np.array([v.size for v in per_bin])
    profile = DepthProfile(
        0.5 * (depth_edges[1:] + depth_edges[:-1]), levels[:, 2], 0.06 / np.sqrt(count),
        levels[:, [2]] + np.outer(0.12 / np.sqrt(count), [-1, 1]), levels[:, [0, 1, 3, 4]], count,
        count / 4.0, histogram / histogram.sum(axis=0), value_edges, "eV",
    )  # fmt: skip
    distance = np.linspace(0, 4.4, 23)
    directions = np.vstack([np.eye(3), -np.eye(3)])
    lines = 8344 + 0.8 * np.exp(-distance / 0.8) + 0.02 * np.arange(6)[:, None]
    return profile, LineProfiles(
        distance,
        lines,
        np.full_like(lines, 0.02),
        np.full_like(lines, 5.0),
        directions,
        4.4 * directions,
        "eV",
    )


def comparison(rng: np.random.Generator) -> tuple[ConePorosity, SurfaceValues, AngleScan]:
    directions = rng.normal(size=(1500, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    field = 0.05 + 0.03 * np.sin(3 * directions[:, 0]) * np.cos(2 * directions[:, 1])
    half_angle = np.deg2rad(np.arange(5, 51, 5))
    porosity = field[:, None] + 0.01 * rng.normal(size=(1500, 10)) / np.arange(1, 11)
    counts = np.full((1500, 10), 1000)
    cones = ConePorosity(
        porosity, counts // 20, counts, directions, half_angle, (4.875, 4.375, 4.625)
    )
    seen = directions[:, 2] > 0.5
    points = 4.4 * directions[seen]
    surface = SurfaceValues(
        0.55 - field[seen] + 0.005 * rng.normal(size=seen.sum()), np.full(seen.sum(), 0.01),
        directions[seen], np.arccos(directions[seen, 2]), points, np.full(seen.sum(), 0.04),
        (0.0, 0.0, 1.0), 0.96,
    )  # fmt: skip
    pearson = -np.linspace(0.25, 0.75, 10)
    width = np.linspace(0.1, 0.6, 10)
    scan = AngleScan(
        half_angle, pearson, pearson + 0.04, np.stack([pearson - 0.12, pearson + 0.15], axis=1),
        np.geomspace(0.05, 0.002, 10), 0.004, np.geomspace(200, 12, 10),
        np.stack([-width, width], axis=1),
    )  # fmt: skip
    return cones, surface, scan


def frames(rng: np.random.Generator) -> OpticalDensity:
    od = np.stack([np.full((40, 50), level) for level in (0.5, 0.8)])
    od += 0.02 * rng.normal(size=od.shape)
    valid = np.ones(od.shape, bool)
    valid[:, :3] = False
    od[~valid] = np.nan
    return OpticalDensity(
        np.array([8324.0, 8354.0]), np.zeros(2), od, np.full(od.shape, 4e-4), valid,
        np.array([0.0329, 0.033]), 30.0, ("energies are those of the file names",),
    )  # fmt: skip


@pytest.fixture(scope="session")
def findings() -> Findings:
    rng = np.random.default_rng(1)
    low, high, xi = soft(rng)
    r = radius()
    inside = r < 4.4
    solid = inside & (rng.random(SHAPE) > 0.05)
    edges = edge_map(rng, inside, 4.4 - r)
    depth, lines = profiles(edges, 4.4 - r)
    cones, surface, scan = comparison(rng)
    od = frames(rng)
    return Findings(
        low=low, high=high, xi=xi, od=od, jump=od.od[1] - od.od[0],
        jump_std=np.full((40, 50), 0.028), jump_pixel_um=0.033, jump_energies_ev=(8324.0, 8354.0),
        edges=edges, edge_voxel_um=VOXEL, volume=edges.edge_jump, volume_name="edge jump [1]",
        particle=Particle(solid, inside, VOXEL), depth=depth, lines=lines, cones=cones,
        surface=surface, scan=scan,
    )  # fmt: skip


@pytest.fixture(scope="session")
def tool() -> ModuleType:
    """A real browser without window, where there is one."""
    if not BROWSER.exists():
        pytest.skip("the source tree is not here")
    described = importlib.util.spec_from_file_location("browser", BROWSER)
    assert described is not None and described.loader is not None
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    if module.find() is None:
        pytest.skip("no chromium here; install it or set NMCX_BROWSER")
    return module
