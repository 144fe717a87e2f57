"""The model's part of the demonstration: a particle whose surface is passivated on one half."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path

from nmcx.io._atomic import atomic_write
from nmcx.run.folder import check_free
from nmcx.run.simulation_job import Given, simulate
from nmcx.run.simulation_words import SimulationJob

_RUN_FILE = """\
# A particle of Table 1 in the plane, passivated on one half of its surface, charged at 1C.
# The paper gives the radius, moduli, diffusivities, C_max, strength and toughness; what stands
# below is ours, as is everything in [coupling]: see run.resolved.toml beside the results.

[polycrystal]
shape = "disc"
n_grains = 25
size_um = 0.4
seed = {seed}

[transport]
protocol = ["charge c_rate=1 until=0.35"]
states = 12
layer_thickness_nm = 50.0
layer_side = "half"

[fracture]

[coupling]
stress_drive = "none"

[output]
frames = true
"""


def demo_model(
    out: str | PathLike[str],
    *,
    seed: int = 1,
    given: Given | None = None,
    force: bool = False,
    progress: Callable[[float, float, str], None] | None = None,
) -> SimulationJob:
    """Charge a half-passivated disc of Table 1 until it cracks, with pictures and an animation.

    Writes the run file ``data/model.toml`` and, as `simulate` does, the folder ``model``:
    ``fields.png`` shows lithium, hoop stress and damage, ``animation.gif`` plays them.

    Parameters
    ----------
    out : str or path
        Folder of the demonstration.
    seed : int
        Of the grains.
    given : mapping of str to mapping, optional
        Values by section and key that replace those of the run file.
    force : bool
        Replace an earlier demonstration in that folder.
    progress : callable, optional
        Called as ``progress(done, total, label)``.

    Returns
    -------
    SimulationJob

    Raises
    ------
    nmcx.errors.OutputError
        If the folder holds results already and `force` is false, or cannot be written.
    nmcx.errors.ConvergenceError
        If the particle cannot be taken to its end; the states up to then are in the folder.
    """
    folder, file = Path(out).absolute() / "model", Path(out).absolute() / "data" / "model.toml"
    check_free(folder, force)
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file, overwrite=force) as temporary:
        temporary.write_text(_RUN_FILE.format(seed=seed), encoding="utf-8")
    return simulate(file, out=folder, given=given, force=force, progress=progress)
