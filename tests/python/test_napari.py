"""The manifest for napari and its reader; napari itself is not needed."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import yaml

import nmcx
from nmcx import io
from nmcx.io import napari_reader
from nmcx.results import EnergyStack, Particle

MANIFEST = Path(nmcx.__file__).parent / "napari.yaml"
ROOT = Path(__file__).parents[2]
SIZE = (0.25, 0.1, 0.125)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(100, 10, shape).astype(np.float32)


def test_the_manifest_has_what_napari_asks_for() -> None:
    told = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    assert set(told) == {"name", "display_name", "schema_version", "contributions"}
    assert told["name"] == "nmcx" and 3 <= len(told["display_name"]) <= 90
    assert re.fullmatch(r"\d+\.\d+\.\d+", told["schema_version"])
    commands, readers = (told["contributions"][name] for name in ("commands", "readers"))
    assert set(told["contributions"]) == {"commands", "readers"}
    for command in commands:
        assert set(command) == {"id", "title", "python_name"}
        # An identifier begins with the name of the plug-in.
        assert re.fullmatch(r"nmcx\.[A-Za-z_][\w.]*", command["id"])
        module, _, name = command["python_name"].partition(":")
        assert callable(getattr(import_module(module), name))
    for reader in readers:
        assert set(reader) == {"command", "accepts_directories", "filename_patterns"}
        assert reader["command"] in {command["id"] for command in commands}
        assert all(pattern.startswith("*.") for pattern in reader["filename_patterns"])
    if importlib.util.find_spec("npe2") is not None:
        import npe2

        assert npe2.PluginManifest.from_file(MANIFEST).name == "nmcx"


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="tested outside the source tree")
def test_the_package_points_to_the_manifest() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    points = project["project"]["entry-points"]["napari.manifest"]
    assert points == {"nmcx": "nmcx:napari.yaml"}
    assert "python/nmcx/napari.yaml" in project["tool"]["scikit-build"]["sdist"]["include"]


def test_a_stack_is_a_layer_that_stays_in_its_file(tmp_path: Path) -> None:
    mu, energy = numbers(3, 4, 5, 6), np.array([8330.0, 8340.0, 8352.0])
    io.write_energy_stack(tmp_path / "a.h5", EnergyStack(energy, mu, None, SIZE))
    read = napari_reader.get_reader(str(tmp_path / "a.h5"))
    assert read is not None
    ((data, options, kind),) = read(str(tmp_path / "a.h5"))
    assert kind == "image" and not isinstance(data, np.ndarray)
    # What napari asks of the data of a layer, and how it takes a slice.
    assert data.shape == mu.shape and data.dtype == mu.dtype and data.ndim == 4
    np.testing.assert_array_equal(np.asarray(data[(1, 2, slice(None), slice(None))]), mu[1, 2])
    assert options["scale"] == (1.0, *SIZE)
    assert options["metadata"]["nmcx"]["energy_ev"] == energy.tolist()


def test_results_are_images_and_labels(tmp_path: Path) -> None:
    solid = numbers(4, 5, 6) > 100
    io.save(tmp_path / "result.nxs", Particle(solid, solid | True, SIZE))
    io.write_tiff(tmp_path / "b.tif", numbers(2, 3, 4), 0.1)
    path = str(tmp_path / "result.nxs")
    read = napari_reader.get_reader([path])
    assert read is not None
    layers = {options["name"]: (data, options, kind) for data, options, kind in read([path])}
    assert set(layers) == {"particle/solid", "particle/envelope"}
    data, options, kind = layers["particle/solid"]
    assert kind == "labels" and options["scale"] == SIZE and "visible" not in options
    np.testing.assert_array_equal(data, solid)
    assert layers["particle/envelope"][1]["visible"] is False


def test_other_files_are_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("nothing of the kind")
    io.write_energy_stack(
        tmp_path / "a.h5", EnergyStack(np.array([8330.0, 8340.0]), numbers(2, 3, 4))
    )
    assert napari_reader.get_reader(str(tmp_path / "text.h5")) is None
    assert napari_reader.get_reader(str(tmp_path / "gone.h5")) is None
    assert napari_reader.get_reader([str(tmp_path / "a.h5"), str(tmp_path / "text.h5")]) is None


def test_nmcx_does_not_import_it() -> None:
    code = "import nmcx.io, nmcx.run, sys; print('nmcx.io.napari_reader' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
