"""Hostile input to the edge fit: a status, a warning or a clear error, never a silent number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nmcx import phantom, xanes
from nmcx.results import STATUS_BITS, EdgeMap

WINDOWS = {"pre_edge": (8250.0, 8320.0), "post_edge": (8380.0, 8640.0)}
SPECTRA = phantom.edge_spectra(8, noise=0.01, seed=1, jump_range=(1.0, 1.0), dtype=np.float64)
E, MU = SPECTRA.energy_ev, SPECTRA.mu


def fit(energy: object, mu: object, **options: object) -> EdgeMap:
    return xanes.fit_edges(energy, mu, **{**WINDOWS, **options})  # type: ignore[arg-type]


def has(edges: EdgeMap, name: str) -> np.ndarray:
    return (edges.status & STATUS_BITS[name]) != 0


def assert_sound(edges: EdgeMap) -> None:
    """A usable voxel has energies within the scan range and errors; a refused one has none."""
    ok = edges.ok
    for name in ("edge_energy", "white_line"):
        energy, std = getattr(edges, f"{name}_ev"), getattr(edges, f"{name}_std_ev")
        assert np.isfinite(energy[ok]).all(), name
        assert np.isnan(energy[~ok]).all() and np.isnan(std[~ok]).all(), name
        # Single precision on a reference in the middle of the scan range: 1e-5 eV.
        inside = (energy[ok] >= 8320.0 - 1e-3) & (energy[ok] <= 8380.0 + 1e-3)
        assert inside.all(), (name, energy[ok])
        assert (np.isfinite(std[ok]) & (std[ok] > 0)).all(), (name, std[ok])
    assert np.isnan(edges.noise[has(edges, "low_transmission")]).all()


# Statuses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 1e-45, 1e30, np.nan, np.inf])
@pytest.mark.parametrize("shape", [(), (1,), (3, 2), (2, 3, 2), (0,), (2, 0, 3)])
def test_constant_spectra_are_refused(value: float, shape: tuple[int, ...]) -> None:
    edges = fit(E, np.full((E.size, *shape), value))
    assert edges.status.shape == shape
    assert not edges.ok.any()
    assert_sound(edges)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("plane", [0, 4, 30, 60])
def test_a_missing_plane_is_low_transmission_everywhere(bad: float, plane: int) -> None:
    mu = MU.copy()
    mu[plane] = bad
    edges = fit(E, mu)
    assert has(edges, "low_transmission").all()
    assert_sound(edges)


def test_borders_that_alignment_left_empty_are_refused_and_the_rest_is_untouched() -> None:
    # Each energy shifted otherwise: a frame of NaN whose width differs from image to image.
    mu = np.repeat(MU[:, :1], 48, axis=1).reshape(-1, 6, 8)
    mu += 0.01 * np.random.default_rng(1).standard_normal(mu.shape)
    whole = fit(E, mu[:, 2:, 2:])
    holed = mu.copy()
    for i, plane in enumerate(holed):
        plane[: 1 + i % 2] = np.nan
        plane[:, : 1 + i % 2] = np.nan
    edges = fit(E, holed)
    assert has(edges, "low_transmission")[:2].all() and has(edges, "low_transmission")[:, :2].all()
    np.testing.assert_array_equal(edges.edge_energy_ev[2:, 2:], whole.edge_energy_ev)
    # One or two voxels of the frame are neighbours of the rest.
    assert has(edges, "rim")[2, 2:].all()
    assert_sound(edges)


def test_masked_values_are_missing() -> None:
    mu = np.ma.masked_array(MU.astype(np.float32), mask=np.zeros(MU.shape, bool))
    mu[20, 3] = np.ma.masked
    edges = fit(E, mu)
    np.testing.assert_array_equal(np.flatnonzero(has(edges, "low_transmission")), [3])
    counts = np.ma.masked_array(np.ones(MU.shape, dtype=np.uint16), mask=True)
    assert has(fit(E, counts), "low_transmission").all()


def test_thick_samples_are_marked_saturated_but_fitted() -> None:
    thick = MU * (2.6 / MU.max(axis=0))
    edges = fit(E, np.concatenate([MU, thick], axis=1))
    np.testing.assert_array_equal(has(edges, "saturated"), [False] * 8 + [True] * 8)
    assert edges.ok.all()


def test_the_sign_and_the_offset_of_the_absorption() -> None:
    # Negative optical density (a wrong reference) is a matter of the pre-edge; a falling edge is
    # none.
    low = fit(E, MU - 5.0)
    np.testing.assert_allclose(low.edge_energy_ev, fit(E, MU).edge_energy_ev, atol=1e-3)
    assert not fit(E, -MU).ok.any()


def test_a_single_point_before_the_edge_is_enough_for_a_constant() -> None:
    edges = fit(E, MU, pre_edge=(8250, 8251))
    assert edges.settings["pre_degree"] == 0
    assert edges.ok.all()
    assert_sound(edges)


@pytest.mark.parametrize(
    "dtype", ["u1", "i2", "u2", "i4", "i8", "u8", "f2", "f4", "f8", ">f4", ">f8", ">u2", "g"]
)
def test_every_real_dtype_gives_the_same_edges(dtype: str) -> None:
    # A hundred steps on the jump: truncation is a noise of 0.003, below the 0.01 of the spectra.
    scaled = np.clip(MU * 100, 0, 255)
    edges = fit(E, scaled.astype(dtype))
    assert edges.ok.all()
    np.testing.assert_allclose(edges.edge_energy_ev, fit(E, MU).edge_energy_ev, atol=0.15)


def test_any_strides_give_the_same_bits() -> None:
    mu = np.ascontiguousarray(MU.reshape(-1, 2, 4).astype(np.float32))
    expected = fit(E, mu[:, ::-1, ::2].copy())
    wide = np.zeros((E.size, 4, 8, 3), np.float32)
    wide[:, ::2, ::2, 1] = mu
    for given_ in (
        mu[:, ::-1, ::2],
        wide[:, ::2, ::2, 1][:, ::-1, ::2],
        np.asfortranarray(mu)[:, ::-1, ::2],
        mu[::-1][::-1, ::-1, ::2],
    ):
        edges = fit(E, given_)
        np.testing.assert_array_equal(edges.edge_energy_ev, expected.edge_energy_ev)
        np.testing.assert_array_equal(edges.status, expected.status)
    unaligned = np.frombuffer(b"\0" + mu.tobytes(), np.uint8)[1:].view(np.float32).reshape(mu.shape)
    np.testing.assert_array_equal(fit(E, unaligned).noise, fit(E, mu).noise)


# Errors -----------------------------------------------------------------------------------------

TWICE = np.r_[E[:3], E[2], E[4:]]


@pytest.mark.parametrize(
    ("energy", "mu", "options", "names", "remedy"),
    [
        (E[::-1], MU[::-1], {}, "energy_ev", "sort"),
        (TWICE, MU, {}, "energy_ev", "average duplicates"),
        (np.where(E > 8600, np.inf, E), MU, {}, "energy_ev", "finite"),
        (E / 1000, MU, {}, "energy_ev", "multiply it by 1000"),
        # Windows in keV are no way around it: the white line's reach is in eV.
        (
            E / 1000,
            MU,
            {"pre_edge": (8.25, 8.32), "post_edge": (8.38, 8.64)},
            "energy_ev",
            "multiply it by 1000",
        ),
        (E, MU, {"pre_edge": (8.25, 8.32), "post_edge": (8.38, 8.64)}, "pre_edge", "by 1000"),
        (E[:1], MU[:1], {}, "post_edge", "none"),
        (E[:0], MU[:0], {}, "pre_edge", "none"),
        (E, MU, {"pre_edge": (7000, 7100)}, "pre_edge", "move or widen"),
        (E, MU, {"pre_edge": (8250, 8251), "pre_degree": 1}, "pre_edge", "widen the window"),
        (E, MU, {"pre_edge": (8250, 8379)}, "pre_edge and post_edge", "move the windows"),
        (E, MU, {"pre_edge": "ab"}, "pre_edge", "two energies"),
        (E, MU, {"post_edge": (8380, np.nan)}, "post_edge", "finite"),
        (E, MU[:, 0][()][0], {}, "mu", "axis over energy"),
        (E, MU[:50], {}, "mu", "energy_axis"),
        (E, MU.astype(complex), {}, "mu", "real numbers"),
        (E, MU.astype(object), {}, "mu", "real numbers"),
        (E, [[1.0, 2.0], [3.0]], {}, "mu", "real numbers"),
        (E.astype(complex), MU, {}, "energy_ev", "real numbers"),
        (["a"] * E.size, MU, {}, "energy_ev", "real numbers"),
        (E, MU, {"variance": np.full(E.size, 1j)}, "variance", "real numbers"),
        (E, MU, {"variance": 1e-4}, "variance", "shape of energy_ev or of mu"),
        (E, MU, {"variance": np.zeros(E.size)}, "variance", "positive and finite"),
        (E, MU, {"variance": np.full(E.size, -1.0)}, "variance", "leave it out"),
        (E, MU, {"variance": np.full(E.size, np.nan)}, "variance", "positive and finite"),
        (E, MU.astype("f4"), {"variance": np.full(E.size, 1e-80)}, "variance", "float32"),
        (E, MU, {"pre_degree": 2}, "pre_degree", "0 to 1"),
        (E, MU, {"post_degree": -1}, "post_degree", "0 to 2"),
        (E, MU, {"post_degree": 1.5}, "post_degree", "whole number"),
        (E, MU, {"level": 0.0}, "level", "between 0 and 1"),
        (E, MU, {"level": np.nan}, "level", "between 0 and 1"),
        (E, MU, {"level": "half"}, "level", "number"),
        (E, MU, {"estimator": "slope"}, "estimator", "half_jump"),
        (E, MU, {"threads": -1}, "threads", "0"),
        (E, MU, {"threads": 1.5}, "threads", "whole number"),
        (E, MU, {"energy_axis": 2}, "energy_axis", "2 axes"),
        (E, MU, {"energy_axis": 1.0}, "energy_axis", "whole number"),
    ],
)
def test_an_error_names_the_argument_and_the_remedy(
    energy: object, mu: object, options: dict[str, object], names: str, remedy: str
) -> None:
    with pytest.raises(ValueError) as caught:
        fit(energy, mu, **options)
    text = str(caught.value)
    assert names in text
    assert remedy in text
    assert len(text) < 300


# Any array at all -------------------------------------------------------------------------------

SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
ANY = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True, width=64)


@settings(deadline=None, max_examples=150, derandomize=True)
@given(data=st.data(), shape=SHAPES, dtype=st.sampled_from(["f4", "f8", ">f8", "f2", "i4", "u1"]))
def test_any_array_gives_a_map_of_its_shape(data: st.DataObject, shape, dtype: str) -> None:
    kind = np.dtype(dtype)
    elements = None if kind.kind in "iu" else st.floats(width=8 * kind.itemsize)
    mu = data.draw(arrays.arrays(kind, (E.size, *shape), elements=elements, fill=elements))
    edges = fit(E, mu)
    assert edges.status.shape == shape
    assert_sound(edges)


@settings(deadline=None, max_examples=150, derandomize=True)
@given(mu=arrays.arrays(np.float64, SHAPES, elements=ANY, fill=ANY),
       energy=arrays.arrays(np.float64, arrays.array_shapes(max_dims=2, min_side=0, max_side=12),
                            elements=ANY, fill=st.nothing()),
       low=ANY, high=ANY, axis=st.integers(-3, 3))  # fmt: skip
def test_any_arguments_give_a_map_or_a_value_error(mu, energy, low, high, axis) -> None:
    # No other exception, no warning (pytest makes them errors), no crash.
    try:
        xanes.fit_edges(energy, mu, pre_edge=(low, high), post_edge=(high, low), energy_axis=axis)
    except ValueError as error:
        assert str(error)


PLACES = st.dictionaries(st.tuples(st.integers(0, 60), st.integers(0, 7)), ANY, max_size=6)


@settings(deadline=None, max_examples=200, derandomize=True)
@given(scale=st.floats(1e-300, 1e300), offset=st.floats(-1.0, 1.0), degree=st.integers(0, 2),
       last=st.booleans(), places=PLACES)  # fmt: skip
def test_spoilt_spectra_are_refused_or_have_sound_energies(
    scale: float, offset: float, degree: int, last: bool, places: dict[tuple[int, int], float]
) -> None:
    mu = scale * (MU + offset)
    for place, value in places.items():
        mu[place] = value
    # By default the reach of the white line follows the noise of the whole map.
    given = {"post_degree": degree, "white_line_half_width_ev": 2.0}
    edges = fit(E, mu.T if last else mu, energy_axis=-1 if last else 0, **given)
    assert_sound(edges)
    assert_sound(fit(E, mu, post_degree=degree))
    spoilt = {voxel for _, voxel in places}
    clean = fit(E, scale * (MU + offset), **given)
    for voxel in set(range(8)) - spoilt:
        # Voxels do not know each other, but through the medians that two status bits compare with.
        if edges.ok[voxel] and clean.ok[voxel]:
            assert edges.edge_energy_ev[voxel] == clean.edge_energy_ev[voxel]
            assert edges.edge_energy_std_ev[voxel] == clean.edge_energy_std_ev[voxel]


GLITCH = MU.copy()
GLITCH[7, 0] = 2e19
RAMP = np.clip((E - 8340) / 10, 0, 1) + 0.5 * np.clip(1 - np.abs(E - 8350) / 5, 0, 1)
HOLED = np.full(MU.shape, 1e-4)
HOLED[20:45, 0] = np.nan


@pytest.mark.parametrize(
    ("mu", "options"),
    [
        (MU * 1e20, {}),
        (MU * 1e-20, {}),
        (MU * 1e-25, {}),
        (GLITCH, {}),
        (np.repeat(RAMP[:, None], 4, axis=1), {"pre_degree": 0, "post_degree": 0}),
        (MU, {"variance": HOLED}),
        (MU, {"variance": np.zeros(MU.shape)}),
    ],
    ids=["1e20", "1e-20", "1e-25", "glitch", "exact", "variance NaN", "variance 0"],
)
def test_what_single_precision_cannot_hold_is_refused_or_has_an_error(
    mu: np.ndarray, options: dict[str, object]
) -> None:
    assert_sound(fit(E, mu, **options))
