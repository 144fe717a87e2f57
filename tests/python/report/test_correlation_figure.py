"""Supplementary Fig. 4: the panels hold what was correlated, and the section what it cuts."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from nmcx import cones, correlation, phantom, plot
from nmcx.plot.cone_panels import _SOLID, _SOLID_IN, _VOID, _VOID_IN, pairs, section
from nmcx.results import AngleScan, Particle, Robustness

PARTICLE, SURFACE = phantom.surface_and_porosity(2, correlated=True)
CONES = cones.cone_porosity(
    PARTICLE, cones.fibonacci_directions(800), np.deg2rad([5, 10, 20, 30, 45])
)
SCAN = correlation.angle_scan(SURFACE, CONES, n_null=199)


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def whole(scan: AngleScan = SCAN) -> Figure:
    return plot.correlation_figure(scan, surface=SURFACE, cones=CONES, particle=PARTICLE)


@pytest.mark.parametrize("matched", [True, False])
def test_the_pairs_are_those_that_angle_scan_correlates(matched: bool) -> None:
    scan = correlation.angle_scan(SURFACE, CONES, n_null=99, matched=matched, min_points=2)
    for i in range(len(CONES.half_angle)):
        at, porosity, xi = pairs(SURFACE, CONES, i, matched=matched, min_points=2)
        assert np.array_equal(porosity, CONES.porosity[at, i])
        # The scan sums its caps in single precision.
        assert np.corrcoef(porosity, xi)[0, 1] == pytest.approx(scan.pearson[i], abs=1e-5)


def test_both_curves_stand_at_the_opening_angle_over_the_null_band() -> None:
    ax = whole().axes[0]
    opening = 2 * np.rad2deg(SCAN.half_angle)
    drawn = [c.lines[0].get_xydata() for c in ax.containers]
    for line, r in zip(drawn, (SCAN.pearson, SCAN.spearman), strict=True):
        # The two are set apart by less than a tenth of the distance of the angles.
        assert np.abs(line[:, 0] - opening).max() <= 0.1 * np.diff(opening).min()
        assert np.allclose(line[:, 1], r)
    band = ax.collections[0].get_paths()[0].vertices
    for angle, (low, high) in zip(opening, SCAN.null_band, strict=True):
        heights = band[np.isclose(band[:, 0], angle), 1]
        assert heights.min() == pytest.approx(low) and heights.max() == pytest.approx(high)


def test_error_bars_are_the_intervals() -> None:
    pearson, spearman = whole().axes[0].containers
    (bars,) = pearson.lines[2]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    assert np.allclose(ends, SCAN.interval)
    (bars,) = spearman.lines[2]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    # Ranks know less than values: Bonett and Wright's factor widens Fisher's interval.
    z = np.arctanh(ends) - np.arctanh(SCAN.spearman)[:, None]
    factor = np.sqrt(1 + SCAN.spearman**2 / 2)
    expected = 1.959964 * factor / np.sqrt(SCAN.n_effective - 3)
    told = SCAN.n_effective > 3
    assert told.any()
    assert np.allclose(np.abs(z[told]), expected[told, None])
    assert np.array_equal(ends[~told], np.tile([-1.0, 1.0], (np.count_nonzero(~told), 1)))


def test_the_figure_says_family_wise_p_sign_and_strongest_angle() -> None:
    said = texts(whole())
    assert f"family-wise p = {SCAN.p_family:.3g}" in said and "all 5 angles" in said
    assert SCAN.sign_convention in said
    best = SCAN.strongest
    assert SCAN.half_angle[best] == SCAN.best_half_angle
    low, high = 2 * np.rad2deg(SCAN.best_interval)
    assert f"(95 %: {low:.0f} … {high:.0f}°)" in said
    assert f"strongest at 2α = {2 * np.rad2deg(SCAN.half_angle[best]):.0f}°" in said
    assert f"Pearson −{abs(SCAN.pearson[best]):.2f}" in said


def test_partial_correlation_is_drawn_where_there_is_one() -> None:
    scan = correlation.angle_scan(SURFACE, CONES, n_null=99, covariates=("incidence",))
    figure = whole(scan)
    assert "Pearson at equal incidence" in texts(figure)
    drawn = [line for line in figure.axes[0].lines if "equal" in str(line.get_label())]
    assert np.array_equal(drawn[0].get_ydata(), scan.partial)
    below = [line.get_ydata() for line in figure.axes[1].lines]
    assert any(np.array_equal(y, scan.partial_p_value) for y in below if len(y) == 5)
    assert "equal" not in texts(whole())


def test_the_band_of_turned_placements_is_drawn() -> None:
    band = np.column_stack([SCAN.pearson - 0.1, SCAN.pearson + 0.2])
    curves = np.stack([SCAN.pearson, *band.T])
    turned = Robustness(
        SCAN.half_angle, curves, np.deg2rad([[0, 0, 0], [-5, 0, 0], [5, 0, 0]]), band
    )
    figure = plot.correlation_figure(SCAN, robustness=turned)
    assert "placement turned" in texts(figure)
    drawn = figure.axes[0].collections[1].get_paths()[0].vertices
    for angle, (low, high) in zip(2 * np.rad2deg(SCAN.half_angle), band, strict=True):
        heights = drawn[np.isclose(drawn[:, 0], angle), 1]
        assert heights.min() == pytest.approx(low) and heights.max() == pytest.approx(high)
    with pytest.raises(ValueError, match="robustness must have the half-opening angles"):
        other = replace(turned, half_angle=SCAN.half_angle[:-1], band=band[:-1])
        plot.correlation_figure(SCAN, robustness=other)


def test_the_scatter_holds_the_pairs_of_the_strongest_angle() -> None:
    figure = whole()
    best = SCAN.strongest
    _, porosity, xi = pairs(SURFACE, CONES, best)
    dots = figure.axes[2].lines[0].get_xydata()
    assert np.array_equal(dots, np.column_stack([porosity, xi]))
    slope = np.polyfit(porosity, xi, 1)[0]
    line = figure.axes[2].lines[1].get_xydata()
    assert np.diff(line[:, 1])[0] / np.diff(line[:, 0])[0] == pytest.approx(slope)


def test_panels_are_there_for_what_is_given() -> None:
    for given, n_panel in (
        ({}, 2),
        ({"surface": SURFACE, "cones": CONES}, 3),
        ({"surface": SURFACE, "cones": CONES, "particle": PARTICLE}, 4),
    ):
        figure = plot.correlation_figure(SCAN, **given)
        letters = [t.get_text() for t in figure.findobj(Text) if t.get_text() in tuple("abcd")]
        assert letters == list("abcd"[:n_panel]) and len(figure.axes) == n_panel


def test_cones_of_other_angles_are_refused() -> None:
    other = replace(CONES, half_angle=CONES.half_angle * 1.1)
    with pytest.raises(ValueError, match="half-opening angles of scan"):
        plot.correlation_figure(SCAN, surface=SURFACE, cones=other)


def test_a_scan_without_any_correlation_is_drawn() -> None:
    nothing = np.full(5, np.nan)
    empty = replace(
        SCAN, pearson=nothing, spearman=nothing, interval=np.full((5, 2), np.nan),
        p_value=nothing, p_family=float("nan"), null_band=np.full((5, 2), np.nan),
    )  # fmt: skip
    figure = whole(empty)
    figure.savefig(BytesIO(), format="png", dpi=40)
    assert "no correlation" in texts(figure) and len(figure.axes) == 2


# The section ------------------------------------------------------------------------------------


def half_void(spacing: tuple[float, float, float]) -> Particle:
    """A ball of 2 µm around (2.5, 2.5, 2.5) µm whose part of y > 2.5 µm is void."""
    shape = [round(5 / s) + 1 for s in spacing]
    z, y, x = (np.arange(n) * s - 2.5 for n, s in zip(shape, spacing, strict=True))
    envelope = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= 4.0
    return Particle(envelope & (y <= 0)[:, None], envelope, spacing, (2.5, 2.5, 2.5))


@pytest.mark.parametrize("spacing", [(0.1, 0.1, 0.1), (0.2, 0.1, 0.05)])
def test_a_section_colours_solid_void_and_cone_where_they_are(
    spacing: tuple[float, float, float],
) -> None:
    ax = Figure().subplots()
    # Axis along +y, which is upwards in the section of a particle without a map.
    section(ax, half_void(spacing), np.array([0.0, 1.0, 0.0]), np.deg2rad(30), porosity=1.0)
    (image,) = ax.images
    left, right, bottom, top = image.get_extent()
    pixels = np.asarray(image.get_array())
    ny, nx = pixels.shape[:2]

    def at(x: float, y: float) -> tuple[float, ...]:
        column = int((x - left) / (right - left) * nx)
        row = int((y - bottom) / (top - bottom) * ny)
        return tuple(pixels[row, column])

    assert at(0.0, 1.5) == pytest.approx(to_rgb(_VOID_IN))  # on the axis
    assert at(0.7, 1.5) == pytest.approx(to_rgb(_VOID_IN))  # 25 degrees off
    assert at(1.1, 1.5) == pytest.approx(to_rgb(_VOID))  # 36 degrees off
    assert at(0.0, -1.5) == pytest.approx(to_rgb(_SOLID))  # behind the apex
    assert at(1.85, 1.85) == pytest.approx((1.0, 1.0, 1.0))  # outside the ball
    held = np.any(pixels < 0.99, axis=-1).sum() * (right - left) / nx * (top - bottom) / ny
    # The cut through the middle of the ball; nearest voxels are half a voxel off at most.
    assert held == pytest.approx(np.pi * 4.0, rel=2 * max(spacing) / 2)


def test_a_cone_into_the_solid_is_told_from_one_into_the_void() -> None:
    ax = Figure().subplots()
    section(ax, half_void((0.1, 0.1, 0.1)), np.array([0.0, -1.0, 0.0]), np.deg2rad(40))
    pixels = np.asarray(ax.images[0].get_array()).reshape(-1, 3)
    inside = np.isclose(pixels, to_rgb(_SOLID_IN)).all(axis=1).sum()
    void_inside = np.isclose(pixels, to_rgb(_VOID_IN)).all(axis=1).sum()
    # A sector of 80 of 360 degrees of the disc, in pixels of 0.1 µm.
    assert inside == pytest.approx(np.pi * 4.0 / 0.01 * 80 / 360, rel=0.05)
    assert void_inside == 0


def test_the_beam_comes_from_above_and_xi_lies_on_the_outline() -> None:
    figure = whole()
    ax = figure.axes[3]
    drawn = ax.collections[-1].get_offsets()
    best = SCAN.strongest
    at, porosity, _ = pairs(SURFACE, CONES, best)
    axis = CONES.directions[at[np.argmax(porosity)]]
    k = np.array(SURFACE.view)
    across = axis - (axis @ k) * k
    across /= np.linalg.norm(across)
    points = SURFACE.points_um - np.array(CONES.apex_um)
    # Every dot is a map point near the plane, moved outwards by a few per cent.
    flat = np.column_stack([points @ across, points @ k])
    distance = np.linalg.norm(flat[None] * 1.045 - np.asarray(drawn)[:, None], axis=2)
    assert distance.min(axis=1).max() < 1e-9
    assert np.asarray(drawn)[:, 1].min() > 0.0, "only the side that faces the beam was mapped"
