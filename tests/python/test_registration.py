"""Registration of pairs: accuracy, standard errors, the affine model, stacks, refusals."""

from pathlib import Path

import numpy as np
import pytest

from nmcx import io, plot, surface
from nmcx.errors import ConvergenceError
from nmcx.results import Affine, Shift, StxmStack


def disc(seed, contrast=1.0, shift=(0.0, 0.0), matrix=None, side=60, oblong=0.0):
    """Optical density of a textured disc, read at matrix (x - centre) - shift."""
    random = np.random.default_rng(seed)
    radius = random.uniform(16, 20)
    centres, width = random.uniform(-10, 10, (25, 2)), random.uniform(1.2, 3.5, 25)
    height = random.normal(0, 0.35, 25)
    u = np.moveaxis(np.mgrid[:side, :side] - (side - 1) / 2, 0, -1) - np.asarray(shift)
    if matrix is not None:
        u = u @ np.linalg.inv(matrix).T
    y, x = u[..., 0], u[..., 1]
    turn = 1 + oblong * np.cos(3 * np.arctan2(y, x))
    body = 0.5 * (1 - np.tanh(np.hypot(y, x) - radius * turn))
    blobs = sum(
        h * np.exp(-((y - b) ** 2 + (x - a) ** 2) / (2 * w * w))
        for h, (b, a), w in zip(height, centres, width, strict=True)
    )
    return np.clip(body * (contrast + 0.6 * blobs), 0, None)


def measured(density, counts, seed):
    drawn = np.random.default_rng(seed).poisson(counts * np.exp(-density))
    return -np.log(np.maximum(drawn, 1) / counts)


@pytest.mark.parametrize(("contrast", "goal"), [(1.0, 0.031), (0.6, 0.042)])
def test_the_error_meets_the_goal_and_its_pull_is_one(contrast, goal):
    errors, pulls = [], []
    for seed in range(1, 121):
        shift = np.random.default_rng(5000 + seed).uniform(-4, 4, 2)
        found = surface.register(
            measured(disc(seed), 500, 6000 + seed),
            measured(disc(seed, contrast, shift), 500, 7000 + seed),
        )
        errors.append(np.array([found.dy, found.dx]) - shift)
        pulls.extend(errors[-1] / found.std)
    assert np.sqrt(np.mean(np.sum(np.square(errors), axis=1))) < goal
    # 240 pulls know their width to 5 %; the model errs by up to 18 % (see `register`).
    assert np.std(pulls) == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("counts", [50, 5000])
@pytest.mark.parametrize("contrast", [1.0, 0.6])
def test_the_pull_is_one_at_few_and_many_counts(counts, contrast):
    pulls = []
    for seed in range(1, 61):
        shift = np.random.default_rng(5000 + seed).uniform(-4, 4, 2)
        found = surface.register(
            measured(disc(seed), counts, 6000 + seed),
            measured(disc(seed, contrast, shift), counts, 7000 + seed),
        )
        pulls.extend((np.array([found.dy, found.dx]) - shift) / found.std)
    # 120 pulls know their width to 6.5 %: two of them on top of the 20 % asked for.
    assert np.std(pulls) == pytest.approx(1.0, abs=0.33)


def test_scale_and_rotation_are_recovered():
    turn = np.deg2rad(0.5)
    truth = 1.01 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    pulls, scales, angles = [], [], []
    for seed in range(1, 21):
        found = surface.register(
            measured(disc(seed, oblong=0.2), 2000, seed),
            measured(disc(seed, shift=(1.3, -2.2), matrix=truth, oblong=0.2), 2000, 100 + seed),
            motion="affine",
        )
        assert isinstance(found, Affine)
        pulls.extend(((found.matrix - truth) / found.matrix_std).ravel())
        pulls.extend((found.offset - (1.3, -2.2)) / found.offset_std)
        scales.append(found.scale)
        angles.append(found.rotation)
    # 120 pulls: 6.5 %, and the linear error model.
    assert np.std(pulls) == pytest.approx(1.0, abs=0.35)
    assert np.mean(scales) == pytest.approx(1.01, abs=5e-4)
    assert np.mean(angles) == pytest.approx(turn, abs=1e-3)


def test_an_affine_fit_of_pure_drift_is_the_identity_within_errors():
    pulls = []
    for seed in range(1, 21):
        a = measured(disc(seed, oblong=0.2), 500, seed)
        b = measured(disc(seed, shift=(2.4, -1.1), oblong=0.2), 500, 100 + seed)
        found, shift = surface.register(a, b, motion="affine"), surface.register(a, b)
        pulls.extend(((found.matrix - np.eye(2)) / found.matrix_std).ravel())
        assert np.hypot(*(found.offset - (shift.dy, shift.dx))) < 0.1
    assert np.std(pulls) == pytest.approx(1.0, abs=0.3)  # 80 pulls: 8 %


@pytest.mark.parametrize("rates", [(0.0, 0.0), (-0.02, 0.016)])
def test_a_drift_from_row_to_row_is_recovered(rates):
    """Rates as in a scan of 60 rows that ends 1.2 and 1 px from where it began; or none."""
    truth = np.array([[1 + rates[0], 0.0], [rates[1], 1.0]])
    pulls, errors, left = [], [], []
    for seed in range(1, 41):
        fixed = measured(disc(seed), 1000, seed)
        moving = measured(disc(seed, shift=(1.3, -2.2), matrix=truth), 1000, 100 + seed)
        found = surface.register(fixed, moving, motion="drift")
        assert np.array_equal(found.matrix[:, 1], [0.0, 1.0])
        assert np.array_equal(found.matrix_std[:, 1], [0.0, 0.0])
        pulls.extend((found.matrix - truth)[:, 0] / found.matrix_std[:, 0])
        pulls.extend((found.offset - (1.3, -2.2)) / found.offset_std)
        errors.append((found.matrix - truth)[:, 0])
        # One interpolation takes the drift out again.
        back, _ = surface.resampled(moving, np.ones(moving.shape), found)
        inner = np.isfinite(back)
        inner[:6] = inner[-6:] = inner[:, :6] = inner[:, -6:] = False
        left.append(np.mean((back - fixed)[inner] ** 2) / np.mean((moving - fixed)[inner] ** 2))
    # 160 pulls know their width to 5.6 %; errors of rates count residuals of contrast in full.
    assert np.std(pulls) == pytest.approx(1.0, abs=0.25)
    assert np.all(np.abs(np.mean(errors, axis=0)) < 4 * np.std(errors, axis=0) / np.sqrt(40) + 2e-4)
    assert np.median(left) < 0.5


def test_a_drift_is_found_on_a_particle_far_from_the_middle_of_the_image():
    truth, away = np.array([[0.982, 0.0], [0.016, 1.0]]), np.array([24.0, -18.0])
    y, x = np.mgrid[:120, :120] - 59.5
    beyond = np.hypot(y - away[0], x - away[1]) > 24
    pulls = []
    for seed in range(1, 31):
        fixed = measured(disc(seed, shift=away, side=120), 500, seed)
        moved = truth @ away + (1.3, -0.8)
        moving = measured(disc(seed, shift=moved, matrix=truth, side=120), 500, 100 + seed)
        found = surface.register(np.where(beyond, np.nan, fixed), moving, motion="drift")
        shift = (found.offset - (1.3, -0.8)) / found.offset_std
        pulls.append([*shift, *((found.matrix - truth)[:, 0] / found.matrix_std[:, 0])])
    # Shift and rate err together here. 30 pulls of each know their width to 13 %.
    assert np.all(np.abs(np.std(pulls, axis=0) - 1.0) < 0.35)


def test_a_disc_without_texture_has_no_rotation():
    y, x = np.mgrid[:60, :60] - 29.5
    plain = 0.5 * (1 - np.tanh(np.hypot(y, x) - 18))
    a, b = measured(plain, 500, 1), measured(plain, 500, 2)
    with pytest.raises(ConvergenceError, match="affine"):
        surface.register(a, b, motion="affine")


def test_unrelated_pictures_do_not_register():
    registered = 0
    for seed in range(1, 201):
        random = np.random.default_rng(seed)
        k = random.uniform(0.2, 0.8, (2, 30)) * np.exp(2j * np.pi * random.uniform(size=(2, 30)))
        phase = random.uniform(0, 2 * np.pi, (2, 30))
        y, x = np.mgrid[:60, :60]
        a, b = (
            np.cos(q.real * y[..., None] + q.imag * x[..., None] + p).sum(-1)
            + random.normal(size=(60, 60))
            for q, p in zip(k, phase, strict=True)
        )
        try:
            surface.register(a, b)
        except ConvergenceError:
            continue
        registered += 1
    # 4.5 standard deviations over thousands of shifts: a per cent at most.
    assert registered <= 2


def test_blank_saturated_and_foreign_images_are_refused_with_a_reason():
    picture = measured(disc(1), 500, 1)
    blank = measured(np.zeros((60, 60)), 500, 2)
    for other, reason in ((blank, "chance"), (np.full((60, 60), 3.0), "saturated")):
        with pytest.raises(ConvergenceError, match=reason):
            surface.register(picture, other)
    with pytest.raises(ValueError, match="motion"):
        surface.register(picture, picture, motion="rigid")


def test_the_picture_shows_less_after_than_before():
    a, b = measured(disc(1), 500, 1), measured(disc(1, 0.6, (3.2, -2.4)), 500, 2)
    figure = plot.registration(a, b, surface.register(a, b), pixel_size_um=(0.05, 0.05))
    before, after = (np.ma.std(figure.axes[k].images[0].get_array()) for k in (2, 3))
    assert after < 0.7 * before


def ncc_maximum(fixed, moving, around, reach=3):
    """Drift by brute force: normalised correlation at whole pixels, a paraboloid on top."""
    ny, nx = fixed.shape
    best = np.full((2 * reach + 1, 2 * reach + 1), -1.0)
    for i, dy in enumerate(range(around[0] - reach, around[0] + reach + 1)):
        for j, dx in enumerate(range(around[1] - reach, around[1] + reach + 1)):
            rows, columns = (
                slice(max(0, -dy), min(ny, ny - dy)),
                slice(max(0, -dx), min(nx, nx - dx)),
            )
            a = fixed[rows, columns]
            b = moving[rows.start + dy : rows.stop + dy, columns.start + dx : columns.stop + dx]
            best[i, j] = np.corrcoef(a.ravel(), b.ravel())[0, 1]
    i, j = np.unravel_index(np.argmax(best), best.shape)
    v, u = np.mgrid[-1:2, -1:2]
    terms = np.stack([np.ones(9), *(t.ravel() for t in (v, u, v * v, u * v, u * u))], axis=1)
    c = np.linalg.lstsq(terms, best[i - 1 : i + 2, j - 1 : j + 2].ravel(), rcond=None)[0]
    top = np.linalg.solve([[2 * c[3], c[4]], [c[4], 2 * c[5]]], -c[1:3])
    return np.array([around[0] - reach + i, around[1] - reach + j]) + top


@pytest.mark.real_data
def test_the_cosmic_pair_agrees_with_an_independent_registration(real_data: Path):
    from skimage.registration import phase_cross_correlation

    scans = surface.split(io.read_stxm(real_data / "cosmic-stxm" / "stxm-scan.hdr"))
    low, high = (-np.log(np.maximum(s.counts[0], 1) / np.percentile(s.counts, 95)) for s in scans)
    found = surface.register(low, high)
    ours = np.array([found.dy, found.dx])
    dy, dx = np.rint(ours).astype(int)
    brute = ncc_maximum(low, high, (dy, dx))
    ny, nx = low.shape
    rows, columns = slice(max(0, -dy), min(ny, ny - dy)), slice(max(0, -dx), min(nx, nx - dx))
    a = low[rows, columns]
    b = high[rows.start + dy : rows.stop + dy, columns.start + dx : columns.stop + dx]
    phase = phase_cross_correlation(a, b, upsample_factor=100, normalization=None)[0]
    assert np.all(np.abs(brute - ours) < 0.1)
    assert np.all(np.abs(np.array([dy, dx]) - phase - ours) < 0.1)


def walking_stack(seed, n=40, counts=500, side=60):
    """Random walk and creep over a quarter of the image; a white-line doublet in contrast."""
    random = np.random.default_rng(4000 + seed)
    drift = np.cumsum(random.normal(0, 1.0, (n, 2)), axis=0)
    drift[:, 0] += np.linspace(0, 0.25 * side, n)
    drift -= (drift.max(0) + drift.min(0)) / 2
    drift *= 0.125 * side / np.abs(drift).max()
    energy = np.linspace(848, 862, n)
    contrast = 0.5 + 0.6 * np.exp(-0.5 * (energy - 854) ** 2)
    contrast += 0.4 * np.exp(-0.5 * ((energy - 856.2) / 1.2) ** 2)
    images = [
        random.poisson(counts * np.exp(-disc(seed, c, s, side=side)))
        for c, s in zip(contrast, drift, strict=True)
    ]
    axis = np.arange(side) * 0.05
    return StxmStack(np.array(images, dtype=float), energy, axis, axis, 0.01), drift


def test_the_error_does_not_grow_along_the_stack():
    errors, pulls = [], []
    for seed in range(1, 4):
        stack, drift = walking_stack(seed)
        aligned = surface.align_stack(stack)
        assert not aligned.is_outlier.any()
        error = aligned.shift_px - (drift - drift[aligned.reference])
        errors.append(error - error.mean(axis=0))
        pulls.append(errors[-1] / aligned.shift_std_px[:, None])
    square = np.sum(np.square(errors), axis=2)
    assert np.sqrt(square.mean()) < 0.035
    # Eighths of the stack, 15 images each: none is worse than 0.05 px.
    assert np.sqrt(square.reshape(3, 8, 5).mean(axis=(0, 2))).max() < 0.05
    at = np.array(errors)
    near, far = (np.mean(np.square(at[:, k:] - at[:, :-k])) for k in (1, 30))
    # A walk of neighbours would make this thirty-fold.
    assert far < 2.0 * near
    assert np.std(pulls) == pytest.approx(1.0, abs=0.25)


def test_unsorted_energies_and_the_reference_are_respected():
    stack, drift = walking_stack(2, n=8)
    order = np.random.default_rng(1).permutation(8)
    mixed = StxmStack(
        stack.counts[order], stack.energy_ev[order], stack.x_um, stack.y_um, stack.dwell_s
    )
    aligned = surface.align_stack(mixed, reference=3)
    assert aligned.reference == 3 and np.all(aligned.shift_px[3] == 0.0)
    assert np.allclose(aligned.counts[3], mixed.counts[3], atol=1e-9)
    truth = drift[order] - drift[order[3]]
    assert np.abs(aligned.shift_px - truth).max() < 0.15
    # Neighbours agree after alignment; the same noise is in both, so this says nothing of noise.
    assert np.nanmax(np.abs(aligned.residual_px)) < 0.1


def test_images_that_cannot_be_registered_are_flagged_and_hold_nothing():
    stack, drift = walking_stack(3, n=12)
    counts = stack.counts.copy()
    counts[4] = np.random.default_rng(1).poisson(500, counts[4].shape)
    counts[9] = 0.0
    broken = StxmStack(counts, stack.energy_ev, stack.x_um, stack.y_um, stack.dwell_s)
    aligned = surface.align_stack(broken)
    assert np.flatnonzero(aligned.is_outlier).tolist() == [4, 9]
    for values in (aligned.counts, aligned.variance, aligned.shift_px, aligned.shift_std_px):
        assert np.isnan(values[[4, 9]]).all()
    assert any("not registered" in note for note in aligned.notes)
    good = ~aligned.is_outlier
    error = (aligned.shift_px - drift + drift[aligned.reference])[good]
    assert np.abs(error - error.mean(axis=0)).max() < 0.12


def test_the_variance_of_aligned_counts_is_their_scatter():
    stack, drift = walking_stack(1, n=6)
    aligned = surface.align_stack(stack)
    # The open field has 500 counts everywhere, whatever the energy.
    y, x = np.mgrid[:60, :60] - 29.5
    field = np.hypot(y - drift[aligned.reference, 0], x - drift[aligned.reference, 1]) > 26
    counts, variance = aligned.counts[:, field], aligned.variance[:, field]
    pull = (counts - 500) / np.sqrt(variance)
    # Thousands of pixels, correlated between neighbours: some 2 %.
    assert np.nanstd(pull) == pytest.approx(1.0, abs=0.06)
    moved = np.arange(6) != aligned.reference
    assert np.nanmean(variance[moved]) < 0.95 * np.nanmean(variance[~moved])


def test_a_stack_without_a_field_in_common_is_refused():
    axis = np.arange(40.0)
    noise = np.random.default_rng(1).poisson(500, (4, 40, 40)).astype(float)
    stack = StxmStack(noise, np.arange(4.0) + 850, axis, axis)
    with pytest.raises(ConvergenceError, match="fewer than two"):
        surface.align_stack(stack)
    with pytest.raises(ValueError, match="at least two"):
        surface.align_stack(StxmStack(noise[:1], np.array([850.0]), axis, axis))
    with pytest.raises(ValueError, match="reference"):
        surface.align_stack(stack, reference=7)


def test_a_shift_is_the_affine_motion_without_strain() -> None:
    random = np.random.default_rng(1)
    image, variance = random.normal(size=(50, 61)), random.uniform(1.0, 2.0, (50, 61))
    image[20, 30] = np.nan
    # A strain far below rounding of the result takes the general way, pixel by pixel.
    matrix = np.array([[1.0, 1e-15], [0.0, 1.0]])
    general = Affine(matrix, np.array([1.3, -2.4]), np.zeros((2, 2)), np.zeros(2))
    by_rows = surface.resampled(image, variance, Shift(1.3, -2.4, 0.1))
    for rows, pixels in zip(by_rows, surface.resampled(image, variance, general), strict=True):
        np.testing.assert_allclose(rows, pixels, rtol=1e-10, atol=1e-10)
