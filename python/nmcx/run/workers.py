"""Processes that simulate members of an ensemble side by side."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from nmcx.io import _system


@contextmanager
def workers(n: int) -> Iterator[tuple[Callable[..., Any], int]]:
    """What runs the members in place of `map`, and the threads each then has.

    Parameters
    ----------
    n : int
        Number of processes; 1: this one, with all threads.

    Yields
    ------
    mapper : callable
    threads : int
        0: all cores.
    """
    if n == 1:
        yield map, 0
        return
    # Forked threads of OpenMP hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(n, mp_context=context)
    before = set(multiprocessing.active_children())
    waiting = pool._call_queue  # type: ignore[attr-defined]
    try:
        yield pool.map, max(1, _system.n_core() // n)
    except BaseException:
        # Members under way are begun anew by who goes on: nobody waits for them.
        for each in set(multiprocessing.active_children()) - before:
            each.terminate()
            each.join()
        # Until Python 3.11.5 the pool waits for a thread that still writes the next member into a
        # pipe that nobody empties any more; without a reader that thread ends, as it does since.
        waiting._reader.close()
        raise
    finally:
        # The pool's own thread collects what has ended; with it done, no process is left.
        pool.shutdown(cancel_futures=True)
