"""Issue 3: edge energies of every voxel; speed, accuracy and honesty of the fit."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Any

import issue_03_chain
import numpy as np
from check import Check, Row, apart, edge_fit_speeds, module_of, recorded

NOISES = (0.01, 0.03, 0.1)
ESTIMATORS = ("half_jump", "half_white_line", "white_line", "derivative", "integral", "template")
#: Least millions of voxels per second and core.
SPEEDS = {"v2": None, "v3": 20.0, "v4": 40.0}
#: performance.md's spectra: edges of 8344–8349 eV.
SHAPE = (1.5, 0.7, 4.5, 2.55)
EDGES_EV = (8344.0, 8349.0)


def speed(reduced: bool) -> list[Row]:
    """One and two threads on all instruction sets, in both layouts, from the installed wheel."""
    load = os.getloadavg()[0]
    found = edge_fit_speeds()
    rows = [recorded("processes that ran beside, load of the minute before", f"{load:.1f}")]
    for level, least in SPEEDS.items():
        target = "(recorded)" if least is None else f"≥ {least:.0f} M/s/core"
        names = [
            name.removesuffix(", 1 threads")
            for name in found
            if f" {level}," in name and name.endswith(", 1 threads")
        ]
        if not names:
            rows.append(Row(f"fit_edges, {level}", "not run: not on this processor", target, None))
        for name in names:
            one, best = found[f"{name}, 1 threads"], found[f"{name}, 1 threads, best"]
            rows.append(
                Row(
                    f"{name}, installed wheel, one thread, median",
                    f"{one:.1f} M/s/core (best {best:.1f})",
                    target,
                    None if least is None else one >= least,
                )
            )
            ratio, best = (found[f"{name}, speed-up of 2 threads, {k}"] for k in ("median", "best"))
            rows.append(
                Row(
                    f"{name}, wall time of one thread / two threads, median",
                    f"{ratio:.2f} (of the best {best:.2f})",
                    "≥ 1.8",
                    ratio >= 1.8,
                )
            )
    return rows


def reference_errors(estimator: str, seed: int, n_voxel: int, n_copy: int = 1) -> dict[str, float]:
    """Errors [eV] on performance.md's task and CPU seconds; 64 energies, 1 % noise."""
    from nmcx import phantom, xanes

    task = module_of("benchmarks", "bench_edge_fit")
    made = phantom.edge_spectra(
        n_voxel,
        noise=0.01,
        seed=seed,
        energy_ev=task.reference_energies(),
        edge_range_ev=EDGES_EV,
        shape=phantom.EdgeShape(*SHAPE),
    )
    mu = np.tile(made.mu, (1, n_copy))
    started = time.process_time()
    edges = xanes.fit_edges(
        made.energy_ev, mu, estimator=estimator, threads=1, **task.WINDOWS, **task.DEGREES
    )
    seconds = time.process_time() - started
    edge = (edges.edge_energy_ev - np.tile(made.edge_energy_ev, n_copy))[edges.ok]
    line = (edges.white_line_ev - np.tile(made.white_line_ev, n_copy))[edges.ok]
    return {
        "rmse": float(np.sqrt(np.mean(edge**2))),
        "bias": float(np.mean(edge)),
        "white_line": float(np.sqrt(np.nanmean(line**2))),
        "lost": float(np.mean(~(edges.ok & np.isfinite(edges.edge_energy_ev)))),
        "seconds": seconds,
    }


def lowest_error() -> float:
    """Cramér–Rao bound of the same task [eV], root mean square over the edges."""
    from nmcx import phantom

    energy = module_of("benchmarks", "bench_edge_fit").reference_energies()
    bound = module_of("tests/python", "test_template").bound
    shape = phantom.EdgeShape(*SHAPE)
    each = [bound(energy, 0.01, shape, edge) for edge in np.linspace(*EDGES_EV, 21)]
    return float(np.sqrt(np.mean(np.square(each))))


def _worst(found: list[dict[str, float]], name: str) -> float:
    return max((one[name] for one in found), key=abs)


def accuracy(reduced: bool) -> list[Row]:
    n_voxel, seeds = (20_000, range(1, 2)) if reduced else (100_000, range(1, 6))
    found = [apart(reference_errors, "half_jump", seed, n_voxel) for seed in seeds]
    words = f"64 energies, 1 % noise, {n_voxel} voxels, worst of seeds 1…{seeds[-1]}"
    rmse, bias, line = (_worst(found, name) for name in ("rmse", "bias", "white_line"))
    return [
        Row(f"half-jump, RMSE; {words}", f"{rmse:.4f} eV", "≤ 0.032 eV", rmse <= 0.032),
        Row("half-jump, bias; same", f"{bias:+.4f} eV", "≤ 0.01 eV either way", abs(bias) <= 0.01),
        Row("white line, RMSE; same", f"{line:.4f} eV", "≤ 0.10 eV", line <= 0.10),
        recorded("voxels without an edge energy; same", f"{100 * _worst(found, 'lost'):.3f} %"),
    ]


def template_accuracy(reduced: bool) -> list[Row]:
    """The shift of a template made of the stack itself."""
    n_voxel, seeds = (20_000, range(1, 2)) if reduced else (100_000, range(1, 6))
    found = [apart(reference_errors, "template", seed, n_voxel) for seed in seeds]
    words = f"64 energies, 1 % noise, {n_voxel} voxels, worst of seeds 1…{seeds[-1]}"
    rmse, bias, bound = _worst(found, "rmse"), _worst(found, "bias"), apart(lowest_error)
    rows = [
        Row(f"template shift, RMSE; {words}", f"{rmse:.4f} eV", "≤ 0.022 eV", rmse <= 0.022),
        Row(
            f"template shift, RMSE / Cramér–Rao bound of {bound:.4f} eV; same",
            f"{rmse / bound:.3f}",
            "1 ± 0.10",
            abs(rmse / bound - 1) <= 0.1,
        ),
        recorded("template shift, bias; same", f"{bias:+.4f} eV"),
    ]
    if reduced:
        return rows
    # What making the template costs is the same for few and for many voxels.
    large = [apart(reference_errors, "template", seed, n_voxel, 20) for seed in seeds[:3]]
    few, many = (float(np.median([one["seconds"] for one in them])) for them in (found, large))
    speed, limit = 20 * n_voxel / 1e6 / many, 19 * n_voxel / 1e6 / (many - few)
    return [
        *rows,
        recorded(
            f"template shift, speed, making the template included; {n_voxel} voxels, median",
            f"{n_voxel / 1e6 / few:.2f} M/s/core",
        ),
        Row(
            f"template shift, speed, the same; {20 * n_voxel} voxels, median",
            f"{speed:.2f} M/s/core ({limit:.2f} without making the template)",
            "≥ 1 M/s/core",
            speed >= 1,
        ),
    ]


def _pulls(*words: Any) -> dict[str, float]:
    import pulls

    return pulls.pulls(*words)


def _kinds() -> dict[str, str]:
    import pulls

    return pulls.KINDS


def pull_widths(estimator: str, reduced: bool) -> list[Row]:
    """Whether standard errors are those of simulated noise; every kind pulls.py knows."""
    # Reduced: noise that is independent from voxel to voxel tells the width of few voxels, to 2 %.
    kinds = {k: v for k, v in apart(_kinds).items() if not reduced or "correlated" not in k}
    noises, seeds, size = (NOISES[1:2], range(1, 2), 16) if reduced else (NOISES, range(1, 6), 26)
    rows = []
    for kind, words in kinds.items():
        found = [apart(_pulls, estimator, noise, kind, seeds, size) for noise in noises]
        name = f"{estimator}, noise {words}, σ/J = {', '.join(map(str, noises))}"
        widths = [one["width"] for one in found]
        rows += [
            Row(
                f"pull width, {name}; {len(seeds) * size**3} voxels",
                ", ".join(f"{width:.3f}" for width in widths),
                "1 ± 0.10",
                all(abs(width - 1) <= 0.1 for width in widths),
            ),
            recorded(
                f"truth inside the 68 and 95 % intervals, usable voxels, {name}",
                "; ".join(
                    f"{100 * one['coverage_68']:.1f} and {100 * one['coverage_95']:.1f} % "
                    f"(of {100 * one['ok']:.1f} %)"
                    for one in found
                ),
            ),
        ]
    return rows


CHECKS = [
    Check("speed", speed, in_reduced=False),
    Check("accuracy", accuracy),
    Check("template_accuracy", template_accuracy),
    *(Check(f"pulls_{name}", partial(pull_widths, name)) for name in ESTIMATORS),
    *issue_03_chain.CHECKS,
]
