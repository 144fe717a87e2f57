"""A program that imports nmcx keeps its own ways."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from promises.shows import Shows

#: Run in a process of its own: what it prints is what has changed.
CHILD = """
import contextlib, ctypes, gc, json, locale, logging, os, random, signal, sys, threading, warnings
import dask.array, h5py, matplotlib, numpy as np, scipy.linalg, scipy.sparse, tifffile, xarray
import matplotlib.pyplot
with contextlib.suppress(ImportError):  # brings a filter of warnings
    import zarr
libm = ctypes.CDLL("libm.so.6")

class Settings:
    def signals(self): return {s.name: repr(signal.getsignal(s)) for s in signal.Signals}
    def blocked_signals(self): return sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))
    def wakeup(self): return signal.getitimer(signal.ITIMER_REAL)
    def environment(self): return dict(os.environ)
    def numpy_errors(self): return np.geterr(), repr(np.geterrcall())
    def numpy_printing(self): return repr(np.get_printoptions())
    def rounding(self): return libm.fegetround()
    def traps(self): return libm.fegetexcept()
    def subnormals(self): return float(np.float64(5e-324) * np.float64(1.0)), 2.0**-1074 > 0
    def numpy_random(self): return repr(np.random.get_state())
    def python_random(self): return hash(random.getstate())
    def root_logger(self):
        root = logging.root
        return root.level, list(map(repr, root.handlers)), root.disabled, logging.raiseExceptions
    def own_logger(self):
        own = logging.getLogger("nmcx")
        return own.level, list(map(repr, own.handlers)), own.propagate, own.disabled
    def log_level(self): return logging.root.manager.disable
    def warnings(self): return repr(warnings.filters)
    def showwarning(self): return repr(warnings.showwarning)
    def hooks(self): return repr((sys.excepthook, sys.displayhook, threading.excepthook))
    def streams(self): return id(sys.stdout), id(sys.stderr)
    def locale(self): return locale.setlocale(locale.LC_ALL)
    def folder(self): return os.getcwd()
    def mask(self):
        mask = os.umask(0)
        os.umask(mask)
        return mask
    def collector(self): return gc.isenabled(), gc.get_threshold()
    def switching(self): return sys.getswitchinterval(), sys.getrecursionlimit()
    def drawing(self): return repr(dict(matplotlib.rcParams)), matplotlib.get_backend()
    def figures(self): return matplotlib.pyplot.get_fignums()
    def hdf5(self): return repr(h5py.get_config().track_order)
    # zarr reads by an event loop and workers of its own.
    def threads(self):
        return [t.name for t in threading.enumerate() if not t.name.startswith(("zarr", "asyncio"))]
    def affinity(self): return sorted(os.sched_getaffinity(0))
    def niceness(self): return os.getpriority(os.PRIO_PROCESS, 0)

def state():
    return {n: getattr(Settings(), n)() for n in vars(Settings) if not n.startswith("_")}

before = state()
WORK
after = state()
names = list(before)
print(json.dumps({"n": len(names), "changed": [
    [n, repr(before[n])[:200], repr(after[n])[:200]] for n in names if before[n] != after[n]]}))
"""

IMPORTS = """
import importlib, pkgutil, nmcx
for found in pkgutil.walk_packages(nmcx.__path__, "nmcx."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
"""
KERNELS = """
from promises import kernel_scenarios
assert len(kernel_scenarios.calls(kernel_scenarios.SMALL)) > 40
"""
COMMANDS = """
import contextlib, io, nmcx
from nmcx import cli, phantom, plot
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    assert [cli.main(words) for words in (["--version"], ["nonsense"], ["check", "gone.toml"])] == [
        0, 2, 2]
made = phantom.pair_scans(1, shape=(30, 30))
plot.scans(made.low, made.high)
"""
EXAMPLES = """
import nmcx
from promises import public_calls
for name in public_calls.FUNCTIONS:
    public_calls.example_call(name)
"""
FAULTS = """
import numpy as np
from nmcx import chemomechanics as cm, materials, mesh, xanes
bad = np.full((61, 4), np.nan)
xanes.fit_edges(np.linspace(8200, 8700, 61), bad, pre_edge=(8250, 8320), post_edge=(8380, 8640))
for wrong in ({"level": 2.0}, {"energy_axis": 7}, {"threads": -1}):
    try:
        xanes.fit_edges([8300.0], [1.0], pre_edge=(0, 1), post_edge=(2, 3), **wrong)
    except ValueError:
        pass
"""


@pytest.mark.parametrize(
    ("work", "code"),
    [
        ("imports of every module", IMPORTS),
        ("a call of every kernel", KERNELS),
        ("commands and a figure", COMMANDS),
        ("calls that fail", FAULTS),
        ("the example of every public function", EXAMPLES),
    ],
)
def test_R14_nothing_global_changes(
    work: str, code: str, shows: Shows, full: bool, tmp_path: Path
) -> None:
    if work.startswith("the example") and not full:
        code = code.replace("public_calls.FUNCTIONS", "list(public_calls.FUNCTIONS)[20:50:3]")
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tests)!r})\n"
         + CHILD.replace("WORK", code)],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["changed"] == []
    shows.holds(f"settings unchanged by {work}", found["n"] - len(found["changed"]), found["n"])


def test_R14_a_change_is_noticed(tmp_path: Path) -> None:
    code = CHILD.replace(
        "WORK", "os.environ['X'] = '1'; np.seterr(all='raise'); libm.fesetround(1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    changed = [name for name, *_ in json.loads(done.stdout)["changed"]]
    # Rounding upwards shows in times, too.
    assert set(changed) - {"switching"} == {"environment", "numpy_errors", "rounding"}
