"""Many simulated particles beside the measured one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.chemomechanics import Coupling
from nmcx.comparison.members import Part, predicted_porosity, simulate_particle
from nmcx.comparison.verdict import among, apart, in_words
from nmcx.correlation import angle_scan, observed_correlation
from nmcx.errors import ConvergenceError
from nmcx.materials import Parameters
from nmcx.mesh import random_orientations
from nmcx.results import AngleScan, Comparison, ConePorosity, Particle, SurfaceValues

_Float = NDArray[np.float64]
#: Runs a function over items, in this process or in others: `map`, or an executor's.
Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]

_PERMUTATIONS = 4999


def compare(
    particle: Particle,
    surface_values: SurfaceValues,
    cones: ConePorosity,
    parameters: Parameters,
    *,
    protocol: Part | Sequence[Part],
    n_grains: int | None = None,
    grain_size: float | None = None,
    size: float,
    largest_layer: float,
    percentiles: tuple[float, float] = (5.0, 95.0),
    unseen: str = "drawn",
    coupling: Coupling | None = None,
    states: int = 10,
    indicator: str = "opening",
    imaged_pores: bool = False,
    n_member: int = 20,
    n_turned: int = 20,
    n_null: int = 999,
    seed: int = 1,
    mapper: Mapper = map,
    threads: int = 1,
) -> Comparison:
    """Correlation of ξ and porosity, measured and predicted by the model, by the same statistic.

    Grains are not imaged and ξ has errors, so the model predicts a distribution: each member has
    grains, orientations and a layer of its own. The null is simulated as well: particles whose map
    was turned at random before it became a layer, their cracks correlated with the map as measured.

    Parameters
    ----------
    particle : Particle
        The imaged one.
    surface_values : SurfaceValues
        Its map of ξ, placed.
    cones : ConePorosity
        Its measured porosity; members are measured in the same directions and angles.
    parameters, protocol, n_grains, grain_size, size, largest_layer, percentiles, unseen, coupling
        See `simulate_particle` [m].
    states
        See `simulate_particle`.
    indicator, imaged_pores
        See `predicted_porosity`. With `imaged_pores`, what was measured enters the prediction.
    n_member, n_turned : int
        Number of simulated particles of either kind, at least 3. The smallest p is 1 / (n + 1).
    n_null : int
        Rotations behind the p-values of single scans, see `nmcx.correlation.angle_scan`.
    seed : int
        Of everything: member i has seed + i.
    mapper : callable, optional
        What runs the members, such as ``concurrent.futures.ProcessPoolExecutor().map`` or dask's.
    threads : int
        Of each member.

    Returns
    -------
    Comparison
        Curves, bands, p-values and a verdict in words.

    Raises
    ------
    ValueError
        If an option is out of range.
    nmcx.errors.ConvergenceError
        If fewer than three members of a kind could be simulated; with the reason of the first.
        Fewer losses are in the notes.

    Notes
    -----
    `p_model` and `p_turned` are exact for curves that could be exchanged, `p_effect` is by
    permutation. What the model does not know, the noise of the tomogram above all, weakens measured
    correlations against predicted ones.

    References
    ----------
    Our method. M. Myllymäki et al., J. R. Statist. Soc. B 79 (2017) 381: curves ranked by their
    largest deviation.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import chemomechanics as cm, comparison, cones, materials, phantom
    >>> particle, seen = phantom.surface_and_porosity(1, shape=(28, 28, 28), voxel_size_um=0.4)
    >>> porosity = cones.cone_porosity(
    ...     particle, cones.fibonacci_directions(400), np.deg2rad([20, 30]))
    >>> found = comparison.compare(
    ...     particle, seen, porosity, materials.NMC811, protocol=cm.Charge(1.0, until=0.85),
    ...     n_grains=6, size=2.0e-6, largest_layer=50e-9, states=1, n_member=3, n_turned=3,
    ...     n_null=99)
    >>> found.predicted.shape, found.verdict.split(":")[0]
    ((3, 2), 'Measured')
    """
    if min(n_member, n_turned) < 3:
        raise ValueError(f"n_member and n_turned must be 3 or more, not {n_member} and {n_turned}")
    task = _Task(
        particle, surface_values, cones, parameters, indicator, imaged_pores, threads,
        {
            "protocol": protocol, "n_grains": n_grains, "grain_size": grain_size, "size": size,
            "largest_layer": largest_layer, "percentiles": percentiles, "unseen": unseen,
            "coupling": coupling, "states": states,
        },
    )  # fmt: skip
    turns = random_orientations(n_turned, seed)
    jobs = [_Job(seed + i, None) for i in range(n_member)]
    jobs += [_Job(seed + n_member + i, turn) for i, turn in enumerate(turns)]
    found = list(mapper(task, jobs))
    members, turned = _kept(found[:n_member], "members"), _kept(found[n_member:], "turned members")
    notes = tuple(f"left out: {each}" for each in found if isinstance(each, str))

    def curves(porosities: list[_Float]) -> _Float:
        return np.array([_curve(surface_values, cones, each) for each in porosities])

    predicted, null = curves(members), curves(turned)
    measured = angle_scan(surface_values, cones, n_null=n_null, seed=seed)
    mean = np.mean(members, axis=0)
    curve = np.asarray(measured.pearson, dtype=np.float64)
    probabilities = {
        "p_effect": apart(predicted, null, _PERMUTATIONS, np.random.default_rng(seed)),
        "p_model": among(curve, predicted),
        "p_turned": among(curve, null),
    }
    band = _band(predicted)
    return Comparison(
        half_angle=np.asarray(cones.half_angle, dtype=np.float64),
        measured=measured,
        predicted=predicted,
        turned=null,
        predicted_band=band,
        turned_band=_band(null),
        mean_porosity=_scan(surface_values, cones, mean, n_null, seed),
        verdict=in_words(measured, predicted, band, **probabilities),
        settings={
            **{key: repr(value) for key, value in task.options.items()},
            "indicator": indicator,
            "imaged_pores": imaged_pores,
            "n_null": n_null,
            "seed": seed,
        },
        notes=notes,
        **probabilities,
    )


@dataclass(frozen=True)
class _Job:
    seed: int
    turn: _Float | None


@dataclass(frozen=True)
class _Task:
    """Simulates a member; a class, so that other processes can be sent it."""

    particle: Particle
    surface_values: SurfaceValues
    cones: ConePorosity
    parameters: Parameters
    indicator: str
    imaged_pores: bool
    threads: int
    options: dict[str, Any]

    def __call__(self, job: _Job) -> _Float | str:
        """(n_direction, n_angle) porosity, or why there is none."""
        try:
            made = simulate_particle(
                self.particle, self.surface_values, self.parameters, seed=job.seed, turn=job.turn,
                threads=self.threads, **self.options,
            )  # fmt: skip
        except ConvergenceError as failure:
            return f"the member of seed {job.seed}: {failure}"
        porosity = predicted_porosity(
            made.mesh, made.history, self.particle, self.cones, indicator=self.indicator,
            imaged_pores=self.imaged_pores, threads=self.threads,
        )  # fmt: skip
        return np.asarray(porosity.porosity, dtype=np.float64)


def _kept(found: list[_Float | str], what: str) -> list[_Float]:
    kept = [each for each in found if not isinstance(each, str)]
    if len(kept) < 3:
        reason = next(each for each in found if isinstance(each, str))
        raise ConvergenceError(f"only {len(kept)} of {len(found)} {what} were simulated; {reason}")
    return kept


def _curve(surface_values: SurfaceValues, cones: ConePorosity, porosity: _Float) -> _Float:
    return observed_correlation(surface_values, replace(cones, porosity=porosity))


def _scan(
    surface_values: SurfaceValues, cones: ConePorosity, porosity: _Float, n_null: int, seed: int
) -> AngleScan:
    return angle_scan(surface_values, replace(cones, porosity=porosity), n_null=n_null, seed=seed)


def _band(curves: _Float) -> _Float:
    return np.asarray(np.percentile(curves, [2.5, 97.5], axis=0).T)
