"""Edge maps from file to file: the bits of the fit in memory, whatever the blocks and crashes."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcx import io, phantom, xanes
from nmcx.errors import InputError, OutputError
from nmcx.io import work
from nmcx.io._lazy import LazyArray
from nmcx.io.nexus_blocks import Region
from nmcx.results import EdgeMap, EnergyStack
from nmcx.xanes import maps, stream

WINDOWS = {"pre_edge": (8250, 8320), "post_edge": (8380, 8640)}


def stack_of(shape: tuple[int, ...], *, seed: int = 1, dtype: str = "f4") -> EnergyStack:
    """Spectra with noise, some without a jump, some with holes: every bit of the status."""
    n = int(np.prod(shape))
    made = phantom.edge_spectra(max(n, 1), noise=0.02, seed=seed)
    mu = made.mu[:, :n].astype(dtype)
    chance = np.random.default_rng(seed).random(n)
    mu[:, chance < 0.2] *= 0.01
    mu[30, chance > 0.9] = np.nan
    return EnergyStack(made.energy_ev, mu.reshape(len(mu), *shape))


def assert_same(first: EdgeMap, second: EdgeMap) -> None:
    for name in maps.FIELDS:
        np.testing.assert_array_equal(
            np.asarray(getattr(first, name)), np.asarray(getattr(second, name)), err_msg=name
        )
    assert dict(first.settings) == dict(second.settings)


@settings(deadline=None, max_examples=12, derandomize=True)
@given(
    shape=st.one_of(
        st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(1, 6)),
        st.tuples(st.integers(1, 12), st.integers(1, 6)),
        st.tuples(st.integers(1, 20)),
        st.tuples(*[st.integers(1, 3)] * 4),
    ),
    block_rows=st.integers(1, 5),
    seed=st.integers(1, 9),
    dtype=st.sampled_from(["f4", "f8", ">f4"]),
)
def test_blocks_of_any_size_give_the_bits_of_the_whole(
    tmp_path_factory, shape, block_rows, seed, dtype
):
    stack = stack_of(shape, seed=seed, dtype=dtype)
    folder = tmp_path_factory.mktemp("blocks")
    n_byte = int(np.prod(shape[1:])) * 61 * np.dtype(dtype).itemsize
    whole = xanes.fit_edges(stack.energy_ev, stack.mu, **WINDOWS)
    source: EnergyStack | Path = stack
    if len(shape) > 1 and len(shape) < 4:
        source = folder / "stack.h5"
        io.write_energy_stack(source, stack)
    streamed = xanes.fit_edges_to_file(
        source, folder / "edges.nxs", **WINDOWS, block_bytes=block_rows * n_byte
    )
    assert_same(streamed, whole)
    assert [file.name for file in folder.iterdir() if "part" in file.name] == []


@pytest.mark.parametrize("shape", [(0, 4, 5), (3, 0, 2), (1, 1, 1), (4, 4)])
def test_empty_and_spoilt_stacks_pass(tmp_path, shape):
    stack = stack_of(shape)
    stack.mu[...] = np.nan
    whole = xanes.fit_edges(stack.energy_ev, stack.mu, **WINDOWS)
    assert_same(xanes.fit_edges_to_file(stack, tmp_path / "e.nxs", **WINDOWS), whole)
    assert np.all(whole.status & 1)


@pytest.mark.parametrize("kind", ["stack", "per energy", "of the file"])
def test_a_variance_streams_along(tmp_path, kind):
    stack = stack_of((5, 3, 4))
    spread = np.random.default_rng(2).uniform(1e-4, 4e-4, stack.mu.shape).astype("f4")
    given = spread[:, 0, 0, 0] if kind == "per energy" else spread
    whole = xanes.fit_edges(stack.energy_ev, stack.mu, **WINDOWS, variance=given)
    options = {"block_bytes": 1} if kind == "of the file" else {"block_bytes": 1, "variance": given}
    if kind == "of the file":
        stack = EnergyStack(stack.energy_ev, stack.mu, spread)
    assert_same(xanes.fit_edges_to_file(stack, tmp_path / "e.nxs", **WINDOWS, **options), whole)


def test_limits_of_a_large_map_come_from_the_same_sample(tmp_path):
    # Beyond 2^17 voxels the medians are of every second voxel or so: which, must not depend on
    # blocks. 61 × 67 × 66 rows let the stride fall differently in every block.
    shape = (67, 45, 44)
    made = stack_of((1000,), seed=3)
    mu = np.resize(np.asarray(made.mu).T, (67 * 45 * 44, 61)).T.reshape(61, *shape)
    stack = EnergyStack(made.energy_ev, np.ascontiguousarray(mu))
    whole = xanes.fit_edges(stack.energy_ev, stack.mu, **WINDOWS)
    streamed = xanes.fit_edges_to_file(stack, tmp_path / "e.nxs", **WINDOWS, block_bytes=3_000_000)
    assert isinstance(streamed.edge_energy_ev, LazyArray)
    assert_same(streamed, whole)
    np.testing.assert_array_equal(streamed.ok, whole.ok)
    assert "LazyArray" in streamed._repr_html_()


def test_the_file_is_what_save_writes(tmp_path):
    stack = stack_of((4, 3, 5))
    xanes.fit_edges(stack.energy_ev, stack.mu, **WINDOWS).save(tmp_path / "saved.nxs")
    xanes.fit_edges_to_file(stack, tmp_path / "streamed.nxs", **WINDOWS)
    contents = []
    for name in ("saved.nxs", "streamed.nxs"):
        found: dict[str, object] = {}

        def look(path: str, item: object, found: dict[str, object] = found) -> None:
            attributes = {k: np.asarray(v).tolist() for k, v in item.attrs.items()}
            data = item[()].tobytes() if isinstance(item, h5py.Dataset) else None
            found[path] = (attributes, None if path == "entry/process/date" else data)

        with h5py.File(tmp_path / name) as opened:
            opened.visititems(look)
            found["/"] = {k: str(v) for k, v in opened.attrs.items()}
            assert opened["entry/edge_map/edge_energy_ev_errors"].shape == (4, 3, 5)
        contents.append(found)
    assert contents[0] == contents[1]


def hdf5_stack(folder: Path, stack: EnergyStack, **options: object) -> Path:
    with h5py.File(folder / "stack.h5", "w") as out:
        out.create_dataset("exchange/data", data=stack.mu, **options)
        out["exchange/energy"] = stack.energy_ev
    return folder / "stack.h5"


# Resuming -----------------------------------------------------------------------------------------

CRASH = """
import os, signal, sys
import numpy as np
from nmcx import xanes
from nmcx.io import work

work.SYNC_SECONDS = 0.0
at, writes = int(sys.argv[3]), 0
write = os.write

def counted(file, content):
    # Between the data and the journal, or in the middle of a line of it.
    global writes
    writes += 1
    if writes == at:
        write(file, content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return write(file, content)

os.write = counted
xanes.fit_edges_to_file(
    sys.argv[1], sys.argv[2], pre_edge=(8250, 8320), post_edge=(8380, 8640),
    block_bytes=7_000, resume=True,
)
"""


@pytest.mark.parametrize("at", [[1], [9, 4], [20]])
def test_killed_work_is_resumed_to_the_same_bits(tmp_path, at):
    stack = stack_of((12, 4, 5))
    file, result = hdf5_stack(tmp_path, stack), tmp_path / "edges.nxs"
    for n in at:
        done = subprocess.run([sys.executable, "-c", CRASH, file, result, str(n)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert not result.exists()
    part = tmp_path / "edges.nxs.part"
    journal = (part / "journal").read_text()
    assert not journal.endswith("\n"), "the kill tore a line"
    seen: list[float] = []
    resumed = xanes.fit_edges_to_file(
        file,
        result,
        **WINDOWS,
        resume=True,
        block_bytes=100_000,
        progress=lambda done, total, label: seen.append(done / total),
    )
    assert seen[-1] == 1.0
    assert not part.exists()
    assert_same(resumed, xanes.fit_edges(stack.energy_ev, stack.mu, **WINDOWS))


def test_resuming_does_not_repeat_what_is_done(tmp_path, monkeypatch):
    stack = stack_of((12, 4, 5))
    file, result = hdf5_stack(tmp_path, stack), tmp_path / "edges.nxs"

    def stop(done: float, total: float, label: str) -> None:
        if label == "edge maps" or done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        xanes.fit_edges_to_file(file, result, **WINDOWS, block_bytes=7_000, progress=stop)
    rows: list[int] = []
    measure = maps.measure

    def counting(prepared, spectra, *rest):
        rows.append(spectra.shape[1])
        return measure(prepared, spectra, *rest)

    monkeypatch.setattr(maps, "measure", counting)
    resumed = xanes.fit_edges_to_file(file, result, **WINDOWS, resume=True)
    assert sum(rows[1:]) == 4  # the first is the check of the options
    assert_same(resumed, xanes.fit_edges(stack.energy_ev, stack.mu, **WINDOWS))


@pytest.fixture
def begun(tmp_path):
    """File, result and unfinished work."""
    file, result = hdf5_stack(tmp_path, stack_of((6, 4, 5))), tmp_path / "edges.nxs"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        xanes.fit_edges_to_file(file, result, **WINDOWS, block_bytes=1, progress=stop)
    assert (tmp_path / "edges.nxs.part").is_dir()
    return file, result


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"post_degree": 0}, "post_degree"),
        ({"level": 0.4}, "level"),
        ({"variance": np.full(61, 1e-4)}, "variance"),
    ],
)
def test_other_options_are_refused(begun, change, named):
    with pytest.raises(InputError, match=f"edges.nxs.part: was begun with other.*{named}"):
        xanes.fit_edges_to_file(*begun, **WINDOWS, **change, resume=True)


def test_another_input_is_refused(begun):
    file, result = begun
    os.utime(file, (1, 1))
    with pytest.raises(InputError, match="other values of input files"):
        xanes.fit_edges_to_file(file, result, **WINDOWS, resume=True)
    stack = stack_of((6, 4, 5), seed=7)
    hdf5_stack(file.parent, stack)
    with pytest.raises(InputError, match="spectra"):
        xanes.fit_edges_to_file(file, result, **WINDOWS, resume=True)
    fresh = xanes.fit_edges_to_file(file, result, **WINDOWS, overwrite=True)
    assert_same(fresh, xanes.fit_edges(stack.energy_ev, stack.mu, **WINDOWS))


def test_unfinished_work_is_not_lost_by_mistake(begun):
    with pytest.raises(OutputError, match=r"resume=True.*overwrite=True"):
        xanes.fit_edges_to_file(*begun, **WINDOWS)


def test_a_folder_of_someone_else_is_left_alone(tmp_path):
    mine = tmp_path / "edges.nxs.part" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    for options in ({"overwrite": True}, {"resume": True}):
        with pytest.raises(OutputError, match="move it away"):
            xanes.fit_edges_to_file(
                stack_of((2, 3, 4)), tmp_path / "edges.nxs", **WINDOWS, **options
            )
    assert mine.read_text() == "mine"


def test_a_crash_after_the_last_step_leaves_a_good_result(tmp_path, monkeypatch):
    stack, result = stack_of((2, 3, 4)), tmp_path / "edges.nxs"
    with monkeypatch.context() as patch:
        patch.setattr(work.shutil, "rmtree", lambda *_, **__: None)
        first = xanes.fit_edges_to_file(stack, result, **WINDOWS)
    assert (tmp_path / "edges.nxs.part").is_dir()
    # Finished work is not resumed: its file has gone to where it belongs.
    again = xanes.fit_edges_to_file(stack, result, **WINDOWS, overwrite=True, resume=True)
    assert_same(again, first)
    assert [file.name for file in tmp_path.iterdir()] == ["edges.nxs"]


def test_two_processes_do_not_write_one_result(begun):
    import fcntl

    with (begun[1].with_name("edges.nxs.part") / "journal").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="another process"):
            xanes.fit_edges_to_file(*begun, **WINDOWS, resume=True)


def test_a_damaged_fingerprint_is_named(begun):
    fingerprint = begun[1].with_name("edges.nxs.part") / "fingerprint.json"
    fingerprint.write_text(json.dumps({"files": 3}))
    with pytest.raises(InputError, match=r"fingerprint\.json"):
        xanes.fit_edges_to_file(*begun, **WINDOWS, resume=True)


# Failure ------------------------------------------------------------------------------------------


def test_an_existing_result_stays(tmp_path):
    stack = stack_of((2, 3, 4))
    result = tmp_path / "edges.nxs"
    result.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        xanes.fit_edges_to_file(stack, result, **WINDOWS)
    assert result.read_text() == "mine"
    with pytest.raises(ValueError, match="pre_edge"):
        xanes.fit_edges_to_file(
            stack, result, pre_edge=(1, 2), post_edge=(8380, 8640), overwrite=True
        )
    assert result.read_text() == "mine"
    assert_same(
        xanes.fit_edges_to_file(stack, result, **WINDOWS, overwrite=True),
        xanes.fit_edges(stack.energy_ev, stack.mu, **WINDOWS),
    )


def test_a_full_disk_at_the_start_leaves_nothing(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match=r"No space left.*free space"):
        xanes.fit_edges_to_file(stack_of((2, 3, 4)), tmp_path / "edges.nxs", **WINDOWS)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_can_be_resumed(tmp_path, monkeypatch):
    stack, result = stack_of((6, 3, 4)), tmp_path / "edges.nxs"
    write = Region.write_rows

    def full(self: Region, start: int, values: object) -> None:
        if start >= 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, start, values)

    with monkeypatch.context() as patch:
        patch.setattr(Region, "write_rows", full)
        with pytest.raises(OutputError, match="resume=True"):
            xanes.fit_edges_to_file(stack, result, **WINDOWS, block_bytes=1)
    assert not result.exists()
    resumed = xanes.fit_edges_to_file(stack, result, **WINDOWS, resume=True)
    assert_same(resumed, xanes.fit_edges(stack.energy_ev, stack.mu, **WINDOWS))


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        xanes.fit_edges_to_file(stack_of((2, 3, 4)), tmp_path / "nowhere" / "edges.nxs", **WINDOWS)


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (EnergyStack(np.arange(3.0), np.zeros((4, 2))), "3 energies"),
        (EnergyStack(np.arange(3.0), np.zeros(3)), "images"),
    ],
)
def test_a_stack_of_the_wrong_shape_is_refused(tmp_path, stack, message):
    with pytest.raises(ValueError, match=message):
        xanes.fit_edges_to_file(stack, tmp_path / "e.nxs", **WINDOWS)
    assert list(tmp_path.iterdir()) == []


# Memory -------------------------------------------------------------------------------------------

MEMORY = """
import sys
from nmcx import xanes

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024

options = {"pre_edge": (8250, 8320), "post_edge": (8380, 8640), "block_bytes": int(sys.argv[4])}
xanes.fit_edges_to_file(sys.argv[1], sys.argv[3] + ".small", **options)
before = peak()
xanes.fit_edges_to_file(sys.argv[2], sys.argv[3], **options)
print(peak() - before)
"""


def test_memory_is_two_blocks_whatever_the_file(tmp_path):
    made = stack_of((1000,))
    small = hdf5_stack(tmp_path, stack_of((2, 3, 4))).rename(tmp_path / "small.h5")
    with h5py.File(tmp_path / "large.h5", "w") as out:
        data = out.create_dataset("exchange/data", (61, 60, 64, 128), "f4")
        for i, image in enumerate(np.asarray(made.mu)):
            data[i] = np.resize(image, (60, 64, 128))
        out["exchange/energy"] = made.energy_ev
    block = 10_000_000  # the stack has 120 MB, its maps 19 MB
    words = [small, tmp_path / "large.h5", tmp_path / "edges.nxs", block]
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, *map(str, words)], check=True, capture_output=True, text=True
    )
    # On top of both blocks come threads' stacks and the allocator's leftovers, 8 MB, and the sample
    # of 4096 spectra that settles degrees and reach, in double and with copies: 6 MB. The maps
    # themselves, 19 MB, are not held.
    assert int(done.stdout) < 2 * block + 8_000_000 + 6_000_000


def test_the_module_says_how_much_memory_a_voxel_takes():
    # Measured maps and a copy of them, masks, finished maps, and those on their way to the file.
    assert stream._JUDGING >= 2 * 42 + 5 + 2 * 38
