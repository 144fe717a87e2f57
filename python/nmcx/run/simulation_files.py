"""The folder of a simulation: result file, files for ParaView, curve and pictures."""

from __future__ import annotations

import csv
import io as text_io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io, plot
from nmcx.results import Mesh, TransportHistory
from nmcx.run.folder import FRAMES, write_text
from nmcx.run.simulation_model import centre_of
from nmcx.run.xi_job import png, write_bytes


@dataclass(frozen=True)
class Simulated:
    """A polycrystal, what became of its lithium, and what both were made from."""

    grains: Mesh
    history: TransportHistory
    max_concentration: float  #: C_max [mol/m³]

    @property
    def content(self) -> Any:
        """(n,) mean c / C_max [1]."""
        return self.history.mean_concentration / self.max_concentration


def write_results(work: Path, made: Simulated, provenance: dict[str, Any]) -> None:
    """Result file, mesh, history and state-of-charge curve.

    Parameters
    ----------
    work : path
        Folder to write into.
    made : Simulated
    provenance : dict
        As `nmcx.io.save` takes it.
    """
    history = made.history
    io.save(work / "result.nxs", made.grains, history, provenance=provenance)
    io.write_mesh(work / "mesh.vtu", made.grains, interfaces=True)
    content = history.concentration / made.max_concentration
    io.write_history(
        work / "history.vtkhdf", made.grains, history, point_data={"lithium_content": content}
    )
    write_text(work / "state_of_charge.csv", curve(made))


def curve(made: Simulated) -> str:
    """The state of charge over time as CSV, one row per saved state, full precision.

    Parameters
    ----------
    made : Simulated

    Returns
    -------
    str
    """
    history, c_max = made.history, made.max_concentration
    # In the plane a current is per length.
    current = "current_a" if made.grains.dimension == 3 else "current_a_per_m"
    columns = {
        "time_s": history.times,
        "part": history.part,
        "lithium_content": made.content,
        "lowest_content": history.lowest / c_max,
        "highest_content": history.highest / c_max,
        "mean_concentration_mol_per_m3": history.mean_concentration,
        "potential_v": history.potential,
        current: history.current,
        "balance": history.balance,
    }
    text = text_io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True)
    )
    return text.getvalue()


def draw(work: Path, made: Simulated, *, frames: bool) -> None:
    """Pictures of lithium, c axes, flux and state of charge.

    Parameters
    ----------
    work : path
        Folder to write into.
    made : Simulated
    frames : bool
        Whether to draw every saved state too.
    """
    grains, history = made.grains, made.history
    # Cut in the middle, wherever the origin lies.
    offset = float(centre_of(grains)[2]) if grains.dimension == 3 else 0.0
    lithium: dict[str, Any] = {"max_concentration": made.max_concentration, "offset": offset}
    # At the end of a rest there is next to no flux to be seen.
    flowing = np.abs(history.current) > 0.01 * np.abs(history.current).max()
    i = int(np.flatnonzero(flowing)[-1]) if flowing.any() else -1
    pictures = {
        "lithium": plot.lithium_series(grains, history, **lithium),
        "orientation": plot.orientation_map(grains, offset=offset).figure,
        "surface_flux": plot.surface_flux(
            grains, history.surface_flux[i], title=f"Flux at {history.times[i]:.4g} s"
        ).figure,
        "state_of_charge": plot.state_of_charge(history, max_concentration=made.max_concentration),
    }
    for name, figure in pictures.items():
        write_bytes(work / f"{name}.png", png(figure))
    if frames:
        plot.lithium_frames(grains, history, work / FRAMES, **lithium)
