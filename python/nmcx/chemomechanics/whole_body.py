"""A particle without walls that could come apart, such as a single crystal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.equilibrium import equilibrium
from nmcx.chemomechanics.fracture_path import PathControl
from nmcx.materials import Parameters, Swelling
from nmcx.results import Equilibrium, Mesh


class WholeBody:
    """Equilibria of a body that only strains, told as those of one whose walls never open."""

    def __init__(
        self, mesh: Mesh, parameters: Parameters, *, swelling: Swelling, plane: str, threads: int
    ) -> None:
        self._mesh, self._parameters = mesh, parameters
        self._swelling, self._plane, self._threads = swelling, plane, threads

    def equilibrium(
        self, concentration: Doubles, *, start: Equilibrium | None, control: PathControl
    ) -> Equilibrium:
        """At a concentration; the way there does not matter."""
        found = equilibrium(
            self._mesh,
            self._parameters,
            concentration,
            eigenstrain=self._swelling,
            plane=self._plane,
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
