"""Ctrl-C stops whatever runs, soon."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from promises.bound_kernels import KERNELS
from promises.kernel_scenarios import LONG, LONGEST, calls
from promises.shows import Shows

#: From the signal to the exception [s].
LIMIT = 0.5


@pytest.fixture
def interruptible() -> Iterator[None]:
    """The handler of a program in the foreground: one started in the background ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def seconds_to_stop(work: Callable[[], object], after: float) -> float:
    """CPU time this process has from the signal to the exception: a busy machine takes longer."""
    sent: list[tuple[float, float]] = []

    def interrupt() -> None:
        time.sleep(after)
        sent.append((time.perf_counter(), time.process_time()))
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=interrupt)
    try:
        sender.start()
        while True:
            work()
    except KeyboardInterrupt:
        stopped, used = time.perf_counter(), time.process_time()
    sender.join()
    return min(stopped - sent[0][0], used - sent[0][1])


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_R03_an_interrupt_stops_a_kernel(
    name: str, shows: Shows, full: bool, interruptible: None
) -> None:
    work = calls(LONGEST if full else LONG)[name].ready(threads=1)
    shows.most(f"from Ctrl-C to KeyboardInterrupt{_kind(name)}", seconds_to_stop(work, 0.02),
               LIMIT, "s")  # fmt: skip


def _kind(name: str) -> str:
    return "" if KERNELS[name].takes_threads else " of kernels that cannot be asked to stop"
