"""How much an outcome owes to each of the numbers that nobody knows: one changed at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.chemomechanics.coupling import Coupling
from nmcx.chemomechanics.ensemble import ensemble, is_plain, sweep
from nmcx.chemomechanics.profiles import hoop_stress
from nmcx.results import History, Mesh, ModelSensitivity

# Part of the volume that may lie above what is called the largest stress: single cells at triple
# points have the more the finer the mesh.
_ABOVE = 0.01

_OUTCOMES = (
    *("extracted", "potential", "mean_damage", "crack_area"),
    *("dissipated", "hoop_stress", "reactive_area"),
)


def sensitivity(
    build: Callable[..., Mapping[str, Any]],
    base: Mapping[str, Any],
    changes: Mapping[str, Iterable[Any]],
    folder: str | PathLike[str],
    *,
    seeds: Sequence[int] = (1,),
    client: Any = None,
    threads: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> ModelSensitivity:
    """Simulate a particle, and again with one unknown changed at a time.

    Grains come out differently with every seed, and so do cracks: what a change does counts where
    it exceeds its own scatter from seed to seed.

    Parameters
    ----------
    build : callable
        As of `ensemble`: takes the unknowns by name, and ``seed``, and returns the arguments of
        `simulate`.
    base : mapping of str to number or text
        Value of each unknown in the base.
    changes : mapping of str to iterable
        Other values of some of them, each of which makes a row.
    folder : path-like
        Where the simulations are kept, an `ensemble`; what is finished there is not run again.
    seeds : sequence of int
        Of grains; each row is simulated with all of them.
    client, threads, progress
        As of `ensemble`.

    Returns
    -------
    ModelSensitivity
        A row for the base and for each change.

    Raises
    ------
    ValueError
        If a change is of no unknown of the base, repeats its value or one of its own, a value is
        neither number nor text, there are no seeds or one occurs twice; or as in `ensemble`.
    ImportError, nmcx.errors.OutputError
        As `ensemble`.

    Notes
    -----
    One at a time: what two changes do together is not seen. The simulation that an unknown stops
    half-way is compared at another state of charge; `finished` says so.

    Examples
    --------
    >>> import tempfile
    >>> from nmcx import chemomechanics as cm, materials, mesh
    >>> def particle(seed, strength):
    ...     return {
    ...         "mesh": mesh.disc(2e-6, n_grains=4, size=0.8e-6, seed=seed),
    ...         "parameters": materials.NMC811.replace(strength=strength),
    ...         "protocol": cm.Charge(1.0, until=0.7),
    ...         "states": 2,
    ...     }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = cm.sensitivity(
    ...         particle, {"strength": 2e8}, {"strength": [1e8]}, folder, seeds=[1, 2]
    ...     )
    >>> found.unknown, found.value
    (('', 'strength'), ('', '100000000.0'))
    >>> found.relative_change("mean_damage").shape
    (2, 2)
    """
    rows = _rows(base, changes, seeds)
    members = {name: values for named in rows.values() for name, values in named.items()}
    made = ensemble(build, members, folder, client=client, threads=threads, progress=progress)
    finished = np.zeros((len(rows), len(seeds)), dtype=bool)
    found = {name: np.full(finished.shape, np.nan) for name in _OUTCOMES}
    dimension, notes = 0, []
    for at, name in zip(np.ndindex(finished.shape), members, strict=True):
        member = made.members[name]
        finished[at] = member.status == "finished"
        if not finished[at]:
            notes.append(f"{name} {member.status}: {member.message}")
        if member.has_history:
            grains, history = made.load(name, lazy=False)
            dimension = grains.dimension
            for outcome, number in _outcomes(grains, history).items():
                found[outcome][at] = number
    unknown, value = zip(*rows, strict=True)
    return ModelSensitivity(
        unknown=unknown,
        value=value,
        seed=np.array(seeds, dtype=np.int64),
        finished=finished,
        **found,
        settings={"base": dict(base), "dimension": dimension},
        notes=tuple(notes),
    )


def _rows(
    base: Mapping[str, Any], changes: Mapping[str, Iterable[Any]], seeds: Sequence[int]
) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """Members of each row, by the unknown that it changes and its value."""
    if "seed" in base or not len(seeds):
        raise ValueError("seeds must hold one seed at least, and base none")
    for name, value in base.items():
        if not is_plain(value):
            raise ValueError(f"base must hold numbers and texts; {name} is {value!r}")
    rows = {("", ""): sweep(**base, seed=list(seeds))}
    for name, values in changes.items():
        if name not in base:
            raise ValueError(f"changes: {name!r} is no unknown of the base, {', '.join(base)}")
        others = list(values)
        if str(base[name]) in map(str, others):
            raise ValueError(f"changes: {name} = {base[name]!r} is the base; leave it out")
        sweep(**{name: others})  # which refuses what cannot be
        for other in others:
            rows[name, str(other)] = sweep(**{**base, name: [other]}, seed=list(seeds))
    return rows


def _outcomes(grains: Mesh, history: History) -> dict[str, float]:
    """Numbers of a simulation by the names of the fields of `ModelSensitivity`."""
    area, volume = np.asarray(grains.interface_area), np.asarray(grains.volume, np.float64)
    damage, opening = np.asarray(history.damage)[-1], np.asarray(history.opening)[-1]
    open_by = Coupling()
    is_open = (damage >= open_by.wet_damage) & (opening >= open_by.wet_opening)
    mean = np.asarray(history.mean_concentration)
    stress = hoop_stress(grains, history.stress)
    return {
        "extracted": 1.0 - float(mean[-1] / mean[0]),
        "potential": float(history.potential[-1]),
        "mean_damage": float(damage @ area / max(area.sum(), np.finfo(float).tiny)),
        "crack_area": float(area[is_open].sum()),
        "dissipated": float(history.dissipated[-1]),
        "hoop_stress": max(_exceeded(values, volume) for values in stress),
        "reactive_area": float(history.reactive_area[-1]),
    }


def _exceeded(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """What a hundredth of the volume lies above."""
    order = np.argsort(-values)
    above = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(above, _ABOVE * above[-1])]])
