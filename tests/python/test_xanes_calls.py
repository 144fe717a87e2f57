"""What a call of the edge fit refuses and leaves free: mistakes, threads, interrupts."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from nmcx import _core, phantom, xanes
from nmcx.results import STATUS_BITS

PRE, POST = (8250, 8320), (8380, 8640)
WINDOWS = {"pre_edge": PRE, "post_edge": POST}


E = phantom.edge_energies()


@pytest.mark.parametrize(
    ("energy", "mu", "options", "message"),
    [
        (E[::-1], np.ones((61, 2)), {}, "increase strictly"),
        (np.r_[E[:3], E[2], E[4:]], np.ones((61, 2)), {}, "increase strictly"),
        (np.r_[E[:3], np.nan, E[4:]], np.ones((61, 2)), {}, "increase strictly"),
        (E / 1000, np.ones((61, 2)), {}, "keV"),
        (E[:1], np.ones((1, 2)), {}, "post_edge holds none"),
        (E, np.ones((60, 2)), {}, "energy_axis"),
        (E, np.ones((61, 2)), {"pre_edge": (8000, 8100)}, "pre_edge holds none"),
        (E, np.ones((61, 2)), {"pre_edge": (8320, 8250)}, "pre_edge"),
        (E, np.ones((61, 2)), {"pre_edge": 8320}, "pre_edge"),
        (E, np.ones((61, 2)), {"pre_edge": (8250, 8252), "pre_degree": 1}, "pre_degree"),
        (E, np.ones((61, 2)), {"pre_edge": (8250, 8390)}, "pre_edge must end"),
        (E, np.ones((61, 2)), {"pre_edge": (8250, 8378)}, "fewer than four"),
        (E, np.ones((61, 2)), {"level": 1.5}, "level"),
        (E, np.ones((61, 2)), {"post_degree": 3}, "post_degree"),
        (E, np.ones((61, 2)), {"variance": np.ones(60)}, "variance"),
        (E, np.ones((61, 2)), {"variance": np.ones((2, 61))}, "variance"),
        (E, np.ones((61, 2)), {"energy_axis": 5}, "energy_axis"),
        (E, np.ones((61, 2), complex), {}, "real numbers"),
        (E, 1.0, {}, "axis"),
        (E[:, None], np.ones((61, 2)), {}, "energy_ev"),
        (
            E,
            np.ones((61, 2)),
            {"pre_edge": (8250, 8251), "post_edge": (8640, 8700), "post_degree": 0},
            "noise is unknown",
        ),
    ],
)
def test_a_mistake_is_named_with_its_remedy(energy, mu, options, message):
    with pytest.raises(ValueError, match=message):
        xanes.fit_edges(energy, mu, **{**WINDOWS, **options})


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16, np.int64, np.float16, ">f4"])
@pytest.mark.parametrize("fill", [0, 1, 3])
def test_constant_stacks_have_no_edge(dtype, fill):
    edges = xanes.fit_edges(E, np.full((61, 3, 4, 5), fill, dtype=dtype), **WINDOWS)
    assert not edges.ok.any()
    assert np.isnan(edges.edge_energy_ev).all()
    assert np.isfinite(edges.edge_jump).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_bad_planes_spoil_their_voxels_only(bad):
    spectra = phantom.edge_spectra(64, noise=0.01, jump_range=(1, 1))
    mu = spectra.mu.reshape(61, 4, 4, 4).copy()
    base = xanes.fit_edges(spectra.energy_ev, mu, **WINDOWS, post_degree=1)
    mu[30, 2] = bad
    edges = xanes.fit_edges(spectra.energy_ev, mu, **WINDOWS, post_degree=1)
    expected = STATUS_BITS["saturated" if bad == 3e38 else "low_transmission"]
    assert np.all(edges.status[2] & expected)
    np.testing.assert_array_equal(edges.edge_energy_ev[0], base.edge_energy_ev[0])
    mu[:] = bad
    assert not xanes.fit_edges(spectra.energy_ev, mu, **WINDOWS).ok.any()


def test_kernel_refuses_other_dtypes_instead_of_copying():
    model = _core.EdgeModel(PRE, POST, 1, 1)
    with pytest.raises(TypeError):
        _core.fit_edges(
            E,
            np.ones((61, 4), np.float16),
            np.empty((0, 0)),
            False,
            [],
            model,
            _core.EstimatorModel(),
            1,
        )


def test_other_python_threads_run_during_the_fit():
    spectra = phantom.edge_spectra(40_000, noise=0.01)
    mu = np.tile(spectra.mu, (1, 10))
    ticks = []
    stop = threading.Event()

    def tick() -> None:
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    begin = time.perf_counter()
    model = _core.EdgeModel(PRE, POST, 1, 1)
    none = np.empty((0, 0), np.float32)
    try:
        for _ in range(5):
            _core.fit_edges(
                spectra.energy_ev, mu, none, False, [], model, _core.EstimatorModel(), 1
            )
        end = time.perf_counter()
    finally:
        stop.set()
        ticker.join()
    during = sum(begin < t < end for t in ticks)
    assert during > 0.3 * (end - begin) / 0.002  # a blocked thread would tick six times


def test_interrupt_stops_the_fit():
    script = textwrap.dedent(
        """
        import os
        import signal
        import threading
        import time
        import numpy as np
        from nmcx import _core, phantom
        # A run in the background of a shell inherits that the interrupt is ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        energy = phantom.edge_energies()
        mu = np.broadcast_to(np.float32(1), (61, 1)).repeat(2_000_000, axis=1)
        variance = np.ones((61, 1), np.float32)
        model = _core.EdgeModel((8250, 8320), (8380, 8640), 1, 1)
        sent = []

        def interrupt():
            time.sleep(0.2)
            sent.append(time.process_time())
            os.kill(os.getpid(), signal.SIGINT)

        try:
            threading.Thread(target=interrupt).start()
            while True:
                # Given variances take the slow path: seconds for this stack on one thread.
                _core.fit_edges(energy, mu, variance, False, [], model, _core.EstimatorModel(), 1)
        except KeyboardInterrupt:
            print(time.process_time() - sent[0])
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300
    )
    # Time on the processor: a busy machine takes longer. Sanitizers take a few times as long.
    assert 0 <= float(done.stdout) < 1.5, done.stderr
