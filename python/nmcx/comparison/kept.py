"""Porosities of simulated particles on the disk, so that none is simulated twice."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx import __version__, _core
from nmcx.chemomechanics.identity import digest
from nmcx.io._atomic import made_folder
from nmcx.io.arrays import read_arrays, write_arrays

_Float = NDArray[np.float64]


class KeptPorosities:
    """A folder with a file per particle, named by all that the particle was made from.

    What was made from anything else has another name: there is nothing to refuse.

    Parameters
    ----------
    folder : path-like
        Is made if it does not exist.
    made_from : object
        What all particles were made from, as `nmcx.chemomechanics.identity.digest` takes it.
    """

    def __init__(self, folder: str | PathLike[str], made_from: Any) -> None:
        self._common = digest(made_from, __version__, str(_core.active_instruction_set()))
        self._folder = made_folder(folder)

    def of(self, job: Any) -> _Float | str | None:
        """(n_direction, n_angle) porosity, or why it could not be simulated; None if not here."""
        file = self._file(job)
        if not file.exists():
            return None
        held = read_arrays(file)
        if "failure" in held:
            return bytes(held["failure"]).decode("utf-8")
        return np.asarray(held["porosity"])

    def keep(self, job: Any, found: _Float | str) -> None:
        """Have on the disk what became of a particle.

        Raises
        ------
        nmcx.errors.OutputError
            If the disk refuses.
        """
        if isinstance(found, str):
            text = np.frombuffer(found.encode("utf-8"), dtype=np.uint8)
            write_arrays(self._file(job), {"failure": text})
        else:
            write_arrays(self._file(job), {"porosity": found})

    def _file(self, job: Any) -> Path:
        return self._folder / f"{digest(self._common, job)[:32]}.h5"
