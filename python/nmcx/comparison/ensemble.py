"""Many simulated particles beside the measured one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.chemomechanics import Coupling
from nmcx.comparison.kept import KeptPorosities
from nmcx.comparison.members import (
    Part,
    SimulatedParticle,
    predicted_porosity,
    simulate_particle,
)
from nmcx.comparison.statistic import Statistic
from nmcx.comparison.verdict import among, apart, in_words
from nmcx.correlation import angle_scan
from nmcx.errors import ConvergenceError
from nmcx.materials import Parameters
from nmcx.mesh import random_orientations
from nmcx.mesh.polycrystal import Texture
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
    texture: Texture = "random",
    pores: str = "open",
    largest_layer: float,
    percentiles: tuple[float, float] = (5.0, 95.0),
    unseen: str = "drawn",
    coupling: Coupling | None = None,
    initial: float | None = None,
    states: int = 10,
    eigenstrain: str = "table",
    tolerance: float = 5e-3,
    max_step: float = 0.2,
    stress_tolerance: float = 5e-3,
    indicator: str = "opening",
    imaged_pores: bool = False,
    n_member: int = 20,
    n_turned: int = 20,
    n_null: int = 999,
    seed: int = 1,
    measured: AngleScan | None = None,
    first: SimulatedParticle | None = None,
    mapper: Mapper = map,
    threads: int = 1,
    progress: Callable[[float, float, str], None] | None = None,
    checkpoint: str | PathLike[str] | None = None,
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
    parameters, protocol, n_grains, grain_size, size, texture, pores
        See `simulate_particle` [m].
    largest_layer, percentiles, unseen, coupling, initial, states
        See `simulate_particle`.
    eigenstrain, tolerance, max_step, stress_tolerance
        See `simulate_particle`.
    indicator, imaged_pores
        See `predicted_porosity`. With `imaged_pores`, what was measured enters the prediction.
    n_member, n_turned : int
        Number of simulated particles of either kind, at least 3. The smallest p is 1 / (n + 1).
    n_null : int
        Rotations behind the p-values of single scans, see `nmcx.correlation.angle_scan`.
    seed : int
        Of everything: member i has seed + i.
    measured : AngleScan, optional
        Of map and cones, if there is one: its options are then those of the members' curves too.
        Default: `nmcx.correlation.angle_scan` with `n_null` and `seed`.
    first : SimulatedParticle, optional
        The first member, if `simulate_particle` has made it of the same arguments and `seed`.
    mapper : callable, optional
        What runs the members, such as ``concurrent.futures.ProcessPoolExecutor().map`` or dask's.
    threads : int
        Of each member.
    progress : callable, optional
        Called as ``progress(done, total, label)`` after each member.
    checkpoint : path-like, optional
        Folder in which the porosity of each member is on the disk before `progress` hears of it.
        What the same arguments have put there is not simulated again; remove it when the result is
        safe.

    Returns
    -------
    Comparison
        Curves, bands, p-values and a verdict in words.

    Raises
    ------
    ValueError
        If an option is out of range, `measured` is of other angles, or `first` another particle.
    nmcx.errors.OutputError
        If the checkpoint cannot be written.
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
    ...     particle, seen, porosity, materials.NMC811, protocol=cm.Charge(1.0, until=0.9),
    ...     coupling=cm.Coupling.one_way(), n_grains=6, size=2.0e-6, largest_layer=50e-9, states=1,
    ...     n_member=3, n_turned=3, n_null=99)
    >>> found.predicted.shape, found.verdict.split(":")[0]
    ((3, 2), 'Measured')
    """
    if min(n_member, n_turned) < 3:
        raise ValueError(f"n_member and n_turned must be 3 or more, not {n_member} and {n_turned}")
    if measured is None:
        measured = angle_scan(surface_values, cones, n_null=n_null, seed=seed)
    elif not np.array_equal(measured.half_angle, cones.half_angle):
        raise ValueError("measured must have the half-angles of cones")
    task = _Task(
        particle, surface_values, cones, parameters, indicator, imaged_pores, threads,
        {
            "protocol": protocol, "n_grains": n_grains, "grain_size": grain_size, "size": size,
            "texture": texture, "pores": pores, "largest_layer": largest_layer,
            "percentiles": percentiles, "unseen": unseen, "coupling": coupling,
            "initial": initial, "states": states, "eigenstrain": eigenstrain,
            "tolerance": tolerance, "max_step": max_step, "stress_tolerance": stress_tolerance,
        },
    )  # fmt: skip
    turns = random_orientations(n_turned, seed)
    jobs = [Job(seed + i, None) for i in range(n_member)]
    jobs += [Job(seed + n_member + i, turn) for i, turn in enumerate(turns)]
    found = _found(task, jobs, first, mapper, checkpoint, progress)
    members, turned = _kept(found[:n_member], "members"), _kept(found[n_member:], "turned members")
    notes = tuple(f"left out: {each}" for each in found if isinstance(each, str))
    statistic = Statistic(surface_values, cones, measured)
    predicted, null = (np.array([*map(statistic.curve, each)]) for each in (members, turned))
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
        mean_porosity=statistic.scan(mean),
        verdict=in_words(measured, predicted, band, **probabilities),
        settings={
            **{key: repr(value) for key, value in task.options.items()},
            "indicator": indicator,
            "imaged_pores": imaged_pores,
            "n_member": n_member,
            "n_turned": n_turned,
            "seed": seed,
        },
        notes=notes,
        **probabilities,
    )


def _found(
    task: _Task,
    jobs: Sequence[Job],
    first: SimulatedParticle | None,
    mapper: Mapper,
    checkpoint: str | PathLike[str] | None,
    progress: Callable[[float, float, str], None] | None,
) -> list[_Float | str]:
    """Porosity of each particle, or why there is none: kept, given, or simulated."""
    kept = KeptPorosities(checkpoint, replace(task, threads=0)) if checkpoint is not None else None
    found: dict[int, _Float | str] = {}
    for i, job in enumerate(jobs):
        if kept is not None and (before := kept.of(job)) is not None:
            found[i] = before
    if first is not None:
        task.check(first, jobs[0])
        found.setdefault(0, task.porosity(first))
    open_jobs = [i for i in range(len(jobs)) if i not in found]
    for i, porosity in zip(open_jobs, mapper(task, [jobs[i] for i in open_jobs]), strict=True):
        found[i] = porosity
        if kept is not None:
            kept.keep(jobs[i], porosity)
        if progress is not None:
            progress(len(found), len(jobs), f"particle of seed {jobs[i].seed}")
    return [found[i] for i in range(len(jobs))]


@dataclass(frozen=True)
class Job:
    """A member to be simulated; turned ones have a turn of the map."""

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

    def __call__(self, job: Job) -> _Float | str:
        """(n_direction, n_angle) porosity, or why there is none."""
        try:
            made = simulate_particle(
                self.particle, self.surface_values, self.parameters, seed=job.seed, turn=job.turn,
                threads=self.threads, **self.options,
            )  # fmt: skip
        except ConvergenceError as failure:
            return f"the member of seed {job.seed}: {failure}"
        return self.porosity(made)

    def porosity(self, made: SimulatedParticle) -> _Float:
        """(n_direction, n_angle) of a particle."""
        porosity = predicted_porosity(
            made.mesh, made.history, self.particle, self.cones, indicator=self.indicator,
            imaged_pores=self.imaged_pores, threads=self.threads,
        )  # fmt: skip
        return np.asarray(porosity.porosity, dtype=np.float64)

    def check(self, made: SimulatedParticle, job: Job) -> None:
        """Refuse a particle that was made of other arguments, as far as it tells them."""
        asked = self.options
        wanted = {
            "seed": job.seed, "size": asked["size"], "largest_layer": asked["largest_layer"],
            "coupling": repr(asked["coupling"] or Coupling()), "max_step": asked["max_step"],
        }  # fmt: skip
        told = {
            "seed": made.mesh.settings.get("seed"), "size": made.mesh.settings.get("size"),
            "largest_layer": made.layer.settings.get("largest"),
            "coupling": made.history.settings.get("coupling"),
            "max_step": made.history.settings.get("max_step"),
        }  # fmt: skip
        others = [name for name, value in wanted.items() if told[name] != value]
        if others:
            raise ValueError(f"first was made of another {', '.join(others)}")


def _kept(found: list[_Float | str], what: str) -> list[_Float]:
    kept = [each for each in found if not isinstance(each, str)]
    if len(kept) < 3:
        reason = next(each for each in found if isinstance(each, str))
        raise ConvergenceError(f"only {len(kept)} of {len(found)} {what} were simulated; {reason}")
    return kept


def _band(curves: _Float) -> _Float:
    return np.asarray(np.percentile(curves, [2.5, 97.5], axis=0).T)
