"""`kill -9` of a coupled simulation at random moments, and at every write: what is lost of it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
from check import Check, Row, module_of, recorded

from nmcx import chemomechanics as cm
from nmcx import materials, mesh
from nmcx.chemomechanics.checkpoint import Checkpoint, n_kept
from nmcx.run.coupled_job import part_of

N_KILL = 200
#: Kills that one run meets before it may end.
KILLS_PER_RUN = 5
RUN_FILE = """[polycrystal]
shape = "disc"
radius_um = 1.5
n_grains = 16
size_um = 0.24
seed = 1
[transport]
protocol = ["charge c_rate=1 until=0.4", "rest duration_s=300"]
states = 6
[fracture]
fracture_energy = 0.1
[coupling]
layer_growth = 1e-20
[output]
pictures = false
"""
N_STATE = 13
MAIN = "import sys; from nmcx import cli; sys.exit(cli.main())"
#: Kills the process at a call that writes: before a file is on the disk, before and after it has
#: its name, before the journal counts it; or says how many such calls there are.
AT_CALL = """
import os, signal, sys
from nmcx import cli

at, calls = int(sys.argv.pop(1)), 0

def counted(call):
    def killing(*words, **options):
        global calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*words, **options)
    return killing

for name in ("fsync", "replace", "link", "write", "mkdir", "unlink", "rmdir"):
    setattr(os, name, counted(getattr(os, name)))
code = cli.main()
print(calls)
sys.exit(code)
"""


@dataclass
class Killed:
    """Runs of one simulation that meet kills until they are let through."""

    folder: Path
    expected: str  #: sha256 of the result of a run that nothing stopped
    seconds: float = 0.0  #: of that run
    begins: float = 0.0  #: its first state was on the disk [s]
    hits: Counter[str] = field(default_factory=Counter)  #: what the kills came upon
    n_run: int = 0
    n_equal: int = 0
    lost: int = 0
    again: int = 0

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def part(self) -> Path:
        return part_of(self.out)

    def command(self) -> list[str]:
        """Begin, or go on with what has begun."""
        if (self.part / "begun.json").exists() or (self.out / "result.nxs").exists():
            return ["-q", "resume", str(self.out)]
        return ["-q", "simulate", str(self.folder / "run.toml"), "-o", str(self.out)]

    def start(self, *program: str) -> subprocess.Popen[str]:
        words = self.command()
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1")
        environment.pop("SOURCE_DATE_EPOCH", None)
        if "simulate" in words:
            # Runs that begin have one date; what goes on must have it from its checkpoint.
            environment["SOURCE_DATE_EPOCH"] = "86400"
        return subprocess.Popen(
            [sys.executable, "-c", *(program or (MAIN,)), *words],
            env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def kill_after(self, share: float) -> bool:
        """Kill the next process at a share of the time it should take; whether it was alive."""
        left = (self.seconds - self.begins) * (1.0 - n_kept(self.part / "states") / N_STATE)
        process = self.start()
        try:
            process.wait(share * (self.begins + left))
        except subprocess.TimeoutExpired:
            process.kill()
        was_killed = self.look_at(process)
        if not was_killed:
            # The machine is less busy than when the run was watched.
            self.seconds, self.begins = 0.8 * self.seconds, 0.8 * self.begins
        return was_killed

    def look_at(self, process: subprocess.Popen[str]) -> bool:
        """What a process that ended, by itself or not, has left; whether it was killed."""
        said = process.communicate()
        if process.returncode == 0:
            return False
        if process.returncode != -signal.SIGKILL:
            raise SystemExit(f"{process.args}\n{said}\nfailed")
        self.hits[self.stage()] += 1
        if not self.out.exists():  # else all of them are in the result
            self.lost += max(len(set(self.told())) - n_kept(self.part / "states"), 0)
        return True

    def told(self) -> list[str]:
        """States that runs have called finished."""
        log = next((p for p in (self.part / "log.txt", self.out / "log.txt") if p.exists()), None)
        return re.findall(r"state (\d+) of", log.read_text()) if log else []

    def stage(self) -> str:
        states = self.part / "states"
        if self.out.exists():
            return "tidying up"
        if (self.part / "result").exists():
            return "writing results"
        if not (self.part / "begun.json").exists():
            return "starting"
        n = n_kept(states)
        if states.exists() and (any(states.glob(".*.tmp")) or any(states.glob(f"*_{n:05d}.h5"))):
            return "writing a state"
        return "computing" if n else "before the first state"

    def let_through(self) -> None:
        """End the run, and compare its result."""
        if not (self.out / "result.nxs").exists() or self.part.exists():
            process = self.start()
            said = process.communicate()
            if process.returncode != 0:
                raise SystemExit(f"{process.args}\n{said}\nfailed")
        told = self.told()
        self.again += len(told) - len(set(told))
        self.n_run += 1
        self.n_equal += digest(self.out) == self.expected
        left = {path.name for path in self.folder.iterdir()} - {"run.toml", "out"}
        if left:
            raise SystemExit(f"left behind: {left}")
        for file in self.out.iterdir():
            file.unlink()
        self.out.rmdir()

    def rows(self, what: str, n_wanted: int) -> list[Row]:
        hit = sum(self.hits.values())
        where = ", ".join(f"{n} {stage}" for stage, n in sorted(self.hits.items()))
        return [
            Row(f"{what}: kills that hit", f"{hit} ({where})", f"≥ {n_wanted}", hit >= n_wanted),
            Row(f"{what}: finished states lost", str(self.lost), "0", self.lost == 0),
            Row(f"{what}: finished states found anew", str(self.again), "0", self.again == 0),
            Row(
                f"{what}: result files with the sha256 of the run that nothing stopped",
                f"{self.n_equal} of {self.n_run}",
                "all",
                self.n_equal == self.n_run > 0,
            ),
        ]


def digest(folder: Path) -> str:
    return sha256((folder / "result.nxs").read_bytes()).hexdigest()


def prepared(folder: str) -> Killed:
    """What runs shall be compared with: one that nothing stops, watched."""
    (Path(folder) / "run.toml").write_text(RUN_FILE)
    killed = Killed(Path(folder), "")
    started = time.perf_counter()
    process = killed.start()
    while process.poll() is None:
        if killed.begins == 0.0 and n_kept(killed.part / "states"):
            killed.begins = time.perf_counter() - started
        time.sleep(0.002)
    killed.seconds = time.perf_counter() - started
    killed.expected = digest(killed.out)
    killed.let_through()
    assert killed.n_equal == 1
    killed.n_run = killed.n_equal = 0
    return killed


def random_kills(reduced: bool) -> list[Row]:
    """A moment per seed 1 … n; five kills to a run, until enough have hit."""
    wanted = 4 if reduced else N_KILL
    with tempfile.TemporaryDirectory(prefix="nmcx-kill-") as folder:
        killed = prepared(folder)
        length = f"{killed.seconds:.1f} s, first state after {killed.begins:.1f} s"
        seed, n_here = 0, 0
        while sum(killed.hits.values()) < wanted:
            seed += 1
            share = float(np.random.default_rng(seed).uniform(0.0, 1.05))
            was_alive = killed.kill_after(share)
            n_here += was_alive
            if not was_alive or n_here == KILLS_PER_RUN:
                killed.let_through()
                n_here = 0
        if n_here:
            killed.let_through()
        rows = killed.rows("kill -9 at random moments", wanted)
        return [*rows, recorded(f"length of the run, {N_STATE} states", length)]


def kills_at_writes(reduced: bool) -> list[Row]:
    """A run per call that writes, killed there and let through."""
    with tempfile.TemporaryDirectory(prefix="nmcx-kill-") as folder:
        killed = prepared(folder)
        process = killed.start(AT_CALL, "0")
        n_call = int(process.communicate()[0])
        killed.let_through()
        killed.n_run = killed.n_equal = 0
        calls = range(1, n_call + 1, 107 if reduced else 1)
        for at in calls:
            killed.look_at(killed.start(AT_CALL, str(at)))
            killed.let_through()
        return killed.rows(f"kill -9 at each of {n_call} calls that write", len(calls))


def in_space(reduced: bool) -> list[Row]:
    """A ball large enough for multigrid, gone on with from every state."""
    grains = mesh.ball(1.5e-6, n_grains=6, size=0.32e-6, seed=1)
    options = {"protocol": cm.Charge(1.0, until=0.9 if reduced else 0.5), "threads": 1}
    options["states"] = 2 if reduced else 6
    same = module_of("tests/python", "test_checkpoint").assert_same
    expected = cm.simulate(grains, materials.NMC811_BRITTLE, **options)  # type: ignore[arg-type]
    n_equal = 0
    with tempfile.TemporaryDirectory(prefix="nmcx-space-") as folder:
        kept = Path(folder) / "kept"

        def copy(done: float, total: float, label: str) -> None:
            shutil.copytree(kept, kept.with_name(f"after {done:.0f}"))

        names = ["kept", *(f"after {i + 1}" for i in range(len(expected.times)))]
        for place in map(kept.with_name, names):
            found = cm.simulate(
                grains, materials.NMC811_BRITTLE, checkpoint=place,
                progress=copy if place == kept else None, **options,  # type: ignore[arg-type]
            )  # fmt: skip
            same(found, expected)
            n_equal += 1
    unknowns = f"{3 * len(grains.points)} unknowns, damage up to {expected.damage[-1].max():.3f}"
    n = len(names)
    figure = f"multigrid ({unknowns}): the same bits without a checkpoint and from every state"
    return [Row(figure, f"{n_equal} of {n}", "all", n_equal == n)]


def cost(reduced: bool) -> list[Row]:
    """What keeping states takes: time of writing and room on the disk."""
    grains = mesh.disc(5e-6, n_grains=60, size=0.4e-6 if reduced else 0.095e-6, seed=1)
    seconds: list[float] = []
    keep = Checkpoint.keep

    def timed(self: Checkpoint, *words: object) -> None:
        start = time.perf_counter()
        keep(self, *words)  # type: ignore[arg-type]
        seconds.append(time.perf_counter() - start)

    Checkpoint.keep = timed  # type: ignore[assignment,method-assign]
    try:
        with tempfile.TemporaryDirectory(prefix="nmcx-cost-") as folder:
            start = time.perf_counter()
            cm.simulate(
                grains, materials.NMC811, protocol=cm.Charge(1.0, until=0.7), states=5,
                threads=1, checkpoint=Path(folder) / "kept",
            )  # fmt: skip
            whole = time.perf_counter() - start
            files = [file.stat().st_size for file in (Path(folder) / "kept").iterdir()]
    finally:
        Checkpoint.keep = keep  # type: ignore[method-assign]
    size = sum(files) / len(seconds) / 1e6
    share = 100.0 * sum(seconds) / whole
    figure = f"keeping a state of {len(grains.cells)} triangles"
    return [recorded(figure, f"{1e3 * np.median(seconds):.1f} ms, {size:.2f} MB, {share:.2g} %")]


CHECKS = [
    Check("random kills", random_kills),
    Check("kills at writes", kills_at_writes),
    Check("multigrid", in_space),
    Check("cost of checkpoints", cost),
]
