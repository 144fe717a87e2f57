"""Figures: what is drawn is what was measured, with honest scales and nothing global."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmcx import plot
from nmcx.report import Findings
from nmcx.results import AlignedStack, EdgeMap, StxmStack


@given(st.floats(1e-3, 1e4))
def test_a_scale_bar_is_round_and_fits_a_quarter_of_the_map(width_um: float) -> None:
    length = plot.scale_bar_length(width_um)
    mantissa = length / 10 ** np.floor(np.log10(length) + 1e-9)
    assert np.isclose(mantissa, (1, 2, 5)).any()
    # The next round length is at most 2.5 times as long.
    assert width_um / 4 / 2.5 <= length * (1 + 1e-9)
    assert length <= width_um / 4 * (1 + 1e-6)


def test_the_scale_bar_is_drawn_as_long_as_it_says(findings: Findings) -> None:
    ax = plot.xi_map(findings.xi)
    length = plot.scale_bar(ax, 9.6)
    ax.figure.canvas.draw()
    from matplotlib.patches import Rectangle

    bars = [patch for patch in ax.findobj(Rectangle) if np.isclose(patch.get_width(), length)]
    assert bars, "a rectangle of that length in data units"


def test_a_map_shows_the_values_with_row_zero_at_the_bottom(findings: Findings) -> None:
    xi = findings.xi
    assert xi is not None
    shown = plot.xi_map(xi).get_images()[0]
    assert shown.origin == "lower"
    drawn = shown.get_array()
    assert np.array_equal(np.ma.getmaskarray(drawn), ~xi.valid)
    assert np.allclose(drawn.compressed(), xi.xi[xi.valid])
    ny, nx = xi.xi.shape
    assert shown.get_extent() == pytest.approx([0, nx * 0.2, 0, ny * 0.2])


def test_relative_valence_is_linear_in_xi(findings: Findings) -> None:
    xi = findings.xi
    assert xi is not None
    drawn = plot.relative_valence(xi).get_images()[0].get_array().compressed()
    line = np.polynomial.Polynomial.fit(xi.xi[xi.valid], drawn, 1)
    assert np.abs(line(xi.xi[xi.valid]) - drawn).max() < 1e-12
    assert np.percentile(drawn, (2, 98)) == pytest.approx([0, 1])


def test_the_alignment_shows_drift_and_residual_and_marks_outliers() -> None:
    n = 5
    drift = np.arange(10.0).reshape(n, 2)
    aligned = AlignedStack(
        energy_ev=8300.0 + 10 * np.arange(n),
        mu=np.zeros((n, 4, 4)),
        variance=None,
        pixel_size_um=(0.03, 0.03),
        shift_px=drift,
        shift_std_px=np.full((n, 2), 0.01),
        residual_px=np.where(np.arange(n) == 2, 3.0, 0.001)[:, None] * np.ones(2),
        magnification=np.ones(n),
        correlation=np.ones(n),
        is_outlier=np.arange(n) == 2,
    )
    above, below = plot.alignment(aligned).axes
    kept, crossed = above.get_lines()[:2]
    assert kept.get_ydata().tolist() == [0.0, 2.0, 6.0, 8.0]
    assert (crossed.get_xdata().tolist(), crossed.get_ydata().tolist()) == ([8320.0], [4.0])
    # The outlier does not set the scale of what is left of the others.
    assert below.get_ylim()[1] < 0.1
    assert above.get_title() == "outliers crossed and dotted: 1"


def test_scans_need_two_energies(findings: Findings) -> None:
    low = findings.low
    assert isinstance(low, StxmStack)
    with pytest.raises(ValueError, match="give the scan at the other energy as high"):
        plot.scans(low)


def test_three_slices_meet_in_the_voxel_asked_for() -> None:
    volume = np.arange(4 * 5 * 6, dtype=float).reshape(4, 5, 6)
    figure = plot.slices(volume, (0.1, 0.2, 0.3), label="index [1]", at=(1, 2, 3))
    planes = [ax.get_images()[0].get_array() for ax in figure.axes if ax.get_images()]
    expected = [volume[1], volume[:, 2], volume[:, :, 3]]
    assert all(np.array_equal(got, want) for got, want in zip(planes, expected, strict=True))


def test_slices_refuse_a_spectrum() -> None:
    with pytest.raises(ValueError, match="volume must be"):
        plot.slices(np.zeros(5), 0.1, label="x")


def test_refused_voxels_carry_no_edge_energy_in_the_map(findings: Findings) -> None:
    edges = findings.edges
    assert edges is not None
    figure = plot.edge_map(edges, particle=findings.particle)
    drawn = next(ax for ax in figure.axes if ax.get_images()).get_images()[0].get_array()
    inside = np.flatnonzero(findings.particle.envelope.any(axis=(1, 2)))  # type: ignore[union-attr]
    middle = (inside[0] + inside[-1]) // 2
    assert np.array_equal(np.ma.getmaskarray(drawn), ~edges.ok[middle])


def test_a_result_without_a_usable_voxel_still_gives_figures(findings: Findings) -> None:
    edges = findings.edges
    assert isinstance(edges, EdgeMap)
    nothing = np.full(edges.status.shape, np.nan)
    empty = replace(
        edges, edge_energy_ev=nothing, status=np.full(edges.status.shape, 2, dtype=np.uint16)
    )
    for figure in (plot.edge_map(empty), plot.status(empty), plot.edge_histogram(empty).figure):
        figure.canvas.draw()


def test_drawing_into_given_axes_adds_no_figure(findings: Findings) -> None:
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert plot.depth_profile(findings.depth, ax=ax) is ax
    assert ax.get_xlabel() == "depth below the surface [µm]"
    assert ax.get_ylabel() == "edge energy [eV]"


def test_pyplot_is_never_imported_and_global_settings_stay() -> None:
    code = """
import sys, numpy as np, matplotlib
before = matplotlib.rcParams.copy()
from nmcx import plot
plot.slices(np.zeros((3, 4, 5)), 0.1, label="x").canvas.draw()
print("matplotlib.pyplot" in sys.modules, matplotlib.rcParams.copy() == before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
