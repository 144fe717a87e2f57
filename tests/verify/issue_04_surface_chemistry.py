"""Issue 4: registration of two scans, the ratio map's honesty, real and hostile pairs."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from check import Check, Row, module_of, recorded
from issue_04_cosmic_pair import cosmic_pair, numbers_outside
from issue_04_soft_spectra import SOFT_CHECKS
from numpy.typing import NDArray

from nmcx import phantom, surface
from nmcx.errors import ConvergenceError

Image = NDArray[np.float64]

#: Of both energies together, per pixel.
COUNTS = (50.0, 500.0, 5000.0)
#: No drift, some of it, and a quarter of the image along both axes.
DRIFTS = ((0.0, 0.0), (3.37, -2.62), (15.0, -15.0))
RMS_PX = {1.0: 0.031, 0.6: 0.042}


def drift_errors(seeds: range, contrast: float) -> Image:
    """Errors of the drift (n_seed, 2) [px] on performance.md's task."""
    task = module_of("benchmarks", "bench_registration")
    errors = []
    for seed in seeds:
        images, shift = task.pair(seed, contrast)
        found = surface.register(*images)
        errors.append((found.dy - shift[0], found.dx - shift[1]))
    return np.array(errors)


def registration(reduced: bool) -> list[Row]:
    seeds = range(1, 31 if reduced else 201)
    rows = []
    for contrast, least in RMS_PX.items():
        rms = float(np.sqrt(np.mean(np.sum(drift_errors(seeds, contrast) ** 2, axis=1))))
        words = f"60×60, 500 counts, contrast {contrast}, seeds 1…{seeds[-1]}"
        # 30 seeds scatter by a tenth: the full count is what the goal is about.
        met = None if reduced else rms <= least
        rows.append(Row(f"rms error of the drift; {words}", f"{rms:.4f} px", f"≤ {least} px", met))
    return rows


def registration_speed(reduced: bool) -> list[Row]:
    task = module_of("benchmarks", "bench_registration")
    pairs = [task.pair(seed, contrast)[0] for seed in range(1, 21) for contrast in (1.0, 0.6)]
    spent = []
    for _ in range(5):
        for images in pairs:
            started = time.process_time()
            surface.register(*images)
            spent.append(time.process_time() - started)
    middle, best = 1e3 * float(np.median(spent)), 1e3 * float(np.min(spent))
    return [
        Row(
            "CPU time of `register`, 60×60 pair, median of 200",
            f"{middle:.2f} ms (best {best:.2f})",
            "≤ 3 ms",
            middle <= 3.0,
        )
    ]


def quarter_drift(reduced: bool) -> list[Row]:
    """The particle a quarter of the image away, partly out of it."""
    seeds, errors, refused = range(1, 11 if reduced else 101), [], 0
    for seed in seeds:
        drift = np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)][seed % 4]) * 15.0 + 0.37
        made = phantom.pair_scans(seed, counts=1000, drift_px=(drift[0], drift[1]))
        try:
            found = surface.xi_map(made.low, made.high).shift
        except ConvergenceError:
            refused += 1
            continue
        errors.append((found.dy - drift[0], found.dx - drift[1]))
    away = np.hypot(*np.array(errors).T)
    words = f"drift of a quarter of the image both ways, 1000 counts, seeds 1…{seeds[-1]}"
    return [
        Row(
            f"{words}: found to half a pixel",
            f"{np.count_nonzero(away < 0.5)} of {len(seeds)} ({refused} refused)",
            "all",
            refused == 0 and bool(np.all(away < 0.5)),
        ),
        recorded(f"{words}: rms error", f"{np.sqrt(np.mean(away**2)):.3f} px"),
    ]


def ratio_errors(counts: float, drift_px: tuple[float, float], seeds: range) -> dict[str, Any]:
    """Errors and pulls of ξ on bare particle, per seed the mean error, pixels that break a rule."""
    errors, pulls, means, refused, broken = [], [], [], 0, 0
    for seed in seeds:
        made = phantom.pair_scans(seed, counts=counts, drift_px=drift_px, pre_edge=0.0)
        try:
            found = surface.xi_map(made.low, made.high, min_counts=1)
        except ConvergenceError:
            refused += 1
            continue
        seen = found.valid & made.bare
        error = (found.xi - made.xi)[seen]
        errors.append(error)
        pulls.append(error / found.xi_std[seen])
        means.append(float(np.mean(error)))
        broken += numbers_outside(found)
    pull = np.concatenate(pulls)
    low, high = np.quantile(pull, (0.159, 0.841))
    return {
        "width": 0.5 * float(high - low),
        "std": float(np.std(pull)),
        "means": np.array(means),
        "n_pixel": pull.size,
        "refused": refused,
        "broken": broken,
        "spread": float(np.std(np.concatenate(errors))),
    }


def transmission_drift(reduced: bool) -> list[Row]:
    """The drift of transmission pairs with fine chemistry, and whether its error says so."""
    seeds, pulls, away = range(1, 6 if reduced else 101), [], []
    for seed in seeds:
        made = phantom.pair_scans(seed, counts=5e4, mode="transmission", pre_edge=0.0)
        found = surface.xi_map(made.low, made.high, mode="transmission").shift
        error = np.array([found.dy - made.shift.dy, found.dx - made.shift.dx])
        away.append(float(np.hypot(*error)))
        pulls.extend(error / found.std)
    words = f"transmission, 50 000 counts, ξ varies by 0.03, seeds 1…{seeds[-1]}"
    width = float(np.sqrt(np.mean(np.square(pulls))))
    rms = float(np.sqrt(np.mean(np.square(away))))
    return [
        Row(f"rms error of the drift; {words}", f"{rms:.3f} px", "≤ 0.1 px", rms <= 0.1),
        Row(f"rms pull of the drift; {words}", f"{width:.2f}", "≤ 1.1", width <= 1.1),
    ]


def ratio_honesty(reduced: bool) -> list[Row]:
    seeds = range(1, 6 if reduced else 101)
    rows, broken = [], 0
    for counts in COUNTS:
        for drift in DRIFTS:
            found = ratio_errors(counts, drift, seeds)
            broken += found["broken"]
            words = f"{counts:g} counts, drift {drift} px, seeds 1…{seeds[-1]}"
            rows.append(
                Row(
                    f"pull width of ξ; {words}",
                    f"{found['width']:.3f} (standard deviation {found['std']:.3f}, "
                    f"{found['n_pixel']} pixels, {found['refused']} seeds refused)",
                    "1 ± 0.1",
                    abs(found["width"] - 1.0) <= 0.1,
                )
            )
            bias = float(np.mean(found["means"]))
            worst = float(np.max(np.abs(found["means"])))
            rows.append(
                Row(
                    f"bias of ξ, mean of all seeds; {words}",
                    f"{bias:+.5f} (one seed at most {worst:.5f})",
                    "≤ 0.002 either way",
                    abs(bias) <= 0.002,
                )
            )
            # Counting alone scatters the mean of 800 pixels by 0.0008 at 500 counts: of 100 seeds
            # one lies beyond 0.002. At 5000 counts a single map can show a bias that small.
            if counts > 1000:
                rows.append(
                    Row(
                        f"bias of ξ, worst seed; {words}",
                        f"{worst:.5f}",
                        "≤ 0.002",
                        worst <= 0.002,
                    )
                )
    rows.append(
        Row("pixels with a number outside validity, all of these", str(broken), "0", broken == 0)
    )
    return rows


def scan_drift(reduced: bool) -> list[Row]:
    """A stage that drifts while the high-energy scan is taken, and none that is thought to."""
    seeds = range(1, 7 if reduced else 101)
    pulls, errors, left, rigid = [], [], [], []
    feigned = refused = 0
    for seed in seeds:
        still = phantom.pair_scans(seed)
        feigned += surface.xi_map(still.low, still.high).motion is not None
        made = phantom.pair_scans(seed, scan_drift_px=(-1.2, 1.0))
        found = surface.xi_map(made.low, made.high, background=made.background)
        plain = surface.xi_map(
            made.low, made.high, background=made.background, motion="translation"
        )
        assert made.motion is not None
        if found.motion is None:
            refused += 1
            continue
        truth = made.motion
        growth = found.motion.growth(60)
        errors.append((growth[0] + 1.2, growth[1] - 1.0))
        change = (found.motion.matrix - truth.matrix)[:, 0] / found.motion.matrix_std[:, 0]
        shift = (found.motion.offset - truth.offset) / found.shift.std
        pulls.append([*shift, *change])
        for one, kept in ((found, left), (plain, rigid)):
            inside = one.valid & made.bare
            kept.append(float(np.sqrt(np.mean((one.xi - made.xi)[inside] ** 2))))
    wide = np.std(np.array(pulls), axis=0)
    rms = np.sqrt(np.mean(np.square(errors), axis=0))
    n = len(seeds)
    return [
        Row(
            f"scan drift of (-1.2, +1.0) px from first to last row, found in, 60×60, seeds 1…{n}",
            f"{n - refused} of {n}",
            "all",
            refused == 0,
        ),
        Row(
            f"scan drift thought to be seen where there is none, seeds 1…{n}",
            f"{feigned} of {n}",
            "0",
            feigned == 0,
        ),
        recorded(
            "scan drift, rms error of growth (rows, columns)", f"{rms[0]:.3f}, {rms[1]:.3f} px"
        ),
        recorded(
            "scan drift, standard deviation of pulls of shift and growth (rows, columns)",
            ", ".join(f"{w:.2f}" for w in wide),
        ),
        Row(
            "scan drift, rms error of ξ on bare particle, median of the seeds",
            f"{np.median(left):.4f} (a translation leaves {np.median(rigid):.4f})",
            "less than with a translation",
            bool(np.median(left) < np.median(rigid)),
        ),
    ]


def defocus(reduced: bool) -> list[Row]:
    """What a blur of one scan alone does to ξ, beyond noise."""
    seeds = range(1, 3 if reduced else 11)
    rows = []
    for blur in (0.0, 0.3, 0.6, 1.0):
        inner, rim = [], []
        for seed in seeds:
            made = phantom.pair_scans(seed, counts=2e4, pre_edge=0.0, defocus_px=blur)
            found = surface.xi_map(made.low, made.high)
            error = np.where(found.valid, found.xi - made.xi, np.nan)
            inner.append(error[made.bare])
            rim.append(error[found.valid & ~made.bare])
        parts = (np.concatenate(inner), np.concatenate(rim))
        at_face, at_rim = (float(np.sqrt(np.nanmean(part**2))) for part in parts)
        rows.append(
            recorded(
                f"rms error of ξ, high scan blurred by {blur} px more, 20 000 counts",
                f"face {at_face:.4f} (mean {np.nanmean(parts[0]):+.4f}), rim {at_rim:.4f}",
            )
        )
    return rows


def coatings(reduced: bool) -> list[Row]:
    """Carbon and platinum pull ξ towards a half by just their share of the signal."""
    seeds = range(1, 4 if reduced else 21)
    left, towards, partly = [], [], []
    for seed in seeds:
        made = phantom.pair_scans(seed, counts=2e4, carbon=0.25, platinum=0.1)
        found = surface.xi_map(made.low, made.high)
        predicted = 0.5 + (made.xi - 0.5) * made.nickel_share
        seen = found.valid & np.isfinite(made.xi)
        dim = seen & (made.nickel_share < 0.5) & ~made.coated
        left.append((found.xi - predicted)[seen & (made.nickel_share > 0.05)])
        towards.append((found.xi - 0.5)[found.valid & made.coated])
        partly.append((found.xi - made.xi)[dim])
    at_all, coated, dimmed = (np.concatenate(part) for part in (left, towards, partly))
    bias = float(np.mean(at_all))
    return [
        Row(
            "ξ without background less ½ + (ξ − ½) × nickel's share, mean; carbon and platinum",
            f"{bias:+.5f}",
            "≤ 0.002 either way",
            abs(bias) <= 0.002,
        ),
        recorded("ξ − ½ where nothing but coating is seen, mean", f"{np.nanmean(coated):+.4f}"),
        recorded(
            "error of ξ without background, nickel less than half of the signal, mean",
            f"{np.nanmean(dimmed):+.4f}",
        ),
    ]


def refusals(reduced: bool) -> list[Row]:
    """Pairs of which nothing can be said: the second scan blank, another field, saturated."""
    seeds = range(1, 21 if reduced else 201)
    accepted = dict.fromkeys(("blank", "both blank", "another field", "saturated"), 0)
    others = 0
    for seed in seeds:
        made = phantom.pair_scans(seed, counts=1000)
        for name, (low, high) in hopeless(made, seed).items():
            accepted[name] += _registers(low, high)
        others += _registers(made.low, phantom.pair_scans(1000 + seed, counts=1000).high)
    rows = [
        Row(
            f"pairs that are refused, second scan {name}, seeds 1…{seeds[-1]}",
            f"{len(seeds) - n} of {len(seeds)}",
            "all",
            n == 0,
        )
        for name, n in accepted.items()
    ]
    rows.append(
        Row(
            "pairs that are refused, second scan of another particle whose outline differs by "
            f"8 %, seeds 1…{seeds[-1]}",
            f"{len(seeds) - others} of {len(seeds)}",
            "all",
            others == 0,
        )
    )
    return rows


def hopeless(made: phantom.PairScans, seed: int) -> dict[str, tuple[Any, Any]]:
    """Pairs that share nothing, from a good one."""
    from dataclasses import replace

    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(5000 + seed)
    shape = made.low.counts.shape[1:]

    def of(stack: Any, image: Image) -> Any:
        return replace(stack, counts=np.asarray(image, dtype=np.float64)[None])

    texture = gaussian_filter(random.standard_normal(shape), 3.0, mode="wrap")
    other = random.poisson(500.0 * np.exp(0.5 * texture / texture.std()))
    blank = random.poisson(500.0, shape)
    return {
        "blank": (made.low, of(made.high, blank)),
        "both blank": (of(made.low, random.poisson(500.0, shape)), of(made.high, blank)),
        "another field": (made.low, of(made.high, other)),
        "saturated": (made.low, of(made.high, np.full(shape, 65535.0))),
    }


def _registers(low: Any, high: Any) -> int:
    try:
        surface.xi_map(low, high)
    except ConvergenceError:
        return 0
    return 1


CHECKS = [
    Check("registration", registration),
    Check("registration_speed", registration_speed, in_reduced=False),
    Check("quarter_drift", quarter_drift),
    Check("transmission_drift", transmission_drift),
    Check("scan_drift", scan_drift),
    Check("ratio_honesty", ratio_honesty),
    Check("defocus", defocus),
    Check("coatings", coatings),
    Check("refusals", refusals),
    # Missed so far (see the table): not a gate.
    Check("cosmic_pair", cosmic_pair, in_reduced=False),
    *SOFT_CHECKS,
]
