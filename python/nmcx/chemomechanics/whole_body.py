"""A particle without walls that could come apart, such as a single crystal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.equilibrium import equilibrium
from nmcx.chemomechanics.fracture_path import PathControl
from nmcx.materials import Parameters, Swelling
from nmcx.results import Equilibrium, Mesh


class WholeBody:
    """Equilibria of a body that only strains, told as those of one whose walls never open."""

    def __init__(
        self,
        mesh: Mesh,
        parameters: Parameters,
        *,
        swelling: Swelling,
        plane: str,
        order: int,
        threads: int,
    ) -> None:
        self._mesh, self._parameters, self._swelling = mesh, parameters, swelling
        self._plane, self._order, self._threads = plane, order, threads

    @property
    def law(self) -> None:
        """There are no walls."""

    def to_arrays(self, state: Equilibrium) -> dict[str, Any]:
        """Numbers of an equilibrium by name, for `from_arrays`."""
        return {"concentration": state.lithium}

    def from_arrays(self, arrays: Mapping[str, Any]) -> Equilibrium:
        """The same equilibrium, found again."""
        concentration = arrays["concentration"] * self._parameters.max_concentration
        return self._found(concentration)

    def equilibrium(
        self,
        concentration: Doubles,
        *,
        start: Equilibrium | None,
        control: PathControl,
        again: bool = False,
    ) -> Equilibrium:
        """At a concentration; the way there does not matter."""
        return self._found(concentration)

    def _found(self, concentration: Doubles) -> Equilibrium:
        found = equilibrium(
            self._mesh,
            self._parameters,
            concentration,
            eigenstrain=self._swelling,
            plane=self._plane,
            order=self._order,
            threads=self._threads,
        )
        none = np.zeros(len(self._mesh.interfaces))
        stored = found.energies["stored"]
        return replace(
            found,
            damage=none,
            opening=none,
            crack_porosity=0.0,
            energies={"stored": stored, "dissipated": 0.0, "released": 0.0, "supplied": stored},
        )
