"""Issue 5: whether the p-values of a correlation are what they say, and what they can find."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from check import Check, Row, recorded
from numpy.typing import NDArray

_LENGTHS = (3, 10, 30)
_PLANTED = (0.3, 0.5, 0.7)


def _where(length: int, hemisphere: bool) -> str:
    return f"{length}° on {'one hemisphere' if hemisphere else 'the full sphere'}"


def _rate(p: NDArray[np.float64]) -> str:
    return ", ".join(f"{100 * rate:.1f}" for rate in np.atleast_1d(np.mean(p < 0.05, axis=0)))


def null_rates(length: int, hemisphere: bool, reduced: bool) -> list[Row]:
    """False alarms of independent fields: how often p < 0.05, and whether p is uniform."""
    from scipy.stats import kstest

    n = 120 if reduced else 2000
    n_null = 199 if reduced else 999
    found = _run(n, length, hemisphere, n_null)
    # Reduced: 99.9 % of binomial(120, 0.05) lies within; the full count's own limit is the issue's.
    allowed = 6.5 if reduced else 1.5
    rate = 100 * float(np.mean(found["family"] < 0.05))
    each = 100 * np.mean(found["angle"] < 0.05, axis=0)
    distance = kstest(found["family"], "uniform")
    where = f"{_where(length, hemisphere)}, {n} trials of {n_null} rotations"
    return [
        Row(
            f"rejections at 5 % over all angles, surface correlated over {where}",
            f"{rate:.2f} %",
            f"5 ± {allowed} %",
            abs(rate - 5) <= allowed,
        ),
        Row(
            f"rejections at 5 %, each of {each.size} half-angles, {where}",
            ", ".join(f"{one:.1f}" for one in each) + " %",
            f"5 ± {allowed} % each",
            bool(np.all(np.abs(each - 5) <= allowed)),
        ),
        Row(
            f"p over all angles against uniform, Kolmogorov-Smirnov, {where}",
            f"D = {distance.statistic:.4f}, p = {distance.pvalue:.3f}",
            "p > 0.01",
            distance.pvalue > 0.01,
        ),
        recorded(f"the same at 5 % by ranks, {where}", _rate(found["rank"]) + " %"),
        recorded(f"the same at 5 % by Dutilleul's t, {where}", _rate(found["dutilleul"]) + " %"),
    ]


def _run(
    n: int, length: int, hemisphere: bool, n_null: int, planted: float = 0.0, null: str = "rotation"
) -> dict[str, NDArray[np.float64]]:
    import null_trials

    return null_trials.trials(n, length, hemisphere, planted, n_null=n_null, null=null)


def surrogate_rates(reduced: bool) -> list[Row]:
    """False alarms of the two nulls that are only nearly right; no target, said in the docs."""
    n, n_null = (20, 99) if reduced else (150, 99)
    rows = []
    for null in ("variogram", "moran"):
        for hemisphere in (False, True):
            rates = []
            for length in _LENGTHS[1:2] if reduced else _LENGTHS:
                p = _run(n, length, hemisphere, n_null, null=null)["family"]
                rates.append(f"{100 * np.mean(p < 0.05):.1f}")
            where = "one hemisphere" if hemisphere else "the full sphere"
            lengths = ", ".join(f"{length}°" for length in (_LENGTHS[1:2] if reduced else _LENGTHS))
            rows.append(
                recorded(
                    f'rejections at 5 % over all angles, null="{null}", {where}, surface '
                    f"correlated over {lengths}, {n} trials of {n_null}",
                    ", ".join(rates) + " %",
                )
            )
    return rows


def power(reduced: bool) -> list[Row]:
    """How often a planted correlation is found at the 5 % level over all angles."""
    n, n_null = (20, 99) if reduced else (300, 999)
    lengths = _LENGTHS[1:2] if reduced else _LENGTHS
    rows = []
    for length in lengths:
        for hemisphere in (False, True):
            found = [
                100 * float(np.mean(_run(n, length, hemisphere, n_null, r)["family"] < 0.05))
                for r in _PLANTED
            ]
            rows.append(
                Row(
                    f"power at planted r = 0.3, 0.5, 0.7, {_where(length, hemisphere)}, {n} trials",
                    ", ".join(f"{share:.0f} %" for share in found),
                    "grows with r",
                    found[0] <= found[1] + 5 and found[1] <= found[2] + 5,
                )
            )
    return rows


def cost(reduced: bool) -> list[Row]:
    """CPU seconds of one scan with 999 rotations, as the trials take it."""
    import null_trials

    rows = []
    for hemisphere in (False, True):
        surface, porosity = null_trials.measurement(1, 10, hemisphere)
        from nmcx import correlation

        seconds = []
        for _ in range(3):
            started = time.process_time()
            correlation.angle_scan(surface, porosity, threads=1)
            seconds.append(time.process_time() - started)
        where = "one hemisphere" if hemisphere else "the full sphere"
        rows.append(
            recorded(
                f"CPU time of angle_scan, 999 rotations, 6 half-angles, {where}",
                f"{min(seconds):.3f} s",
            )
        )
    return rows


CHECKS = [
    *(
        Check(
            f"null_{length}_{'hemisphere' if hemisphere else 'sphere'}",
            partial(null_rates, length, hemisphere),
            in_reduced=length == 10 and not hemisphere,
        )
        for length in _LENGTHS
        for hemisphere in (False, True)
    ),
    Check("surrogate_rates", surrogate_rates, in_reduced=False),
    Check("power", power, in_reduced=False),
    Check("scan_cost", cost, in_reduced=False),
]
