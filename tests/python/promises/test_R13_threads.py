"""Every function may be called from several threads at once, on the same inputs."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from promises.bound_kernels import KERNELS, bindings
from promises.kernel_calls import digest as bits
from promises.kernel_scenarios import SMALL, calls
from promises.public_calls import FUNCTIONS, PublicCall, digest, example_call, within
from promises.shows import FULL, Shows

N_THREAD = 8
#: Seconds each: 8 calls of them belong to the full count.
LONG_ONES = {
    "chemomechanics.ensemble", "chemomechanics.sensitivity", "comparison.compare",
    "comparison.coupling_contributions", "comparison.simulate_particle", "correlation.fit_pose",
    "comparison.predicted_porosity", "comparison.layer_from_xi", "comparison.layered_surface",
    "correlation.robustness", "phantom.modelled_particle", "mesh.from_particle",
    "mesh.reached_surface", "spectra.suppression", "chemomechanics.crack_network",
}  # fmt: skip
#: Arguments that make a call shorter than its example: threads care for rounds, not for sizes.
SMALLER = {
    "phantom.modelled_particle": {"n_grains": 6, "size": 2e-6, "voxel_size_um": 0.8},
    "phantom.particle": {"shape": (32, 32, 32), "voxel_size_um": 0.3, "map_shape": (24, 24)},
}
#: What a function that writes is told to write to.
TARGETS = ("path", "hdr", "folder")


def _reads(name: str) -> bool:
    return name.startswith(("io.read_", "io.open_", "io.load"))


def in_threads(work: Any, n_round: int) -> list[Any]:
    """What calls of `work(i_thread)` return that all begin at once; the first error is raised."""
    found: list[Any] = [None] * (N_THREAD * n_round)
    errors: list[BaseException] = []
    gate = threading.Barrier(N_THREAD)

    def run(i: int) -> None:
        for k in range(n_round):
            gate.wait()
            try:
                found[k * N_THREAD + i] = work(i)
            except BaseException as error:
                errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(N_THREAD)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if errors:
        raise errors[0]
    return found


def with_own_targets(name: str, call: PublicCall, folder: Path) -> Any:
    """The call by number of the thread, each writing to files of its own."""
    first = next(iter(inspect.signature(call.function).parameters), "")
    own = [k for k in TARGETS if k in call.arguments and (k != first or not _reads(name))]

    def work(i: int) -> str:
        other: dict[str, Any] = dict(SMALLER.get(name, {}))
        for key in own:
            place = folder / str(i)
            place.mkdir(exist_ok=True)
            other[key] = place / Path(call.arguments[key]).name
        try:
            result = call(**other)
        except ValueError as error:  # as the example shows
            return str(error)
        return digest(result) if not own else _written(result, folder / str(i))

    return work


def _written(result: Any, folder: Path) -> str:
    # Files hold the time of writing; that they are there is what can be compared.
    names = sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())
    return ", ".join(names) + str(type(result))


@pytest.mark.filterwarnings("ignore:harmonics or stray light")
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - (set() if FULL else LONG_ONES)))
def test_R13_public_functions_in_8_threads_equal_one_call(
    name: str, shows: Shows, full: bool, tmp_path: Path
) -> None:
    call = example_call(name)
    (tmp_path / "alone").mkdir()
    with within(call.folder):
        alone = with_own_targets(name, call, tmp_path / "alone")(0)
        n_round = 1 if not full else 10 if name in LONG_ONES else 100
        found = in_threads(with_own_targets(name, call, tmp_path), n_round)
    same = sum(each == alone for each in found)
    shows.holds("calls of public functions from 8 threads", same, len(found), "equal")


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_R13_kernels_in_8_threads_equal_one_call(name: str, shows: Shows, full: bool) -> None:
    call = calls(SMALL)[name]
    alone = bits(call.result(1))
    found = in_threads(lambda i: bits(call.result(1 + i % 3)), 100 if full else 1)
    same = sum(each == alone for each in found)
    shows.holds("calls of kernels from 8 threads", same, len(found), "equal")


def test_R13_objects_are_made_in_8_threads(shows: Shows, full: bool) -> None:
    """A table of all objects that is written to without its lock ends the whole process."""
    code = "from promises.test_R13_threads import make_objects; make_objects(int(input()))"
    n_round = 5000 if full else 300
    done = subprocess.run(
        [sys.executable, "-c", code], input=str(n_round), text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    shows.holds("rounds of making solvers in 8 threads", int(done.stdout), n_round)


def make_objects(n_round: int) -> None:
    """Make every kind of solver in threads, and print how often all of them did."""
    makers = [calls(SMALL)[name] for name in ("Elasticity", "Fracture", "Transport")]

    def make() -> int:
        for _ in range(n_round):
            for maker in makers:
                maker.result(1)
        return n_round

    with ThreadPoolExecutor(N_THREAD) as pool:
        print(min(each.result() for each in [pool.submit(make) for _ in range(N_THREAD)]))


def test_R13_owners_are_made_without_a_guard_of_the_whole_call() -> None:
    """pybind11 enters what an owner holds into its table of objects within the call."""
    for binding in bindings():
        is_owner = "py::init([" in binding.text and "make_unique" in binding.text
        assert not (is_owner and "ReleaseGil()" in binding.text), binding.name


def test_R13_one_solver_shared_by_8_threads_gives_what_it_gives_to_one(
    shows: Shows, full: bool
) -> None:
    """Matrices are kept in the object: its calls wait for each other.

    Of `Transport`; solvers of the mechanics belong to one thread, and to one call of `nmcx`.
    """
    names = [name for name in calls(SMALL) if name.startswith("Transport.")]
    n_same = n = 0
    for name in names:
        call = calls(SMALL)[name]
        shared = call.ready(1)
        shared()
        alone = shared()
        found = in_threads(lambda i, shared=shared: shared(), 30 if full else 1)
        n_same += sum(_agree(each, alone) for each in found)
        n += len(found)
    shows.holds("calls of one object from 8 threads", n_same, n, "equal")


def _agree(a: Any, b: Any) -> bool:
    # Steps choose their linear solver by what those before them took: the last digits differ.
    if hasattr(a, "concentration"):
        return bool(np.allclose(a.concentration, b.concentration, rtol=1e-8))
    return bits(a) == bits(b)


def test_R13_a_function_that_minds_is_noticed() -> None:
    kept = np.zeros(1)

    def counting(i: int) -> float:
        kept[0] += 1
        return float(kept[0])

    assert len(set(in_threads(counting, 2))) > 1
