"""Stiffness and chemical strain of the grains of a mesh, from material and lithium content."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.chemomechanics.boundary import Doubles
from nmcx.materials import Parameters, Swelling
from nmcx.results import Mesh

# Solved concentrations may overshoot the ends of the table by this much of C_max; they are taken at
# the end then, and a note says so.
_OVERSHOOT = 0.01


def grain_stiffness(mesh: Mesh, parameters: Parameters) -> Doubles:
    """(n_grain, 6, 6) elasticity of every grain in sample axes [Pa]; the layer's is isotropic."""
    stiffness = parameters.elasticity(mesh.orientation)
    if mesh.layer_grain is not None:
        stiffness[mesh.layer_grain] = parameters.layer_elasticity()
    return np.ascontiguousarray(stiffness)


def grain_of_node(mesh: Mesh) -> NDArray[np.int64]:
    """(n_node,) grain that each node belongs to: grains share none."""
    grain = np.zeros(len(mesh.points), dtype=np.int64)
    grain[mesh.cells] = mesh.grain[:, None]
    return grain


def lithium_content(
    mesh: Mesh, parameters: Parameters, concentration: ArrayLike, swelling: Swelling
) -> tuple[Doubles, tuple[str, ...]]:
    """(n_node,) x = c / C_max within the lattice table, and what to know of it.

    Raises
    ------
    ValueError
        If concentrations are not a number or one per node, not finite, or outside the table.
    """
    nodal = np.asarray(concentration, dtype=np.float64)
    n_node = len(mesh.points)
    if nodal.shape not in ((), (n_node,)):
        raise ValueError(
            "concentration must be a number or have one value per node, "
            f"({n_node},), not {nodal.shape}"
        )
    if not np.isfinite(nodal).all():
        raise ValueError("concentration holds NaN or infinity")
    x = np.array(np.broadcast_to(nodal / parameters.max_concentration, n_node))
    first, last = swelling.table.lithium[0], swelling.table.lithium[-1]
    beyond = float(max(first - x.min(), x.max() - last))
    if beyond > _OVERSHOOT:
        raise ValueError(
            f"concentration must lie within the lattice table, x = {first:g} … {last:g} of "
            f"{parameters.max_concentration:g} mol/m³, but reaches from {x.min():.6g} to "
            f"{x.max():.6g}; materials.Swelling takes a table that reaches further"
        )
    if beyond <= 1e-9:
        return np.clip(x, first, last), ()
    count = int(np.count_nonzero((x < first) | (x > last)))
    note = (
        f"{count} nodes overshot the lattice table by up to {beyond:.2g} of C_max; their strain is "
        "that of its end"
    )
    return np.clip(x, first, last), (note,)


def chemical_strain(mesh: Mesh, x: Doubles, swelling: Swelling) -> Doubles:
    """(n_node, 6) strain of the lattice at each node in sample axes [1]; the layer has none."""
    grain = grain_of_node(mesh)
    strain = swelling.tensor(x, mesh.orientation, crystal=grain)
    if mesh.layer_grain is not None:
        strain[grain == mesh.layer_grain] = 0.0
    return np.ascontiguousarray(strain)
