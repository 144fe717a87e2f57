"""`nmcx simulate` on grains of an image of labels."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from simulations import C_MAX, same, saved, simulate

from nmcx import io, mesh, run
from nmcx.errors import InputError


def labelled() -> np.ndarray:
    """Two grains and a pore on an uneven grid, away from the origin, (z, y, x)."""
    labels = np.zeros((16, 18, 22), dtype=np.uint16)
    labels[2:-2, 2:-2, 2:12] = 7
    labels[2:-2, 2:-2, 12:-2] = 4
    labels[6:10, 6:12, 4:9] = 9
    return labels


@pytest.mark.parametrize("kind", ["tif", "h5", "npy"])
def test_grains_come_from_an_image_of_labels(kind: str, tmp_path: Path) -> None:
    labels, file = labelled(), tmp_path / f"labels.{kind}"
    if kind == "tif":
        io.write_tiff(file, labels.astype(np.float32), (0.1, 0.1, 0.1))
    elif kind == "h5":
        with h5py.File(file, "w") as opened:
            opened["recon/labels"] = labels
            opened["recon/density"] = labels.astype(np.float32)
    else:
        np.save(file, labels)
    path = tmp_path / "run.toml"
    path.write_text(
        f'[polycrystal]\nlabels = "{file.name}"\nsize_um = 0.4\npores = 9\n'
        '[transport]\nstates = 1\nprotocol = "charge c_rate=1 until=0.9"\n'
    )
    flags = ["--dataset", "recon/labels"] if kind == "h5" else []
    flags += [] if kind == "tif" else ["--voxel-size-um", "0.1"]
    assert simulate(path, "out", *flags) == 0
    grains, history = saved(tmp_path / "out")
    expected = mesh.from_labels(labels, 0.1, size=0.4e-6, pores=9)
    assert np.array_equal(grains.points, expected.points)
    assert grains.settings["label_of_grain"] == [4, 7]
    assert history.mean_concentration[-1] == pytest.approx(0.9 * C_MAX)
    with h5py.File(tmp_path / "out" / "result.nxs") as opened:
        inputs = [name.decode() for name in opened["entry/process/inputs/file_name"]]
    assert inputs == [str(path), str(file)]
    # The resolved file finds the image again; the origin is no point of this particle.
    resolved = tmp_path / "out" / "run.resolved.toml"
    resolved.write_text(resolved.read_text().replace("pictures = false", "pictures = true"))
    assert simulate(resolved, "again", pictures=kind == "npy") == 0
    assert same(saved(tmp_path / "out" / "again")[1], history)


def test_a_slice_of_labels_is_a_disc_and_its_grains_can_be_radial(tmp_path: Path) -> None:
    np.save(tmp_path / "slice.npy", labelled()[3])
    path = tmp_path / "run.toml"
    path.write_text('[polycrystal]\nlabels = "slice.npy"\nsize_um = 0.4\nvoxel_size_um = 0.1\n'
                    'texture = "radial"\n[transport]\nstates = 1\n')  # fmt: skip
    assert simulate(path, "out") == 0
    grains = saved(tmp_path / "out")[0]
    assert grains.dimension == 2
    middle = np.average(grains.points[grains.cells].mean(axis=1), axis=0, weights=grains.volume)
    for i in range(grains.n_grain):
        of = grains.grain == i
        centre = np.average(
            grains.points[grains.cells[of]].mean(axis=1), axis=0, weights=grains.volume[of]
        )
        radius = (centre - middle) / np.linalg.norm(centre - middle)
        assert grains.orientation[i, :2, 2] @ radius == pytest.approx(0, abs=1e-9)


def test_an_image_that_cannot_be_labels_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "density.npy", np.full((8, 8, 8), 0.5))
    np.save(tmp_path / "labels.npy", labelled())
    np.save(tmp_path / "objects.npy", np.array([[None]]), allow_pickle=True)
    np.save(tmp_path / "line.npy", np.arange(4))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "labels.npy").read_bytes()[:400])
    path = tmp_path / "run.toml"
    for name, size, message in (
        ("density.npy", "voxel_size_um = 1", r"\[polycrystal\] labels: density\.npy .*not whole"),
        ("labels.npy", "", r"\[polycrystal\] voxel_size_um: labels\.npy states none"),
        ("objects.npy", "", r"objects\.npy: is not a readable npy file"),
        ("line.npy", "", r"line\.npy: has 1 axes"),
        ("cut.npy", "", r"cut\.npy: is not a readable npy file"),
    ):
        path.write_text(f'[polycrystal]\nlabels = "{name}"\nsize_um = 0.4\n{size}\n')
        with pytest.raises(InputError, match=message):
            run.simulate(path, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
