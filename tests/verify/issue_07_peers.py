"""Equilibrium beside dolfinx and scikit-fem, on one mesh in one run."""

from __future__ import annotations

from typing import Any

from check import ROOT, Check, Row, module_of, recorded
from issue_06_peers import at_least, difference_row, memory_row

#: Goals of the performance page, dolfinx in times of nmcx; assembly against its -O3 compilation.
GOALS = (("assembly", "dolfinx-O3", 8.0), ("first", "dolfinx", 2.5), ("repeat", "dolfinx", 4.0))
NAMES = {"assembly": "assembly", "first": "first solve", "repeat": "repeat solve"}


def peers(reduced: bool) -> list[Row]:
    """The task of the performance page on its three meshes; rewrites the page of the docs."""
    module = module_of("benchmarks/peers", "mechanics")
    cases = module.run(reduced, ROOT / "build" / "peers")
    if not reduced:
        module.OUT.write_text(module.table(cases))
    return [row for case in cases for row in (*_targets(case), *_records(case))]


def _targets(case: Any) -> list[Row]:
    where = f"{case.n_unknown:,} unknowns"
    rows = []
    for what, peer, goal in GOALS:
        found = case.ratio(peer, what) if peer in case.methods else None
        rows.append(at_least(f"{NAMES[what]}, {where}: {peer} in times of nmcx", found, goal))
    return [*rows, memory_row(case, where), difference_row(case, f"displacements, {where}")]


def _records(case: Any) -> list[Row]:
    where = f"{case.n_unknown:,} unknowns"
    rows = []
    for peer in (name for name in case.methods if not name.startswith("nmcx")):
        parts = [f"{NAMES[what]} {case.ratio(peer, what):.2f}×" for what in NAMES]
        memory = f"memory {1 / case.memory(peer):.2f}×"
        rows.append(recorded(f"{where}: {peer}", ", ".join([*parts, memory])))
    parts = [f"{NAMES[what]} {case.two_threads(what):.2f}×" for what in NAMES]
    return [*rows, recorded(f"{where}: two threads, sooner than one", ", ".join(parts))]


CHECKS = [Check("mechanics_peers", peers, in_reduced=False)]
