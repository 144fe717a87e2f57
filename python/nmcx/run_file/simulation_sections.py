"""The sections of a simulation; `nmcx simulate` takes their keys as flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from nmcx.run_file.protocol import as_protocol
from nmcx.run_file.values import (
    Unfit,
    any_of,
    as_choice,
    as_file_or_folder,
    as_flag,
    as_folder,
    as_integer,
    as_number,
    as_numbers,
    as_text,
    as_voxel_size,
    key,
    list_of,
    or_auto,
    takes,
)

#: Keys of grains that are made, and of those of an image.
MADE = ("shape", "radius_um", "n_grains", "grain_size_um")
IMAGE = ("dataset", "voxel_size_um", "outside", "pores")

_AUTO = '"auto"'
_LENGTH = as_number(1e-6, 1e6)


@takes(list_of(as_number().schema, 3, 3))
def _towards(value: object, folder: Path) -> tuple[float, ...]:
    """A vector (x, y, z) that points somewhere."""
    vector: tuple[float, ...] = as_numbers(3, as_number(), "three numbers (x, y, z)")(value, folder)
    if not any(vector):
        raise Unfit("a direction (x, y, z) other than [0, 0, 0]")
    return vector


@takes(any_of(as_integer(-(10**9)).schema, list_of(as_integer(-(10**9)).schema, 0)))
def _labels(value: object, folder: Path) -> tuple[int, ...]:
    """A label or a list of labels, which may be empty."""
    listed = value if isinstance(value, list) else [value]
    label = as_integer(-(10**9))
    try:
        return tuple(label(item, folder) for item in listed)
    except Unfit:
        raise Unfit("a label or a list of labels") from None


@dataclass(frozen=True)
class Polycrystal:
    """Grains of the particle: options of `nmcx.mesh.ball`, `disc` and `from_labels`."""

    size_um: float = field(metadata=key(_LENGTH, "wanted edge length of the cells [µm]", "0.5"))
    shape: str = field(
        default="ball",
        metadata=key(as_choice("ball", "disc"), '"ball", or in the plane "disc"'),
    )
    radius_um: float = field(default=5.0, metadata=key(_LENGTH, "of ball or disc [µm]"))
    n_grains: int | None = field(
        default=None, metadata=key(or_auto(as_integer(1, 10**6)), "number of grains", "60")
    )
    grain_size_um: float | None = field(
        default=None,
        metadata=key(
            or_auto(_LENGTH), "or their size: diameter of a ball of the mean volume [µm]", _AUTO
        ),
    )
    labels: Path | None = field(
        default=None,
        metadata=key(as_file_or_folder, "or an image of grain labels (TIFF, HDF5, npy) instead"),
    )
    dataset: str | None = field(
        default=None, metadata=key(or_auto(as_text), "of the labels in an HDF5 file", _AUTO)
    )
    voxel_size_um: tuple[float, ...] | None = field(
        default=None,
        metadata=key(
            or_auto(as_voxel_size), "voxel edge of the labels or [dz, dy, dx] [µm]", _AUTO, "+"
        ),
    )
    outside: int = field(
        default=0,
        metadata=key(as_integer(-(10**9)), "label of what surrounds the particle"),
    )
    pores: tuple[int, ...] = field(
        default=(),
        metadata=key(_labels, "labels of pores", "", "+"),
    )
    texture: str = field(
        default="random",
        metadata=key(
            as_choice("random", "radial"),
            'c axes at "random", or across the radius, "radial"',
        ),
    )
    seed: int = field(default=0, metadata=key(as_integer(0), "of the random numbers"))

    def conflict(self) -> str | None:
        """What does not go together, as "keys: reason"; None if all does.

        Returns
        -------
        str or None
        """
        if self.labels is not None:
            made = self._given(MADE)
            return f"{made}: are of made grains; leave them out with labels" if made else None
        image = self._given(IMAGE)
        if image:
            return f"{image}: are of an image; name it in labels, or leave them out"
        if (self.n_grains is None) == (self.grain_size_um is None):
            return 'n_grains, grain_size_um: give one of the two, the other as "auto"; or labels'
        if self.size_um > self.radius_um:
            return f"size_um: must be at most radius_um, {self.radius_um:g}, not {self.size_um:g}"
        if self.grain_size_um is not None and self.grain_size_um > 2 * self.radius_um:
            return (
                f"grain_size_um: must be at most twice radius_um, {2 * self.radius_um:g}, not "
                f"{self.grain_size_um:g}"
            )
        return None

    def _given(self, names: tuple[str, ...]) -> str:
        known = self.__dataclass_fields__
        return ", ".join(name for name in names if getattr(self, name) != known[name].default)


def _number(default: float, meaning: str) -> Any:
    return field(default=default, metadata=key(as_number(1e-300), meaning))


@dataclass(frozen=True)
class Material:
    """What transport uses of `nmcx.materials.NMC811`; any of its numbers may be changed."""

    diffusivity_ab: float = _number(7e-15, "of lithium across the c axis [m²/s]")
    diffusivity_c: float = _number(7e-16, "of lithium along the c axis [m²/s]")
    diffusivity_layer: float = _number(7e-17, "of lithium in the passivation layer [m²/s]")
    max_concentration: float = _number(63887.0, "C_max, concentration at x = 1 [mol/m³]")
    exchange_current_prefactor: float = _number(
        3.42e-6, "k in i₀ = k √c_e √c √(C_max − c) [A m^2.5/mol^1.5]"
    )
    electrolyte_concentration: float = _number(1000.0, "c_e [mol/m³]")
    temperature: float = _number(298.15, "[K]")


@dataclass(frozen=True)
class Transport:
    """What is done to the electrode: options of `nmcx.chemomechanics.cycle`."""

    protocol: tuple[str, ...] = field(
        default=("charge c_rate=1 until=0.3",),
        metadata=key(as_protocol, "charge, discharge, hold and rest, one after another", "", "+"),
    )
    cycles: int = field(
        default=1, metadata=key(as_integer(1, 10**4), "times that the protocol is gone through")
    )
    initial_content: float | None = field(
        default=None,
        metadata=key(
            or_auto(as_number(1e-6, 1 - 1e-6)),
            "c / C_max at the start; auto: 0.95 before a charge, 0.3 before a discharge", _AUTO,
        ),
    )  # fmt: skip
    states: int = field(
        default=20, metadata=key(as_integer(1, 10**5), "saved of each part, its end included")
    )
    tolerance: float | None = field(
        default=None,
        metadata=key(
            or_auto(as_number(1e-9, 0.5)),
            "error of a step, of the range [1]; auto: 0.001, with cracks 0.005", _AUTO,
        ),
    )  # fmt: skip
    layer_thickness_nm: float = field(
        default=0.0, metadata=key(as_number(0, 1e6), "of a passivation layer; 0: none [nm]")
    )
    layer_side: str = field(
        default="all",
        metadata=key(as_choice("all", "half"), 'of the surface with the layer: "all" or "half"'),
    )
    layer_towards: tuple[float, ...] = field(
        default=(1.0, 0.0, 0.0),
        metadata=key(
            _towards, "where the half with the layer lies (x, y, z)", "", 3, ("X", "Y", "Z")
        ),
    )
    layer_coverage: float = field(
        default=1.0, metadata=key(as_number(0, 1), "part of that surface which the layer covers")
    )

    def conflict(self) -> str | None:
        """What does not go together, as "keys: reason"; None if all does.

        Returns
        -------
        str or None
        """
        first = self.protocol[0].split()[0]
        if self.initial_content is None and first in ("hold", "rest"):
            return f"initial_content: must be given where the protocol starts with a {first}"
        known = self.__dataclass_fields__
        given = [
            name
            for name in ("layer_side", "layer_towards", "layer_coverage")
            if getattr(self, name) != known[name].default
        ]
        if given and self.layer_thickness_nm == 0:
            return f"{', '.join(given)}: need a layer, layer_thickness_nm above 0"
        if "layer_towards" in given and self.layer_side != "half":
            return 'layer_towards: needs layer_side = "half"'
        return None


@dataclass(frozen=True)
class Fracture:
    """Grains that strain and crack: options of `nmcx.chemomechanics.simulate`, moduli, walls."""

    eigenstrain: str = field(
        default="table",
        metadata=key(
            as_choice("table", "linear", "isotropic"),
            'lattice strain: "table", "linear" or "isotropic"',
        ),
    )
    plane: str = field(
        default="generalised_plane_strain",
        metadata=key(
            as_choice("generalised_plane_strain", "plane_strain", "plane_stress"), "of a disc"
        ),
    )
    order: int = field(
        default=1,
        metadata=key(as_integer(1, 2), "of displacements in a cell: 1 linear, 2 quadratic"),
    )
    max_step: float = field(
        default=0.2,
        metadata=key(as_number(1e-6, 1), "longest step of cracking, as a change of c / C_max [1]"),
    )
    stress_tolerance: float = field(
        default=5e-3,
        metadata=key(
            as_number(1e-9, 1), "of lithium against the stress that drives it, in c / C_max [1]"
        ),
    )
    c11: float = _number(259e9, "of the crystal, as the next ones [Pa]")
    c12: float = field(default=107e9, metadata=key(as_number(), "[Pa]"))
    c13: float = field(default=75e9, metadata=key(as_number(), "[Pa]"))
    c33: float = _number(194e9, "[Pa]")
    c44: float = _number(59e9, "[Pa]")
    c14: float = field(default=0.0, metadata=key(as_number(), "[Pa]"))
    cohesive_stiffness: float = _number(1.8e19, "of a sound wall between grains [Pa/m]")
    strength: float = _number(200e6, "of a wall, opening and sliding [Pa]")
    fracture_energy: float = _number(1.0, "of a wall [J/m²]; of the brittle set 0.1")
    fatigue_cycles: float | None = field(
        default=None,
        metadata=key(
            or_auto(as_number(1e-3, 1e12)),
            "from nothing to all that a wall bears, until it bears nothing; auto: walls do not "
            "tire [1]", _AUTO,
        ),
    )  # fmt: skip
    endurance: float = field(
        default=0.25,
        metadata=key(
            as_number(0, 1 - 1e-9), "share of what a wall bears up to which nothing tires it [1]"
        ),
    )

    def conflict(self) -> str | None:
        """What does not go together, as "keys: reason"; None if all does.

        Returns
        -------
        str or None
        """
        is_given = self.endurance != self.__dataclass_fields__["endurance"].default
        if self.fatigue_cycles is None and is_given:
            return "endurance: needs fatigue_cycles"
        return None


@dataclass(frozen=True)
class Coupling:
    """What stress and cracks do to lithium in grains that crack: `nmcx.chemomechanics.Coupling`."""

    stress_drive: str = field(
        default="open_circuit",
        metadata=key(
            as_choice("none", "open_circuit", "ideal", "dilute"),
            'whose chemical potential stress adds to: "open_circuit", "ideal", "dilute"; or "none"',
        ),
    )
    cracks_resist: bool = field(
        default=True, metadata=key(as_flag, "damaged walls conduct less the further they are open")
    )
    wetting: bool = field(
        default=True,
        metadata=key(as_flag, "walls open to the surface fill with electrolyte and react"),
    )
    contact_opening: float = _number(1e-9, "from which a damaged wall conducts nothing [m]")
    wet_damage: float = field(
        default=0.95, metadata=key(as_number(0, 1), "least damage of a wall that fills [1]")
    )
    wet_opening: float = _number(1e-9, "least opening of a wall that fills [m]")
    layer_growth: float = field(
        default=0.0,
        metadata=key(as_number(0, 1), "k_g of dh²/dt = 2 k_g of the layer on what reacts [m²/s]"),
    )

    @property
    def n_on(self) -> int:
        """In how many ways stress and cracks act on lithium."""
        ways = (self.stress_drive != "none", self.cracks_resist, self.wetting)
        return sum(ways) + (self.layer_growth > 0)

    def conflict(self) -> str | None:
        """What does not go together, as "keys: reason"; None if all does.

        Returns
        -------
        str or None
        """
        known = self.__dataclass_fields__
        for switch, names in (
            ("cracks_resist", ("contact_opening",)),
            ("wetting", ("wet_damage", "wet_opening")),
        ):
            given = [name for name in names if getattr(self, name) != known[name].default]
            if given and not getattr(self, switch):
                return f"{', '.join(given)}: need {switch} = true"
        return None


@dataclass(frozen=True)
class SimulationOutput:
    """Where the results go, and which pictures are drawn."""

    folder: Path | None = field(
        default=None, metadata=key(as_folder, "new folder for the results", show='"result"')
    )
    pictures: bool = field(
        default=True, metadata=key(as_flag, "draw lithium, c axes, flux and state of charge")
    )
    frames: bool = field(
        default=False, metadata=key(as_flag, "draw every saved state too; of cracks an animation")
    )


@dataclass(frozen=True)
class SimulationFile:
    """A validated run file of a simulation."""

    path: Path
    polycrystal: Polycrystal
    material: Material
    transport: Transport
    output: SimulationOutput
    fracture: Fracture | None = None  #: None: lithium alone
    coupling: Coupling | None = None
    sha256: str = ""

    COMMAND: ClassVar[str] = "nmcx simulate"
    SECTIONS: ClassVar[dict[str, type]] = {
        "polycrystal": Polycrystal,
        "material": Material,
        "transport": Transport,
        "fracture": Fracture,
        "coupling": Coupling,
        "output": SimulationOutput,
    }
    #: Sections that turn something on by being there.
    OPTIONAL: ClassVar[tuple[str, ...]] = ("fracture", "coupling")

    @property
    def folder(self) -> Path:
        """Where results go unless told otherwise: beside the run file, named after it."""
        return self.output.folder or self.path.parent / f"{self.path.stem}_result"

    def is_used(self, section: str, key: str) -> bool:
        """Whether a key has a part in what is done: grains are made, or those of an image."""
        if section != "polycrystal":
            return True
        is_image = self.polycrystal.labels is not None
        return key not in (MADE if is_image else IMAGE)
