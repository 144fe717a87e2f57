"""Cone porosity against a voxel-by-voxel oracle, analytic shapes and invariances."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcx import _core, cones
from nmcx.results import Particle


def counts_by_brute_force(particle, apex, directions, half_angle):
    """The definition, voxel by voxel, in double precision."""
    index = np.argwhere(particle.envelope)
    z, y, x = (index * particle.voxel_size_um - np.asarray(apex)).T
    length = np.sqrt(z * z + y * y + x * x)
    is_void = particle.void[particle.envelope]
    void, envelope = np.zeros((2, len(directions), len(half_angle)), np.int64)
    for d, axis in enumerate(directions):
        dot = z * axis[0] + y * axis[1] + x * axis[2]
        for k, angle in enumerate(half_angle):
            inside = (dot >= length * np.cos(angle)) | (angle == np.pi)
            void[d, k], envelope[d, k] = np.sum(inside & is_void), np.sum(inside)
    return void, envelope


def random_particle(rng, shape, spacing):
    envelope = rng.random(shape) < rng.uniform(0.1, 1.0)
    envelope.flat[rng.integers(envelope.size)] = True
    solid = envelope & (rng.random(shape) < 0.6)
    return Particle(solid, envelope, tuple(spacing))


def ball(n, radius):
    return np.linalg.norm(np.indices((n, n, n)) - (n - 1) / 2, axis=0) < radius


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(1, 10**6),
    shape=st.tuples(*[st.integers(1, 24)] * 3),
    on_lattice=st.booleans(),
    isotropic=st.booleans(),
)
def test_counts_equal_brute_force(seed, shape, on_lattice, isotropic):
    rng = np.random.default_rng(seed)
    spacing = np.full(3, rng.choice([1.0, 0.033])) if isotropic else rng.uniform(0.02, 3.0, 3)
    particle = random_particle(rng, shape, spacing)
    place = rng.uniform(-0.5, np.array(shape) - 0.5)
    apex = (np.rint(np.clip(place, 0, np.array(shape) - 1)) if on_lattice else place) * spacing
    # Axes and diagonals of the lattice at 45°, 60° and 90° put voxels exactly on the cones.
    lattice = [[1, 0, 0], [0, -1, 0], [0, 1, 1], [1, 1, 1], [2, -1, 0]]
    directions = np.vstack([lattice, rng.normal(size=(6, 3))])
    angles = [*np.deg2rad([45, 90, 60, 180, 35.264389682754654]), *rng.uniform(1e-3, np.pi, 5)]
    rng.shuffle(angles)
    found = cones.cone_porosity(particle, directions, angles, apex_um=apex)
    void, envelope = counts_by_brute_force(particle, apex, found.directions, found.half_angle)
    np.testing.assert_array_equal(found.envelope_voxels, envelope)
    np.testing.assert_array_equal(found.void_voxels, void)
    np.testing.assert_allclose(np.linalg.norm(found.directions, axis=1), 1.0, rtol=1e-15)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.9, 0.03, 0.03)])
def test_a_particle_of_many_cells_equals_brute_force(spacing):
    # Several blocks and levels of the hierarchy; the flat voxels crowd into a few of the blocks.
    rng = np.random.default_rng(1)
    particle = random_particle(rng, (52, 50, 48), spacing)
    directions = cones.fibonacci_directions(12)
    angles = np.deg2rad([0.5, 2.5, 5, 15, 30, 90, 150, 179, 179.9999999, 180])
    found = cones.cone_porosity(particle, directions, angles)
    void, envelope = counts_by_brute_force(particle, particle.centre_um, directions, angles)
    np.testing.assert_array_equal(found.envelope_voxels, envelope)
    np.testing.assert_array_equal(found.void_voxels, void)
    np.testing.assert_array_equal(found.directions, directions)


def test_half_space_of_voids_fills_a_cone_of_90_degrees_by_the_dihedral_angle():
    envelope = ball(81, 40.0)
    solid = envelope.copy()
    solid[41:] = False
    particle = Particle(solid, envelope, (1.0, 1.0, 1.0))
    gamma = np.deg2rad([10.0, 40.0, 90.0, 130.0, 170.0])
    directions = np.column_stack([np.cos(gamma), np.sin(gamma), np.zeros(5)])
    found = cones.cone_porosity(particle, directions, np.pi / 2)
    # The void begins half a voxel above the centre: up to 0.5 · πR² of 2/3 · πR³ = 1.9 %.
    np.testing.assert_allclose(found.porosity[:, 0], 1 - gamma / np.pi, atol=0.02)


def test_uniform_voids_give_their_fraction():
    rng = np.random.default_rng(1)
    envelope = ball(61, 30.0)
    p = 0.07
    particle = Particle(envelope & (rng.random(envelope.shape) >= p), envelope, (1.0, 1.0, 1.0))
    found = cones.cone_porosity(particle, cones.fibonacci_directions(400), np.deg2rad([10, 25, 60]))
    z = (found.porosity - p) / np.sqrt(p * (1 - p) / found.envelope_voxels)
    # Of 1200 normal deviates none reaches 5; at 10° about 130 of the cones are independent, which
    # leaves the standard deviation an error of 6 %.
    assert np.abs(z).max() < 5
    assert 0.8 < z[:, 0].std() < 1.2


def test_180_degrees_give_the_global_porosity():
    particle = random_particle(np.random.default_rng(2), (20, 21, 22), (1.0, 2.0, 0.5))
    found = cones.cone_porosity(particle, cones.fibonacci_directions(7), np.pi)
    np.testing.assert_array_equal(found.porosity, particle.porosity)


def test_turning_volume_and_directions_together_changes_no_count():
    rng = np.random.default_rng(3)
    particle = random_particle(rng, (18, 23, 20), (0.5, 0.7, 0.9))
    directions = rng.normal(size=(20, 3))
    angles = np.deg2rad([8.0, 33.0, 71.0, 120.0])
    found = cones.cone_porosity(particle, directions, angles)
    for a, b in [(0, 1), (1, 2), (0, 2)]:
        # np.rot90 takes index (i, j) of the plane (a, b) to (n_b − 1 − j, i).
        spacing = list(particle.voxel_size_um)
        spacing[a], spacing[b] = spacing[b], spacing[a]
        solid, envelope = (np.rot90(m, axes=(a, b)) for m in (particle.solid, particle.envelope))
        axes = directions.copy()
        axes[:, a], axes[:, b] = -directions[:, b], directions[:, a]
        again = cones.cone_porosity(Particle(solid, envelope, tuple(spacing)), axes, angles)
        np.testing.assert_array_equal(again.void_voxels, found.void_voxels)
        np.testing.assert_array_equal(again.envelope_voxels, found.envelope_voxels)


def test_counts_do_not_depend_on_the_number_of_threads():
    particle = random_particle(np.random.default_rng(4), (45, 40, 42), (1.0, 1.0, 1.0))
    directions, angles = cones.fibonacci_directions(33), np.deg2rad([5, 20, 50])
    serial = cones.cone_porosity(particle, directions, angles, threads=1)
    for threads in (2, 3, 7):
        found = cones.cone_porosity(particle, directions, angles, threads=threads)
        np.testing.assert_array_equal(found.void_voxels, serial.void_voxels)
        np.testing.assert_array_equal(found.envelope_voxels, serial.envelope_voxels)


def test_a_centre_at_the_apex_belongs_to_every_cone_and_an_empty_cone_is_nan():
    envelope = np.zeros((5, 5, 5), bool)
    envelope[2, 2, 2] = True
    particle = Particle(np.zeros_like(envelope), envelope, (1.0, 1.0, 1.0))
    found = cones.cone_porosity(particle, np.eye(3), 0.1)
    assert np.all(found.porosity == 1.0)
    beside = cones.cone_porosity(particle, np.eye(3), 0.1, apex_um=(2.0, 2.0, 1.0))
    np.testing.assert_array_equal(beside.porosity, [[np.nan], [np.nan], [1.0]])


def test_tiny_and_huge_directions_are_normalised():
    particle = random_particle(np.random.default_rng(5), (9, 9, 9), (1.0, 1.0, 1.0))
    found = cones.cone_porosity(particle, [[3e-200, 0, 4e-200], [3e200, 0, 4e200], [3, 0, 4]], 0.5)
    np.testing.assert_allclose(found.directions, [[0.6, 0, 0.8]] * 3, rtol=1e-15)
    assert np.ptp(found.envelope_voxels) == 0


@pytest.mark.parametrize(
    ("directions", "half_angle", "apex", "message"),
    [
        ([0, 0, 0], 0.5, None, r"directions must not be \(0, 0, 0\)"),
        ([np.nan, 0, 1], 0.5, None, "directions must be finite"),
        ([[1, 0]], 0.5, None, r"directions must have shape \(n, 3\)"),
        ([1, 0, 0], 0.0, None, "half_angle must lie in"),
        ([1, 0, 0], np.nan, None, "half_angle must lie in"),
        ([1, 0, 0], 30.0, None, "half_angle must lie in"),
        ([1, 0, 0], 0.5, (0, 0, 9), "apex_um lies outside the volume"),
        ([1, 0, 0], 0.5, (0, 0, np.inf), "apex_um must be three finite numbers"),
        ([1, 0, 0], 0.5, (0, 0), "apex_um must be three numbers"),
    ],
)
def test_wrong_arguments_are_named(directions, half_angle, apex, message):
    full = np.ones((4, 4, 4), bool)
    with pytest.raises(ValueError, match=message):
        cones.cone_porosity(Particle(full, full), directions, half_angle, apex_um=apex)


def test_an_empty_envelope_is_refused():
    empty = np.zeros((4, 4, 4), bool)
    particle = Particle(empty, empty, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="envelope is empty"):
        cones.cone_porosity(particle, [1, 0, 0], 0.5)


def test_fibonacci_directions_cover_the_sphere_evenly():
    directions = cones.fibonacci_directions(1000)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0, rtol=1e-14)
    # The second moment of an even covering is isotropic.
    np.testing.assert_allclose(directions.T @ directions / 1000, np.eye(3) / 3, atol=1e-3)
    nearest = np.arccos(np.sort(directions @ directions.T, axis=1)[:, -2])
    # Neighbours of the densest packing of 1000 points would be 0.12 rad apart.
    assert 0.08 < nearest.min() <= nearest.max() < 0.13
    with pytest.raises(ValueError, match="n must be at least 1"):
        cones.fibonacci_directions(0)


# The instruction sets of the processor at hand: a result cannot depend on which of them it is.
LEVELS = ["generic", "v2", "v3", "v4"]
LEVELS = LEVELS[: LEVELS.index(_core.supported_instruction_set()) + 1]


@pytest.mark.parametrize("level", LEVELS)
def test_every_instruction_set_counts_alike(level, monkeypatch):
    particle = random_particle(np.random.default_rng(6), (50, 47, 52), (0.9, 1.0, 1.1))
    directions, angles = cones.fibonacci_directions(60), np.deg2rad([0.7, 4, 20, 90, 140])
    found = cones.cone_porosity(particle, directions, angles)
    monkeypatch.setenv("NMCX_INSTRUCTION_SET", level)
    again = cones.cone_porosity(particle, directions, angles)
    np.testing.assert_array_equal(again.void_voxels, found.void_voxels)
    np.testing.assert_array_equal(again.envelope_voxels, found.envelope_voxels)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(1, 10**6),
    weight=st.sampled_from(["volume", "solid_angle"]),
    soft=st.booleans(),
    gated=st.booleans(),
    at_voxel=st.booleans(),
)
def test_weights_gate_and_soft_voids_equal_a_direct_sum(seed, weight, soft, gated, at_voxel):
    rng = np.random.default_rng(seed)
    particle = random_particle(rng, (17, 15, 19), rng.uniform(0.5, 2.0, 3))
    fraction = rng.uniform(-0.2, 1.2, particle.solid.shape).astype(np.float32)
    fraction[rng.random(fraction.shape) < 0.05] = np.nan
    particle = dataclasses.replace(particle, solid_fraction=fraction)
    spacing = np.array(particle.voxel_size_um)
    apex = (np.array([8, 7, 9]) + (0 if at_voxel else 0.3)) * spacing
    directions, angles = cones.fibonacci_directions(9), np.array([0.3, 0.9, 2.0, np.pi])
    gate = (2.0 * spacing.min(), 6.0 * spacing.max()) if gated else None
    found = cones.cone_porosity(
        particle, directions, angles, apex_um=apex, weight=weight, soft=soft, radial_gate_um=gate
    )
    arm = np.argwhere(particle.envelope) * spacing - apex
    squared = (arm**2).sum(axis=1)
    r = np.sqrt(squared)
    solid = np.clip(np.nan_to_num(fraction), 0, 1) if soft else particle.solid.astype(float)
    void = 1.0 - solid[particle.envelope]
    with np.errstate(divide="ignore"):
        w = np.ones_like(r) if weight == "volume" else np.where(r > 0, 1 / squared, 0.0)
    # Nearer than the smallest spacing, which only an apex off the lattice can be, weights end.
    w = np.minimum(w, 1 / spacing.min() ** 2) if weight == "solid_angle" else w
    kept = (squared >= gate[0] ** 2) & (squared <= gate[1] ** 2) if gated else np.ones(len(r), bool)
    for d, axis in enumerate(directions):
        for k, angle in enumerate(angles):
            inside = kept & ((arm @ axis >= r * np.cos(angle)) | (angle == np.pi))
            assert found.envelope_voxels[d, k] == inside.sum()
            if w[inside].sum() > 0:
                # Weights are whole numbers of 2^-30.
                wanted = (w * void)[inside].sum() / w[inside].sum()
                assert found.porosity[d, k] == pytest.approx(wanted, abs=1e-6)


def test_weights_tell_core_and_shell_apart():
    """Void from R/2 outwards: 7/8 of the volume, but half of every ray."""
    envelope = ball(81, 40.0)
    radius = np.linalg.norm(np.indices(envelope.shape) - 40.0, axis=0)
    particle = Particle(envelope & (radius < 20.0), envelope)
    by_volume, by_ray = (
        cones.cone_porosity(particle, np.eye(3), np.pi, weight=weight).porosity[0, 0]
        for weight in ("volume", "solid_angle")
    )
    assert by_volume == pytest.approx(7 / 8, abs=0.005)
    assert by_ray == pytest.approx(1 / 2, abs=0.01)
    shell = cones.cone_porosity(particle, np.eye(3), np.pi, radial_gate_um=(20.5, 40.0))
    core = cones.cone_porosity(particle, np.eye(3), np.pi, radial_gate_um=(0.0, 19.5))
    assert np.all(shell.porosity == 1.0) and np.all(core.porosity == 0.0)


def test_soft_voids_do_not_lose_cracks_thinner_than_a_voxel():
    envelope = ball(61, 28.0)
    fraction = envelope.astype(np.float32)
    fraction[30] *= 0.7  # a crack of 0.3 voxels in the middle plane
    particle = Particle(envelope, envelope, solid_fraction=fraction)
    hard = cones.cone_porosity(particle, [0, 0, 1], np.deg2rad(30))
    soft = cones.cone_porosity(particle, [0, 0, 1], np.deg2rad(30), soft=True)
    assert hard.porosity[0, 0] == 0.0
    # The plane holds the axis: the cone's section over its volume, times 0.3.
    alpha = np.deg2rad(30)
    section, volume = alpha * 28.0**2, 2 * np.pi / 3 * 28.0**3 * (1 - np.cos(alpha))
    assert soft.porosity[0, 0] == pytest.approx(0.3 * section / volume, rel=0.03)
    assert particle.soft_porosity == pytest.approx(0.3 * np.pi * 28.0**2 / envelope.sum(), rel=0.02)


@pytest.mark.parametrize("nside", [1, 2, 3, 8, 16])
def test_healpix_cells_have_one_area_and_known_centres(nside):
    directions = cones.healpix_directions(nside)
    assert directions.shape == (12 * nside**2, 3)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0, rtol=1e-14)
    # Equal areas and the symmetry of the cube integrate the second harmonics to rounding or nearly.
    moment = directions.T @ directions / len(directions)
    np.testing.assert_allclose(moment, np.eye(3) / 3, atol=0.09 / nside**2 + 1e-12)
    np.testing.assert_allclose(directions.mean(axis=0), 0.0, atol=1e-12)
    # Corners of the tables of the HEALPix papers: the polar ring of four, the equator's first cell.
    assert directions[0, 0] == pytest.approx(1 - 1 / (3 * nside**2))
    np.testing.assert_allclose(directions[0, 1], directions[0, 2], rtol=1e-12)
    if nside == 1:
        np.testing.assert_allclose(directions[4], [0, 0, 1], atol=1e-12)
        np.testing.assert_allclose(directions[:, 0], np.repeat([2 / 3, 0, -2 / 3], 4), atol=1e-12)
    if len(directions) > 40:
        cosine = np.sort(directions @ directions.T, axis=1)[:, -2]
        spacing = np.sqrt(4 * np.pi / len(directions))
        assert np.all(np.arccos(cosine) > 0.55 * spacing)
        assert np.all(np.arccos(cosine) < 1.2 * spacing)


def test_surface_directions_look_at_the_voxels_that_face_the_outside():
    envelope = np.zeros((7, 8, 9), bool)
    envelope[2:5, 2:6, 3:7] = True
    particle = Particle(envelope, envelope, (1.0, 2.0, 0.5))
    directions = cones.surface_directions(particle)
    assert len(directions) == 3 * 4 * 4 - 1 * 2 * 2  # all but the inner ones
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    first = np.array([2, 2, 3]) * particle.voxel_size_um - np.array(particle.centre_um)
    np.testing.assert_allclose(directions[0], first / np.linalg.norm(first))
    # At the border of the volume is outside, too.
    full = np.ones((3, 3, 3), bool)
    assert len(cones.surface_directions(Particle(full, full))) == 26
    single = np.zeros((3, 3, 3), bool)
    single[1, 1, 1] = True
    assert cones.surface_directions(Particle(single, single)).shape == (0, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": "mass"}, "weight must be"),
        ({"soft": True}, "soft needs particle.solid_fraction"),
        ({"radial_gate_um": 3.0}, r"radial_gate_um must be \(nearest, farthest\)"),
        ({"radial_gate_um": (2.0, 1.0)}, "0 <= nearest < farthest"),
        ({"radial_gate_um": (-1.0, 1.0)}, "0 <= nearest < farthest"),
        ({"radial_gate_um": (np.nan, 1.0)}, "0 <= nearest < farthest"),
    ],
)
def test_wrong_options_are_named(options, message):
    full = np.ones((4, 4, 4), bool)
    with pytest.raises(ValueError, match=message):
        cones.cone_porosity(Particle(full, full), [1, 0, 0], 0.5, **options)
    with pytest.raises(ValueError, match="nside must be at least 1"):
        cones.healpix_directions(0)
    with pytest.raises(ValueError, match="solid_fraction"):
        Particle(full, full, solid_fraction=np.ones((4, 4, 3)))


def test_the_counting_error_is_that_of_a_binomial():
    particle = random_particle(np.random.default_rng(7), (20, 20, 20), (1.0, 1.0, 1.0))
    found = cones.cone_porosity(particle, np.eye(3), 1.0)
    p, n = found.porosity, found.envelope_voxels
    np.testing.assert_allclose(found.porosity_std**2 * n, p * (1 - p), rtol=1e-12)
