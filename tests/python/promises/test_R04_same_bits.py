"""The number of threads changes no bit."""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from promises.bound_kernels import KERNELS
from promises.kernel_calls import digest
from promises.kernel_scenarios import LONG, SMALL, WINDOWS, calls
from promises.shows import Shows

from nmcx import mesh, phantom, xanes

THREADED = sorted(name for name, kernel in KERNELS.items() if kernel.takes_threads)


def bits(name: str, size: int, threads: int) -> str:
    """Digest of the result; of a method that returns nothing, of what it changed."""
    call = calls(size)[name]
    return digest(call.result(threads))


@pytest.mark.parametrize("name", THREADED)
def test_R04_every_kernel_gives_the_same_bits_on_any_number_of_threads(
    name: str, shows: Shows, full: bool
) -> None:
    size = LONG if full else SMALL
    alone = bits(name, size, 1)
    same = [bits(name, size, threads) == alone for threads in (1, 2, 3, 7)]
    shows.holds("sha256 of kernels on 1, 2, 3 and 7 threads", sum(same), 4, "equal")


def test_R04_what_is_compared_depends_on_the_numbers() -> None:
    call = calls(SMALL)["distance_transform"]
    changed = call.words[0].copy()
    changed.flat[changed.size // 2] ^= True
    other = type(call)(call.name, (changed, *call.words[1:]), call.options, None, call.owner, 0.0)
    assert digest(call.result(1)) != digest(other.result(1))


@pytest.mark.parametrize("n_worker", [1, 2])
def test_R04_dask_workers_change_no_bit(n_worker: int, shows: Shows) -> None:
    made = phantom.edge_spectra(600, noise=0.01, seed=1)
    mu = made.mu.reshape(-1, 6, 100)
    lazy = xanes.fit_edges(made.energy_ev, da.from_array(mu, chunks=(-1, 2, 100)), **WINDOWS)
    whole = xanes.fit_edges(made.energy_ev, mu, **WINDOWS)
    names = ("edge_energy_ev", "edge_energy_std_ev", "white_line_ev", "noise", "status")
    with dask.config.set(scheduler="threads", num_workers=n_worker):
        found = dask.compute(*(getattr(lazy, name) for name in names))
    same = [
        np.asarray(a).tobytes() == np.asarray(getattr(whole, name)).tobytes()
        for name, a in zip(names, found, strict=True)
    ]
    shows.holds("maps fitted by 1 and 2 dask workers", sum(same), len(names), "equal")


SEEDED: dict[str, Any] = {
    "phantom.edge_spectra": lambda seed: phantom.edge_spectra(50, noise=0.1, seed=seed).mu,
    "phantom.particle": lambda seed: (
        phantom.particle(seed, shape=(32, 32, 32), voxel_size_um=0.3, map_shape=(24, 24)).low.counts
    ),
    "phantom.pair_scans": lambda seed: phantom.pair_scans(seed, shape=(20, 20)).low.counts,
    "mesh.disc": lambda seed: mesh.disc(1e-6, n_grains=4, size=0.3e-6, seed=seed).points,
    "mesh.ball": lambda seed: mesh.ball(1e-6, n_grains=3, size=0.6e-6, seed=seed).points,
    "mesh.random_orientations": lambda seed: mesh.random_orientations(5, seed),
}


@pytest.mark.parametrize("name", sorted(SEEDED))
def test_R04_the_same_seed_gives_the_same_bits(name: str, shows: Shows) -> None:
    first, again, other = (np.asarray(SEEDED[name](seed)).tobytes() for seed in (3, 3, 4))
    assert first != other
    shows.holds("functions with a seed, called twice", int(first == again), 1, "equal")
