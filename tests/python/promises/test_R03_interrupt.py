"""Ctrl-C stops whatever runs, soon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from promises.bound_kernels import KERNELS
from promises.kernel_scenarios import LONG, LONGEST, calls
from promises.shows import Shows
from simulations import CRACKING, MAIN

from nmcx import cli
from nmcx.chemomechanics.checkpoint import n_kept
from nmcx.run.coupled_job import part_of

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
    return "" if KERNELS[name].takes_threads else " of kernels of one thread"


def test_R03_a_command_ends_with_130_and_can_be_gone_on_with(tmp_path: Path, shows: Shows) -> None:
    (tmp_path / "disc.toml").write_text(CRACKING)
    out = tmp_path / "out"
    words = ["-q", "simulate", str(tmp_path / "disc.toml"), "-o", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *words], stderr=subprocess.PIPE, text=True
    )
    while n_kept(part_of(out) / "states") < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130
    assert said == f"nmcx: interrupted; `nmcx resume {out}` goes on from here\n"
    assert not out.exists()
    assert cli.main(["-q", "resume", str(out)]) == 0
    n_gone_on = int((out / "result.nxs").exists() and not part_of(out).exists())
    shows.holds("interrupted commands: exit code 130, and gone on with", n_gone_on, 1)
