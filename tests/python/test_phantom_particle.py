"""The phantom is what its truth says, and the same every time."""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest

from nmcx import io, phantom
from nmcx.errors import OutputError
from nmcx.phantom.geometry import (
    METAL,
    PARTICLE,
    cap_porosity,
    fibonacci_sphere,
    first_hits,
    place_mount,
    random_body,
    smooth_field,
    view_frame,
)
from nmcx.phantom.soft import Scene, independent_xi, render

SMALL = {"shape": (40, 36, 38), "voxel_size_um": 0.3, "map_shape": (32, 32)}


@pytest.fixture(scope="module")
def small() -> phantom.Phantom:
    return phantom.particle(seed=1, **SMALL)


def digest(made: phantom.Phantom) -> str:
    total = hashlib.sha256()
    for array in (
        made.energy_stack.mu,
        made.low.counts,
        made.high.counts,
        made.tomogram,
        made.truth.edge_energy_ev,
        made.truth.xi,
        made.truth.solid,
    ):
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def scene_and_xi(seed: int) -> tuple[Scene, object]:
    rng = np.random.default_rng(seed)
    body = random_body(rng, np.array([6.0, 5.6, 5.8]), 5.0)
    frame = view_frame((0.0, 0.3, 1.0), 0.1, (0.2, -0.1))
    mount = place_mount(body, frame.view)
    scene = Scene(body, mount, frame, body.centre_um, smooth_field(rng, 0.6))
    return scene, independent_xi(smooth_field(rng, 0.35), 0.56, 0.03)


def test_one_seed_gives_one_phantom_and_another_seed_another(small: phantom.Phantom) -> None:
    assert digest(phantom.particle(seed=1, **SMALL)) == digest(small)
    assert digest(phantom.particle(seed=2, **SMALL)) != digest(small)


def test_switching_the_correlation_off_changes_the_surface_alone(small: phantom.Phantom) -> None:
    off = phantom.particle(seed=1, correlated=False, **SMALL)
    np.testing.assert_array_equal(off.energy_stack.mu, small.energy_stack.mu)
    np.testing.assert_array_equal(off.truth.solid, small.truth.solid)
    assert not np.allclose(off.truth.xi, small.truth.xi, equal_nan=True)


def test_truth_is_consistent_with_itself(small: phantom.Phantom) -> None:
    truth = small.truth
    assert not np.any(truth.solid & ~truth.envelope)
    np.testing.assert_array_equal(np.isfinite(truth.edge_energy_ev), truth.solid)
    difference = (truth.white_line_ev - truth.edge_energy_ev)[truth.solid]
    np.testing.assert_allclose(difference, phantom.white_line_offset(), atol=1e-9)
    np.testing.assert_array_equal(small.particle.void, truth.envelope & ~truth.solid)
    np.testing.assert_allclose(small.particle.centre_um, truth.centre_um)
    assert 0.02 < small.particle.porosity < 0.3


def test_near_surface_is_more_oxidised_than_the_core(small: phantom.Phantom) -> None:
    truth = small.truth
    index = np.argwhere(truth.solid)
    radius = np.linalg.norm(index * truth.voxel_size_um - np.array(truth.centre_um), axis=1)
    energy = truth.edge_energy_ev[truth.solid]
    core, rim = energy[radius < 2.0].mean(), energy[radius > 4.4].mean()
    # 8343.4 and 8344.4 eV with smooth and per-grain variation of 0.17 eV, averaged over grains.
    assert core == pytest.approx(8343.45, abs=0.25)
    assert rim == pytest.approx(8344.2, abs=0.25)
    assert rim - core > 0.4


def test_noise_of_the_stack_is_as_asked(small: phantom.Phantom) -> None:
    mu = small.energy_stack.mu
    empty = ~small.truth.envelope
    empty[: empty.shape[0] // 2] = False  # the upper half holds neither needle nor weld
    empty &= np.abs(mu.mean(axis=0)) < 0.01  # nor partly filled voxels of the rim
    sample = mu[:, empty]
    # Some 10⁶ samples: the standard deviation is known to 0.1 %.
    assert sample.std() == pytest.approx(0.03 * 0.25, rel=0.01)
    # White: no covariance between neighbouring energies.
    lag = (sample[1:] * sample[:-1]).mean() / sample.var()
    assert abs(lag) < 0.01


def test_spectra_are_background_plus_jump_at_the_true_energy() -> None:
    made = phantom.particle(seed=3, noise=0.0, **SMALL)
    truth, stack = made.truth, made.energy_stack
    energy = stack.energy_ev
    spectra = stack.mu[:, truth.solid].astype(float)
    before, after = energy < 8312, energy > 8380
    # Backgrounds are straight lines and the curve is exactly 0 and 1 in these windows.
    line = np.polynomial.polynomial.polyfit(energy[before] - 8333, spectra[before], 1)
    flat = spectra - np.polynomial.polynomial.polyval(energy - 8333, line).T
    jump = flat[after].mean(axis=0)
    expected = phantom.edge_curve(energy, truth.edge_energy_ev[truth.solid])
    # Float32 absorption of 0.3 in a jump of at least 0.125.
    np.testing.assert_allclose(flat / jump, expected, atol=2e-5)
    assert jump.max() == pytest.approx(0.25, rel=1e-4)


def test_needle_and_weld_absorb_but_have_no_edge(small: phantom.Phantom) -> None:
    mu, energy = small.energy_stack.mu, small.energy_stack.energy_ev
    metal = (small.tomogram > 2.0) & ~small.truth.envelope
    assert np.count_nonzero(metal) > 100
    spectra = mu[:, metal].mean(axis=1)
    line = np.polyfit(energy, spectra, 1)
    # A straight line within the noise of the mean: 0.0075 / √n.
    limit = 5 * 0.0075 / np.sqrt(np.count_nonzero(metal))
    assert np.abs(spectra - np.polyval(line, energy)).max() < limit
    solid_level = mu[0][small.truth.solid].mean()
    assert spectra[0] > 3 * solid_level


def test_metal_touches_the_particle_and_hides_part_of_it() -> None:
    scene, _ = scene_and_xi(1)
    across = np.linspace(-6.0, 6.0, 121)
    rows, columns = (a.ravel() for a in np.meshgrid(across, across, indexing="ij"))
    origins = scene.frame.origins(rows, columns, scene.centre_um)
    _, mounted = first_hits(scene.body, scene.mount, scene.frame, origins)
    _, bare = first_hits(scene.body, None, scene.frame, origins)
    hidden = (bare == PARTICLE) & (mounted == METAL)
    assert 0.01 < np.count_nonzero(hidden) / np.count_nonzero(bare) < 0.2
    assert np.count_nonzero((bare != PARTICLE) & (mounted == METAL)) > 0


def test_hits_lie_on_the_surface_and_face_the_beam() -> None:
    scene, _ = scene_and_xi(2)
    rng = np.random.default_rng(3)
    rows, columns = rng.uniform(-4.0, 4.0, (2, 200))
    hits = scene.look(rows, columns)
    on_particle = hits.kind == PARTICLE
    # Bisection of a step of 0.3 µm, 16 times.
    assert np.abs(scene.body.depth(hits.points[on_particle])).max() < 1e-4
    assert np.all(hits.cosine[on_particle] > 0)


def test_normals_are_the_gradient_of_the_surface() -> None:
    body = random_body(np.random.default_rng(4), np.zeros(3), 5.0)
    n = fibonacci_sphere(50)
    points = body.radius(n)[:, None] * n
    step = 1e-5
    numeric = np.stack(
        [-(body.depth(points + step * e) - body.depth(points - step * e)) for e in np.eye(3)], -1
    )
    numeric /= np.linalg.norm(numeric, axis=1)[:, None]
    np.testing.assert_allclose(body.normals(points), numeric, atol=1e-7)


def test_map_axes_are_right_handed_as_the_viewer_sees_them() -> None:
    # Looking against +x with +z up, +y is to the right (components are z, y, x).
    frame = view_frame((0.0, 0.0, 2.0), 0.0, (0.0, 0.0))
    np.testing.assert_allclose(frame.up, [1, 0, 0])
    np.testing.assert_allclose(frame.right, [0, 1, 0])
    along_z = view_frame((1.0, 0.0, 0.0), 0.0, (0.0, 0.0))
    np.testing.assert_allclose(along_z.up, [0, 1, 0])
    np.testing.assert_allclose(along_z.right, [0, 0, 1])  # y × z = x
    quarter = view_frame((0.0, 0.0, 1.0), np.pi / 2, (0.5, 0.25))
    middle_right = quarter.origins(np.array([0.0]), np.array([1.0]), np.zeros(3))
    # A quarter turn takes the column axis to up: 1 + 0.5 up, 0.25 right.
    np.testing.assert_allclose(middle_right, [[1.5, 0.25, 0.0]], atol=1e-12)


def test_drift_moves_the_scene_by_exactly_the_shift() -> None:
    scene, xi = scene_and_xi(5)
    still = render(scene, xi, (40, 44), (0.3, 0.3))
    whole = render(scene, xi, (40, 44), (0.3, 0.3), (3.0, -2.0))
    # moving(x) = fixed(x - shift): rows 3 further up, columns 2 to the left.
    np.testing.assert_allclose(whole.total[3:, :-2], still.total[:-3, 2:], atol=1e-6)
    np.testing.assert_allclose(whole.ratio[3:, :-2], still.ratio[:-3, 2:], atol=1e-6)
    there = render(scene, xi, (40, 44), (0.3, 0.3), (0.5, 0.0))
    back = render(scene, xi, (40, 44), (0.3, 0.3), (-0.5, 0.0))
    np.testing.assert_allclose(there.total[1:], back.total[:-1], atol=1e-6)
    assert np.abs(there.total - still.total).max() > 0.05


def test_ratio_of_noise_free_yields_is_the_true_xi() -> None:
    made = phantom.particle(seed=2, counts=1e9, drift=(0.0, 0.0), **SMALL)
    low, high = made.low.counts[0], made.high.counts[0]
    bare = np.isfinite(made.truth.xi)
    # Shading and texture cancel; 10⁹ counts leave a Poisson error of 1e-5.
    np.testing.assert_allclose((high / (low + high))[bare], made.truth.xi[bare], atol=1e-4)
    assert np.count_nonzero(bare) > 200


def test_counts_are_poisson() -> None:
    one = {**SMALL, "energy_ev": [8300.0], "seed": 1}
    scan = phantom.particle(counts=100.0, background=8.0, **one).low.counts[0]
    # The same scan counted 10⁸ times longer is its expectation to 1e-5.
    mean = phantom.particle(counts=1e10, background=8e8, **one).low.counts[0] / 1e8
    np.testing.assert_array_equal(scan, np.round(scan))
    # Variance over mean of 1024 pixels is 1 with a standard error of √(2/1024) = 0.044.
    assert ((scan - mean) ** 2 / mean).mean() == pytest.approx(1.0, abs=0.15)


def test_weld_and_background_count_little(small: phantom.Phantom) -> None:
    counts = small.low.counts[0]
    bare = np.isfinite(small.truth.xi)
    assert counts[0].max() < 0.2 * np.median(counts[bare])  # needle and vacuum
    assert np.median(counts[-1]) == pytest.approx(8.0, abs=3.0)
    assert 2000 < np.percentile(counts[bare], 99) < 8000


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_built_in_correlation_is_negative(seed: int) -> None:
    made = phantom.particle(seed=seed, energy_ev=[8300.0], **SMALL)
    assert -0.75 < made.truth.correlation < -0.55


def test_independent_surface_has_no_correlation_on_average() -> None:
    r = []
    for seed in range(1, 21):
        grown, seen = phantom.surface_and_porosity(seed, shape=(36, 36, 36), voxel_size_um=0.3)
        index = np.argwhere(grown.envelope)
        relative = index * np.array(grown.voxel_size_um) - np.array(grown.centre_um)
        void = ~grown.solid[grown.envelope]
        bulk = cap_porosity(relative, void, seen.directions, np.deg2rad(20))
        r.append(np.corrcoef(bulk, seen.values)[0, 1])
    # Two smooth fields on a hemisphere correlate by chance with a spread of about 0.35.
    assert np.std(r) > 0.1
    assert abs(np.mean(r)) < 3 * np.std(r) / np.sqrt(len(r))


def test_quick_surface_is_correlated_when_asked() -> None:
    grown, seen = phantom.surface_and_porosity(1, correlated=True)
    index = np.argwhere(grown.envelope)
    relative = index * np.array(grown.voxel_size_um) - np.array(grown.centre_um)
    void = ~grown.solid[grown.envelope]
    bulk = cap_porosity(relative, void, seen.directions, np.deg2rad(20))
    # Built in at -0.7; counting noise weakens it a little.
    assert -0.75 < np.corrcoef(bulk, seen.values)[0, 1] < -0.45
    assert seen.incidence.max() <= np.pi / 3
    np.testing.assert_allclose(np.linalg.norm(seen.directions, axis=1), 1.0)


def test_random_fields_have_the_covariance_they_claim() -> None:
    rng = np.random.default_rng(6)
    points = np.array([[0.0, 0.0, 1.0], [0.0, 0.3, 1.0], [0.4, 0.0, 1.0]])
    values = np.array([smooth_field(rng, 0.5)(points) for _ in range(4000)])
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    # 4000 fields: covariances to about 0.022.
    np.testing.assert_allclose(np.cov(values.T), np.exp(-(distance**2) / 0.5), atol=0.08)


def test_directions_of_cracks_are_isotropic() -> None:
    # Mean direction of the void of 24 particles: no axis is preferred beyond 3.5 standard errors.
    pull = []
    for seed in range(1, 25):
        grown, _ = phantom.surface_and_porosity(seed, shape=(28, 28, 28), voxel_size_um=0.4)
        relative = np.argwhere(grown.void) * 0.4 - np.array(grown.centre_um)
        pull.append(relative.mean(axis=0))
    pull = np.array(pull)
    assert np.all(np.abs(pull.mean(axis=0)) < 3.5 * pull.std(axis=0) / np.sqrt(len(pull)))


def test_written_files_read_back(small: phantom.Phantom, tmp_path: Path) -> None:
    import h5py

    paths = small.write(tmp_path / "data")
    for name, scan in (("a_scan", small.low), ("b_scan", small.high)):
        back = io.read_stxm(paths[name])
        np.testing.assert_allclose(back.counts, scan.counts)
        np.testing.assert_allclose(back.energy_ev, scan.energy_ev)
        np.testing.assert_allclose(back.y_um, scan.y_um, atol=1e-6)
        np.testing.assert_allclose(back.x_um, scan.x_um, atol=1e-6)
    stack = io.open_stack(paths["ni_k_edge"])
    np.testing.assert_array_equal(np.asarray(stack.mu), small.energy_stack.mu)
    np.testing.assert_array_equal(stack.energy_ev, small.energy_stack.energy_ev)
    assert stack.voxel_size_um == pytest.approx((0.3, 0.3, 0.3))
    np.testing.assert_array_equal(io.read_volume(paths["tomogram"]).values, small.tomogram)
    with h5py.File(paths["truth"]) as truth:
        np.testing.assert_array_equal(truth["solid"][()], small.truth.solid)
        np.testing.assert_array_equal(truth["xi"][()], small.truth.xi)
        assert truth["edge_energy_ev"].attrs["units"] == "eV"
    settings = tomllib.loads(paths["run"].read_text(encoding="utf-8"))
    assert np.deg2rad(settings["placing"]["rotation_deg"]) == pytest.approx(small.truth.rotation)
    assert tuple(settings["placing"]["offset_um"]) == small.truth.offset_um
    with pytest.raises(OutputError, match="a_scan"):
        small.write(tmp_path / "data")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"shape": (8, 40, 40)}, "shape"),
        ({"map_shape": (4, 40)}, "map_shape"),
        ({"noise": -1.0}, "noise"),
        ({"radius_um": 9.0}, "radius_um"),
        ({"view": (0.0, 0.0, 0.0)}, "view"),
        ({"voxel_size_um": -0.1}, "voxel_size_um"),
    ],
)
def test_what_cannot_be_made_is_named(options: dict[str, object], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        phantom.particle(seed=1, **{**SMALL, **options})


def test_results_cannot_be_changed(small: phantom.Phantom) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        small.truth.seed = 3  # type: ignore[misc]
