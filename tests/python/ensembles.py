"""Particles for tests of ensembles, in a module that worker processes can import."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from nmcx import chemomechanics as cm
from nmcx import mesh
from nmcx.materials import NMC811_BRITTLE

ATTEMPTS = "attempts"


def particle(seed: int, c_rate: float, grains: int = 4, until: float = 0.75) -> dict[str, Any]:
    """A small disc; a rate that its surface cannot carry stops it, no grain makes it fail."""
    return {
        "mesh": mesh.disc(1.5e-6, n_grains=grains, size=0.5e-6, seed=seed),
        "parameters": NMC811_BRITTLE,
        "protocol": cm.Charge(c_rate, until=until),
        "states": 3,
    }


def noted(folder: str, seed: int) -> dict[str, Any]:
    """As `particle`; each attempt leaves a line, and a file of this name ends the process."""
    with Path(folder, ATTEMPTS).open("a") as lines:
        lines.write(f"{seed}\n")
    if Path(folder, f"kill_{seed}").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return particle(seed, 1.0)
