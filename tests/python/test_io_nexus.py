"""Result files: every result comes back as it was, and other programs can plot it."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from nexusformat.nexus import nxload

import nmcx
from nmcx import results
from nmcx.errors import InputError, OutputError
from nmcx.io import load, save
from nmcx.io.nexus import SIGNALS


def normal(*shape: int, dtype: type = np.float64) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(dtype)


def mask(*shape: int) -> np.ndarray:
    return normal(*shape) > 0


ENERGY = np.array([853.0, 857.75])
EXAMPLES: list[results.Result] = [
    results.Spectrum(ENERGY, normal(2), "NiO", {"Element.symbol": "Ni", "µ": "é"}, ("keV",)),
    results.FrameStack(
        normal(2, 3, 4).astype(np.uint16), ENERGY, mask(2), normal(2), normal(2),
        np.array([0.5, np.nan]), ("said",), None, normal(2),
    ),
    results.OpticalDensity(
        ENERGY, normal(2), normal(2, 3, 4, dtype=np.float32), normal(2, 3, 4), mask(2, 3, 4),
        normal(2), 0.14,
    ),
    results.StxmStack(normal(2, 3, 4), ENERGY, np.arange(4.0), np.arange(3.0), 0.004, ("a", "b"),
        normal(2), "tey", "V"),
    results.EnergyStack(ENERGY, normal(2, 3, 4, 5, dtype=np.float32), None, (0.2, 0.1, 0.1)),
    results.EdgeMap(
        *(normal(3, 4, 5) for _ in range(7)), np.full((3, 4, 5), 65535, np.uint16),
        {"pre_edge": (8250.0, 8320.0), "degrees": [1, None], "nested": {"level": 0.5}},
    ),
    results.NormalisedSpectra(ENERGY, normal(2, 6), normal(2, 6), normal(6), 8345.0),
    results.Shift(1.25, -3.5, 0.01),
    results.XiMap(
        normal(3, 4), normal(3, 4), mask(3, 4), results.Shift(1.0, 2.0, np.nan), (0.03, 0.02),
        (854.0, 856.2), normal(3, 4), None, ("Poisson",), normal(3, 4), -0.4, normal(3, 4),
    ),
    results.PeakRatio(
        1.2, 0.01, 0.545, 0.002, 853.9, 856.1, 3.0, 3.6, 1.1, np.arange(4.0), normal(4), "fit",
        {"pre_degree": 1}, ("said",),
    ),
    results.PreEdge(
        0.7, 0.02, 530.2, 0.03, 0.4, 0.01, 530.3, (526.0, 533.0), 536.0, np.arange(4.0),
        normal(4), "bridge", {"step_width_ev": 1.5}, ("said",),
    ),
    results.Suppression(
        0.4, 0.02, 0.03, (0.35, 0.45), (0.3, 0.5), 0.41, 0.39, (526.0, 533.0), 500, "tey",
        {"seed": 1}, ("said",),
    ),
    results.Affine(np.eye(2), np.array([1.5, -2.0]), normal(2, 2), np.array([0.1, 0.1])),
    results.AlignedStxm(
        normal(3, 4, 5), normal(3, 4, 5), np.arange(3.0), np.arange(5.0), np.arange(4.0),
        normal(3, 2), np.ones(3), np.array([False, True, False]), normal(3, 2), 1,
        np.array([0.1, 0.2, 0.1]), ("said",), np.ones(3), "tey", "A",
    ),
    results.Doublet(853.9, 856.1, 0.01, 0.02, 2.2, 0.02, 1.0, 0.8),
    results.EnergySensitivity(0.5, 0.3, 0.01, 1.2, -4.0, -0.6, 0.6),
    results.EdgeDipole(0.01, -0.02, 0.01, 0.02, 1200),
    results.EndMember(2.0, 1.0, 0.6, 0.01, 0.02),
    results.ValenceMap(
        normal(3, 4), normal(3, 4), mask(3, 4), True,
        (results.EndMember(2.0, 1.0, 0.6), results.EndMember(4.0, 0.5, 1.1)), normal(3, 4),
        (0.03, 0.02), ("said",),
    ),
    results.Particle(mask(3, 4, 5), np.ones((3, 4, 5), bool), (0.3, 0.2, 0.1), (0.1, 0.2, 0.3)),
    results.DepthProfile(
        normal(3), normal(3), normal(3), normal(3, 2), normal(3, 4), np.arange(3), normal(3),
        normal(6, 3), normal(7), "eV",
    ),
    results.DepthTrend(
        0.1, 0.2, (-0.1, 0.3), (-0.3, 0.5), 8343.0, normal(3), normal(3), "eV",
    ),
    results.LineProfiles(
        normal(3), normal(2, 3), normal(2, 3), normal(2, 3), normal(2, 3), normal(2, 3), "eV"
    ),
    results.ConePorosity(
        normal(6, 2), np.arange(12).reshape(6, 2), np.arange(12).reshape(6, 2) + 2**40,
        normal(6, 3), np.array([0.1, 0.2]), (1.0, 2.0, 3.0),
    ),
    results.SurfaceValues(
        normal(6), normal(6), normal(6, 3), normal(6), normal(6, 3), normal(6), (1.0, 0.0, 0.0),
    ),
    results.AngleScan(
        *(normal(2) for _ in range(3)), normal(2, 2), normal(2), 0.03, normal(2), normal(2, 2),
        None, {"null": "rotation", "n_null": 999, "seed": np.int64(1)},
    ),
    results.Pose(
        (1.0, 0.0, 0.0), (0.1, -0.2), 0.3, (0.5, -0.1), 1.01, normal(6, 6), normal(9, 6), 0.98,
        -12.5, False, normal(3, 4), {"n_start": 36, "seed": 1}, ("said",),
    ),
    results.Robustness(
        normal(2), normal(7, 2), normal(7, 3), normal(2, 2), None, None, {"matched": True},
    ),
    results.PorositySensitivity(
        np.arange(4.0), normal(4), np.arange(3.0), normal(3), {"threshold": 0.4},
    ),
    results.VoidLabels(
        np.arange(60, dtype=np.int32).reshape(3, 4, 5), normal(2), normal(2, 3), normal(2),
        mask(2), mask(2), normal(2, 3), (0.3, 0.2, 0.1), {"connectivity": 26},
    ),
    results.Spectrum(
        ENERGY, normal(2), "NiO", reference=results.Spectrum(ENERGY, normal(2), "foil")
    ),
    results.Calibration(
        (results.Spectrum(ENERGY, normal(2), "a", {"x": "1"}), results.Spectrum(ENERGY, normal(2))),
        normal(2), normal(2), normal(2), mask(2), results.Spectrum(ENERGY, normal(2), "merged"),
        8333.0, 0.01, {"window_ev": (-30.0, 60.0)}, ("said",),
    ),
    results.ThicknessEffect(
        0.03, 0.001, 1e-9, normal(3, 4), normal(3, 4), -0.05, -0.06, 0.01, True, "said",
        {"n_column": 12},
    ),
    results.AlignedStack(
        ENERGY, normal(2, 3, 4, dtype=np.float32), None, (0.1, 0.1), normal(2, 2), normal(2, 2),
        normal(2, 2), normal(2), normal(2), mask(2), 1, ("moved",),
    ),
    results.ReferenceFit(
        normal(2, 3, 4), normal(2, 3, 4), normal(3, 4), normal(3, 4), normal(3, 4), normal(3, 4),
        np.arange(12, dtype=np.uint16).reshape(3, 4), {"window": (8250.0, 8640.0)},
    ),
    results.Mesh(
        normal(6, 2), np.array([[0, 2, 4], [1, 5, 3]]), np.arange(2), normal(2, 3, 3),
        np.array([[0, 2, 1, 3]]), np.array([[0, 1]]), np.array([[2, 4], [4, 0], [5, 3], [1, 5]]),
        {"size": 1e-7, "seed": 7}, ("said",),
    ),
    results.MidsideNodes(
        normal(12, 2), np.arange(12).reshape(2, 6), np.arange(6).reshape(1, 6),
        np.arange(12).reshape(4, 3),
    ),
    results.MeshQuality(3, 10, 20, 2, *(0.1 * k for k in range(1, 14))),
    results.TransportHistory(
        normal(3), normal(3, 5), normal(3), normal(3), normal(3, 2), normal(3), normal(3),
        normal(3), normal(3), np.array([0, 0, 1]), 7, 1, 0, {"scheme": "bdf2"}, ("a note",),
    ),
    results.Equilibrium(
        normal(5, 2), 0.01, normal(2), normal(3, 6), normal(5, 6), {"stored": 1e-12}, "table", 1.0,
        "plane_strain", "tied", 2, 1e-14, normal(4, 2), {"order": 2}, ("a note",),
        steps=results.LoadSteps(
            normal(1), *(np.array([k]) for k in range(5)), *(normal(1) for _ in range(4))
        ),
    ),
    results.LoadSteps(
        normal(2), *(np.array([k, 2]) for k in range(5)), *(normal(2) for _ in range(4))
    ),
    results.History(
        normal(2), normal(2, 5), *(normal(2) for _ in range(4)), np.array([0, 1]),
        normal(2, 4, 6), normal(2, 3), normal(2, 3), np.array([[False] * 3, [True, False, True]]),
        normal(2), normal(2), normal(2, 4), normal(2, 3), *(normal(2) for _ in range(5)),
        7, 31, 9, {"max_step": 0.02}, ("a note",),
    ),
    results.CycleTable(
        np.array([0, 1]), *(normal(2) for _ in range(12)), normal(2, 2), 1, {"since": 1}, ("said",),
    ),
    results.ModelSensitivity(
        ("", "c_rate"), ("", "2.0"), np.array([1, 2, 3]), mask(2, 3),
        *(normal(2, 3) for _ in range(7)), {"base": {"c_rate": 1.0}, "dimension": 2}, ("a note",),
    ),
    results.CrackNetwork(np.array([0, 1, 1]), normal(1), np.array([True])),
    results.RadialProfile(
        normal(3), normal(3), normal(3), normal(3), normal(3), np.array([1, 5, 9]),
    ),
    results.LayerMap(
        normal(4), normal(2, 4), mask(4), normal(4), normal(4), 0.6, 0.45, {"largest": 1e-7},
    ),
    results.Comparison(
        normal(2),
        results.AngleScan(
            *(normal(2) for _ in range(3)), normal(2, 2), normal(2), 0.03, normal(2), normal(2, 2),
        ),
        normal(5, 2), normal(4, 2), normal(2, 2), normal(2, 2),
        results.AngleScan(
            *(normal(2) for _ in range(3)), normal(2, 2), normal(2), 0.02, normal(2), normal(2, 2),
        ),
        0.01, 0.4, 0.05, "In words: ξ.", {"seed": 1}, ("left out: one",),
    ),
    results.Contributions(
        ("", "wetting"), *(normal(2) for _ in range(9)), normal(3), normal(2, 3), ("a note",),
    ),
]  # fmt: skip


def assert_equal(read: Any, written: Any, name: str) -> None:
    if dataclasses.is_dataclass(written):
        assert type(read) is type(written)
        for item in dataclasses.fields(written):
            assert_equal(getattr(read, item.name), getattr(written, item.name), item.name)
    elif isinstance(written, tuple) and written and dataclasses.is_dataclass(written[0]):
        assert len(read) == len(written)
        for one, other in zip(read, written, strict=True):
            assert_equal(one, other, name)
    elif isinstance(written, np.ndarray):
        np.testing.assert_array_equal(read, written, name)
        assert read.dtype == written.dtype, name
    elif isinstance(written, float) and np.isnan(written):
        assert np.isnan(read), name
    else:
        assert read == written, name
        assert type(read) is type(written), name


def test_the_examples_cover_every_result() -> None:
    assert {type(item).__name__ for item in EXAMPLES} == set(SIGNALS)
    own = {
        name for name in results.__all__
        if isinstance(getattr(results, name), type) and name != "Result"
    }  # fmt: skip
    assert own == set(SIGNALS)


@pytest.mark.parametrize("item", EXAMPLES, ids=lambda item: type(item).__name__)
def test_results_come_back_as_they_were(item: results.Result, tmp_path: Path) -> None:
    item.save(tmp_path / "a.nxs")
    (read,) = load(tmp_path / "a.nxs").values()
    assert_equal(read, item, type(item).__name__)


def test_many_results_keep_order_and_get_own_names(tmp_path: Path) -> None:
    save(tmp_path / "a.nxs", EXAMPLES[5], EXAMPLES[8], EXAMPLES[5], EXAMPLES[0])
    read = load(tmp_path / "a.nxs")
    assert list(read) == ["edge_map", "xi_map", "edge_map_2", "spectrum"]


@pytest.mark.parametrize("item", EXAMPLES, ids=lambda item: type(item).__name__)
def test_other_programs_find_signal_axes_and_units(item: results.Result, tmp_path: Path) -> None:
    save(tmp_path / "a.nxs", item)
    root = nxload(tmp_path / "a.nxs")
    data = root[root.attrs["default"]]
    assert data.nxclass == "NXentry"
    data = data[data.attrs["default"]]
    assert data.nxclass == "NXdata"
    name = SIGNALS[type(item).__name__]
    assert data.nxsignal.nxname == name
    np.testing.assert_array_equal(data.nxsignal.nxdata, getattr(item, name))
    with h5py.File(tmp_path / "a.nxs") as raw:
        group = raw["entry"][raw["entry"].attrs["default"]]
        for field in group.values():
            if isinstance(field, h5py.Dataset) and field.dtype.kind in "biuf":
                assert field.attrs["units"], field.name
        axes = group.attrs.get("axes", [])
        assert len(axes) == group[name].ndim
        for i, axis in enumerate(axes):
            if axis != ".":
                assert group.attrs[f"{axis}_indices"] == i
                assert group[axis].shape == (group[name].shape[i],)


def test_standard_errors_are_the_errors_of_their_field(tmp_path: Path) -> None:
    edge_map, xi, surface = (
        next(item for item in EXAMPLES if type(item) is kind)
        for kind in (results.EdgeMap, results.XiMap, results.SurfaceValues)
    )
    save(tmp_path / "a.nxs", edge_map, xi, surface)
    with h5py.File(tmp_path / "a.nxs") as raw:
        entry = raw["entry"]
        pairs = [
            ("edge_map/edge_energy_ev_errors", edge_map.edge_energy_std_ev),
            ("edge_map/white_line_ev_errors", edge_map.white_line_std_ev),
            ("xi_map/xi_errors", xi.xi_std),
            ("surface_values/values_errors", surface.std),
        ]
        for name, expected in pairs:
            np.testing.assert_array_equal(entry[name][()], expected)
        assert entry["edge_map/edge_energy_ev"].attrs["units"] == "eV"
        assert entry["surface_values/area_um2"].attrs["units"] == "um^2"


def test_provenance_says_program_run_file_and_inputs(tmp_path: Path) -> None:
    source = tmp_path / "input.dat"
    source.write_bytes(b"measured")
    provenance = {
        "configuration": '[soft]\nlow = "µ.hdr"\n',
        "inputs": [source],
        "date": "2026-01-01",
    }
    save(tmp_path / "a.nxs", EXAMPLES[0], provenance=provenance)
    process = nxload(tmp_path / "a.nxs")["entry/process"]
    assert process.nxclass == "NXprocess"
    assert str(process["program"]) == "nmcx"
    assert str(process["version"]) == nmcx.__version__
    assert str(process["date"]) == "2026-01-01"
    assert int(process["sequence_index"]) == 1
    assert process["configuration"].nxclass == "NXnote"
    with h5py.File(tmp_path / "a.nxs") as raw:
        stored = raw["entry/process/inputs/sha256"][0]
        text = raw["entry/process/configuration/data"][()]
    assert text.decode() == provenance["configuration"]
    assert stored.decode() == hashlib.sha256(b"measured").hexdigest()


def test_the_same_results_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.nxs", "b.nxs"):
        save(tmp_path / name, *EXAMPLES, provenance={"date": "2026-01-01"})
    assert (tmp_path / "a.nxs").read_bytes() == (tmp_path / "b.nxs").read_bytes()


def test_existing_results_are_kept_and_nonsense_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.nxs", EXAMPLES[0])
    before = (tmp_path / "a.nxs").read_bytes()
    with pytest.raises(OutputError, match="exists"):
        save(tmp_path / "a.nxs", EXAMPLES[1])
    assert (tmp_path / "a.nxs").read_bytes() == before
    save(tmp_path / "a.nxs", EXAMPLES[1], overwrite=True)
    assert list(load(tmp_path / "a.nxs")) == ["frame_stack"]
    with pytest.raises(ValueError, match="at least one"):
        save(tmp_path / "b.nxs")
    with pytest.raises(ValueError, match="not ndarray"):
        save(tmp_path / "b.nxs", np.ones(3))
    with pytest.raises(ValueError, match="unknown keys"):
        save(tmp_path / "b.nxs", EXAMPLES[0], provenance={"colour": "red"})
    with pytest.raises(ValueError, match="object"):
        bad = results.Spectrum(np.array([object()]), normal(1))
        save(tmp_path / "b.nxs", bad)
    assert [file.name for file in tmp_path.iterdir()] == ["a.nxs"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: f.__delitem__("entry/edge_map"), "no result of nmcx"),
        (lambda f: f.__delitem__("entry"), "no group /entry"),
        (lambda f: f.__delitem__("entry/edge_map/edge_energy_ev"), "edge_energy_ev is missing"),
        (lambda f: f["entry/edge_map/settings"].write_direct(
            np.array(b"{" * 10, f["entry/edge_map/settings"].dtype)), "settings is not JSON"),
        (lambda f: f["entry/edge_map"].attrs.__setitem__("nmcx_class", "os"), "no result of nmcx"),
    ],
)  # fmt: skip
def test_incomplete_files_are_refused_naming_the_dataset(damage, message, tmp_path: Path) -> None:
    save(tmp_path / "a.nxs", EXAMPLES[5])
    with h5py.File(tmp_path / "a.nxs", "r+") as raw:
        damage(raw)
    with pytest.raises(InputError, match=rf"a\.nxs.*{message}"):
        load(tmp_path / "a.nxs")


def test_R09_mutated_results_raise_only_our_errors(tmp_path: Path) -> None:
    path = tmp_path / "a.nxs"
    save(path, EXAMPLES[8], EXAMPLES[9])
    content = path.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for i in range(200):
        damaged = bytearray(content[: rng.integers(1, len(content))] if i % 5 == 0 else content)
        for at in rng.integers(0, len(damaged), 20):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            load(path)
        except (nmcx.errors.Error, ValueError):
            refused += 1
    assert refused > 50
