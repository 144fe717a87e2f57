"""Stress in a polycrystal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nmcx.results.base import Bool, Float, Int, Result, quantity


@dataclass(frozen=True)
class LoadSteps(Result):
    """How a load was followed while walls cracked; energies are per metre with two dimensions."""

    t: Float = quantity("1", "step")  #: (n,) part of the load at the end of each step
    newton: Int = quantity("1", "step")  #: (n,) iterations with the consistent tangent
    secant: Int = quantity("1", "step")  #: (n,) iterations with a matrix that is always positive
    factorisations: Int = quantity("1", "step")  #: (n,) of the linear solver
    linear: Int = quantity("1", "step")  #: (n,) iterations of the linear solver
    cut_backs: Int = quantity("1", "step")  #: (n,) longer steps given up before
    supplied: Float = quantity("J", "step")  #: (n,) work of lattice strain, forces and holds [J]
    dissipated: Float = quantity("J", "step")  #: (n,) by damage [J]
    viscous: Float = quantity("J", "step")  #: (n,) artificial work of the viscosity [J]
    #: (n,) set free by jumps at a load that stays, ≥ 0 [J]
    released: Float = quantity("J", "step")


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
    #: by name: "stored" elastically, in walls too [J]; with walls that crack, since the
    #: stress-free state, "dissipated" by them, "viscous" (artificial), "released" by jumps,
    #: "supplied" by the load, and the "error" of the balance, supplied less all others
    energies: Mapping[str, float] = quantity("J")
    #: chemical strain: "table", "linear" or "isotropic" (`nmcx.materials.Swelling`)
    eigenstrain: str = quantity("")
    stress_free: float = quantity("1")  #: lithium content at which no chemical strain is [1]
    plane: str = quantity("")  #: "solid", or the state of the plane
    walls: str = quantity("")  #: what holds grains together: "tied" or "cohesive"
    #: of the linear solver; with walls that crack, steps of the search for equilibrium in all
    iterations: int = quantity("1")
    residual: float = quantity("1")  #: of the forces, relative [1]
    #: (n_midside, d) of quadratic cells, nodes as in `nmcx.mesh.midside_nodes` [m]
    midside_displacement: Float | None = quantity("m", "midside xyz", default=None)
    settings: Mapping[str, Any] = field(default_factory=dict)  #: how it was computed
    notes: tuple[str, ...] = ()  #: what whoever uses it should know
    lithium: Float | None = quantity("1", "node", default=None)  #: (n_node,) content x [1]
    #: (k,) mean damage of each wall facet, 0 (sound) to 1; tied facets stay sound [1]
    damage: Float | None = quantity("1", "interface", default=None)
    opening: Float | None = quantity("m", "interface", default=None)  #: (k,) mean, normal [m]
    sliding: Float | None = quantity("m", "interface", default=None)  #: (k,) mean, tangential [m]
    #: (k,) work of separation spent [J/m²]
    dissipated: Float | None = quantity("J/m^2", "interface", default=None)
    #: volume between the sides of opened walls over that of the body [1]
    crack_porosity: float | None = quantity("1", default=None)
    steps: LoadSteps | None = quantity("", default=None)  #: how the load was followed
    #: (k, q, 5) memory of the walls' quadrature points, for `start`
    wall_history: Float | None = quantity("1", "interface point value", default=None)
    fixed: Float | None = quantity("m", "node xyz", default=None)  #: displacements held [m] or NaN
    force: Float | None = quantity("N", "node xyz", default=None)  #: on nodes [N], in 2-D [N/m]


@dataclass(frozen=True)
class CrackNetwork(Result):
    """Broken walls that hang together, the largest crack first."""

    labels: Int = quantity("1", "interface")  #: (k,) crack of each wall facet, from 1; 0: none
    area: Float = quantity("m^2", "crack")  #: (n,) of each crack [m²]; its length in the plane [m]
    reaches_surface: Bool = quantity("1", "crack")  #: (n,) whether it meets the outer surface


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
