"""Conforming meshes of Voronoi grains in a ball and a disc."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcx import mesh
from nmcx.errors import ConvergenceError
from nmcx.mesh.clipped import clip
from nmcx.mesh.conformity import check
from nmcx.mesh.seeds import in_ball, regularise, relax
from nmcx.results import Mesh

RADIUS = 5e-6
MAKERS = {2: mesh.disc, 3: mesh.ball}
#: Edge lengths at which a mesh takes a second or less.
SIZE = {2: 0.3e-6, 3: 0.9e-6}


@pytest.fixture(scope="module", params=[2, 3], ids=["disc", "ball"])
def grains(request: pytest.FixtureRequest) -> Mesh:
    return MAKERS[request.param](RADIUS, n_grains=12, size=SIZE[request.param], seed=1)


def seeds_of(grains: Mesh) -> np.ndarray:
    return np.array(grains.settings["seeds_m"])


def welded(grains: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Points, each once, and the cells on them."""
    points, number = np.unique(grains.points, axis=0, return_inverse=True)
    return points, number.reshape(-1)[grains.cells]


# --- conformity -----------------------------------------------------------------------------------


def test_every_facet_is_on_the_sphere_or_between_two_cells(grains: Mesh) -> None:
    points, cells = welded(grains)
    owners: dict[tuple[int, ...], list[int]] = {}
    for cell, corners in enumerate(cells.tolist()):
        for facet in combinations(sorted(corners), grains.dimension):
            owners.setdefault(facet, []).append(cell)
    assert Counter(map(len, owners.values())).keys() == {1, 2}
    single = np.array([facet for facet, cells in owners.items() if len(cells) == 1])
    radius = np.linalg.norm(points[single], axis=-1)
    np.testing.assert_allclose(radius, RADIUS, rtol=1e-12)
    between = sum(
        len(cells) == 2 and grains.grain[cells[0]] != grains.grain[cells[1]]
        for cells in owners.values()
    )
    assert between == len(grains.interfaces)
    assert len(single) == len(grains.surface)


def test_a_wall_has_the_same_facets_from_both_sides(grains: Mesh) -> None:
    d = grains.dimension
    for pair in np.unique(grains.interface_grains, axis=0):
        rows = np.all(grains.interface_grains == pair, axis=1)
        sides = [grains.interfaces[rows, :d], grains.interfaces[rows, d:]]
        places = [np.sort(grains.points[side], axis=1) for side in sides]
        np.testing.assert_array_equal(places[0], places[1])


def test_walls_are_planes_halfway_between_seeds(grains: Mesh) -> None:
    seeds = seeds_of(grains)[grains.interface_grains]
    apart = seeds[:, 1] - seeds[:, 0]
    normal = apart / np.linalg.norm(apart, axis=1)[:, None]
    at = grains.points[grains.interfaces] - seeds.mean(axis=1)[:, None]
    off = np.abs(np.einsum("nki,ni->nk", at, normal)).max()
    assert grains.settings["merged_corners"] == 0
    assert off < 1e-12 * SIZE[grains.dimension]
    assert grains.settings["wall_offset"] < 1e-12


def test_cells_belong_to_the_nearest_seed(grains: Mesh) -> None:
    middle = grains.points[grains.cells].mean(axis=1)
    distance = np.linalg.norm(middle[:, None] - seeds_of(grains)[None], axis=2)
    np.testing.assert_array_equal(np.argmin(distance, axis=1), grains.grain)


def test_grains_are_balls_by_their_euler_number(grains: Mesh) -> None:
    d = grains.dimension
    for grain in range(grains.n_grain):
        cells = grains.cells[grains.grain == grain]
        euler = 0
        for k in range(1, d + 2):
            faces = {face for cell in cells.tolist() for face in combinations(sorted(cell), k)}
            euler += (-1) ** (k - 1) * len(faces)
        assert euler == 1


def test_volumes_are_positive_and_recorded(grains: Mesh) -> None:
    assert grains.volume.min() > 0
    whole = np.pi * RADIUS**2 if grains.dimension == 2 else 4 / 3 * np.pi * RADIUS**3
    error = grains.volume.sum() / whole - 1
    assert error == pytest.approx(grains.settings["volume_error"], abs=1e-12)
    # A chord of length l is l^2 / 24 R^2 shorter than its arc; cells at the sphere lose as much
    # of it in area, and the ball three times that.
    assert -1.5 * (SIZE[grains.dimension] / RADIUS) ** 2 < error < 0


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_check_finds_whatever_is_broken(data: st.DataObject) -> None:
    d = data.draw(st.sampled_from([2, 3]))
    points, cells, grain, on_surface = SOUND[d]
    facets, _ = check(points, cells, grain, on_surface, n_grain=3)
    assert len(facets)
    victim = data.draw(st.integers(0, len(cells) - 1))
    points, cells, grain = points.copy(), cells.copy(), grain.copy()
    kind = data.draw(st.sampled_from(["hole", "twice", "inside out", "torn", "empty", "dragged"]))
    if kind == "hole":
        cells, grain = np.delete(cells, victim, axis=0), np.delete(grain, victim)
    elif kind == "twice":
        cells, grain = np.vstack([cells, cells[victim]]), np.append(grain, grain[victim])
    elif kind == "inside out":
        cells[victim, :2] = cells[victim, 1::-1]
    elif kind == "torn":  # one cell gets a corner of its own, at the same place
        points = np.vstack([points, points[cells[victim, 0]]])
        on_surface = np.append(on_surface, on_surface[cells[victim, 0]])
        cells[victim, 0] = len(points) - 1
    elif kind == "empty":
        grain[grain == 1] = 0
    else:  # a corner pulled through the facet opposite
        own = points[cells[victim]]
        points[cells[victim, 0]] = 3.0 * own[1:].mean(axis=0) - 2.0 * own[0]
    with pytest.raises(ConvergenceError):
        check(points, cells, grain, on_surface, n_grain=3)


def sound(d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    grains = MAKERS[d](1.0, n_grains=3, size=0.5, seed=1)
    points, cells = welded(grains)
    on_surface = np.abs(np.linalg.norm(points, axis=1) - 1.0) < 1e-9
    return points, cells, grains.grain, on_surface


SOUND = {d: sound(d) for d in (2, 3)}


# --- sizes that are known -------------------------------------------------------------------------


def symmetric_seeds(d: int) -> np.ndarray:
    if d == 2:
        angle = np.arange(3) * 2 * np.pi / 3 + 0.2
        return 0.5 * RADIUS * np.column_stack([np.cos(angle), np.sin(angle)])
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    return 0.3 * RADIUS * corners @ turn


@pytest.mark.parametrize("d", [2, 3])
def test_known_areas_and_volumes_are_met_to_second_order(d: int) -> None:
    # Seeds at the corners of a triangle (tetrahedron): 3 walls of length R, or 6 sectors of a disc
    # whose angle is that between the lines from the centre of a tetrahedron to its corners.
    wall = 3 * RADIUS if d == 2 else 6 * 0.5 * RADIUS**2 * np.arccos(-1 / 3)
    whole = np.pi * RADIUS**2 if d == 2 else 4 / 3 * np.pi * RADIUS**3
    assert clip(symmetric_seeds(d), RADIUS).area.sum() == pytest.approx(wall, rel=1e-12)
    sizes = {2: [1.2e-6, 0.6e-6, 0.3e-6], 3: [2e-6, 1e-6, 0.65e-6]}[d]
    errors = []
    for size in sizes:
        grains = MAKERS[d](RADIUS, seeds=symmetric_seeds(d), size=size, seed=1)
        each = np.bincount(grains.grain, grains.volume) / (whole / (d + 1))
        errors.append([1 - each.mean(), 1 - grains.interface_area.sum() / wall])
        # Grains are alike; their meshes differ by where the points fall.
        np.testing.assert_allclose(each, each.mean(), rtol=0.6 * errors[-1][0])
    volume, area = np.array(errors).T
    order = np.diff(np.log(volume)) / np.diff(np.log(sizes))
    # Random points make the chords' lengths, and so the errors, uneven by about a tenth.
    np.testing.assert_allclose(order, 2.0, atol=0.35)
    if d == 2:
        np.testing.assert_allclose(area, 0.0, atol=1e-12)
    else:
        order = np.diff(np.log(area)) / np.diff(np.log(sizes))
        np.testing.assert_allclose(order, 2.0, atol=0.5)


@pytest.mark.parametrize("d", [2, 3])
def test_two_grains_meet_in_a_whole_circle(d: int) -> None:
    seeds = np.zeros((2, d))
    seeds[:, -1] = [0.1 * RADIUS, 0.5 * RADIUS]
    rho = np.sqrt(1 - 0.3**2) * RADIUS
    exact = 2 * rho if d == 2 else np.pi * rho**2
    assert clip(seeds, RADIUS).area.sum() == pytest.approx(exact, rel=1e-12)
    grains = MAKERS[d](RADIUS, seeds=seeds, size=SIZE[d])
    np.testing.assert_allclose(grains.points[grains.interfaces][..., -1], 0.3 * RADIUS, rtol=1e-12)
    assert grains.interface_area.sum() == pytest.approx(exact, rel=0.03 if d == 3 else 1e-12)


@pytest.mark.parametrize("d", [2, 3])
def test_a_single_grain_has_no_walls(d: int) -> None:
    grains = MAKERS[d](RADIUS, n_grains=1, size=SIZE[d])
    assert grains.n_grain == 1
    assert grains.interfaces.shape == (0, 2 * d)
    assert grains.settings["wall_area_error"] == 0.0
    surface = 2 * np.pi * RADIUS if d == 2 else 4 * np.pi * RADIUS**2
    assert grains.surface_area.sum() == pytest.approx(surface, rel=0.03)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_the_coarsest_mesh_is_still_a_mesh(d: int, n: int) -> None:
    grains = MAKERS[d](RADIUS, n_grains=n, size=RADIUS, seed=2)
    assert grains.n_grain == n
    assert grains.volume.min() > 0


def test_wall_areas_agree_with_counting_crossings() -> None:
    # Crofton: a line at random through the ball crosses its surface, of area 4 pi, twice, and so
    # walls of area A inside 2 A / 4 pi times in the mean.
    rng = np.random.default_rng(1)
    seeds = in_ball(rng, 20, 1.0, 3)
    n = 6000
    ways = rng.standard_normal((n, 3))
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    across = rng.standard_normal((n, 3))
    across -= np.sum(across * ways, axis=1)[:, None] * ways
    across *= (np.sqrt(rng.uniform(size=n)) / np.linalg.norm(across, axis=1))[:, None]
    half = np.sqrt(1 - np.sum(across**2, axis=1))
    step = np.linspace(-1, 1, 151)
    places = across[:, None] + (half[:, None] * step)[..., None] * ways[:, None]
    nearest = np.argmin(
        np.sum(seeds**2, axis=1) - 2 * places @ seeds.T, axis=2
    )  # |x - s|^2 without |x|^2
    crossings = np.mean(np.sum(nearest[:, 1:] != nearest[:, :-1], axis=1))
    # Standard error 0.5 %; steps of up to 0.013 overlook grains crossed over a shorter way.
    assert clip(seeds, 1.0).area.sum() == pytest.approx(2 * np.pi * crossings, rel=0.025)


# --- quality --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_angles_are_far_from_flat(seed: int) -> None:
    grains = mesh.ball(RADIUS, n_grains=20, size=0.8e-6, seed=seed)
    quality = mesh.quality(grains)
    assert np.degrees(quality.angle_least) >= 10
    assert np.degrees(quality.angle_largest) <= 170
    assert np.sin(grains.settings["worst_angle"]) == pytest.approx(
        min(np.sin(quality.angle_least), np.sin(quality.angle_largest)), rel=1e-6
    )


@pytest.mark.parametrize("d", [2, 3])
def test_regularising_seeds_opens_short_lines_by_small_moves(d: int) -> None:
    rng = np.random.default_rng(3)
    radius, n = {2: (20.0, 60), 3: (10.0, 30)}[d]
    seeds = relax(in_ball(rng, n, radius, d), radius, 4, rng)
    assert clip(seeds, radius).shortest < 0.2
    moved = regularise(seeds, radius, 0.4)
    assert clip(moved, radius).shortest >= 0.4
    assert np.sqrt(np.mean(np.sum((moved - seeds) ** 2, axis=1))) < 0.2


def test_relaxed_grains_are_more_equal() -> None:
    rng = np.random.default_rng(1)
    seeds = in_ball(rng, 30, 1.0, 3)
    relaxed = relax(seeds, 1.0, 5, rng)
    places = in_ball(rng, 30000, 1.0, 3)

    def spread(seeds: np.ndarray) -> float:
        nearest = np.argmin(np.linalg.norm(places[:, None] - seeds[None], axis=2), axis=1)
        return float(np.std(np.bincount(nearest, minlength=30)))

    assert spread(relaxed) < 0.5 * spread(seeds)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("noise", [0.0, 1e-16, 1e-10], ids=["exact", "rounded", "disturbed"])
def test_seeds_on_a_lattice(d: int, noise: float) -> None:
    axis = np.arange(-1, 2) * 0.44
    seeds = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    seeds = seeds[np.linalg.norm(seeds, axis=1) < 0.98]
    seeds = seeds + noise * np.random.default_rng(1).standard_normal(seeds.shape)
    grains = MAKERS[d](RADIUS, seeds=RADIUS * seeds, size=0.2 * RADIUS)
    assert grains.n_grain == len(seeds)
    assert np.degrees(grains.settings["worst_angle"]) > 5
    assert any("coincided" in note for note in grains.notes) == (noise == 1e-10)


def test_merged_corners_are_confessed() -> None:
    # Nine grains about corners of four, disturbed by 1 % of the lattice: edges far too short.
    rng = np.random.default_rng(1)
    axis = np.arange(-1, 2) * 0.44 * RADIUS
    seeds = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    seeds = seeds + 0.002 * RADIUS * rng.standard_normal(seeds.shape)
    grains = mesh.disc(RADIUS, seeds=seeds, size=0.1 * RADIUS)
    np.testing.assert_allclose(seeds_of(grains), seeds, rtol=0, atol=1e-20)
    assert grains.settings["merged_corners"] > 0
    assert 0 < grains.settings["wall_offset"] < 0.2
    assert 0 < grains.settings["tilted_wall_share"] < 0.5
    assert "merged" in grains.notes[0]


@pytest.mark.parametrize("d", [2, 3])
def test_the_size_may_vary(d: int) -> None:
    def size(points: np.ndarray) -> np.ndarray:
        assert points.shape[1] == d
        depth = 1 - np.linalg.norm(points, axis=1) / RADIUS
        return (0.06 + 0.2 * depth) * RADIUS if d == 2 else (0.15 + 0.25 * depth) * RADIUS

    grains = MAKERS[d](RADIUS, n_grains=5, size=size, seed=1)
    pairs = list(combinations(range(d + 1), 2))
    ends = grains.points[np.concatenate([grains.cells[:, pair] for pair in pairs])]
    ratio = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) / size(ends.mean(axis=1))
    assert 0.9 < np.median(ratio) < 1.2
    low, high = np.quantile(ratio, [0.01, 0.99])
    assert low > 0.5
    assert high < 2.0
    assert np.degrees(grains.settings["worst_angle"]) >= 10


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 3])
def test_a_seed_makes_one_mesh(d: int) -> None:
    meshes = [MAKERS[d](RADIUS, n_grains=6, size=0.3 * RADIUS, seed=s) for s in (1, 1, 2)]
    for name in ("points", "cells", "grain", "orientation", "interfaces"):
        np.testing.assert_array_equal(getattr(meshes[0], name), getattr(meshes[1], name))
    assert not np.array_equal(meshes[0].points, meshes[2].points)
    assert not np.array_equal(meshes[0].orientation, meshes[2].orientation)


def test_metres_do_not_matter() -> None:
    small = mesh.ball(1e-9, n_grains=4, size=0.4e-9, seed=1)
    large = mesh.ball(1.0, n_grains=4, size=0.4, seed=1)
    np.testing.assert_array_equal(small.cells, large.cells)
    np.testing.assert_allclose(small.points, 1e-9 * large.points, rtol=1e-9, atol=1e-18)


def test_grain_size_gives_the_number_of_grains() -> None:
    assert mesh.disc(RADIUS, grain_size=2.5e-6, size=0.8e-6).n_grain == 16
    assert mesh.ball(RADIUS, grain_size=2 * RADIUS, size=2e-6).n_grain == 1
    assert mesh.ball(RADIUS, grain_size=RADIUS, size=2e-6).n_grain == 8


def test_orientations_are_given_random_or_radial() -> None:
    options: dict[str, Any] = {"n_grains": 5, "size": 2e-6, "seed": 1}
    free = mesh.ball(RADIUS, **options)
    unit = np.swapaxes(free.orientation, 1, 2) @ free.orientation
    np.testing.assert_allclose(unit, np.broadcast_to(np.eye(3), unit.shape), atol=1e-12)
    fixed = mesh.ball(RADIUS, orientations=free.orientation[::-1], **options)
    np.testing.assert_array_equal(fixed.orientation, free.orientation[::-1])
    assert fixed.settings["texture"] == "given"
    radial = mesh.ball(RADIUS, texture="radial", **options)
    outwards = seeds_of(radial) / np.linalg.norm(seeds_of(radial), axis=1)[:, None]
    np.testing.assert_allclose(radial.orientation[:, :, 0], outwards, atol=1e-12)


def test_given_seeds_stay_where_they_are() -> None:
    seeds = in_ball(np.random.default_rng(5), 9, 0.9 * RADIUS, 2)
    grains = mesh.disc(RADIUS, seeds=seeds, size=0.4e-6)
    np.testing.assert_allclose(seeds_of(grains), seeds, rtol=1e-14)
    assert grains.settings["relax"] == 0
    evened = mesh.disc(RADIUS, seeds=seeds, relax=3, regularise=True, size=0.4e-6)
    assert np.linalg.norm(seeds_of(evened) - seeds, axis=1).max() > 0.05 * RADIUS


# --- mistakes -------------------------------------------------------------------------------------

GOOD: dict[str, Any] = {"radius": RADIUS, "n_grains": 3, "size": 2e-6}
PAIR = [[0.0, 0.0, 1e-6], [0.0, 0.0, -1e-6]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"radius": -1.0}, "radius must be positive"),
        ({"radius": np.nan}, "radius must be positive"),
        ({"n_grains": 0}, "n_grains must be"),
        ({"n_grains": 2.5}, "n_grains must be"),
        ({"n_grains": np.nan}, "n_grains must be"),
        ({"n_grains": None}, "give one of"),
        ({"grain_size": 1e-6}, "give one of"),
        ({"seeds": PAIR}, "give one of"),
        ({"n_grains": None, "grain_size": 0.0}, "grain_size must be positive"),
        ({"n_grains": None, "grain_size": 3 * RADIUS}, "grain_size must be positive"),
        ({"n_grains": None, "seeds": [[0.0, 0.0]]}, "seeds must have shape"),
        ({"n_grains": None, "seeds": np.zeros((0, 3))}, "seeds must have shape"),
        ({"n_grains": None, "seeds": [[0.0, 0.0, np.nan]]}, "seeds must be finite"),
        ({"n_grains": None, "seeds": [*PAIR, [0.0, 0.0, 6e-6]]}, r"seeds\[2\] is not inside"),
        ({"n_grains": None, "seeds": [*PAIR, PAIR[0]]}, "seeds 0 and 2 coincide"),
        ({"size": 0.0}, "size must be positive"),
        ({"size": -1e-6}, "size must be positive"),
        ({"size": np.nan}, "size must be positive"),
        ({"size": 2 * RADIUS}, "at most the radius"),
        ({"size": 1e-9}, "choose a larger size"),
        ({"size": lambda p: np.full(len(p), np.nan)}, "at every position"),
        ({"size": lambda p: 1e-6}, "one length per position"),
        ({"size": lambda p: np.full(len(p), 1e-9)}, "choose a larger size"),
        ({"relax": -1}, "relax must be"),
        ({"texture": "fibre"}, "texture must be"),
        ({"layer": -1e-7}, "^layer must be 0 or positive"),
        ({"orientations": np.eye(3)}, "orientations has 1 rotations for 3 grains"),
        ({"orientations": np.full((3, 3, 3), np.nan)}, "orientations"),
        ({"orientations": 2 * np.tile(np.eye(3), (3, 1, 1))}, "orientations"),
    ],
)
def test_mistakes_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mesh.ball(**{**GOOD, **wrong})


def test_a_mesh_that_never_passes_is_an_error_of_convergence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = __import__("nmcx.mesh.conforming", fromlist=["check"])
    calls = []

    def failing(*arguments: Any, **options: Any) -> None:
        calls.append(arguments)
        raise ConvergenceError("mesh: 1 facet, allowed are none")

    monkeypatch.setattr(module, "check", failing)
    with pytest.raises(ConvergenceError, match="in 5 tries"):
        mesh.disc(RADIUS, n_grains=2, size=2e-6)
    assert len(calls) == 5
