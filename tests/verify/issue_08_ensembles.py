"""Ensembles of particles on a cluster of two processes."""

from __future__ import annotations

from check import Check, Row, tests_pass

TESTS = "tests/python/test_ensemble.py"


def ensembles(reduced: bool) -> list[Row]:
    """What is promised of them, each by its tests."""
    promises = {
        "dask LocalCluster, 2 processes: an ensemble has the bits of one here": "two_processes",
        "a member has the bits of a simulation alone": "simulation_of_its_own",
        "a member or a worker that fails does not stop the others": "fails or dies",
        "an ensemble that was killed goes on, finished members are not run again": "killed",
    }
    return [tests_pass(f"{what} (tests)", TESTS, "-k", k) for what, k in promises.items()]


CHECKS = [Check("ensembles", ensembles, in_reduced=False)]  # they are tests
