"""Supplementary Fig. 1: every panel holds the numbers it says, with units and scale bars."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredOffsetbox
from matplotlib.text import Text

from nmcx import phantom, plot, surface
from nmcx.results import Spectrum, StxmStack, XiMap

MADE = phantom.pair_scans(1, shape=(40, 44), counts=3000)
XI = surface.xi_map(MADE.low, MADE.high)
ENERGY = np.linspace(848.0, 862.0, 29)


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def drawn(figure: Figure) -> None:
    figure.savefig(BytesIO(), format="png", dpi=50)


def images(figure: Figure) -> list:
    return [ax for ax in figure.axes if ax.images]


def test_the_five_panels_are_lettered_and_images_carry_bar_and_unit() -> None:
    figure = plot.surface_figure(XI)
    drawn(figure)
    letters = [t.get_text() for t in figure.findobj(Text) if t.get_text() in tuple("abcde")]
    assert letters == list("abcde")
    assert len(images(figure)) == 3
    for ax in images(figure):
        assert ax.findobj(AnchoredOffsetbox), "no scale bar"
        bar = next(child for child in ax.child_axes)
        assert "[" in bar.get_ylabel(), "no unit"


def test_images_and_histogram_hold_the_map() -> None:
    figure = plot.surface_figure(XI)
    low, high, ratio = (np.ma.filled(ax.images[0].get_array(), np.nan) for ax in images(figure))
    scale = low[20, 20] / XI.low[20, 20]
    assert np.allclose(low, XI.low * scale, equal_nan=True)
    assert np.allclose(high, XI.high * scale, equal_nan=True)
    assert scale == pytest.approx(1e-3) and "10³ counts/s" in texts(figure)
    assert np.array_equal(np.isnan(ratio), ~XI.valid)
    histogram = figure.axes[4]
    counted = sum(bar.get_height() for bar in histogram.patches[: len(histogram.patches)])
    outside = texts(figure).split("pixels outside")[0].rsplit("\n", 1)[-1].split(" of ")[0]
    beyond = int(outside) if "pixels outside" in texts(figure) else 0
    # The band of the spread is a patch of height one.
    assert counted - 1 == pytest.approx(XI.valid.sum() - beyond)
    assert f"median {np.median(XI.xi[XI.valid]):.3f}" in texts(figure)
    assert f"median error of a pixel: ±{np.median(XI.xi_std[XI.valid]):.3f}" in texts(figure)


def test_the_upper_axis_is_the_relative_valence() -> None:
    figure = plot.surface_figure(XI)
    above = next(a for a in figure.axes[4].child_axes if "valence" in a.get_xlabel())
    drawn(figure)
    value, scale = XI.xi[XI.valid], surface.relative_valence(XI).valence[XI.valid]
    left, right = figure.axes[4].get_xlim()
    expected = np.interp((left, right), *np.sort([value, scale], axis=1)[:, [0, -1]])
    slope = np.polyfit(value, scale, 1)
    expected = np.polyval(slope, (left, right))
    assert above.get_xlim() == pytest.approx(expected, abs=1e-6)


def test_both_energies_are_marked_on_the_spectrum() -> None:
    spectrum = Spectrum(ENERGY, 1.0 + np.exp(-((ENERGY - 855.0) ** 2)))
    figure = plot.surface_figure(XI, spectrum=spectrum)
    first = figure.axes[0]
    marked = [line.get_xdata()[0] for line in first.lines if line.get_linestyle() == "--"]
    assert marked == [854.0, 856.2]
    assert "854.0 eV" in texts(figure) and "856.2 eV" in texts(figure)
    assert np.array_equal(first.lines[0].get_ydata(), spectrum.mu)


def test_a_stack_is_drawn_as_the_mean_of_the_valid_pixels() -> None:
    counts = np.random.default_rng(1).poisson(50.0, (ENERGY.size, *XI.valid.shape)).astype(float)
    order = np.random.default_rng(2).permutation(ENERGY.size)
    stack = StxmStack(counts[order], ENERGY[order], MADE.low.x_um, MADE.low.y_um)
    line = plot.surface_figure(XI, spectrum=stack).axes[0].lines[0]
    assert np.array_equal(line.get_xdata(), ENERGY)
    assert np.allclose(line.get_ydata(), counts[:, XI.valid].mean(axis=1))
    other = replace(stack, counts=counts[:, :-1])
    with pytest.raises(ValueError, match="same field"):
        plot.surface_figure(XI, spectrum=other)


def test_optical_densities_and_other_energies_are_named() -> None:
    figure = plot.surface_figure(
        replace(XI, notes=("low and high are optical densities [1]",), energy_ev=(853.0, 857.75))
    )
    assert "optical density [1]" in texts(figure) and "857.75 eV" in texts(figure)
    assert "counts/s" not in texts(figure)


def test_a_map_without_valid_pixels_is_drawn_and_says_so() -> None:
    nowhere = np.zeros_like(XI.valid)
    empty = np.full(XI.xi.shape, np.nan)
    figure = plot.surface_figure(replace(XI, valid=nowhere, xi=empty, xi_std=empty))
    drawn(figure)
    assert "no valid pixel" in texts(figure)
    with pytest.raises(ValueError, match="low and high"):
        plot.surface_figure(XiMap(XI.xi, XI.xi_std, XI.valid, XI.shift))


def test_a_map_of_one_value_is_drawn() -> None:
    flat = replace(XI, xi=np.where(XI.valid, 0.5, np.nan))
    drawn(plot.surface_figure(flat))
