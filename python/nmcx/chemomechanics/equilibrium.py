"""Stress of a polycrystal at a given concentration of lithium."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.crystal_load import chemical_strain, grain_stiffness, lithium_content
from nmcx.materials import Parameters, Swelling
from nmcx.mesh import midside_nodes
from nmcx.results import Equilibrium, Mesh

_PLANES = {
    "generalised_plane_strain": _core.PlaneState.generalised_plane_strain,
    "plane_strain": _core.PlaneState.plane_strain,
    "plane_stress": _core.PlaneState.plane_stress,
}


def equilibrium(
    mesh: Mesh,
    parameters: Parameters,
    concentration: ArrayLike,
    *,
    eigenstrain: str | Swelling = "table",
    plane: str = "generalised_plane_strain",
    order: int = 1,
    walls: str = "tied",
    fixed: ArrayLike | None = None,
    force: ArrayLike | None = None,
    tolerance: float = 1e-12,
    threads: int = 0,
) -> Equilibrium:
    """Displacements and stress of grains that lithium makes swell, each along its own axes.

    Small strains, one elasticity and one chemical strain per grain: σ = C (ε − ε*), ∇·σ = 0, no
    traction on the surface. A body that nothing holds is left free: its rigid motions are projected
    out, no node is pinned.

    Parameters
    ----------
    mesh : Mesh
        Polycrystal; the grain `layer_grain` is isotropic and does not swell.
    parameters : Parameters
        Material; elasticities and `max_concentration` are used.
    concentration : array_like
        Lithium [mol/m³], number or (n_node,).
    eigenstrain : {"table", "linear", "isotropic"} or Swelling
        Chemical strain; it decides the outcome, see `nmcx.materials.Swelling`.
    plane : {"generalised_plane_strain", "plane_strain", "plane_stress"}
        What a mesh of the plane does across it. Generalised plane strain: the section has one
        strain 33 and shears 23 and 13 that transmit no force. Of no effect in three dimensions.
    order : {1, 2}
        Linear or quadratic displacements; quadratic ones have nodes amid edges too.
    walls : {"tied"}
        What holds grains together at their walls.
    fixed : array_like, optional
        (n_node, d) displacements that are held [m], NaN where they are free. With ``order=2`` rows
        of the midside nodes follow, as in `nmcx.mesh.midside_nodes`.
    force : array_like, optional
        (n_node, d) forces on nodes [N], per length in the plane [N/m]; rows as for `fixed`.
    tolerance : float
        Relative residual of the forces [1].
    threads : int
        0: all cores. Results have the same bits for every number.

    Returns
    -------
    Equilibrium
        Displacements, stress and stored energy.

    Raises
    ------
    ValueError
        If arrays have wrong shapes or are not finite, a name is unknown, concentrations are outside
        the lattice table, cells have no positive volume, an elasticity is not positive definite, or
        forces do not balance.
    nmcx.ConvergenceError
        If the residual stays above the tolerance.

    Notes
    -----
    Plane states, chemical strains and the solver are explained in
    `docs/explanation/elasticity.md`.

    Examples
    --------
    A crystal that nothing hinders shrinks without stress:

    >>> import numpy as np
    >>> from nmcx import chemomechanics, materials, mesh
    >>> square = 1e-6 * np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    >>> crystal = mesh.assemble(square, [[0, 1, 2], [0, 2, 3]], [0, 0], np.eye(3)[None])
    >>> half = 0.5 * materials.NMC811.max_concentration
    >>> state = chemomechanics.equilibrium(crystal, materials.NMC811, half)
    >>> round(100 * state.strain_z, 2), bool(abs(state.stress).max() < 1.0)
    (1.83, True)
    """
    swelling = eigenstrain if isinstance(eigenstrain, Swelling) else Swelling(eigenstrain)
    if walls != "tied":
        raise ValueError(f"walls must be 'tied', not {walls!r}")
    x, notes = lithium_content(mesh, parameters, concentration, swelling)
    kernel, n_node = elastic_kernel(mesh, parameters, plane=plane, order=order, threads=threads)
    found = _core.elastic_equilibrium(
        kernel,
        chemical_strain(mesh, x, swelling),
        nodal_vectors(fixed, (n_node, mesh.dimension), np.nan, "fixed"),
        nodal_vectors(force, (n_node, mesh.dimension), 0.0, "force"),
        tolerance=tolerance,
        threads=threads,
    )
    n_corner = len(mesh.points)
    return Equilibrium(
        displacement=found.displacement[:n_corner],
        strain_z=float(found.section_strain[0]),
        shear_z=found.section_strain[1:],
        stress=found.state.stress,
        nodal_stress=found.state.nodal_stress,
        energies={"stored": found.state.stored_energy},
        eigenstrain=swelling.kind,
        stress_free=swelling.stress_free,
        plane="solid" if mesh.dimension == 3 else plane,
        walls=walls,
        iterations=found.iterations,
        residual=found.residual,
        midside_displacement=found.displacement[n_corner:] if order == 2 else None,
        settings={"order": order, "tolerance": tolerance, "end": swelling.end},
        notes=notes,
    )


def elastic_kernel(
    mesh: Mesh,
    parameters: Parameters,
    *,
    plane: str,
    order: int,
    threads: int,
    is_tied: NDArray[np.bool_] | None = None,
) -> tuple[_core.Elasticity, int]:
    """Stiffness of a mesh, and how many nodes it has, those amid edges included.

    Raises
    ------
    ValueError
        If a name or the order is unknown, or the kernel refuses mesh or material.
    """
    if plane not in _PLANES:
        raise ValueError(f"plane must be one of {', '.join(_PLANES)}, not {plane!r}")
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, not {order!r}")
    nodes = mesh if order == 1 else midside_nodes(mesh)
    d, n_interface = mesh.dimension, len(mesh.interfaces)
    n_facet_node = d if order == 1 else 3 * (d - 1)
    interfaces = np.ascontiguousarray(nodes.interfaces, dtype=np.int64)
    kernel = _core.Elasticity(
        np.ascontiguousarray(nodes.points, dtype=np.float64),
        np.ascontiguousarray(nodes.cells, dtype=np.int64),
        np.ascontiguousarray(mesh.grain, dtype=np.int64),
        interfaces.reshape(n_interface, 2 * n_facet_node),
        np.ones(n_interface, dtype=bool) if is_tied is None else is_tied,
        grain_stiffness(mesh, parameters),
        _core.PlaneState.solid if d == 3 else _PLANES[plane],
        threads,
    )
    return kernel, len(nodes.points)


def nodal_vectors(
    value: ArrayLike | None, shape: tuple[int, int], default: float, name: str
) -> Doubles:
    """(n, d) vectors at nodes.

    Raises
    ------
    ValueError
        If the shape is another.
    """
    if value is None:
        return np.full(shape, default)
    array = np.ascontiguousarray(value, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape (n_node, d) = {shape}, not {array.shape}")
    return array
