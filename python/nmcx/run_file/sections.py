"""The sections of the run file, one frozen dataclass each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from nmcx.run_file.bulk_sections import Cones, Correlation, Morphology, Placing
from nmcx.run_file.model_sections import Compare, Model
from nmcx.run_file.simulation_sections import Coupling, Fracture, Material
from nmcx.run_file.soft_sections import Nickel, Oxygen, Soft, Spectra
from nmcx.run_file.values import (
    as_choice,
    as_file,
    as_file_or_folder,
    as_folder,
    as_frames,
    as_integer,
    as_number,
    as_text,
    as_voxel_size,
    as_window,
    key,
    or_auto,
)

#: Rules for the edge energy; names of `nmcx.xanes.fit_edges`.
ESTIMATORS = ("half_jump", "half_white_line", "white_line", "derivative", "integral", "template")


@dataclass(frozen=True)
class Hard:
    """Hard X-ray absorption at many energies around the K edge."""

    stack: Path | None = field(
        default=None,
        metadata=key(as_file_or_folder, "energy stack (HDF5, TIFF)", show='"ni_k_edge.h5"'),
    )
    frames: Path | tuple[Path, ...] | None = field(
        default=None,
        metadata=key(as_frames, "or a folder or list of files of frames with references"),
    )
    pre_edge: tuple[float, float] = field(
        default=(8250.0, 8320.0), metadata=key(as_window, "window before the edge [eV]")
    )
    post_edge: tuple[float, float] = field(
        default=(8380.0, 8640.0), metadata=key(as_window, "window after the edge [eV]")
    )
    estimator: str = field(
        default="half_jump", metadata=key(as_choice(*ESTIMATORS), "rule for the edge energy")
    )
    template: Path | None = field(
        default=None,
        metadata=key(as_file, 'spectrum for estimator = "template"; default: from the stack'),
    )
    level: float = field(
        default=0.5, metadata=key(as_number(0.01, 0.99), "height of the edge energy on the jump")
    )
    pre_degree: int | None = field(
        default=None,
        metadata=key(or_auto(as_integer(0, 1)), "polynomial before the edge", show='"auto"'),
    )
    post_degree: int | None = field(
        default=None,
        metadata=key(or_auto(as_integer(0, 2)), "polynomial after the edge", show='"auto"'),
    )
    normalisation: str = field(
        default="window",
        metadata=key(
            as_choice("window", "global_shape"),
            '"global_shape": slopes in proportion to the jump, as in the mean spectrum',
        ),
    )
    white_line_half_width_ev: float | None = field(
        default=None,
        metadata=key(
            or_auto(as_number(0.01, 99)), "reach of the white-line parabola [eV]", show='"auto"'
        ),
    )


@dataclass(frozen=True)
class Tomogram:
    """A volume of the same particle in which cracks are seen."""

    file: Path = field(
        metadata=key(as_file_or_folder, "volume (TIFF, HDF5)", show='"tomogram.tif"')
    )
    voxel_size_um: tuple[float, ...] | None = field(
        default=None,
        metadata=key(or_auto(as_voxel_size), "voxel edge or [dz, dy, dx] [µm]", '"auto"', "+"),
    )


@dataclass(frozen=True)
class Output:
    """Where the results go."""

    folder: Path | None = field(
        default=None, metadata=key(as_folder, "new folder for the results", show='"result"')
    )
    title: str = field(default="", metadata=key(as_text, "heading of the report"))


@dataclass(frozen=True)
class RunFile:
    """A validated run file; a section of data that is absent is None."""

    path: Path
    soft: Soft | None
    spectra: Spectra | None
    nickel: Nickel
    oxygen: Oxygen
    hard: Hard | None
    tomogram: Tomogram | None
    morphology: Morphology
    cones: Cones
    placing: Placing | None
    correlation: Correlation
    model: Model | None
    material: Material  #: of the model, as the next two
    fracture: Fracture
    coupling: Coupling
    compare: Compare | None
    output: Output
    sha256: str = ""

    COMMAND: ClassVar[str] = "nmcx run"
    #: Sections that take hours: who wants them asks for them.
    OPTIONAL: ClassVar[tuple[str, ...]] = ("model", "material", "fracture", "coupling", "compare")
    SECTIONS: ClassVar[dict[str, type]] = {
        "soft": Soft,
        "spectra": Spectra,
        "nickel": Nickel,
        "oxygen": Oxygen,
        "hard": Hard,
        "tomogram": Tomogram,
        "morphology": Morphology,
        "cones": Cones,
        "placing": Placing,
        "correlation": Correlation,
        "model": Model,
        "material": Material,
        "fracture": Fracture,
        "coupling": Coupling,
        "compare": Compare,
        "output": Output,
    }

    @property
    def folder(self) -> Path:
        """Where results go unless told otherwise: beside the run file, named after it."""
        return self.output.folder or self.path.parent / f"{self.path.stem}_result"

    def is_used(self, section: str, key: str) -> bool:
        """Whether a key has a part in what is done: whether there are the data for its section."""
        if section in ("nickel", "oxygen"):
            return self.spectra is not None and bool(self.spectra.pairs(section))
        if section == "correlation":
            return self.placing is not None
        if section in ("material", "fracture", "coupling"):
            of_simulation = section == "fracture" and key in ("plane", "order")
            return self.model is not None and not of_simulation
        if section not in ("morphology", "cones"):
            return True
        return self.tomogram is not None or (self.hard is not None and self.hard.stack is not None)


@dataclass(frozen=True)
class ModelFile(RunFile):
    """The model of a validated run file, for a particle that has been measured already."""

    #: measuring sections of the file as they are written: nothing is measured with them
    measuring: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    COMMAND: ClassVar[str] = "nmcx compare RESULT"
    SECTIONS: ClassVar[dict[str, type]] = {
        name: RunFile.SECTIONS[name] for name in (*RunFile.OPTIONAL, "output")
    }

    @property
    def folder(self) -> Path:
        """Beside the run file, named after it, and not the folder of the measurement."""
        return self.output.folder or self.path.parent / f"{self.path.stem}_compared"
