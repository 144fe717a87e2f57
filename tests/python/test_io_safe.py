"""The gate keeps harmful files out, and writing is all or nothing."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from nmcx.errors import InputError, MemoryLimitError, OutputError
from nmcx.io import _links, _memory, _safe, load, open_stack, read_volume


def exchange(path: Path, data: object = None, n_energy: int = 3) -> h5py.File:
    out = h5py.File(path, "w")
    group = out.create_group("exchange")
    group["energy"] = np.linspace(8330.0, 8350.0, n_energy)
    if data is not None:
        group["data"] = data
    return out


def external_link(path: Path) -> None:
    exchange(path.with_name("other.h5"), np.ones((3, 2, 2))).close()
    with exchange(path) as out:
        out["exchange/data"] = h5py.ExternalLink("other.h5", "/exchange/data")


def external_storage(path: Path) -> None:
    secret = path.with_name("secret.bin")
    secret.write_bytes(bytes(96))
    with exchange(path) as out:
        out.create_dataset("exchange/data", (3, 2, 2), "f8", external=[(str(secret), 0, 96)])


def virtual_dataset(path: Path) -> None:
    exchange(path.with_name("other.h5"), np.ones((3, 2, 2))).close()
    layout = h5py.VirtualLayout((3, 2, 2), "f8")
    layout[:] = h5py.VirtualSource(path.with_name("other.h5"), "exchange/data", (3, 2, 2))
    with exchange(path) as out:
        out["exchange"].create_virtual_dataset("data", layout)


def soft_link_circle(path: Path) -> None:
    with exchange(path) as out:
        out["exchange/data"] = h5py.SoftLink("/exchange/again")
        out["exchange/again"] = h5py.SoftLink("/exchange/data")


def soft_link_chain(path: Path) -> None:
    with exchange(path) as out:
        out["link0"] = np.ones((3, 2, 2))
        for i in range(20):
            out[f"link{i + 1}"] = h5py.SoftLink(f"/link{i}")
        out["exchange/data"] = h5py.SoftLink("/link20")


def soft_link_to_external(path: Path) -> None:
    exchange(path.with_name("other.h5"), np.ones((3, 2, 2))).close()
    with exchange(path) as out:
        out["outside"] = h5py.ExternalLink("other.h5", "/exchange")
        out["exchange/data"] = h5py.SoftLink("/outside/data")


def nested_too_deep(path: Path) -> None:
    with exchange(path, np.ones((3, 2, 2))) as out:
        out.create_group("/".join(["g"] * 70))


def compound_data(path: Path) -> None:
    with exchange(path) as out:
        out["exchange/data"] = np.zeros((3, 2, 2), [("a", "f4"), ("b", "i4")])


def variable_length_data(path: Path) -> None:
    with exchange(path) as out:
        out.create_dataset("exchange/data", (3, 2, 2), h5py.vlen_dtype(np.float32))


def object_references(path: Path) -> None:
    with exchange(path) as out:
        out.create_dataset("exchange/data", (3, 2, 2), h5py.ref_dtype)


def text_energies(path: Path) -> None:
    with exchange(path, np.ones((3, 2, 2))) as out:
        del out["exchange/energy"]
        out["exchange/energy"] = np.array([b"a", b"b", b"c"])


ATTACKS = [
    external_link,
    external_storage,
    virtual_dataset,
    soft_link_circle,
    soft_link_chain,
    soft_link_to_external,
    nested_too_deep,
    compound_data,
    variable_length_data,
    object_references,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_R10_attack_files_are_refused_naming_the_file(attack, tmp_path: Path) -> None:
    path = tmp_path / "attack.h5"
    attack(path)
    for reader in (open_stack, load, lambda p: read_volume(p, dataset="exchange/data")):
        with pytest.raises(InputError, match=r"attack\.h5"):
            reader(path)


def test_energies_that_are_text_are_refused_naming_the_dataset(tmp_path: Path) -> None:
    text_energies(tmp_path / "attack.h5")
    with pytest.raises(InputError, match=r"attack\.h5: /exchange/energy holds .* convert it"):
        open_stack(tmp_path / "attack.h5")


@pytest.mark.parametrize(("index", "size"), [(0, 0), (4, 2**64 - 1), (0, 2**64 - 8)])
def test_a_heap_that_hdf5_would_walk_forever_is_refused(
    index: int, size: int, tmp_path: Path
) -> None:
    path = tmp_path / "heap.h5"
    with exchange(path, np.ones((3, 2, 2))) as out:
        out["exchange/energy"].attrs["units"] = "eV"  # of variable length: kept in the heap
    content = bytearray(path.read_bytes())
    at = content.index(b"GCOL") + 16
    (first,) = struct.unpack_from("<Q", content, at + 8)
    free = at + 16 + -(-first // 8) * 8
    struct.pack_into("<H6xQ", content, free, index, size)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"heap\.h5: its heap of strings is damaged"):
        open_stack(path)


def test_a_hundred_thousand_objects_are_the_limit(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(_links, "MAX_OBJECTS", 50)
    with h5py.File(tmp_path / "many.h5", "w") as out:
        for i in range(51):
            out.create_group(f"g{i}")
    with (
        pytest.raises(InputError, match="more than 50 objects"),
        _safe.open_hdf5(tmp_path / "many.h5"),
    ):
        pass


def test_a_virtual_dataset_on_an_endless_heap_is_refused_before_it_is_looked_at(
    tmp_path: Path,
) -> None:
    path = tmp_path / "virtual.h5"
    with h5py.File(path, "w", libver="latest") as out:
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "data", (3,))
        out.create_virtual_dataset("data", layout)
    content = bytearray(path.read_bytes())
    at = content.index(b"GCOL") + 16
    while content[at] or content[at + 1]:  # over the objects to the free space
        size = int.from_bytes(content[at + 8 : at + 16], "little")
        at += 16 + -(-size // 8) * 8
    content[at + 8 : at + 16] = bytes(8)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"virtual\.h5: its heap of strings is damaged"):
        open_stack(path)


def test_harmless_links_are_followed(tmp_path: Path) -> None:
    path = tmp_path / "links.h5"
    with exchange(path) as out:
        out["measured"] = np.ones((3, 2, 2))
        out["exchange/data"] = h5py.SoftLink("../measured")
        out["exchange/dangling"] = h5py.SoftLink("/nowhere")
        out["exchange/parent"] = out["/"]  # a hard link back to the root: a circle of groups
        del out["exchange/data"]
        out["exchange/data"] = h5py.SoftLink("/measured")
    assert np.asarray(open_stack(path).mu).shape == (3, 2, 2)


def test_R07_declared_size_beyond_memory_is_refused_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "huge.h5"
    with exchange(path) as out:
        out.create_dataset("exchange/data", (3, 2**20, 2**20), "f8", chunks=(1, 64, 64))
    assert path.stat().st_size < 100_000
    stack = open_stack(path)  # lazy: nothing is read yet
    with pytest.raises(MemoryLimitError, match=r"2\.64e\+04 GB but .* GB are free"):
        np.asarray(stack.mu)
    with pytest.raises(MemoryLimitError):
        read_volume(path, dataset="exchange/data")


def test_R07_chunks_of_a_part_count_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 lists every chunk that a row touches, however little of it is stored."""
    path = tmp_path / "row.h5"
    with exchange(path) as out:
        out.create_dataset("exchange/data", (3, 4, 2**20), "f8", chunks=(3, 4, 1))
    monkeypatch.setattr(_memory, "free_memory", lambda: 10**9)
    mu = open_stack(path).mu
    with pytest.raises(MemoryLimitError, match=r"needs 4\.29 GB"):
        np.asarray(mu[0])
    assert np.asarray(mu[0, 1, 5:9]).shape == (4,)


def test_R07_sizes_beyond_any_number_are_refused_too() -> None:
    with pytest.raises(MemoryLimitError, match=r"a\.zarr: needs 1e\+291 GB"):
        _memory.check_memory(10**400, "a.zarr")


def test_R07_the_limit_of_the_process_counts_too(tmp_path: Path) -> None:
    path = tmp_path / "big.h5"
    with exchange(path) as out:
        out.create_dataset("exchange/data", (3, 8192, 8192), "f8", chunks=(1, 64, 64))
    child = (
        "import resource, sys; from nmcx.io import read_volume; from nmcx.errors import *\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "limit = pages * resource.getpagesize() + 2**30\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "try: read_volume(sys.argv[1], dataset='exchange/data')\n"
        "except MemoryLimitError: sys.exit(6)\n"
    )
    done = subprocess.run([sys.executable, "-c", child, str(path)], check=False)
    assert done.returncode == 6


@pytest.mark.parametrize("name", ["missing.h5", "nul\0byte.h5", "x" * 300])
def test_paths_that_lead_nowhere_are_input_errors(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check the path"):
        _safe.check_file(tmp_path / name)


def test_folders_pipes_and_empty_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(InputError, match="folder"):
        _safe.check_file(tmp_path)
    with pytest.raises(InputError, match="regular"):
        _safe.check_file(tmp_path / "pipe")
    with pytest.raises(InputError, match="empty"):
        _safe.check_file(tmp_path / "empty.csv")


def test_written_files_appear_whole_with_usual_permissions(tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    with _safe.atomic_write(target) as temporary:
        temporary.write_text("new")
        assert temporary.parent == tmp_path
        assert not target.exists()
    plain = tmp_path / "plain.txt"
    plain.write_text("")
    assert target.read_text() == "new"
    assert target.stat().st_mode == plain.stat().st_mode
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plain.txt", "result.txt"]


def test_existing_results_survive_unless_overwriting_is_allowed(tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    target.write_text("old")
    with pytest.raises(OutputError, match="exists"), _safe.atomic_write(target):
        raise AssertionError("the block must not run")
    with _safe.atomic_write(target, overwrite=True) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"


def test_a_file_that_appears_while_writing_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    with pytest.raises(OutputError, match="exists"), _safe.atomic_write(target) as temporary:
        temporary.write_text("mine")
        target.write_text("somebody else's")
    assert target.read_text() == "somebody else's"
    assert [p.name for p in tmp_path.iterdir()] == ["result.txt"]


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failure_leaves_the_old_result_and_no_temporary_file(failure, tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    target.write_text("old")
    expected = OutputError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected), _safe.atomic_write(target, overwrite=True) as temporary:
        temporary.write_text("half")
        raise failure
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["result.txt"]


def test_folders_that_cannot_be_written_are_output_errors(tmp_path: Path) -> None:
    for target in (tmp_path / "no" / "such.txt", tmp_path, tmp_path / "nul\0.txt"):
        with pytest.raises(OutputError), _safe.atomic_write(target):
            pass


def test_sha256_of_abc_is_the_published_one(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert _safe.sha256(tmp_path / "abc") == expected
