"""Other threads of Python go on while a kernel runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256

import numpy as np
import pytest
from promises.bound_kernels import KERNELS, bindings
from promises.kernel_scenarios import LONG, calls
from promises.shows import Shows

PERIOD = 0.001
#: Bound without giving the GIL away: each copies a few values, or sets up what others work on.
AT_ONCE = {
    "CohesiveLaw", "CohesiveWalls", "CohesiveWalls.fatigued", "CohesiveWalls.initial_state",
    "CohesiveWalls.state_of", "CohesiveWalls.values_of", "EdgeModel", "EdgeThresholds",
    "ElasticSolver.displacement", "Electrode", "EstimatorModel", "Fracture.displacement",
    "Fracture.forget", "Fracture.initial_point", "Fracture.point_at", "Fracture.section_strain",
    "FracturePoint.with_walls", "ReferenceModel", "RegistrationOptions", "SolverExperience",
    "Transport.forget_system", "Transport.surface_unknowns", "Transport.unknown_of_node", "Warp",
    "active_instruction_set", "cohesive_mode", "edge_thresholds", "supported_instruction_set",
    "threshold_stride",
    "Transport.use",
}  # fmt: skip


class Ticker:
    """A thread that notes the time every millisecond, if it is let."""

    def __enter__(self) -> Ticker:
        self.ticks: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.ticks.append(time.perf_counter())
            time.sleep(PERIOD)

    def n_during(self, spans: list[tuple[float, float]]) -> int:
        """Ticks within spans of time."""
        bounds = np.ravel(spans)
        return int(np.count_nonzero(np.searchsorted(bounds, np.array(self.ticks)) % 2))


def kept_share(work: Callable[[], object], n_tick: int) -> float:
    """Ticks that the work leaves, of those that a checksum leaves, which gives the GIL away too.

    They take turns, so that whatever else runs on the machine takes from both, until the checksums
    have left so many. On a busy machine chance has a part in it: they go on for up to ten times as
    many while it is less than half. Work that keeps the GIL leaves none: between two calls ticks
    do not count.
    """
    started = time.perf_counter()
    work()
    n_byte = int(min(max(time.perf_counter() - started, 1e-4), 0.01) * 5e8)
    checksum = partial(sha256, bytes(n_byte))
    works, sums = Turns(work), Turns(checksum)
    share, wanted = 0.0, n_tick
    with Ticker() as ticker:
        while share < 0.6 and wanted <= 10 * n_tick:
            sums.go_on(0.005)
            works.go_on(0.005)
            if ticker.n_during(sums.spans) >= wanted and works.seconds > 0.01:
                share = ticker.n_during(works.spans) / works.seconds
                share *= sums.seconds / ticker.n_during(sums.spans)
                wanted += n_tick
    return share


class Turns:
    """Calls of one function, and when they were made."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work, self.spans, self.seconds = work, [(0.0, 0.0)], 0.0

    def go_on(self, seconds: float) -> None:
        """Call it for so long, at least once."""
        enough = self.seconds + seconds
        while self.seconds < enough:
            start = time.perf_counter()
            self._work()
            self.spans.append((start, time.perf_counter()))
            self.seconds += self.spans[-1][1] - start


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_R12_other_threads_keep_half_their_ticks(name: str, shows: Shows, full: bool) -> None:
    call = calls(LONG)[name].ready(threads=1)
    share = kept_share(call, 100 if full else 12)
    shows.least("ticks kept during a kernel", 100.0 * share, 50.0, "%")


def test_R12_a_thread_that_holds_the_gil_is_noticed() -> None:
    big = list(range(2_000_000))
    assert kept_share(big.copy, 12) < 0.5


def test_R12_every_binding_is_known(shows: Shows) -> None:
    others = {each.name for each in bindings()} - set(KERNELS)
    assert others == AT_ONCE, "give the GIL away (ReleaseGil), or say here that it is done at once"
    shows.holds("bound kernels that a call is known of", len(calls(LONG)), len(KERNELS))
