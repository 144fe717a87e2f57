"""Processes beside this one: who stops them waits for none, however much is on its way to them."""

from __future__ import annotations

import multiprocessing
import threading
import time

import pytest

from nmcx.run.workers import workers


def _first_of(content: bytes) -> int:
    return content[0]


def _slow(content: bytes) -> int:
    time.sleep(60.0 if content else 0.0)
    return len(content)


def test_members_come_in_order_from_two_processes() -> None:
    with workers(2) as (mapper, threads):
        assert list(mapper(_first_of, [bytes([i]) * 200_000 for i in range(8)])) == list(range(8))
        assert threads >= 1


@pytest.mark.parametrize("n_byte", [10, 1_000_000])
def test_R03_who_stops_them_waits_for_none(n_byte: int) -> None:
    """More than 64 kB do not fit into a pipe: the member behind them is still being written."""
    ended = threading.Event()

    def stop() -> None:
        with pytest.raises(KeyboardInterrupt), workers(2) as (mapper, _):
            found = mapper(_slow, [b"", *[b"x" * n_byte] * 6])
            assert next(iter(found)) == 0  # both processes have begun
            raise KeyboardInterrupt
        ended.set()

    thread = threading.Thread(target=stop, daemon=True)
    thread.start()
    # The processes start in a second or two; the members would take minutes.
    assert ended.wait(30.0)
    assert not multiprocessing.active_children()
