"""Edge fits of measured Ni K-edge spectra against published and independently computed energies.

The windows of each sample are those its reference energies were computed with.
"""

from __future__ import annotations

import numpy as np
import pytest

from nmcx import xanes

pytestmark = pytest.mark.real_data

# Half-jump energies move by 0.2-0.4 eV between reasonable windows; with the same windows what is
# left is interpolation between samples.
TOLERANCE_EV = 0.15


def test_nickel_oxide_has_its_edge_and_white_line(real_data):
    energy_kev, mu = np.loadtxt(real_data / "spectra/nio_fxi.txt", unpack=True)[:2]
    edges = xanes.fit_edges(
        1000 * energy_kev, mu, pre_edge=(8200, 8310), post_edge=(8400, 8600), post_degree=1
    )
    assert edges.ok
    assert edges.edge_energy_ev == pytest.approx(8340.04, abs=TOLERANCE_EV)
    assert edges.white_line_ev == pytest.approx(8347.76, abs=TOLERANCE_EV)
    assert edges.white_line_height == pytest.approx(1.66, abs=0.03)


def test_layered_oxide_has_its_edge_and_white_line(real_data):
    table = np.loadtxt(real_data / "spectra/nca_pristine_6-2c.csv")
    edges = xanes.fit_edges(
        table[:, 0], table[:, 1], pre_edge=(8250, 8325), post_edge=(8400, 8640), post_degree=1
    )
    assert edges.ok
    assert edges.edge_energy_ev == pytest.approx(8342.76, abs=TOLERANCE_EV)
    assert edges.white_line_ev == pytest.approx(8350.34, abs=TOLERANCE_EV)
    assert edges.white_line_height == pytest.approx(1.56, abs=0.03)


def test_nickel_foil_has_its_half_jump(real_data):
    energy, mu = np.loadtxt(real_data / "spectra/ni_metal_rt.xdi", usecols=(0, 1), unpack=True)
    edges = xanes.fit_edges(
        energy,
        mu,
        pre_edge=(8333 - 150, 8333 - 30),
        post_edge=(8333 + 100, 8333 + 450),
        post_degree=2,
    )
    assert edges.edge_energy_ev == pytest.approx(8339.17, abs=TOLERANCE_EV)
