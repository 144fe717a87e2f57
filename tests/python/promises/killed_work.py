"""Work that is killed again and again, by a process that imports nmcx once and forks.

usage: python killed_work.py KIND FOLDER N_KILL     KIND is fit or steps; prints a line of JSON
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np

from nmcx import chemomechanics as cm
from nmcx import io, materials, mesh, phantom, xanes
from nmcx.chemomechanics.checkpoint import n_kept
from nmcx.io import work
from nmcx.results import EnergyStack

#: Kills that one piece of work meets before it may end.
KILLS_EACH = 4
DATE = "2026-01-01T00:00:00+00:00"


def fit(folder: Path) -> None:
    """An edge fit of 12 slices in blocks of one, to result.nxs."""
    work.SYNC_SECONDS = 0.0
    xanes.fit_edges_to_file(
        folder.parent / "stack.h5", folder / "result.nxs", pre_edge=(8250, 8320), threads=1,
        post_edge=(8380, 8640), block_bytes=1, resume=True,
        provenance={"date": DATE},
    )  # fmt: skip


def steps(folder: Path) -> None:
    """A coupled simulation of four states, to result.nxs."""

    def told(done: float, total: float, label: str) -> None:
        with (folder / "told").open("a") as out:
            out.write(f"{label}\n")

    history = cm.simulate(
        mesh.disc(1e-6, n_grains=4, size=0.3e-6, seed=1), materials.NMC811_BRITTLE,
        protocol=cm.Charge(1.0, until=0.7), states=4, threads=1, checkpoint=folder / "kept",
        progress=told,
    )  # fmt: skip
    io.save(folder / "result.nxs", history, overwrite=True, provenance={"date": DATE})


WORK: dict[str, Callable[[Path], None]] = {"fit": fit, "steps": steps}


def forked(kind: str, folder: Path, at: int) -> int:
    """Process that works, and kills itself at its `at`-th call that writes (0: never)."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _count_calls(folder, at)
        WORK[kind](folder)
        code = 0
    finally:
        os._exit(code)


def _count_calls(folder: Path, at: int) -> None:
    n = 0

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def counting(*words: object, **options: object) -> object:
            nonlocal n
            n += 1
            if n == at:
                os.kill(os.getpid(), signal.SIGKILL)
            if at == 0:
                (folder.parent / "n_call").write_text(str(n))
            return call(*words, **options)

        return counting

    for name in ("fsync", "replace", "link", "write", "unlink"):
        setattr(os, name, counted(getattr(os, name)))


def finished(kind: str, folder: Path) -> int:
    """Pieces of work that are on the disk for good."""
    return n_kept(folder / "kept") if kind == "steps" else 0


def digest(folder: Path) -> str:
    return sha256((folder / "result.nxs").read_bytes()).hexdigest()


def main(kind: str, place: Path, n_kill: int) -> None:
    made = phantom.edge_spectra(12 * 20, noise=0.01, seed=1)
    stack = EnergyStack(made.energy_ev, made.mu.reshape(-1, 12, 4, 5))
    io.write_energy_stack(place / "stack.h5", stack)
    whole = place / "whole"
    whole.mkdir()
    assert os.waitpid(forked(kind, whole, 0), 0)[1] == 0
    n_call = int((place / "n_call").read_text())
    started = time.perf_counter()
    (place / "timed").mkdir()
    assert os.waitpid(forked(kind, place / "timed", 10**9), 0)[1] == 0
    seconds = time.perf_counter() - started
    expected, random = digest(whole), np.random.default_rng(1)
    found = {"kills": 0, "runs": 0, "equal": 0, "lost": 0, "left": 0}
    while found["kills"] < n_kill:
        folder = place / f"run{found['runs']}"
        folder.mkdir()
        for _ in range(KILLS_EACH):
            # Every second kill at a call that writes, the others at any moment.
            at = int(random.integers(1, n_call + 1)) if found["kills"] % 2 else 10**9
            pid = forked(kind, folder, at)
            if at == 10**9:
                time.sleep(float(random.uniform(0.0, seconds)))
                os.kill(pid, signal.SIGKILL)
            found["kills"] += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
            file = folder / "told"
            told = len(set(file.read_text().splitlines())) if file.exists() else 0
            found["lost"] += max(told - finished(kind, folder), 0)
            if (folder / "result.nxs").exists():
                break
        if not (folder / "result.nxs").exists():
            assert os.waitpid(forked(kind, folder, 10**9), 0)[1] == 0
        found["runs"] += 1
        found["equal"] += digest(folder) == expected
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
