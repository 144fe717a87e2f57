"""What the tests of `nmcx simulate` share: a small run file, the command, its result file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nmcx import cli, io, materials
from nmcx.results import Mesh, TransportHistory

DISC = """[polycrystal]
shape = "disc"
n_grains = 5
size_um = 1.5
seed = 3
[transport]
protocol = ["charge c_rate=1 until=0.6", "rest duration_s=300"]
states = 3
"""
#: Of one that cracks.
CRACKING = """[polycrystal]
shape = "disc"
radius_um = 1.5
n_grains = 12
size_um = 0.3
seed = 1
[transport]
protocol = ["charge c_rate=1 until=0.6"]
states = 4
[fracture]
fracture_energy = 0.1
[coupling]
stress_drive = "none"
layer_growth = 1e-20
[output]
pictures = false
"""
# Where tests run in the background Ctrl-C is ignored, and processes inherit that.
MAIN = """
import signal, sys
from nmcx import cli
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(cli.main())
"""
C_MAX = materials.NMC811.max_concentration


def simulate(path: Path, out: str, *flags: object, pictures: bool = False) -> int:
    asked = ["-q", "simulate", str(path), "-o", str(path.parent / out), *map(str, flags)]
    return cli.main(asked if pictures else [*asked, "--no-picture"])


def saved(folder: Path) -> tuple[Mesh, TransportHistory]:
    held = io.load(folder / "result.nxs")
    grains, history = held["mesh"], held["transport_history"]
    assert isinstance(grains, Mesh) and isinstance(history, TransportHistory)
    return grains, history


def same(a: TransportHistory, b: TransportHistory) -> bool:
    names = ("times", "concentration", "surface_flux", "potential", "current", "balance")
    return all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=True) for n in names)
