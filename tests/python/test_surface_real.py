"""The COSMIC pair: 25 pixels of drift between two energies of the Ni L3 edge."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from nmcx import _core, io, surface

pytestmark = pytest.mark.real_data


@pytest.fixture
def scans(real_data: Path):
    return surface.split(io.read_stxm(real_data / "cosmic-stxm" / "stxm-scan.hdr"))


def edges(image):
    return gaussian_filter(np.hypot(*np.gradient(gaussian_filter(image, 1.0))), 0.5)


def test_the_drift_is_found_and_removed(scans):
    from skimage.registration import phase_cross_correlation

    ratio = surface.xi_map(*scans, mode="transmission")
    assert np.hypot(ratio.shift.dy, ratio.shift.dx) == pytest.approx(28.0, abs=2.0)
    # Whole optical densities and their finest structure differ by 0.3 px here: chemistry passes for
    # drift in the former. The error says so; the residual below is the smaller for it.
    assert ratio.shift.std < 0.3
    # Independent: cross-correlation of gradient images, whose weights differ from those of OD,
    # over the largest rectangle both scans share.
    rows, columns = np.nonzero(np.isfinite(ratio.high))
    field = np.s_[rows.min() + 4 : rows.max() - 3, columns.min() + 4 : columns.max() - 3]
    low, high = ratio.low[field], ratio.high[field]
    found = phase_cross_correlation(
        edges(low), edges(high), upsample_factor=100, normalization=None
    )[0]
    assert np.all(np.abs(found) < 0.15)
    # The check sees a residual drift when there is one.
    known = phase_cross_correlation(
        edges(low),
        edges(shift(high, (0.5, -0.5), mode="nearest")),
        upsample_factor=100,
        normalization=None,
    )[0]
    assert np.allclose(known - found, (-0.5, 0.5), atol=0.1)


def test_the_drift_while_the_scan_was_taken_is_removed(scans):
    """Bands of rows agree afterwards, found by whole-pixel windows that know of no model."""
    from skimage.registration import phase_cross_correlation

    def apart(motion):
        ratio = surface.xi_map(*scans, mode="transmission", motion=motion)
        images = [np.nan_to_num(image) for image in (ratio.low, ratio.high)]
        fine = [gaussian_filter(i, 0.8) - gaussian_filter(i, 2.0) for i in images]
        bands = [np.s_[first : first + 16, 20:68] for first in (36, 50, 64, 78)]
        return np.array(
            [
                phase_cross_correlation(
                    fine[0][band], fine[1][band], upsample_factor=100, normalization=None
                )[0]
                for band in bands
            ]
        )

    assert np.hypot(*apart("translation").T).max() > 0.3
    assert np.hypot(*apart("auto").T).max() < 0.2


def test_halves_of_the_field_tell_the_same_drift(scans):
    whole = surface.xi_map(*scans, mode="transmission")
    low, high = whole.low, -np.log(scans[1].counts[0] / np.percentile(scans[1].counts, 95))
    left, right = low.copy(), low.copy()
    left[:, 65:] = np.nan
    right[:, :65] = np.nan
    for half in (left, right):
        part = surface.register(half, high)
        # Scanner distortion moves parts of the field against each other by a fraction of a pixel.
        assert abs(part.dy - whole.shift.dy) < 0.5 and abs(part.dx - whole.shift.dx) < 0.5


def test_the_ratio_map_holds_numbers_on_the_particle_only(scans):
    ratio = surface.xi_map(*scans, mode="transmission")
    assert 0.2 < ratio.valid.mean() < 0.9
    thick = ratio.valid & (ratio.low > 0.5)
    assert 0.3 < np.median(ratio.xi[thick]) < 0.7
    assert np.median(ratio.xi_std[thick]) < 0.02
    assert np.isnan(ratio.xi[~ratio.valid]).all()
    assert sum("open field" in note for note in ratio.notes) == 2
    # Outside the common field nothing is made up.
    moved = _core.resample(
        np.ascontiguousarray(scans[1].counts[0]),
        np.ones((120, 120)),
        _core.Warp(*ratio.motion.offset, (ratio.motion.matrix - np.eye(2)).ravel().tolist()),
    )
    assert not ratio.valid[np.isnan(moved.value)].any()
