"""A polycrystal in space that cracks: multigrid, jumps, balance."""

from __future__ import annotations

import numpy as np
import pytest

from nmcx import chemomechanics as cm
from nmcx import mesh
from nmcx.materials import NMC811

FULL = NMC811.max_concentration


def test_a_ball_of_grains_cracks() -> None:
    """Twelve grains whose misfit grows to 1.5 %: most walls go, and energies add up."""
    body = mesh.ball(3e-6, n_grains=12, size=0.64e-6, seed=1)
    assert 3 * len(body.points) > 3000  # large enough for multigrid
    state = cm.equilibrium(body, NMC811, 0.75 * FULL, walls="cohesive", max_step=0.05, threads=1)
    energies, steps = state.energies, state.steps
    assert steps.t[-1] == 1.0
    assert state.residual <= 1e-6
    # What is asked of polycrystals at full count too.
    assert abs(energies["error"]) < 5e-3 * energies["dissipated"]
    assert (steps.released >= 0).all()
    assert (steps.dissipated >= 0).all()
    capacity = NMC811.fracture_energy * body.interface_area
    assert 0.3 * capacity.sum() < energies["dissipated"] < capacity.sum()
    assert state.dissipated.max() <= NMC811.fracture_energy * (1 + 1e-9)
    by_facet = (state.dissipated * body.interface_area).sum()
    assert by_facet == pytest.approx(energies["dissipated"], rel=1e-9)
    # Every broken facet is in one crack, sorted by area; the largest opens to the surface.
    cracks = cm.crack_network(body, state)
    broken = (state.damage >= 0.99) & (state.opening >= 0)
    assert ((cracks.labels > 0) == broken).all()
    by_label = np.bincount(cracks.labels[broken], body.interface_area[broken])[1:]
    assert cracks.area == pytest.approx(by_label, rel=1e-12)
    assert (np.diff(cracks.area) <= 0).all()
    assert cracks.reaches_surface[0]
    assert 0 < state.crack_porosity < 0.05
