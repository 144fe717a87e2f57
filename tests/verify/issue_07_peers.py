"""Equilibrium beside dolfinx and scikit-fem, and fracture beside akantu, on one mesh in one run."""

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


def two_blocks(reduced: bool) -> list[Row]:
    """Two blocks pulled apart; rewrites the page of the docs."""
    module = module_of("benchmarks/peers", "two_blocks")
    cases = module.run(reduced, ROOT / "build" / "peers")
    if not reduced:
        module.OUT.write_text(module.table(cases))
    return [row for case in cases for row in _pull(case)]


def _pull(case: Any) -> list[Row]:
    where = f"two blocks, {case.pull.name}, {case.n_step} steps"
    work = case.share("nmcx", "work")
    less = " less what the jump released" if case.methods["nmcx"]["released"] else ""
    figure = f"{where}: work of the ends{less} over G_c A"
    rows = [Row(figure, f"{work:.5f}", "1 ± 0.001", abs(work - 1.0) <= 1e-3)]
    rows.append(recorded(f"{where}: nmcx", _figures(case, "nmcx")))
    if "akantu" not in case.methods:
        return [*rows, recorded(f"{where}: akantu", "akantu is not at hand")]
    work = case.share("akantu", "work")
    figures = f"work {work:.5f}, {_figures(case, 'akantu')}, CPU {case.times('akantu'):.2f}×"
    return [*rows, recorded(f"{where}: akantu", figures)]


def _figures(case: Any, method: str) -> str:
    found = case.methods[method]
    return (
        f"dissipated {case.share(method, 'dissipated'):.5f}, peak {1e-6 * found['peak']:.1f} MPa, "
        f"{found['n_step']} steps found, {found['n_given_up']} given up, "
        f"{case.iterations(method):.1f} iterations a step"
    )


CHECKS = [
    Check("mechanics_peers", peers, in_reduced=False),
    Check("two_blocks", two_blocks, in_reduced=False),
]
