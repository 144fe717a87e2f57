"""One way of fitting edges, in a process of its own: started and asked by edge_fit.py.

usage: python edge_fit_worker.py METHOD FOLDER      answers lines on standard input with JSON
       python edge_fit_worker.py make FOLDER N      makes the stack
"""

from __future__ import annotations

import inspect
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import opponents

E0_EV = 8346.0  # given to peers that can be told an edge energy
PRE_EDGE, POST_EDGE = opponents.PRE_EDGE, opponents.POST_EDGE

Array = np.ndarray[Any, Any]


class Unavailable(Exception):
    """This method cannot run here."""


@dataclass(frozen=True)
class Stack:
    """The stack all methods share; the truth is looked at by `score` only."""

    energy_ev: Array
    mu: Array  # (n_energy, n_voxel) float32
    edge_ev: Array
    white_line_ev: Array

    @classmethod
    def load(cls, folder: Path) -> Stack:
        names = ("energy_ev", "mu", "edge_ev", "white_line_ev")
        return cls(*(np.load(folder / f"{name}.npy") for name in names))

    def spectra(self, n_voxel: int) -> Array:
        """Spectra as tools want them that take one at a time: float64, each contiguous."""
        return np.ascontiguousarray(self.mu[:, :n_voxel].T, dtype=np.float64)


@dataclass(frozen=True)
class Task:
    """What is timed (`run`), and what makes energies [eV] of what it returns (`finish`)."""

    distribution: str
    settings: str
    n_voxel: int
    run: Callable[[], Any]
    finish: Callable[[Any], tuple[Array, Array | None]]
    n_call: int = 1  # calls in one repeat, for what is done too quickly


METHODS: dict[str, Callable[[Stack, float], Task]] = {}


def method(name: str) -> Callable[[Callable[[Stack, float], Task]], Callable[[Stack, float], Task]]:
    def register(prepare: Callable[[Stack, float], Task]) -> Callable[[Stack, float], Task]:
        METHODS[name] = prepare
        return prepare

    return register


# --- nmcx -----------------------------------------------------------------------------------------
def _nmcx(stack: Stack, share: float, voxel_major: bool, **more: Any) -> Task:
    from nmcx import _core, xanes

    known = inspect.signature(xanes.fit_edges).parameters
    if not set(more) <= set(known):
        raise Unavailable(f"this nmcx has no {', '.join(set(more) - set(known))}")
    try:
        instruction_set = _core.active_instruction_set()
    except ValueError as error:
        raise Unavailable(str(error)) from error
    side = round((share * stack.mu.shape[1]) ** (1 / 3))
    volume = np.ascontiguousarray(stack.mu[:, : side**3])
    if voxel_major:
        volume = np.ascontiguousarray(volume.T)
    shape = (side, side, side)
    mu = volume.reshape((*shape, -1) if voxel_major else (-1, *shape))
    settings = {
        "pre_edge": PRE_EDGE,
        "post_edge": POST_EDGE,
        "pre_degree": 1,
        "post_degree": 2,
        "energy_axis": -1 if voxel_major else 0,
        "threads": 1,
        **more,
    }
    layout = "voxel-major" if voxel_major else "energy-major"
    named = "".join(f', {key}="{value}"' for key, value in more.items())
    return Task(
        "nmcx",
        f"`xanes.fit_edges`{named}, {layout}, {instruction_set}; with standard errors, "
        "noise pooled over 3 × 3 × 3 voxels, status and NaN handling",
        side**3,
        lambda: xanes.fit_edges(stack.energy_ev, mu, **settings),
        lambda edges: (edges.edge_energy_ev.ravel(), edges.white_line_ev.ravel()),
        n_call=5 if not more else 1,
    )


@method("nmcx")
@method("nmcx-v3")
@method("nmcx-v2")
def nmcx_energy_major(stack: Stack, share: float) -> Task:
    return _nmcx(stack, share, voxel_major=False)


@method("nmcx-voxel-major")
@method("nmcx-voxel-major-v3")
def nmcx_voxel_major(stack: Stack, share: float) -> Task:
    return _nmcx(stack, share, voxel_major=True)


@method("nmcx-template")
def nmcx_template(stack: Stack, share: float) -> Task:
    return _nmcx(stack, share, voxel_major=False, estimator="template")


# --- numba and numpy ------------------------------------------------------------------------------
def _own(result: Array) -> tuple[Array, Array]:
    return result[0].astype(np.float64), result[1].astype(np.float64)


def _numba(stack: Stack, share: float, voxel_major: bool) -> Task:
    kernel = opponents.numba_kernels()[voxel_major]
    plan = opponents.make_plan(stack.energy_ev)
    mu = np.ascontiguousarray(stack.mu[:, : int(share * stack.mu.shape[1])])
    n_voxel = mu.shape[1]
    if voxel_major:
        mu = np.ascontiguousarray(mu.T)
    arguments = opponents.numba_arguments(plan)

    def run() -> Array:
        result = np.empty((3, n_voxel), dtype=np.float32)
        kernel(mu, *arguments, result)
        return result

    how = "voxel-major, a loop over voxels" if voxel_major else "energy-major, tiles of 128 voxels"
    settings = f"fused loops, {how}, cubic inverse interpolation, fast-math, after compiling"
    return Task("numba", settings, n_voxel, run, _own, n_call=5)


@method("numba")
def numba_energy_major(stack: Stack, share: float) -> Task:
    return _numba(stack, share, voxel_major=False)


@method("numba-voxel-major")
def numba_voxel_major(stack: Stack, share: float) -> Task:
    return _numba(stack, share, voxel_major=True)


@method("numpy")
def numpy_projection(stack: Stack, share: float) -> Task:
    plan = opponents.make_plan(stack.energy_ev)
    mu = np.ascontiguousarray(stack.mu[:, : int(share * stack.mu.shape[1])])
    settings = "constant projection matrix, blocks of 2048 voxels, cubic inverse interpolation"
    return Task("numpy", settings, mu.shape[1], lambda: opponents.numpy_projection(plan, mu), _own)


@method("numpy-lstsq")
def numpy_lstsq(stack: Stack, share: float) -> Task:
    mu = np.ascontiguousarray(stack.mu[:, : int(0.2 * share * stack.mu.shape[1])])
    return Task(
        "numpy",
        "`lstsq` and normalisation of the whole stack, linear interpolation, highest sample",
        mu.shape[1],
        lambda: opponents.numpy_lstsq(stack.energy_ev, mu),
        _own,
    )


# --- what takes one spectrum at a time ------------------------------------------------------------
def _one_by_one(
    stack: Stack,
    n_voxel: int,
    distribution: str,
    settings: str,
    fit: Callable[[Array], tuple[Array, Array | float]],
) -> Task:
    """`fit` returns mu - pre-edge and post-edge - pre-edge; the crossing is found untimed."""
    spectra = stack.spectra(n_voxel)
    scan = (stack.energy_ev > PRE_EDGE[1]) & (stack.energy_ev < POST_EDGE[0])

    def run() -> Array:
        return [fit(spectrum) for spectrum in spectra]  # type: ignore[return-value]

    def finish(fitted: Any) -> tuple[Array, None]:
        flat = np.array([rest / jump for rest, jump in fitted])
        return opponents.half_jump(stack.energy_ev[scan], flat[:, scan]), None

    return Task(distribution, settings, len(spectra), run, finish)


@method("rexafs")
def rexafs_e0_given(stack: Stack, share: float) -> Task:
    return _rexafs(stack, int(100_000 * share), e0=E0_EV)


@method("rexafs-automatic")
def rexafs_automatic(stack: Stack, share: float) -> Task:
    return _rexafs(stack, int(2_000 * share), e0=None)


def _rexafs(stack: Stack, n_voxel: int, e0: float | None) -> Task:
    import rexafs

    windows = rexafs.PrePostEdge(
        pre_edge_start=PRE_EDGE[0] - E0_EV,
        pre_edge_end=PRE_EDGE[1] - E0_EV,
        norm_start=POST_EDGE[0] - E0_EV,
        norm_end=POST_EDGE[1] - E0_EV,
        norm_polyorder=2,
        e0=e0,
    )
    energy = stack.energy_ev

    def fit(mu: Array) -> tuple[Array, Array]:
        spectrum = rexafs.Spectrum(energy, mu)
        spectrum.set_normalization_method(windows)
        spectrum.normalize()
        line = spectrum.pre_edge()
        return mu - line, spectrum.post_edge() - line

    how = "e0 given" if e0 else "e0 found by it"
    return _one_by_one(stack, n_voxel, "rexafs", f"`Spectrum.normalize`, {how}", fit)


def _pymca(stack: Stack, n_voxel: int, edge: float | None) -> Task:
    from PyMca5.PyMcaPhysics.xas.XASNormalization import XASNormalization

    settings: dict[str, Any] = {
        "edge": edge,
        "pre_edge_regions": [[PRE_EDGE[0] - E0_EV, PRE_EDGE[1] - E0_EV]],
        "post_edge_regions": [[POST_EDGE[0] - E0_EV, POST_EDGE[1] - E0_EV]],
        "algorithm": "polynomial",
        "algorithm_parameters": {"pre_edge_order": 1, "post_edge_order": 2},
    }

    def fit(mu: Array) -> tuple[Array, float]:
        return XASNormalization(mu, stack.energy_ev, **settings)[1], 1.0

    how = "edge given" if edge else "edge found by it"
    return _one_by_one(stack, n_voxel, "PyMca5", f"`XASNormalization`, polynomial, {how}", fit)


@method("pymca")
def pymca_edge_given(stack: Stack, share: float) -> Task:
    return _pymca(stack, int(5_000 * share), edge=E0_EV)


@method("pymca-automatic")
def pymca_automatic(stack: Stack, share: float) -> Task:
    return _pymca(stack, int(2_000 * share), edge=None)


# larch leaves out the last point of a window: 5 eV later, the pre-edge holds the task's eight.
LARCH_WINDOWS = {
    "pre1": PRE_EDGE[0] - E0_EV,
    "pre2": PRE_EDGE[1] + 5 - E0_EV,
    "norm1": POST_EDGE[0] - E0_EV,
    "norm2": POST_EDGE[1] - E0_EV,
    "nnorm": 2,
}


@method("larch")
def larch_e0_given(stack: Stack, share: float) -> Task:
    from larch.xafs.pre_edge import preedge

    def fit(mu: Array) -> tuple[Array, Array]:
        found = preedge(stack.energy_ev, mu, e0=E0_EV, **LARCH_WINDOWS)
        line = found["pre_edge"]
        return mu - line, found["post_edge"] - line

    settings = "`preedge`, which `pre_edge` calls, e0 given, nnorm=2"
    return _one_by_one(stack, int(2_000 * share), "xraylarch", settings, fit)


@method("larch-group")
def larch_group(stack: Stack, share: float) -> Task:
    from larch import Group
    from larch.xafs import pre_edge

    def fit(mu: Array) -> tuple[Array, Array]:
        group = Group(energy=stack.energy_ev, mu=mu)
        pre_edge(group, e0=E0_EV, make_flat=False, **LARCH_WINDOWS)
        return mu - group.pre_edge, group.post_edge - group.pre_edge

    settings = "`pre_edge(group)`, e0 given, make_flat=False, nnorm=2"
    return _one_by_one(stack, int(1_500 * share), "xraylarch", settings, fit)


@method("larch-automatic")
def larch_automatic(stack: Stack, share: float) -> Task:
    from larch import Group
    from larch.xafs import pre_edge

    def fit(mu: Array) -> tuple[Array, Array]:
        group = Group(energy=stack.energy_ev, mu=mu)
        pre_edge(group, **LARCH_WINDOWS)
        return mu - group.pre_edge, group.post_edge - group.pre_edge

    settings = "`pre_edge(group)`, e0 found by it, make_flat=True, nnorm=2"
    return _one_by_one(stack, int(500 * share), "xraylarch", settings, fit)


# --- what edge_fit.py asks ------------------------------------------------------------------------
def make(folder: Path, n_voxel: int) -> None:
    """The stack of performance.md's task; seed 1."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from bench_edge_fit import reference_stack

    made = reference_stack(n_voxel)
    for name, values in (
        ("energy_ev", made.energy_ev),
        ("mu", made.mu),
        ("edge_ev", made.edge_energy_ev),
        ("white_line_ev", made.white_line_ev),
    ):
        np.save(folder / f"{name}.npy", values)


def score(task: Task, stack: Stack, raw: Any) -> dict[str, float | None]:
    """Errors [eV] of a result; those without an energy, or 10 eV off, are counted as missing."""
    edge, white_line = task.finish(raw)

    def errors(found: Array, truth: Array) -> tuple[Array, float]:
        error = found - truth[: len(found)]
        good = np.abs(error) < 10  # False for NaN
        return error[good], 1 - float(good.mean())

    error, missing = errors(edge, stack.edge_ev)
    line = None if white_line is None else errors(white_line, stack.white_line_ev)[0]
    return {
        "rmse_ev": float(np.sqrt(np.mean(error**2))),
        "bias_ev": float(error.mean()),
        "missing": missing,
        "white_line_rmse_ev": None if line is None else float(np.sqrt(np.mean(line**2))),
    }


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    if name == "make":
        make(folder, int(sys.argv[3]))
        return
    answers, sys.stdout = sys.stdout, sys.stderr  # a peer that prints must not answer for us

    def answer(**facts: Any) -> None:
        print(json.dumps(facts), file=answers, flush=True)

    try:
        stack = Stack.load(folder)
        task = METHODS[name](stack, float(sys.argv[3]))
        facts = score(task, stack, task.run())  # warms caches and compiles as well
    except (Unavailable, ImportError) as reason:
        answer(unavailable=f"{type(reason).__name__}: {reason}")
        return
    answer(
        distribution=task.distribution,
        version=version(task.distribution),
        settings=task.settings,
        n_voxel=task.n_voxel,
        **facts,
    )
    for _ in sys.stdin:
        wall, started = time.perf_counter(), time.process_time()
        for _ in range(task.n_call):
            task.run()
        used, wall = time.process_time() - started, time.perf_counter() - wall
        answer(seconds_per_voxel=used / task.n_call / task.n_voxel, threads=used / wall)


if __name__ == "__main__":
    main()
