"""Stress in a polycrystal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nmcx.results.base import Float, Int, Result, quantity


@dataclass(frozen=True)
class Equilibrium(Result):
    """Displacements and stresses at which a polycrystal's forces balance.

    Stresses are in (x, y, z), Voigt order 11, 22, 33, 23, 13, 12, all six of them with two
    dimensions too; energies are per length then. A body that nothing holds is placed such that its
    nodes neither move nor turn in the mean.
    """

    displacement: Float = quantity("m", "node xyz")  #: (n_node, d) [m]
    strain_z: float = quantity("1")  #: strain 33 of the section in generalised plane strain [1]
    shear_z: Float = quantity("1", "component")  #: (2,) shears 23 and 13 of the section [1]
    stress: Float = quantity("Pa", "cell voigt")  #: (m, 6) mean over each cell [Pa]
    #: (n_node, 6) mean over the cells of a node's own grain, so that it jumps across walls [Pa]
    nodal_stress: Float = quantity("Pa", "node voigt")
    energies: Mapping[str, float] = quantity("J")  #: by name: "stored" in the crystal [J]
    #: chemical strain: "table", "linear" or "isotropic" (`nmcx.materials.Swelling`)
    eigenstrain: str = quantity("")
    stress_free: float = quantity("1")  #: lithium content at which no chemical strain is [1]
    plane: str = quantity("")  #: "solid", or the state of the plane
    walls: str = quantity("")  #: what holds grains together: "tied"
    iterations: int = quantity("1")  #: of the linear solver
    residual: float = quantity("1")  #: of the forces, relative [1]
    #: (n_midside, d) of quadratic cells, nodes as in `nmcx.mesh.midside_nodes` [m]
    midside_displacement: Float | None = quantity("m", "midside xyz", default=None)
    settings: Mapping[str, Any] = field(default_factory=dict)  #: how it was computed
    notes: tuple[str, ...] = ()  #: what whoever uses it should know


@dataclass(frozen=True)
class RadialProfile(Result):
    """Stress along and across the radius, averaged over shells about a centre."""

    radius: Float = quantity("m", "shell")  #: (n,) mean of the cells of each shell [m]
    radial: Float = quantity("Pa", "shell")  #: (n,) normal stress along the radius [Pa]
    #: (n,) normal stress across it [Pa]: in the plane with two dimensions, mean of both with three
    hoop: Float = quantity("Pa", "shell")
    radial_std: Float = quantity("Pa", "shell")  #: (n,) spread over the cells of a shell [Pa]
    hoop_std: Float = quantity("Pa", "shell")  #: (n,) spread over the cells of a shell [Pa]
    n_cell: Int = quantity("1", "shell")  #: (n,) cells of each shell
