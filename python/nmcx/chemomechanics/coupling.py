"""How stress and cracks act on lithium: walls that no longer conduct, sides that become surface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.crack_networks import network_of
from nmcx.chemomechanics.domain import Domain, SolverOptions
from nmcx.chemomechanics.electrode_drive import ButlerVolmer, ElectrodeDrive
from nmcx.chemomechanics.stress_drive import STRESS_DRIVES
from nmcx.materials import Parameters
from nmcx.results import Equilibrium, Mesh

_Mask = NDArray[np.bool_]

# A sound wall conducts so much better than the grains beside it, D_ab over an edge, that its drop
# of concentration is one per cent of theirs.
_CONTACT = 100.0
# Conductances change in so many levels: lithium is not begun anew for what hardly matters.
_LEVELS = 20
# What cracks have changed.
_KEPT = ("wetted", "conductance", "thickness")


@dataclass(frozen=True)
class Coupling:
    """Which way stress and cracks act on lithium; each can be switched off. All numbers are ours.

    Raises
    ------
    ValueError
        If an opening is not positive, the damage lies outside 0 … 1, the growth is negative, or
        `stress_drive` is none of those below.
    """

    #: whose chemical potential stress adds to, and with it moves lithium: "open_circuit", that of
    #: the surface's own kinetics; "ideal", a lattice gas; "dilute"; or "none"
    stress_drive: str = "open_circuit"

    #: damaged walls conduct less the further they are open
    cracks_resist: bool = True
    #: open walls that hang together up to the surface fill with electrolyte and react, for good
    wetting: bool = True
    contact_opening: float = 1e-9  #: mean opening from which a damaged wall conducts nothing [m]
    wet_damage: float = 0.95  #: least mean damage of a wall that fills [1]
    wet_opening: float = 1e-9  #: least mean opening of a wall that fills [m]
    layer_growth: float = 0.0  #: k_g of dh²/dt = 2 k_g of the layer on what reacts [m²/s]

    def __post_init__(self) -> None:
        if self.stress_drive not in STRESS_DRIVES:
            raise ValueError(
                f"stress_drive must be one of {', '.join(STRESS_DRIVES)}, not {self.stress_drive!r}"
            )
        for name in ("contact_opening", "wet_opening"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be positive and finite")
        if not 0.0 <= self.wet_damage <= 1.0:
            raise ValueError("wet_damage must lie between 0 and 1")
        if not 0.0 <= self.layer_growth < np.inf:
            raise ValueError("layer_growth must be 0 or more, and finite")

    @classmethod
    def one_way(cls) -> Coupling:
        """Lithium strains and cracks the grains, and learns nothing of it: as in the paper."""
        return cls(stress_drive="none", cracks_resist=False, wetting=False)


class Change(NamedTuple):
    """What is new to lithium since the last state."""

    layers: bool  #: on what reacts have grown
    nodes: NDArray[np.int64]  #: of cells beside walls that conduct less, or have filled


class CrackedSurface:
    """What walls and surface of a particle are to lithium, as cracks open."""

    def __init__(
        self,
        mesh: Mesh,
        parameters: Parameters,
        kinetics: ButlerVolmer,
        coupling: Coupling,
        *,
        mass: str,
        solver: SolverOptions,
    ) -> None:
        self._mesh, self._parameters = mesh, parameters
        self._kinetics, self.coupling = kinetics, coupling
        self._mass, self._solver = mass, solver
        n_wall = len(mesh.interfaces)
        self.wetted: _Mask = np.zeros(n_wall, dtype=bool)
        self.conductance = np.full(n_wall, np.inf)
        self._contact = _CONTACT * parameters.diffusivity_ab / _edge(mesh)
        self.domain = self._new_domain()
        self._given = self.domain.on_facets(
            kinetics.layer_conductance, "layer_conductance", infinite=True
        )
        self._coverage = self.domain.on_facets(kinetics.coverage, "coverage")
        self._where = self.domain.facets_of(kinetics.where)
        # Layers of the outer surface, then of both sides of each wall.
        with np.errstate(divide="ignore"):
            outer = parameters.diffusivity_layer / self._given
        self.thickness = np.concatenate([outer, np.zeros(2 * n_wall)])

    def _surface(self) -> NDArray[np.int64]:
        """Facets that react: the outer surface, then first and second sides of wetted walls."""
        d = self._mesh.dimension
        wet = self._mesh.interfaces[self.wetted]
        # The normal of a second side points the other way.
        return np.concatenate([self._mesh.surface, wet[:, :d], wet[:, d:][:, ::-1]])

    def _layers(self) -> Doubles:
        """Thickness on each of them [m]."""
        n = len(self._mesh.surface)
        sides = self.thickness[n:].reshape(2, -1)
        return np.concatenate([self.thickness[:n], *(side[self.wetted] for side in sides)])

    def _new_domain(self) -> Domain:
        return Domain(
            replace(self._mesh, surface=self._surface()),
            self._parameters,
            interface_conductance=self.conductance,
            mass=self._mass,
            solver=self._solver,
        )

    def to_arrays(self) -> dict[str, Any]:
        """What has become of walls and layers."""
        return {name: getattr(self, name) for name in _KEPT}

    def take_up(self, arrays: Mapping[str, Any]) -> None:
        """Go on like the one whose arrays these are."""
        for name in _KEPT:
            setattr(self, name, arrays[name])
        self.domain = self._new_domain()

    def drive(self) -> ElectrodeDrive:
        """Kinetics on everything that reacts now."""
        if self.coupling.layer_growth > 0.0:
            with np.errstate(divide="ignore"):
                conductance = self._parameters.diffusivity_layer / self._layers()
        else:
            conductance = self._extended(self._given, np.inf)  # to the bit what was given
        return ElectrodeDrive(
            self.domain,
            self._parameters,
            replace(
                self._kinetics,
                layer_conductance=conductance,
                coverage=self._extended(self._coverage, 1.0),
                where=self._reacts(),
            ),
        )

    def _extended(self, given: Doubles, default: float) -> Doubles:
        """Values of the outer surface, and one for the sides of wetted walls."""
        return np.concatenate([given, np.full(2 * int(self.wetted.sum()), default)])

    def _reacts(self) -> _Mask:
        return np.concatenate([self._where, np.ones(2 * int(self.wetted.sum()), dtype=bool)])

    @property
    def reactive_area(self) -> float:
        """Of what reacts of the surface, and of the wetted walls, both sides [m²]."""
        return float(self.domain.surface_area[self._reacts()].sum())

    @property
    def surface_layer(self) -> Doubles:
        """Thickness on each facet of the outer surface, NaN where nothing reacts [m]."""
        return np.where(self._where, self.thickness[: len(self._where)], np.nan)

    @property
    def wall_layer(self) -> Doubles:
        """Thickness on either side of each wetted wall, NaN where nothing reacts [m]."""
        first_sides = self.thickness[len(self._where) :][: len(self.wetted)]
        return np.where(self.wetted, first_sides, np.nan)

    @property
    def mean_thickness(self) -> float:
        """Of the layer, over all that reacts [m]."""
        reacts = self._reacts()
        return float(np.average(self._layers()[reacts], weights=self.domain.surface_area[reacts]))

    def update(self, state: Equilibrium, duration: float) -> Change:
        """Take cracks and the age of layers over; what lithium meets that is new."""
        coupling = self.coupling
        assert state.damage is not None
        assert state.opening is not None
        grown = coupling.layer_growth > 0.0 and duration > 0.0
        if grown:
            ages = np.concatenate([self._where, self.wetted, self.wetted])
            square = self.thickness**2 + 2.0 * coupling.layer_growth * duration
            self.thickness = np.where(ages, np.sqrt(square), self.thickness)
        wetted = self.wetted
        if coupling.wetting:
            is_open = (state.damage >= coupling.wet_damage) & (
                state.opening >= coupling.wet_opening
            )
            network = network_of(self._mesh, is_open | wetted)
            fills = np.concatenate([[False], network.reaches_surface])[network.labels]
            wetted = wetted | (is_open & fills)
        conductance = np.full(len(wetted), np.inf)
        if coupling.cracks_resist:
            share = np.clip(1.0 - state.opening / coupling.contact_opening, 0.0, 1.0)
            share = np.round(share * _LEVELS) / _LEVELS
            # What has parted once keeps nodes of its own: to share them again would mix lithium.
            parts = ((state.damage > 0.0) & (share < 1.0)) | np.isfinite(self.conductance)
            conductance = np.where(parts, share * self._contact, np.inf)
        conductance[wetted] = 0.0
        changed = (wetted != self.wetted) | (conductance != self.conductance)
        if changed.any():
            self.wetted, self.conductance = wetted, conductance
            self.domain = self._new_domain()
        return Change(layers=grown, nodes=self._beside(changed))

    def _beside(self, walls: _Mask) -> NDArray[np.int64]:
        """Nodes of cells that have a node on either side of some walls."""
        mesh = self._mesh
        is_at = np.zeros(len(mesh.points), dtype=bool)
        is_at[mesh.interfaces[walls]] = True
        return np.unique(mesh.cells[is_at[mesh.cells].any(axis=1)])


def _edge(mesh: Mesh) -> float:
    """Mean extent of the cells at walls [m]."""
    if not len(mesh.interfaces):
        return float(np.mean(mesh.volume) ** (1.0 / mesh.dimension))
    area = mesh.interface_area.mean()
    return float(area if mesh.dimension == 2 else np.sqrt(2.0 * area))
