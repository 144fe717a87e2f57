"""A step of diffusion beside dolfinx and scikit-fem, on one mesh in one run."""

from __future__ import annotations

from typing import Any

from check import ROOT, Check, Row, module_of, recorded


def peers(reduced: bool) -> list[Row]:
    """The task of the performance page on its three meshes; rewrites the page of the docs."""
    module = module_of("benchmarks/peers", "transport")
    cases = module.run(reduced, ROOT / "build" / "peers")
    if not reduced:
        module.OUT.write_text(module.table(cases))
    return [row for case in cases for row in (*_targets(case), *_records(case))]


def at_least(figure: str, found: float | None, target: float) -> Row:
    """A ratio beside its target; none was found if there is no dolfinx."""
    if found is None:
        return Row(figure, "dolfinx is not at hand", f"≥ {target:g}×", None)
    return Row(figure, f"{found:.2f}×", f"≥ {target:g}×", found >= target)


def memory_row(case: Any, where: str) -> Row:
    figure = f"memory, {where}: nmcx in that of dolfinx"
    if "dolfinx" not in case.methods:
        return Row(figure, "dolfinx is not at hand", "≤ 1×", None)
    memory = case.memory("dolfinx")
    return Row(figure, f"{memory:.2f}×", "≤ 1×", memory <= 1.0)


def difference_row(case: Any, what: str) -> Row:
    worst = max(method.difference for method in case.methods.values())
    names = ", ".join(name for name in case.methods if not name.startswith("nmcx"))
    figure = f"{what}: largest difference in the range, {names}"
    return Row(figure, f"{worst:.1e}", "≤ 1e-6", worst <= 1e-6)


def _targets(case: Any) -> list[Row]:
    where = f"{case.n_cell:,} cells"
    has_dolfinx = "dolfinx" in case.methods
    rows = []
    # A step that has its matrices assembled: the solver alone is bound by memory in both, and the
    # performance page shows no more than 1.5 of it to be possible.
    named = {"assembly": "assembly", "both": "a step, assembled and solved"}
    for what, target in (("assembly", 10.0), ("both", 3.0)):
        found = case.ratio("dolfinx", what) if has_dolfinx else None
        rows.append(at_least(f"{named[what]}, {where}: dolfinx in times of nmcx", found, target))
    return [*rows, memory_row(case, where), difference_row(case, f"values, {where}")]


def _records(case: Any) -> list[Row]:
    where = f"{case.n_cell:,} cells"
    rows = []
    for peer in (name for name in case.methods if not name.startswith("nmcx")):
        parts = [f"{what} {case.ratio(peer, what):.2f}×" for what in ("assembly", "step", "both")]
        memory = f"memory {1 / case.memory(peer):.2f}×"
        rows.append(recorded(f"{where}: {peer}", ", ".join([*parts, memory])))
    parts = [f"{what} {case.two_threads(what):.2f}×" for what in ("assembly", "step")]
    return [*rows, recorded(f"{where}: two threads, sooner than one", ", ".join(parts))]


CHECKS = [Check("transport_peers", peers, in_reduced=False)]
