"""A mesh as the transport kernel knows it: unknowns, masses, surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.chemomechanics.boundary import Doubles
from nmcx.materials import Parameters
from nmcx.results import Mesh

_SOLVERS = {
    "automatic": _core.SolverKind.automatic,
    "iterative": _core.SolverKind.iterative,
    "direct": _core.SolverKind.direct,
    "petsc": _core.SolverKind.automatic,  # not asked
}


@dataclass(frozen=True)
class SolverOptions:
    """How linear systems are solved."""

    kind: str = "automatic"
    tolerance: float = 1e-10
    max_iterations: int = 5000
    threads: int = 0

    def __post_init__(self) -> None:
        if self.kind not in _SOLVERS:
            raise ValueError(f"solver must be one of {', '.join(_SOLVERS)}, not {self.kind!r}")
        if not 0 < self.tolerance < 1:
            raise ValueError("solver_tolerance must be between 0 and 1")


class Domain:
    """Matrices of transport on one mesh, and the way from nodes and facets to unknowns."""

    def __init__(
        self,
        mesh: Mesh,
        parameters: Parameters,
        *,
        diffusivity: ArrayLike | None = None,
        interface_conductance: ArrayLike = np.inf,
        interface_diffusion: ArrayLike = 0.0,
        mass: str = "lumped",
        solver: SolverOptions | None = None,
    ) -> None:
        if mass not in ("lumped", "consistent"):
            raise ValueError(f"mass must be 'lumped' or 'consistent', not {mass!r}")
        self.solver = solver or SolverOptions()
        self.mesh = mesh
        self.is_lumped = mass == "lumped"
        self.max_concentration = parameters.max_concentration
        dimension, n_interface = mesh.dimension, len(mesh.interfaces)
        tensors = (
            _of_material(parameters, mesh) if diffusivity is None else _tensors(diffusivity, mesh)
        )
        self.kernel = _core.Transport(
            np.ascontiguousarray(mesh.points, dtype=np.float64),
            _rows(mesh.cells, dimension + 1),
            np.ascontiguousarray(mesh.grain, dtype=np.int64),
            _rows(mesh.interfaces, 2 * dimension),
            _rows(mesh.surface, dimension),
            np.ascontiguousarray(tensors),
            _per_interface(interface_conductance, n_interface, "interface_conductance"),
            _per_interface(interface_diffusion, n_interface, "interface_diffusion"),
            self.is_lumped,
            _SOLVERS[self.solver.kind],
            self.solver.threads,
        )
        if self.solver.kind == "petsc":
            from nmcx.chemomechanics.petsc_lithium import PetscLithium

            self.kernel.use(PetscLithium())
        self.unknown_of_node = self.kernel.unknown_of_node()
        self.surface_unknowns = self.kernel.surface_unknowns()
        self.mass = self.kernel.mass
        self.volume = float(self.mass.sum())
        self.surface_area = self.kernel.surface_area

    @property
    def size(self) -> int:
        """Number of unknowns: nodes, those of tied walls counted once."""
        return self.kernel.size

    @property
    def n_facet(self) -> int:
        """Number of facets of the surface."""
        return len(self.surface_area)

    @property
    def corner_area(self) -> Doubles:
        """(s, d) part of its facet's area that each corner stands for [m²]."""
        d = self.surface_unknowns.shape[1]
        return np.array(np.broadcast_to(self.surface_area[:, None] / d, (self.n_facet, d)))

    def gather(self, per_corner: Doubles) -> Doubles:
        """Sum at each unknown of values (s, d) at the corners of the surface's facets."""
        at = self.surface_unknowns.ravel()
        return np.asarray(np.bincount(at, per_corner.ravel(), self.size), dtype=np.float64)

    def at_facets(self, per_unknown: Doubles) -> Doubles:
        """(s,) mean over the corners of each facet."""
        return np.asarray(per_unknown[self.surface_unknowns].mean(axis=1))

    def facet_centre(self, facet: int) -> Doubles:
        """Centre of a facet of the surface [m]."""
        return np.asarray(self.mesh.points[self.mesh.surface[facet]].mean(axis=0))

    def on_facets(self, value: ArrayLike, name: str, *, infinite: bool = False) -> Doubles:
        """(s,) values of a field of a boundary condition; number or one value per facet."""
        array = np.asarray(value, dtype=np.float64)
        if array.shape not in ((), (self.n_facet,)):
            raise ValueError(
                f"{name} must be a number or have one value per surface facet, "
                f"({self.n_facet},), not {array.shape}"
            )
        if np.isnan(array).any() or (not infinite and np.isinf(array).any()):
            raise ValueError(f"{name} must be finite; leave facets out by where=")
        return np.array(np.broadcast_to(array, self.n_facet))

    def facets_of(self, where: ArrayLike | None) -> NDArray[np.bool_]:
        """(s,) mask of the facets that a condition holds on."""
        if where is None:
            return np.ones(self.n_facet, dtype=bool)
        mask = np.asarray(where)
        if mask.shape != (self.n_facet,) or mask.dtype != bool:
            raise ValueError(
                f"where must be a boolean per surface facet, ({self.n_facet},), "
                f"not {mask.dtype} {mask.shape}"
            )
        return mask

    def on_unknowns(self, value: ArrayLike, name: str) -> Doubles:
        """Number or one value per node, as one per unknown; tied nodes share the mean."""
        nodal = np.asarray(value, dtype=np.float64)
        n_node = len(self.unknown_of_node)
        if nodal.shape not in ((), (n_node,)):
            raise ValueError(
                f"{name} must be a number or have one value per node, ({n_node},), "
                f"not {nodal.shape}"
            )
        limit = 1e-6 * self.max_concentration
        if not ((nodal >= -limit) & (nodal <= self.max_concentration + limit)).all():
            raise ValueError(
                f"{name} must be finite and between 0 and max_concentration, "
                f"{self.max_concentration:g} mol/m³"
            )
        if nodal.ndim == 0:
            return np.full(self.size, float(nodal))
        count = np.bincount(self.unknown_of_node, minlength=self.size)
        return np.bincount(self.unknown_of_node, nodal, minlength=self.size) / count


def _rows(nodes: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    array = np.ascontiguousarray(nodes, dtype=np.int64)
    return array if array.size else np.empty((0, n), dtype=np.int64)


def _per_interface(value: ArrayLike, n: int, name: str) -> Doubles:
    array = np.asarray(value, dtype=np.float64)
    if array.shape not in ((), (n,)):
        raise ValueError(
            f"{name} must be a number or have one value per interface facet, ({n},), "
            f"not {array.shape}"
        )
    return np.array(np.broadcast_to(array, n))


def _of_material(parameters: Parameters, mesh: Mesh) -> Doubles:
    d = mesh.dimension
    tensors = parameters.diffusivity_tensor(mesh.orientation)[:, :d, :d]
    if mesh.layer_grain is not None:
        tensors[mesh.layer_grain] = parameters.diffusivity_layer * np.eye(d)
    return tensors


def _tensors(diffusivity: ArrayLike, mesh: Mesh) -> Doubles:
    d = mesh.dimension
    array = np.asarray(diffusivity, dtype=np.float64)
    if array.shape not in ((d, d), (mesh.n_grain, d, d)):
        raise ValueError(
            f"diffusivity must have shape (n_grain, d, d) = {(mesh.n_grain, d, d)} or (d, d), "
            f"not {array.shape}"
        )
    return np.array(np.broadcast_to(array, (mesh.n_grain, d, d)))
