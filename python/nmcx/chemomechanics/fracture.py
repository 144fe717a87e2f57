"""Equilibrium of a polycrystal that cracks along its grain boundaries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.cohesive import CohesiveLaw, cohesive_law
from nmcx.chemomechanics.crystal_load import chemical_strain, lithium_content
from nmcx.chemomechanics.elastic_kernel import elastic_kernel, nodal_vectors
from nmcx.chemomechanics.fracture_path import FractureFailure, FracturePath, Mark, PathControl
from nmcx.errors import ConvergenceError
from nmcx.io.arrays import into, within
from nmcx.materials import Parameters, Swelling
from nmcx.results import Equilibrium, LoadSteps, Mesh

_ENERGIES = ("stored", "dissipated", "viscous", "released", "supplied")
# Fields of an equilibrium that are numbers.
_NUMBERS = (
    *("displacement", "strain_z", "shear_z", "stress", "nodal_stress", "iterations", "residual"),
    *("midside_displacement", "lithium", "damage", "opening", "sliding", "dissipated"),
    *("crack_porosity", "wall_history", "fixed", "force"),
)


@dataclass(frozen=True)
class _Ends:
    """What a load goes between."""

    lithium: tuple[Doubles, Doubles]
    fixed: tuple[Doubles, Doubles]
    force: tuple[Doubles, Doubles]

    def at(self, t: float) -> tuple[Doubles, Doubles, Doubles]:
        return _between(self.lithium, t), _between(self.fixed, t), _between(self.force, t)


def cracked_equilibrium(
    mesh: Mesh,
    parameters: Parameters,
    concentration: ArrayLike,
    *,
    swelling: Swelling,
    plane: str,
    order: int,
    law: CohesiveLaw | None,
    start: Equilibrium | None,
    fixed: ArrayLike | None,
    force: ArrayLike | None,
    control: PathControl,
) -> Equilibrium:
    """As `nmcx.chemomechanics.equilibrium` with cohesive walls.

    Raises
    ------
    ValueError
        As there; and if `start` is of another mesh, chemical strain or kind of walls.
    FractureFailure
        If the load cannot be followed to its end.
    """
    body = CrackingBody(
        mesh, parameters, swelling=swelling, plane=plane, order=order, law=law, fixed=fixed,
        threads=control.threads,
    )  # fmt: skip
    return body.equilibrium(concentration, start=start, force=force, control=control)


class CrackingBody:
    """A polycrystal whose walls may come apart; what solving takes is made once for all its loads.

    Raises
    ------
    ValueError
        As `nmcx.chemomechanics.equilibrium`.
    """

    def __init__(
        self,
        mesh: Mesh,
        parameters: Parameters,
        *,
        swelling: Swelling,
        plane: str,
        order: int,
        law: CohesiveLaw | None,
        fixed: ArrayLike | None,
        threads: int,
    ) -> None:
        self._mesh, self._parameters, self._swelling = mesh, parameters, swelling
        self._plane, self._order, self._threads = plane, order, threads
        self._law = cohesive_law(parameters, mesh) if law is None else law
        self._is_tied = (mesh.interface_grains == mesh.layer_grain).any(axis=1)
        self._elastic, n_node = elastic_kernel(
            mesh, parameters, plane=plane, order=order, threads=threads, is_tied=self._is_tied
        )
        self._shape = (n_node, mesh.dimension)
        self._trail: list[Mark] = []  # of the last load
        self._held = nodal_vectors(fixed, self._shape, np.nan, "fixed")
        self._kernel = _core.Fracture(
            self._elastic,
            [self._law.kernel()],
            np.zeros(len(mesh.interfaces), dtype=np.int64),
            _core.FacetQuadrature.nodal,
            self._held,
        )

    def equilibrium(
        self,
        concentration: ArrayLike,
        *,
        start: Equilibrium | None,
        force: ArrayLike | None = None,
        control: PathControl,
        again: bool = False,
    ) -> Equilibrium:
        """Follow the body from `start`, or the stress-free state, to a concentration.

        With `again` the way is nearly that of the last call: its steps are tried first.

        Raises
        ------
        ValueError
            As `nmcx.chemomechanics.equilibrium`.
        FractureFailure
            If the load cannot be followed to its end.
        """
        mesh, swelling, kernel = self._mesh, self._swelling, self._kernel
        _check(control, self._law)
        if not again:
            kernel.forget()  # the last bits of a load must not depend on those before it
            self._trail = []
        if control.snap_back == "follow" and not kernel.can_follow:
            raise ValueError(
                "snap_back='follow' needs the matrices factorised, which a body of this size is "
                "not: take a coarser mesh, or snap_back='jump'"
            )
        x, notes = lithium_content(mesh, self._parameters, concentration, swelling)
        ends = _Ends(
            lithium=(np.full(len(mesh.points), swelling.stress_free), x),
            fixed=(np.where(np.isnan(self._held), np.nan, 0.0), self._held),
            force=(np.zeros(self._shape), nodal_vectors(force, self._shape, 0.0, "force")),
        )
        point = kernel.initial_point()
        if start is not None:
            _check_start(start, mesh, swelling, self._plane, self._order, self._shape)
            ends, point = _from(start, kernel, ends)

        def load_at(t: float) -> _core.FractureLoad:
            lithium, displacement, forces = ends.at(t)
            strain = chemical_strain(mesh, lithium, swelling)
            return kernel.load(strain, displacement, forces, self._threads)

        weakest = min(self._law.fracture_energy, self._law.mixed(1.0)[2])
        path = FracturePath(kernel, load_at, point, weakest, control, self._trail)
        try:
            path.run()
            if self._law.tires:
                path.tire()
        except ConvergenceError as error:
            found = self._found(path, ends, start, notes, control)
            raise FractureFailure(str(error), equilibrium=found) from error
        self._trail = path.trail
        return self._found(path, ends, start, notes, control)

    @property
    def law(self) -> CohesiveLaw:
        """Of its walls."""
        return self._law

    def to_arrays(self, state: Equilibrium) -> dict[str, Any]:
        """Numbers of an equilibrium of this body by name, for `from_arrays`."""
        numbers = {name: getattr(state, name) for name in _NUMBERS}
        given = {name: each for name, each in numbers.items() if each is not None}
        return given | into("energies", state.energies)

    def from_arrays(self, arrays: Mapping[str, Any]) -> Equilibrium:
        """An equilibrium to go on from, without its steps."""
        numbers: dict[str, Any] = {name: arrays.get(name) for name in _NUMBERS}
        return Equilibrium(
            **numbers,
            energies=within(arrays, "energies"),
            eigenstrain=self._swelling.kind,
            stress_free=self._swelling.stress_free,
            plane="solid" if self._mesh.dimension == 3 else self._plane,
            walls="cohesive",
            settings={"order": self._order},
        )

    def _found(
        self,
        path: FracturePath,
        ends: _Ends,
        start: Equilibrium | None,
        notes: tuple[str, ...],
        control: PathControl,
    ) -> Equilibrium:
        """What a path has come to."""
        mesh, kernel, swelling, law = self._mesh, self._kernel, self._swelling, self._law
        lithium, displacement, forces = ends.at(path.t)
        strain = chemical_strain(mesh, lithium, swelling)
        state = self._elastic.state(path.point.x, strain, self._threads)
        nodal = kernel.displacement(path.point)
        section = kernel.section_strain(path.point)
        n_corner = len(mesh.points)
        report = path.last.report
        steps = path.steps()
        return Equilibrium(
            displacement=nodal[:n_corner],
            strain_z=float(section[0]),
            shear_z=section[1:],
            stress=state.stress,
            nodal_stress=state.nodal_stress,
            energies=_energies(state.stored_energy + path.last.energies.walls, steps, start),
            eigenstrain=swelling.kind,
            stress_free=swelling.stress_free,
            plane="solid" if mesh.dimension == 3 else self._plane,
            walls="cohesive",
            iterations=int(steps.newton.sum() + steps.secant.sum()),
            residual=report.residual / report.reference,
            midside_displacement=nodal[n_corner:] if self._order == 2 else None,
            settings={
                "order": self._order,
                "tolerance": control.tolerance,
                "end": swelling.end,
                "max_step": control.max_step,
                "residual_integrity": control.residual_integrity,
                "snap_back": control.snap_back,
                "stiffness": law.stiffness,
                "strength": law.strength,
                "fracture_energy": law.fracture_energy,
                "shape": law.shape,
                **law.fatigue(),
            },
            notes=notes,
            lithium=lithium,
            steps=steps,
            wall_history=kernel.walls.values_of(path.last.walls.state),
            fixed=displacement,
            force=forces,
            **_facets(mesh, kernel, path.last, self._is_tied),
        )


def _energies(stored: float, steps: LoadSteps, start: Equilibrium | None) -> dict[str, float]:
    """Since the stress-free state, and what their balance misses."""
    before = {name: 0.0 for name in _ENERGIES} if start is None else start.energies
    energies = {"stored": stored}
    for name in _ENERGIES[1:]:
        energies[name] = before[name] + float(getattr(steps, name).sum())
    energies["error"] = energies["supplied"] - sum(energies[n] for n in _ENERGIES[:-1])
    return energies


def _between(ends: tuple[Doubles, Doubles], t: float) -> Doubles:
    start, end = ends
    return np.ascontiguousarray(end if t == 1.0 else start + t * (end - start))


def _facets(
    mesh: Mesh, kernel: _core.Fracture, step: _core.FractureStep, is_tied: NDArray[np.bool_]
) -> dict[str, Any]:
    """Means over the quadrature points of each facet, zero on tied ones; volume of the cracks."""
    weight = kernel.walls.weight

    def mean(values: Doubles) -> Doubles:
        result = np.zeros(len(mesh.interfaces))
        result[~is_tied] = values @ weight
        return result

    walls = step.walls
    dissipated = kernel.walls.values_of(walls.state)[:, :, 2]
    opened = float((np.maximum(walls.opening, 0.0) @ weight) @ kernel.walls.area)
    return {
        "damage": mean(walls.damage),
        "opening": mean(walls.opening),
        "sliding": mean(np.linalg.norm(walls.sliding, axis=2)),
        "dissipated": mean(dissipated),
        "crack_porosity": opened / float(mesh.volume.sum()),
    }


def _check(control: PathControl, law: CohesiveLaw) -> None:
    if not 0.0 < control.max_step <= 1.0:
        raise ValueError(f"max_step must lie between 0 and 1, not {control.max_step!r}")
    if not 0.0 <= control.residual_integrity < 1.0:
        raise ValueError(
            f"residual_integrity must lie between 0 and 1, not {control.residual_integrity!r}"
        )
    if not (control.tolerance > 0.0 and math.isfinite(control.tolerance)):
        raise ValueError(f"tolerance must be positive, not {control.tolerance!r}")
    if control.snap_back not in ("jump", "follow"):
        raise ValueError(f"snap_back must be 'jump' or 'follow', not {control.snap_back!r}")
    if control.snap_back == "follow" and law.viscosity > 0.0:
        raise ValueError(
            "snap_back='follow' goes back in the load: it needs a law without viscosity"
        )
    if law.viscosity > 0.0 and not control.duration > 0.0:
        raise ValueError("a law with viscosity needs the duration of the way, in seconds")


def _check_start(
    start: Equilibrium,
    mesh: Mesh,
    swelling: Swelling,
    plane: str,
    order: int,
    shape: tuple[int, int],
) -> None:
    if start.walls != "cohesive" or start.fixed is None:
        raise ValueError("start must have walls='cohesive': tied walls remember nothing")
    if start.fixed.shape != shape or len(start.stress) != len(mesh.cells):
        raise ValueError("start must be an equilibrium of the same mesh and order")
    if mesh.dimension == 2 and start.plane != plane:
        raise ValueError(f"start has plane {start.plane!r}: a load goes on in the same")
    if (start.eigenstrain, start.stress_free) != (swelling.kind, swelling.stress_free):
        raise ValueError("start has another chemical strain: a load goes on with the same")
    if start.settings["order"] != order:
        raise ValueError("start must be an equilibrium of the same mesh and order")


def _from(
    start: Equilibrium, kernel: _core.Fracture, ends: _Ends
) -> tuple[_Ends, _core.FracturePoint]:
    """Ends of a load that begins where another ended, and the body there."""
    assert start.lithium is not None
    assert start.fixed is not None
    assert start.force is not None
    assert start.wall_history is not None
    displacement = np.asarray(start.displacement, dtype=np.float64)
    if start.midside_displacement is not None:
        displacement = np.concatenate([displacement, np.asarray(start.midside_displacement)])
    section = np.array([start.strain_z, *start.shear_z])
    history = np.ascontiguousarray(start.wall_history, dtype=np.float64)
    point = kernel.point_at(np.ascontiguousarray(displacement), section, history)
    # What is held now, and was not then, starts from where it is.
    held_before = np.where(np.isnan(start.fixed), displacement, start.fixed)
    held_before = np.where(np.isnan(ends.fixed[1]), np.nan, held_before)
    return (
        _Ends(
            lithium=(np.asarray(start.lithium), ends.lithium[1]),
            fixed=(held_before, ends.fixed[1]),
            force=(np.asarray(start.force), ends.force[1]),
        ),
        point,
    )
