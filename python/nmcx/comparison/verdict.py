"""What curves of many simulated particles say of a measured one: p-values and words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmcx.results import AngleScan

_Float = NDArray[np.float64]

#: Below this probability chance is not believed.
LEVEL = 0.05


def among(curve: _Float, others: _Float) -> float:
    """Probability that a curve (n_angle,) that is one of these (n, n_angle) lies as far out.

    The distance is the largest over the angles from the mean of all n + 1 curves, in their standard
    deviations: the same for all of them, so that each rank is as likely as another and the
    probability is exact, whatever their number.
    """
    curves = np.vstack([curve, others])
    usable = np.isfinite(curves).all(axis=0)
    if not usable.any() or len(curves) < 3:
        return float("nan")
    curves = curves[:, usable]
    spread = curves.std(axis=0)
    distance = np.abs(curves - curves.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    farthest = distance.max(axis=1)
    return float(np.mean(farthest >= farthest[0] * (1 - 1e-12)))


def apart(first: _Float, second: _Float, n_draw: int, rng: np.random.Generator) -> float:
    """Probability that two sets of curves differ as much in their means by chance.

    By permutation of the curves between the sets; statistic: the largest difference of the means
    over the angles, in standard deviations of all curves.
    """
    curves = np.vstack([first, second])
    usable = np.isfinite(curves).all(axis=0)
    if not usable.any() or min(len(first), len(second)) < 2:
        return float("nan")
    curves = curves[:, usable] / np.maximum(curves[:, usable].std(axis=0), 1e-300)
    n = len(first)

    def difference(order: NDArray[np.int64]) -> float:
        mixed = curves[order]
        return float(np.abs(mixed[:n].mean(axis=0) - mixed[n:].mean(axis=0)).max())

    observed = difference(np.arange(len(curves))) * (1 - 1e-12)
    drawn = [difference(rng.permutation(len(curves))) for _ in range(n_draw)]
    return float((1 + np.sum(np.array(drawn) >= observed)) / (1 + n_draw))


def in_words(
    measured: AngleScan,
    predicted: _Float,
    band: _Float,
    *,
    p_effect: float,
    p_model: float,
    p_turned: float,
) -> str:
    """What was measured, what the model predicts, and whether they agree."""
    at = measured.strongest
    angle = f"{np.rad2deg(2.0 * measured.half_angle[at]):.0f}°"
    r, mean = float(measured.pearson[at]), float(np.mean(predicted[:, at]))
    found = measured.p_family < LEVEL
    sentences = [
        f"Measured: {_effect(r) if found else 'no correlation that chance would not give'} "
        f"(r = {r:.2f} at 2α = {angle}, p = {measured.p_family:.2g} over all angles)."
    ]
    foretold = p_effect < LEVEL
    bounds = f"r = {mean:.2f} there, 95 % of particles {band[at, 0]:.2f} … {band[at, 1]:.2f}"
    sentences.append(
        f"The model predicts {_effect(mean)} ({bounds}; p = {p_effect:.2g} against turned maps)."
        if foretold
        else f"The model predicts no effect of the layer's place ({bounds}; p = {p_effect:.2g} "
        "against turned maps)."
    )
    fits, fits_turned = p_model >= LEVEL, p_turned >= LEVEL
    shares = f"p = {p_model:.2g} among its particles, {p_turned:.2g} among those with turned maps"
    if fits and not fits_turned:
        last = f"The measured curve is one of the model's and not of chance ({shares})"
    elif fits:
        last = f"The measured curve fits the model, but turned maps as well ({shares})"
    elif fits_turned:
        last = f"The measured curve is none of the model's, and fits turned maps ({shares})"
    else:
        last = f"The measured curve fits neither the model nor turned maps ({shares})"
    if foretold and found and np.sign(r) != np.sign(mean):
        last += ": its sign is the other one"
    return " ".join([*sentences, f"{last}."])


def _effect(r: float) -> str:
    """Degraded surface is where ξ is low."""
    return f"{'more' if r < 0 else 'less'} void below degraded surface"
