"""The voxel-wise edge fit of nmcx beside what else there is, on one stack, by one command.

usage: python benchmarks/peers/edge_fit.py [--quick] [--work build/peers] [--out FILE.md]

Makes an environment of its own with the pinned peers of requirements.txt and a wheel of this
checkout, runs each method in its own process on one thread, in turns that start with another one
each time, and writes a table. CPU time is what counts: wall time is the neighbours' too.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OUT = ROOT / "docs" / "benchmarks" / "edge_fit_peers.md"
REQUIREMENTS = HERE / "requirements.txt"

#: Method of edge_fit_worker.py -> instruction set forced on nmcx, if any.
METHODS = {
    "nmcx": "",
    "nmcx-voxel-major": "",
    "nmcx-v3": "v3",
    "nmcx-voxel-major-v3": "v3",
    "nmcx-v2": "v2",
    "nmcx-template": "",
    "numba": "",
    "numba-voxel-major": "",
    "numpy": "",
    "numpy-lstsq": "",
    "rexafs": "",
    "rexafs-automatic": "",
    "pymca": "",
    "pymca-automatic": "",
    "larch": "",
    "larch-group": "",
    "larch-automatic": "",
}
ONE_THREAD = {
    f"{name}_NUM_THREADS": "1"
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR", "RAYON", "BLIS", "VECLIB_MAXIMUM")
}
N_VOXEL, N_REPEAT = 1_000_000, 5
QUICK_SHARE, QUICK_REPEAT = 0.1, 3


# --- environment ----------------------------------------------------------------------------------
def make_environment(work: Path) -> tuple[Path, dict[str, str]]:
    """Python of the environment, and why a peer could not be installed."""
    environment = work / "env"
    python = environment / "bin" / "python"
    stamp = environment / "installed.json"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    installed = json.loads(stamp.read_text()) if stamp.exists() else {}
    if installed.get("requirements") != wanted:
        print(f"making {environment}", flush=True)
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        failed = {}
        pins = [line for line in REQUIREMENTS.read_text().splitlines() if "==" in line]
        for pin in pins:  # one by one: a peer that cannot be had must not take the others along
            if error := _pip(python, "install", "--constraint", REQUIREMENTS, pin):
                failed[pin] = error
        installed = {"requirements": wanted, "failed": failed}
        stamp.write_text(json.dumps(installed))
    _install_nmcx(python, work / "wheel")
    return python, installed["failed"]


def _install_nmcx(python: Path, folder: Path) -> None:
    """The wheel of this checkout, built as a release is."""
    print("building the wheel", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    _must(_pip(python, "wheel", "--no-deps", "--wheel-dir", folder, ROOT))
    wheels = list(folder.glob("nmcx-*.whl"))
    _must(_pip(python, "install", "--constraint", REQUIREMENTS, *wheels))
    # Again by force: the version stays while the code changes.
    _must(_pip(python, "install", "--force-reinstall", "--no-deps", *wheels))


def _must(error: str) -> None:
    if error:
        raise SystemExit(error)


def _pip(python: Path, *arguments: Any) -> str:
    """Empty, or the last lines of what pip said."""
    command = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    return "; ".join(line.strip() for line in done.stderr.splitlines()[-3:] if line.strip())


# --- measuring ------------------------------------------------------------------------------------
class Worker:
    """A method waiting in its own process."""

    def __init__(self, python: Path, name: str, folder: Path, share: float) -> None:
        settings = {**os.environ, **ONE_THREAD}
        settings.pop("NMCX_INSTRUCTION_SET", None)
        if METHODS[name]:
            settings["NMCX_INSTRUCTION_SET"] = METHODS[name]
        self.log = (folder / f"{name}.log").open("w+")
        self.process = subprocess.Popen(
            [python, HERE / "edge_fit_worker.py", name, folder, str(share)],
            env=settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.facts = self._answer()
        self.seconds_per_voxel: list[float] = []
        self.threads = 0.0

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            return {"unavailable": (self.log.read().strip().splitlines() or ["no answer"])[-1]}
        return dict(json.loads(line))

    def repeat(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self._answer()
        if "unavailable" in answer:
            raise SystemExit(f"a repeat failed: {answer['unavailable']}")
        self.seconds_per_voxel.append(answer["seconds_per_voxel"])
        self.threads = max(self.threads, answer["threads"])

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


def measure(python: Path, share: float, n_repeat: int) -> dict[str, Worker]:
    with tempfile.TemporaryDirectory(prefix="nmcx-peers-") as name:
        folder = Path(name)
        worker = HERE / "edge_fit_worker.py"
        subprocess.run([python, worker, "make", folder, str(N_VOXEL)], check=True)
        workers = {}
        for name in METHODS:
            workers[name] = Worker(python, name, folder, share)
            facts = workers[name].facts
            print(f"{name}: {facts.get('unavailable', 'ready')}", flush=True)
        ready = [w for w in workers.values() if "unavailable" not in w.facts]
        for i in range(n_repeat):
            first = i * len(ready) // n_repeat
            for worker_ in ready[first:] + ready[:first]:
                worker_.repeat()
            print(f"repeat {i + 1} of {n_repeat}", flush=True)
        for worker_ in workers.values():
            worker_.close()
    return workers


# --- table ----------------------------------------------------------------------------------------
def _rate(voxels_per_second: float) -> str:
    """Three figures: 12,300 or 38.1 M."""
    if voxels_per_second >= 1e6:
        return f"{voxels_per_second / 1e6:.3g} M"
    return f"{float(f'{voxels_per_second:.3g}'):,.0f}"


def _row(worker: Worker, reference: float) -> str:
    facts = worker.facts
    median, best = statistics.median(worker.seconds_per_voxel), min(worker.seconds_per_voxel)
    line = facts["white_line_rmse_ev"]
    missing = facts["missing"]
    cells = [
        f"{facts['distribution']} {facts['version']}",
        facts["settings"],
        f"{facts['n_voxel']:,}",
        f"{_rate(1 / median)} … {_rate(1 / best)}",
        f"{float(f'{median / reference:.2g}'):,g}",
        f"{facts['rmse_ev']:.4f}",
        f"{facts['bias_ev']:+.4f}",
        "–" if line is None else f"{line:.3f}",
        f"{100 * missing:.2g} %" if missing else "0",
    ]
    return "| " + " | ".join(cells) + " |"


def table(workers: dict[str, Worker], failed: dict[str, str], n_repeat: int, revision: str) -> str:
    ready = [w for w in workers.values() if "unavailable" not in w.facts]
    reference = statistics.median(workers["nmcx"].seconds_per_voxel)
    lines = [
        "| | called with | voxels | voxels/s/core, median … best | time, nmcx = 1 "
        "| half-jump RMSE [eV] | bias [eV] | white line RMSE [eV] | missing |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
        *(_row(worker, reference) for worker in ready),
        "",
        f"Measured on {datetime.datetime.now(datetime.UTC):%Y-%m-%d} at commit `{revision}`, "
        f"{processor()}, Python {platform.python_version()}, {n_repeat} repeats in turns, CPU time "
        f"of one thread (at most {max(w.threads for w in ready):.2f} CPU seconds a second).",
    ]
    for name, worker in workers.items():
        if reason := worker.facts.get("unavailable"):
            lines.append(f"Not measured: {name} ({reason}).")
    lines += [f"Not installed: {pin} ({error})." for pin, error in failed.items()]
    return "\n".join([*lines, ""])


def commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    dirty = git("status", "--porcelain", "--", ":!docs")
    return git("rev-parse", "--short=12", "HEAD") + ("-modified" if dirty else "")


def processor() -> str:
    found = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return found[0] if found else platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the voxels, 3 repeats")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "peers")
    parser.add_argument("--out", type=Path, help=f"default {OUT.relative_to(ROOT)}; none if quick")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    revision = commit()  # of what the wheel is built from
    python, failed = make_environment(options.work.resolve())
    n_repeat = QUICK_REPEAT if options.quick else N_REPEAT
    workers = measure(python, QUICK_SHARE if options.quick else 1.0, n_repeat)
    text = table(workers, failed, n_repeat, revision)
    print(text)
    out = options.out or (None if options.quick else OUT)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)


if __name__ == "__main__":
    main()
