"""How honest the standard errors of an edge-energy estimator are, by simulation.

usage: python tests/verify/pulls.py [--seeds N] [--size N] [--estimator NAME ...]

Writes docs/explanation/pulls.md, or the rows of the named estimators if the page has the others by
the same counts: per estimator, noise level and kind of noise the pull width (half
the 15.9-84.1 % range of (estimate - truth) / standard error), the coverage of the 68 and 95 %
intervals and the bias that noise causes. The truth is the estimator's own value on the noise-free
spectrum, so that differences of definition between estimators do not count as errors.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx import phantom, xanes

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "pulls.md"
ESTIMATORS = ("half_jump", "half_white_line", "white_line", "derivative", "integral", "template")
NOISES = (0.01, 0.03, 0.1)
#: What the noise is like, and how the fit knows of it.
KINDS = {
    "white": "white, pooled from the residuals",
    "correlated": "correlated over one voxel, pooled from the residuals",
    "variance": "variance four times as large after the edge, given",
    "correlated variance": "both, variance given",
}
OPTIONS = {"pre_edge": (8250, 8320), "post_edge": (8380, 8640), "pre_degree": 1, "post_degree": 2}
_JUMP = 0.8
_EDGE_EV = 8344.5


def volume(size: int) -> phantom.EdgeSpectra:
    """Noise-free spectra whose edge varies smoothly by 1.5 eV over a cube."""
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, size)] * 3, indexing="ij")
    edge = _EDGE_EV + 0.75 * np.sin(2.0 * x + 1.3 * y) * np.cos(1.7 * z)
    return phantom.edge_spectra(
        size**3,
        noise=0.0,
        edge_energy_ev=edge.ravel(),
        jump_range=(_JUMP, _JUMP),
        dtype=np.float64,
    )


def noise_of(kind: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """Noise of unit variance, (n_energy, n, n, n)."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(seed).standard_normal(shape)
    if "correlated" in kind:
        noise = gaussian_filter(noise, (0, 1, 1, 1), mode="wrap")
        # A Gaussian of one voxel keeps 1 / (2 sqrt(pi)) of the variance along each axis.
        kernel = gaussian_filter(np.eye(1, 33, 16)[0], 1)
        noise /= np.sum(kernel**2) ** 1.5
    return noise


def true_energy(
    energy: NDArray[np.float64], mu: NDArray[np.float64], name: str, settings: dict[str, Any]
) -> NDArray[np.float64]:
    """What the same estimator, with the same reach, finds without noise."""
    clean = xanes.fit_edges(energy, mu, variance=np.full(energy.size, 1e-8), **settings)
    return np.asarray(getattr(clean, f"{name}_ev"))


def deviations(
    estimator: str, noise: float, kind: str, seeds: range, size: int = 26, **options: Any
) -> dict[str, NDArray[Any]]:
    """Errors and standard errors [eV] of all usable voxels, and status of all voxels."""
    name = "white_line" if estimator == "kernel_white_line" else "edge_energy"
    rule = "half_jump" if estimator == "kernel_white_line" else estimator
    settings: dict[str, Any] = {**OPTIONS, **options, "estimator": rule}
    windows = settings["pre_edge"], settings["post_edge"]
    clean = volume(size)
    energy = clean.energy_ev
    shape = (energy.size, size, size, size)
    mu = clean.mu.reshape(shape)
    sigma = np.full(energy.size, noise * _JUMP)
    if "variance" in kind:
        # `noise` is what the map reports: the root mean square over both windows.
        sigma[energy > _EDGE_EV] *= 2.0
        inside = [(energy >= w[0]) & (energy <= w[1]) for w in windows]
        sigma *= noise * _JUMP / np.sqrt(np.mean(sigma[inside[0] | inside[1]] ** 2))
    errors, stds, status = [], [], []
    for seed in seeds:
        noisy = mu + sigma[:, None, None, None] * noise_of(kind, shape, seed)
        given = sigma**2 if "variance" in kind else None
        edges = xanes.fit_edges(energy, noisy, variance=given, **settings)
        width = edges.settings["white_line_half_width_ev"]
        truth = true_energy(energy, mu, name, {**settings, "white_line_half_width_ev": width})
        ok = edges.ok & np.isfinite(truth)
        errors.append((getattr(edges, f"{name}_ev") - truth)[ok])
        stds.append(getattr(edges, f"{name}_std_ev")[ok])
        status.append(edges.status.ravel())
    return {
        "error": np.concatenate(errors),
        "std": np.concatenate(stds),
        "status": np.concatenate(status),
    }


def pulls(
    estimator: str, noise: float, kind: str, seeds: range, size: int = 26, **options: Any
) -> dict[str, float]:
    """Pull width, coverage and bias of one estimator at one noise level.

    `noise` is a fraction of the jump; `kind` is a key of `KINDS`; `options`
    are passed to `xanes.fit_edges` in place of `OPTIONS`.
    """
    found = deviations(estimator, noise, kind, seeds, size, **options)
    pull = found["error"] / found["std"]
    low, middle, high = np.quantile(pull, [0.159, 0.5, 0.841])
    return {
        "width": 0.5 * float(high - low),
        "coverage_68": float(np.mean(np.abs(pull) < 0.9945)),
        "coverage_95": float(np.mean(np.abs(pull) < 1.96)),
        "bias": float(np.mean(np.clip(pull, -5, 5))),
        "median": float(middle),
        "std_ev": float(np.median(found["std"])),
        "spread_ev": 0.5 * float(np.subtract(*np.quantile(found["error"], [0.841, 0.159]))),
        "ok": pull.size / found["status"].size,
        "several": float(np.mean((found["status"] & 16) != 0)),
    }


def table(estimators: tuple[str, ...], seeds: range, size: int) -> list[str]:
    """Rows of a Markdown table of `pulls` for all noises and kinds."""
    rows = []
    for estimator in estimators:
        for kind, words in KINDS.items():
            for noise in NOISES:
                found = pulls(estimator, noise, kind, seeds, size)
                print(f"{estimator}, {kind}, {noise}: {found['width']:.3f}", flush=True)
                rows.append(
                    f"| {estimator} | {words} | {noise} | {found['width']:.3f} "
                    f"| {100 * found['coverage_68']:.1f} | {100 * found['coverage_95']:.1f} "
                    f"| {found['bias']:+.3f} | {found['std_ev']:.3f} "
                    f"| {found['std_ev'] / noise:.1f} | {100 * found['ok']:.1f} % "
                    f"| {100 * found['several']:.1f} % |"
                )
    return rows


def kept_rows(head: str, measured: list[str]) -> list[str]:
    """Rows of the present page for the other estimators; none if it has another head."""
    page = PAGE.read_text() if PAGE.exists() else ""
    if not page.startswith(head):
        return []
    rows = page.removeprefix(head).splitlines()
    return [row for row in rows if row.split("|")[1].strip() not in measured]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--size", type=int, default=26, help="voxels along the cube")
    parser.add_argument("--estimator", nargs="+", default=list(ESTIMATORS), choices=ESTIMATORS)
    options = parser.parse_args()
    n_voxel = options.seeds * options.size**3
    head = (
        "# Pull widths and coverage\n\n"
        "Written by `python tests/verify/pulls.py`; what the columns mean is on the page\n"
        f"[Estimators](estimators.md). {n_voxel:,} voxels per row, seeds 1 to {options.seeds}, a\n"
        f"jump of {_JUMP}, the 61 energies of `phantom.edge_energies`, pre-edge line, post-edge\n"
        "quadratic.\n\n"
        "| estimator | noise | σ/J | pull width | in 68 % | in 95 % | bias/σ_E | σ_E [eV] "
        "| σ_E / (σ/J) [eV] | ok | bit 16 |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|\n"
    )
    rows = kept_rows(head, options.estimator)
    rows += table(tuple(options.estimator), range(1, options.seeds + 1), options.size)
    rows.sort(key=lambda row: ESTIMATORS.index(row.split("|")[1].strip()))
    PAGE.write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
