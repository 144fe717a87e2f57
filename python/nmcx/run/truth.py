"""The demonstration: a synthetic particle through the whole chain, and held against its truth."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nmcx.errors import OutputError
from nmcx.report import Findings, Table
from nmcx.report.words import with_error
from nmcx.results import PeakRatio
from nmcx.run.folder import check_free, new_folder
from nmcx.run.job import RunResult, run

Progress = Callable[[float, float, str], None]


def demo(
    out: str | PathLike[str],
    *,
    seed: int = 1,
    force: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> tuple[RunResult, Table]:
    """Make a particle with known answers, analyse its files, and compare.

    Parameters
    ----------
    out : str or path
        Folder for the results; the synthetic measurement lies in ``data`` below it.
    seed : int
        Of the particle.
    force : bool
        Replace an earlier demonstration in that folder.
    progress : callable, optional
        Called as ``progress(done, total, label)``.
    **options : keywords
        Passed to `nmcx.phantom.particle`, for instance ``shape``.

    Returns
    -------
    RunResult
        As of `run`.
    Table
        Found values beside the truth, also in the report.

    Raises
    ------
    nmcx.errors.OutputError
        If the folder holds results already and `force` is false, or cannot be written.
    """
    from nmcx import phantom

    folder = Path(out).absolute()
    check_free(folder, force)
    data = folder / "data"
    if data.exists() and not force:
        raise OutputError(f"{data}: exists; name another folder, or replace it with --force")
    is_new = not folder.exists()
    if progress is not None:
        progress(0, 1, "synthetic measurement")
    made = phantom.particle(seed=seed, **options)
    soft = phantom.soft_spectra(i0_drift=0.0, seed=seed)
    tables: list[Table] = []

    def compare(found: Findings) -> tuple[Table, ...]:
        tables.append(against_truth(found, made.truth, soft))
        return tuple(tables)

    try:
        with new_folder(data, force=force) as work:
            made.write(work)
            _write_spectra(work, soft)
        result = run(data / "run.toml", out=folder, force=force, progress=progress, compare=compare)
    except BaseException:
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return result, tables[0]


def _write_spectra(work: Path, soft: Any) -> None:
    """The soft spectra as text files beside the other data, and a section for them."""
    lines = ["", "[spectra]"]
    for name in ("nickel_tey", "nickel_fy", "oxygen_tey", "oxygen_fy"):
        files = [f"{name}_{state}.txt" for state in ("first", "cycled")]
        for file, scan in zip(files, getattr(soft, name), strict=True):
            columns = np.column_stack([scan.energy_ev, scan.mu])
            header = f"energy {name.split('_')[1]}"
            np.savetxt(work / file, columns, fmt="%.10g", header=header)
        lines.append(f'{name} = ["{files[0]}", "{files[1]}"]')
    with (work / "run.toml").open("a", encoding="utf-8") as opened:
        opened.write("\n".join(lines) + "\n")


def against_truth(found: Findings, truth: Any, soft: Any = None) -> Table:
    """What the chain found beside what was put in.

    Parameters
    ----------
    found : Findings
        Of a run on the files of a phantom.
    truth : nmcx.phantom.Truth
        What the phantom was made with.
    soft : nmcx.phantom.SoftSpectra, optional
        What the soft spectra were made with.

    Returns
    -------
    Table
    """
    rows: list[tuple[str, str, str]] = []
    if found.edges is not None:
        edges = found.edges
        for name, value, std, true in (
            ("Edge energy", edges.edge_energy_ev, edges.edge_energy_std_ev, truth.edge_energy_ev),
            ("White line", edges.white_line_ev, edges.white_line_std_ev, truth.white_line_ev),
        ):
            inside = edges.ok & np.isfinite(true)
            error = (value - true)[inside]
            coverage = float(np.mean(np.abs(error) <= 2 * std[inside])) if error.size else np.nan
            bias = float(error.mean()) if error.size else np.nan
            rows += [
                (f"{name}: mean error of {error.size:,} voxels", f"{bias:+.4f} eV", "0 eV"),
                (f"{name}: within two standard errors", f"{100 * coverage:.1f} %", "95.4 %"),
            ]
    if found.xi is not None:
        shift, true = found.xi.shift, truth.shift
        rows += [
            (
                f"Drift of the second scan, {axis}",
                f"{got:+.3f} ± {shift.std:.3f} px",
                f"{put:+.3f} px",
            )
            for axis, got, put in (("rows", shift.dy, true.dy), ("columns", shift.dx, true.dx))
        ]
    if soft is not None:
        rows += _of_spectra(found, soft)
    if found.particle is not None:
        void = truth.envelope & ~truth.solid
        porosity = np.count_nonzero(void) / np.count_nonzero(truth.envelope)
        rows.append(
            ("Porosity", f"{100 * found.particle.porosity:.2f} %", f"{100 * porosity:.2f} %")
        )
    if found.scan is not None:
        r = float(found.scan.pearson[np.nanargmax(np.abs(found.scan.pearson))])
        rows.append(
            (
                "Correlation of ξ and porosity",
                f"{r:+.2f}, p = {found.scan.p_family:.3g}",
                "negative" if getattr(truth, "correlated", True) else "none",
            )
        )
    return Table("Against the truth", ("Quantity", "Found", "Truth"), tuple(rows))


def _of_spectra(found: Findings, soft: Any) -> list[tuple[str, str, str]]:
    """Peak ratios and suppression beside the truth, whose axes are yield and state."""
    modes, rows = ("tey", "fy"), []
    for one in found.spectra:
        if isinstance(one.found, PeakRatio):
            state = int(one.name.endswith("cycled"))
            true = float(soft.ratio[modes.index(one.spectrum.mode), state])
            value = with_error(one.found.ratio, one.found.ratio_std)
            rows.append((f"Ratio of the Ni L3 peaks: {one.name}", value, f"{true:.4f}"))
    for lost in found.suppressions:
        low, high = lost.interval_95
        rows.append(
            (
                f"Suppression of the O K pre-edge, {lost.mode}, with 95 % interval",
                f"{100 * lost.value:.1f} % ({100 * low:.1f} … {100 * high:.1f} %)",
                f"{100 * float(soft.suppression[modes.index(lost.mode)]):.1f} %",
            )
        )
    return rows
