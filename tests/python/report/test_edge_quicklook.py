"""The quick look at an edge map: the right voxels, the right curves, any shape, nothing loaded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text

from nmcx import phantom, plot, xanes
from nmcx.results import STATUS_BITS, EdgeMap

WINDOWS = {"pre_edge": (8250.0, 8320.0), "post_edge": (8380.0, 8640.0)}
SPECTRA = phantom.edge_spectra(60, noise=0.01, seed=1, jump_range=(0.8, 0.8))
E = SPECTRA.energy_ev


def fitted(shape: tuple[int, ...]) -> tuple[np.ndarray, EdgeMap]:
    mu = SPECTRA.mu[:, : int(np.prod(shape))].reshape(E.size, *shape)
    return mu, xanes.fit_edges(E, mu, **WINDOWS)


def texts(figure: object) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))  # type: ignore[attr-defined]


class Lazy:
    """A stack that remembers how much of it was read."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape, self.n_read = values, values.shape, 0

    def __getitem__(self, key: object) -> np.ndarray:
        part = self.values[key]
        self.n_read += part.size
        return part

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise AssertionError("the whole stack was asked for")


def test_the_worst_are_flagged_first_and_then_by_their_error() -> None:
    _, edges = fitted((60,))
    std = np.linspace(0.1, 0.2, 60)
    status = np.zeros(60, np.uint16)
    status[[3, 5]] = STATUS_BITS["several_crossings"]
    status[7] = STATUS_BITS["large_residual"]
    status[9] = STATUS_BITS["large_residual"] | STATUS_BITS["several_crossings"]
    status[[59, 11]] = STATUS_BITS["jump_below_noise"] | STATUS_BITS["large_residual"]  # refused
    made = replace(edges, edge_energy_std_ev=std, status=status)
    assert plot.worst_voxels(made).tolist() == [9, 7, 5, 3, 58, 57, 56, 55, 54]
    assert plot.worst_voxels(made, 2).tolist() == [9, 7]
    refused = replace(made, status=np.full(60, 1, np.uint16))
    assert plot.worst_voxels(refused).size == 0


def test_only_the_drawn_spectra_are_read() -> None:
    mu, edges = fitted((3, 4, 5))
    lazy = Lazy(mu)
    plot.edge_quicklook(E, lazy, edges)
    assert lazy.n_read == 9 * E.size


@pytest.mark.parametrize("shape", [(), (1,), (60,), (6, 10), (1, 1), (3, 4, 5), (1, 1, 1), (2, 0)])
@pytest.mark.parametrize("last", [False, True])
def test_maps_of_every_shape_are_drawn(shape: tuple[int, ...], last: bool) -> None:
    mu, edges = fitted(shape)
    if last:
        mu = np.moveaxis(mu, 0, -1)
    figure = plot.edge_quicklook(E, mu, edges, energy_axis=-1 if last else 0, title="here")
    said = texts(figure)
    assert "here" in said
    assert ("the map holds no voxel" if 0 in shape else "worst usable fits") in said


def test_the_figures_say_the_numbers_of_the_map() -> None:
    mu, edges = fitted((3, 4, 5))
    figure = plot.edge_quicklook(E, mu, edges, voxel_size_um=0.1)
    figure.canvas.draw()
    said = texts(figure)
    values = edges.edge_energy_ev[edges.ok]
    low, middle, high = np.percentile(values, (15.9, 50, 84.1))
    assert f"median {middle:.2f} eV, spread ±{(high - low) / 2:.2g} eV" in said
    assert f"100.0 % ({edges.status.size:,})" in said
    for voxel in plot.worst_voxels(edges):
        index = np.unravel_index(voxel, edges.status.shape)
        assert "(z, y, x) = ({}, {}, {})".format(*index) in said
        assert f"edge {edges.edge_energy_ev[index]:.2f} ±" in said


def test_the_edge_mark_lies_on_spectrum_and_level() -> None:
    mu, edges = fitted((6, 10))
    figure = plot.edge_quicklook(E, mu, edges)
    first = next(ax for ax in figure.findobj(lambda a: hasattr(a, "get_title"))
                 if a_title(ax).startswith("(y, x)"))  # fmt: skip
    lines = {str(line.get_label()): line for line in first.get_lines()}
    spectrum, level = lines["spectrum"], lines["level 0.5"]
    index = np.unravel_index(plot.worst_voxels(edges)[0], edges.status.shape)
    at = edges.edge_energy_ev[index]
    on_level = np.interp(at, level.get_xdata(), level.get_ydata())
    # Linear between samples 1 eV apart, where the fit is cubic.
    assert np.interp(at, *spectrum.get_data()) == pytest.approx(on_level, abs=0.02)
    marks = [c.lines[0].get_xdata()[0] for c in first.containers]
    assert marks == pytest.approx([at, edges.white_line_ev[index]])


def a_title(ax: object) -> str:
    return ax.get_title()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("fill", [0.0, np.nan, 1.0])
def test_a_map_without_a_usable_voxel_says_so(fill: float) -> None:
    mu = np.full((E.size, 4, 5), fill)
    figure = plot.edge_quicklook(E, mu, xanes.fit_edges(E, mu, **WINDOWS))
    figure.canvas.draw()
    said = texts(figure)
    assert "No voxel is usable" in said and "no usable voxel" in said
    assert "100.0 % (20)" in said


def test_a_map_without_settings_is_drawn_without_curves() -> None:
    mu, edges = fitted((6, 10))
    figure = plot.edge_quicklook(E, mu, replace(edges, settings={}))
    assert "post-edge" not in texts(figure)


def test_a_stack_that_was_not_fitted_is_refused() -> None:
    mu, edges = fitted((6, 10))
    with pytest.raises(ValueError, match="give the stack that was fitted, and energy_axis"):
        plot.edge_quicklook(E, mu.T, edges)
    deep = xanes.fit_edges(E, mu.reshape(-1, 3, 2, 2, 5), **WINDOWS)
    with pytest.raises(ValueError, match="at most three"):
        plot.edge_quicklook(E, mu.reshape(-1, 3, 2, 2, 5), deep)


def test_the_baselines_are_those_of_the_normalisation() -> None:
    mu, _ = fitted((6, 10))
    for degrees in ((0, 0), (1, 1), (1, 2)):
        options = {**WINDOWS, "pre_degree": degrees[0], "post_degree": degrees[1]}
        curves = xanes.baselines(E, mu, **options)
        # With the jump taken below the first energy every point is flattened.
        made = xanes.normalise(E, mu, **options, edge_ev=E[0] - 1.0)
        np.testing.assert_allclose(mu - made.norm * made.edge_jump, curves.pre, atol=1e-9)
        post = (made.norm - made.flat + 1.0) * made.edge_jump
        np.testing.assert_allclose(post, curves.post, atol=1e-8)
    assert xanes.baselines(E, mu.T, **options, energy_axis=-1).pre.shape == (E.size, 10, 6)
    with pytest.raises(ValueError, match="see energy_axis"):
        xanes.baselines(E, mu[:50], **options)
    mu = mu.copy()
    mu[0, 0, 0] = np.nan
    holed = xanes.baselines(E, mu, **options)
    assert np.isnan(holed.pre[:, 0, 0]).all() and np.isfinite(holed.pre[:, 0, 1:]).all()
