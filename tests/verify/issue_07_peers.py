"""Equilibrium beside dolfinx and scikit-fem, on one mesh in one run."""

from __future__ import annotations

from typing import Any

from check import ROOT, Check, Row, module_of, recorded

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
        figure = f"{NAMES[what]}, {where}: {peer} in times of nmcx"
        if peer not in case.methods:
            rows.append(Row(figure, "dolfinx is not at hand", f"≥ {goal:g}×", None))
            continue
        found = case.ratio(peer, what)
        rows.append(Row(figure, f"{found:.2f}×", f"≥ {goal:g}×", found >= goal))
    memory = case.memory("dolfinx") if "dolfinx" in case.methods else None
    rows.append(
        Row(
            f"memory, {where}: nmcx in that of dolfinx",
            "dolfinx is not at hand" if memory is None else f"{memory:.2f}×",
            "≤ 1×",
            None if memory is None else memory <= 1.0,
        )
    )
    worst = max(method.difference for method in case.methods.values())
    names = ", ".join(name for name in case.methods if not name.startswith("nmcx"))
    figure = f"displacements, {where}: largest difference in their range, {names}"
    return [*rows, Row(figure, f"{worst:.1e}", "≤ 1e-6", worst <= 1e-6)]


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
