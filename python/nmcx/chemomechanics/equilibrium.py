"""Stress of a polycrystal at a given concentration of lithium."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nmcx import _core
from nmcx.chemomechanics.cohesive import CohesiveLaw
from nmcx.chemomechanics.crystal_load import chemical_strain, lithium_content
from nmcx.chemomechanics.elastic_kernel import elastic_kernel, nodal_vectors
from nmcx.chemomechanics.fracture import cracked_equilibrium
from nmcx.chemomechanics.fracture_path import SHORTEST, PathControl
from nmcx.materials import Parameters, Swelling
from nmcx.results import Equilibrium, Mesh


def equilibrium(
    mesh: Mesh,
    parameters: Parameters,
    concentration: ArrayLike,
    *,
    eigenstrain: str | Swelling = "table",
    plane: str = "generalised_plane_strain",
    order: int = 1,
    walls: str = "tied",
    law: CohesiveLaw | None = None,
    start: Equilibrium | None = None,
    fixed: ArrayLike | None = None,
    force: ArrayLike | None = None,
    linear_solver: str = "own",
    tolerance: float | None = None,
    max_step: float = 0.02,
    max_iterations: int = 200,
    residual_integrity: float = 1e-7,
    snap_back: str = "jump",
    duration: float = 0.0,
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
    walls : {"tied", "cohesive"}
        What holds grains together at their walls: they move as one, or crack by a cohesive law.
        Walls between grains and the layer stay tied. Cracks depend on the way there: lithium,
        `fixed` and `force` go from those of `start` to the given ones in proportion.
    law : CohesiveLaw, optional
        Of cohesive walls. Default: that of the material, `nmcx.chemomechanics.cohesive_law`.
    start : Equilibrium, optional
        With cohesive walls, of the same mesh, what to go on from. Default: the stress-free state.
    fixed : array_like, optional
        (n_node, d) displacements that are held [m], NaN where they are free. With ``order=2`` rows
        of the midside nodes follow, as in `nmcx.mesh.midside_nodes`.
    force : array_like, optional
        (n_node, d) forces on nodes [N], per length in the plane [N/m]; rows as for `fixed`.
    linear_solver : {"own", "pardiso", "petsc"}
        With tied walls: sparse LDLᵀ or multigrid of nmcx, whichever is quicker; Intel's MKL
        PARDISO through ``pip install "nmcx[pardiso]"``, which is proprietary and no part of nmcx;
        or your own PETSc through petsc4py, under MPI: all processes call, and get all of the
        result.
    tolerance : float, optional
        Residual of the forces [1], relative to the load (tied, default 1e-12) or to the forces
        that walls transmit (cohesive, default 1e-6).
    max_step : float
        With cohesive walls: longest step, as a part of the way [1]. Steps shorten by themselves
        where walls crack fast.
    max_iterations : int
        Of a step with cohesive walls.
    residual_integrity : float
        Part of its stiffness that a broken wall keeps [1], so that loose grains have a place.
    snap_back : {"jump", "follow"}
        What happens where walls crack though the load stays: the body jumps to where it comes to
        rest, and what that sets free is told (`steps.released`); or its equilibria are followed at
        a given dissipation with the load falling and growing again, nothing is set free, and
        `steps.t` tells the way. Where they cannot be followed, the body jumps. In space for small
        bodies only, whose matrices are factorised.
    duration : float
        Time that the way takes [s]; matters for a law with viscosity only.
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
    ImportError
        If pypardiso or petsc4py is asked for and not installed.
    nmcx.ConvergenceError
        If the residual stays above the tolerance. With cohesive walls a
        `nmcx.chemomechanics.FractureFailure`, which keeps the last equilibrium.

    Notes
    -----
    Plane states, chemical strains and the solver are explained in
    `docs/explanation/elasticity.md`, cracks in `docs/explanation/fracture.md`.

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
    if walls not in ("tied", "cohesive"):
        raise ValueError(f"walls must be 'tied' or 'cohesive', not {walls!r}")
    if linear_solver not in ("own", "pardiso", "petsc"):
        raise ValueError(
            f"linear_solver must be 'own', 'pardiso' or 'petsc', not {linear_solver!r}"
        )
    if walls == "cohesive":
        if linear_solver != "own":
            raise ValueError(f"linear_solver={linear_solver!r} goes with walls='tied'")
        control = PathControl(
            max_step=max_step,
            min_step=SHORTEST * max_step,
            tolerance=1e-6 if tolerance is None else tolerance,
            max_iterations=max_iterations,
            residual_integrity=residual_integrity,
            snap_back=snap_back,
            duration=duration,
            threads=threads,
        )
        return cracked_equilibrium(
            mesh,
            parameters,
            concentration,
            swelling=swelling,
            plane=plane,
            order=order,
            law=law,
            start=start,
            fixed=fixed,
            force=force,
            control=control,
        )
    if start is not None or law is not None:
        raise ValueError("start and law go with walls='cohesive': tied walls remember nothing")
    tolerance = 1e-12 if tolerance is None else tolerance
    x, notes = lithium_content(mesh, parameters, concentration, swelling)
    kernel, n_node = elastic_kernel(mesh, parameters, plane=plane, order=order, threads=threads)
    found = _solver(linear_solver)(
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
        settings={
            "order": order,
            "tolerance": tolerance,
            "end": swelling.end,
            "linear_solver": linear_solver,
        },
        notes=notes,
        lithium=x,
    )


def _solver(name: str) -> Any:
    if name == "own":
        return _core.elastic_equilibrium
    # Sparse matrices of scipy take long to import, and only these need them.
    if name == "petsc":
        from nmcx.chemomechanics.petsc import petsc_equilibrium

        return petsc_equilibrium
    from nmcx.chemomechanics.pardiso import pardiso_equilibrium

    return pardiso_equilibrium
