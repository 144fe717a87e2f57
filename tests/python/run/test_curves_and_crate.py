"""What lies beside the report: every curve as numbers, and what the folder is."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmcx import io, phantom, run, surface
from nmcx.io._safe import sha256
from nmcx.report import Findings
from nmcx.results import Spectrum
from nmcx.run.curves import CURVES, curves
from nmcx.run.folder import FILES


def table(file: Path) -> dict[str, list[str]]:
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    return {name: [row[name] for row in rows] for name in rows[0]}


def same(column: list[str], values: Any) -> bool:
    """Whether the numbers of a column are those values to the last digit."""
    return np.array_equal(np.array(column, dtype=float), np.ravel(values), equal_nan=True)


@pytest.fixture(scope="module")
def held(demo: Path) -> dict[str, Any]:
    return io.load(demo / "result.nxs")


def test_depth_and_line_profiles_are_those_of_the_result_file(
    demo: Path, held: dict[str, Any]
) -> None:
    depth, columns = held["depth_profile"], table(demo / "depth_profile.csv")
    assert same(columns["depth_um"], depth.depth_um)
    assert same(columns["median_ev"], depth.median)
    assert same(columns["median_std_ev"], depth.median_std)
    assert same(columns["median_95_low_ev"], depth.interval_95[:, 0])
    assert same(columns["percentile_84_ev"], depth.percentiles[:, 2])
    assert same(columns["voxels_1"], depth.count)
    lines, columns = held["line_profiles"], table(demo / "line_profiles.csv")
    assert same(columns["value_ev"], lines.values)
    assert same(columns["value_std_ev"], lines.std)
    n_line, n_sample = lines.values.shape
    assert same(columns["line"][::n_sample], np.arange(1, n_line + 1))
    assert same(columns["direction_x_1"][::n_sample], lines.directions[:, 2])
    assert same(columns["distance_um"][-n_sample:], lines.distance_um)


def test_the_correlation_is_there_with_its_bands(demo: Path, held: dict[str, Any]) -> None:
    scan, columns = held["angle_scan"], table(demo / "correlation.csv")
    assert same(columns["half_angle_deg"], np.rad2deg(scan.half_angle))
    assert same(columns["pearson_1"], scan.pearson)
    assert same(columns["pearson_95_low_1"], scan.interval[:, 0])
    assert same(columns["null_95_high_1"], scan.null_band[:, 1])
    assert same(columns["p_value_1"], scan.p_value)
    assert same(columns["map_turned_low_1"], held["robustness"].band[:, 0])


def test_histograms_count_every_value_within_their_borders(
    demo: Path, held: dict[str, Any]
) -> None:
    edges, columns = held["edge_map"], table(demo / "edge_histogram.csv")
    xi, of_xi = held["xi_map"], table(demo / "xi_histogram.csv")
    for values, told, name, what in (
        (edges.edge_energy_ev[edges.ok], columns, "edge_energy_ev", "voxels_1"),
        (xi.xi[xi.valid], of_xi, "xi_1", "pixels_1"),
    ):
        low, high = (np.array(told[f"{name}_{end}"], dtype=float) for end in ("from", "to"))
        assert np.array_equal(low[1:], high[:-1])
        inside = (values >= low[0]) & (values <= high[-1])
        assert np.mean(inside) > 0.98
        counts = np.array(told[what], dtype=int)
        assert counts.sum() == np.count_nonzero(inside)
        assert counts[3] == np.count_nonzero((values >= low[3]) & (values < high[3]))


def test_spectra_are_there_as_drawn(demo: Path, held: dict[str, Any]) -> None:
    columns, grounds = table(demo / "soft_spectra.csv"), table(demo / "soft_backgrounds.csv")
    normalised = io.read_provenance(demo / "result.nxs").report["normalised"]
    assert same(columns["energy_ev"], np.concatenate([one["energy_ev"] for one in normalised]))
    assert same(
        columns["normalised_intensity_1"], np.concatenate([one["mu"] for one in normalised])
    )
    assert list(dict.fromkeys(columns["spectrum"]))[:2] == [
        "nickel tey, first", "nickel tey, cycled",
    ]  # fmt: skip
    ratio = held["peak_ratio"]
    of_first = [name == "nickel tey, first" for name in grounds["spectrum"]]
    first = np.array(grounds["background_1"], dtype=float)[of_first]
    assert np.array_equal(first, ratio.background)


def test_the_mean_spectrum_of_a_stack_is_there() -> None:
    made = phantom.pair_scans(1, shape=(40, 40))
    reference = Spectrum(np.array([850.0, 851.5, 853.0]), np.array([0.1, 0.25, 1 / 3]))
    found = Findings(xi=surface.xi_map(made.low, made.high), reference=reference)
    texts = dict(curves(found))
    assert texts["mean_spectrum.csv"].splitlines() == [
        "energy_ev,mean_intensity_1", "850.0,0.1", "851.5,0.25", f"853.0,{1 / 3!r}",
    ]  # fmt: skip


def test_every_curve_is_known_to_the_folder_and_nothing_is_left_of_earlier_ones(
    demo: Path, data: Path, tmp_path: Path
) -> None:
    made = {file.name for file in demo.glob("*.csv")}
    assert made == set(CURVES) - {"mean_spectrum.csv", "comparison.csv"}
    assert set(CURVES) <= set(FILES)
    for name, text in curves(Findings()):
        pytest.fail(f"{name}: {text}")
    path = tmp_path / "run.toml"
    path.write_text(f'[soft]\nlow = "{data}/a_scan.hdr"\nhigh = "{data}/b_scan.hdr"\n')
    out = tmp_path / "out"
    out.mkdir()
    (out / "depth_profile.csv").write_text("of another run")
    (out / "mine.csv").write_text("keep me")
    run.run(path, out=out, force=True)
    assert {file.name for file in out.glob("*.csv")} == {"xi_histogram.csv", "mine.csv"}


# RO-Crate ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crate(demo: Path) -> dict[str, Any]:
    document = json.loads((demo / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    assert document["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    graph = document["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    assert len(entities) == len(graph), "every entity is there once"
    return entities


def test_the_crate_describes_itself_and_its_root(crate: dict[str, Any]) -> None:
    about = crate["ro-crate-metadata.json"]
    assert about["@type"] == "CreativeWork" and about["about"] == {"@id": "./"}
    assert about["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = crate["./"]
    assert root["@type"] == "Dataset" and root["name"] and root["description"]
    assert root["datePublished"][:2] == "20" and "T" in root["datePublished"]


def test_every_file_is_described_and_is_what_is_said(crate: dict[str, Any], demo: Path) -> None:
    parts = [part["@id"] for part in crate["./"]["hasPart"]]
    files = {name for name, entity in crate.items() if entity["@type"] == "File"}
    assert set(parts) == files and len(parts) == len(files)
    there = {file.name for file in demo.iterdir() if file.is_file()}
    # The report may have been made again meanwhile, with the same bytes.
    assert {name for name in files if "/" not in name} == there - {"ro-crate-metadata.json"}
    for name in files:
        entity = crate[name]
        assert (demo / name).is_file(), name
        assert len(entity["description"]) > 5 and "/" in entity["encodingFormat"]
        if name != "log.txt":
            assert entity["sha256"] == sha256(demo / name), name
    assert crate["result.nxs"]["contentSize"] == str((demo / "result.nxs").stat().st_size)


def test_the_run_is_an_action_by_a_version_of_nmcx_on_its_inputs(
    crate: dict[str, Any], demo: Path
) -> None:
    action = crate["#run"]
    assert action["@type"] == "CreateAction" and crate["./"]["mentions"] == {"@id": "#run"}
    program = crate[action["instrument"]["@id"]]
    told = io.read_provenance(demo / "result.nxs")
    assert program["@type"] == "SoftwareApplication" and program["version"] == told.version
    assert action["endTime"] == told.date
    read = [crate[item["@id"]] for item in action["object"]]
    assert [item["sha256"] for item in read] == list(told.inputs.values())
    assert "data/a_scan.hdr" in {item["@id"] for item in read}
    made = {item["@id"] for item in action["result"]}
    assert {"result.nxs", "report.html", "correlation.csv", "log.txt"} <= made
    # Whatever is referred to is there.
    for entity in crate.values():
        for value in entity.values():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict) and "://" not in one["@id"]:
                    assert one["@id"] in crate, one


def test_inputs_elsewhere_are_mentioned_and_no_part(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "a run.toml"
    path.write_text(f'[soft]\nlow = "{data}/a_scan.hdr"\nhigh = "{data}/b_scan.hdr"\n')
    out = run.run(path, out=tmp_path / "out").folder
    graph = json.loads((out / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    (run_file,) = (entity for entity in graph if entity.get("name") == "a run.toml")
    assert run_file["@id"] == path.as_uri() and "%20" in run_file["@id"]
    assert run_file["@type"] == "CreativeWork" and run_file["sha256"] == sha256(path)
    (root,) = (entity for entity in graph if entity["@id"] == "./")
    assert run_file["@id"] not in {part["@id"] for part in root["hasPart"]}
