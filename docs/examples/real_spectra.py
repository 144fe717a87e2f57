"""
Real: edge energies of reference spectra
========================================

NiO (NSLS-II FXI, energies in keV), an NCA electrode (SSRL 6-2c) and a nickel foil (APS 13-ID-C),
each on the energy scale of its own beamline.
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt

from nmcx import io, xanes

data = Path(os.environ["NMCX_REAL_DATA"]) / "spectra"
samples = {
    "nio_fxi.txt": {"pre_edge": (8200, 8310), "post_edge": (8400, 8600), "post_degree": 1},
    "nca_pristine_6-2c.csv": {
        "pre_edge": (8250, 8325),
        "post_edge": (8400, 8640),
        "post_degree": 1,
    },
    "ni_metal_rt.xdi": {"pre_edge": (8183, 8303), "post_edge": (8433, 8783), "post_degree": 2},
}
figure, axes = plt.subplots(figsize=(5.5, 3.8), layout="constrained")
for file, windows in samples.items():
    spectrum = io.read_spectrum(data / file)
    edge = xanes.fit_edges(spectrum.energy_ev, spectrum.mu, pre_degree=1, **windows)
    print(
        f"{file:24s} half-jump {edge.edge_energy_ev:.2f} eV,",
        f"white line {edge.white_line_ev:.2f} eV",
        *spectrum.notes,
    )
    shown = xanes.normalise(spectrum.energy_ev, spectrum.mu, pre_degree=1, **windows)
    axes.plot(shown.energy_ev, shown.flat, label=file)
    axes.axvline(edge.edge_energy_ev, color=axes.lines[-1].get_color(), linestyle=":", lw=0.8)
axes.set(xlim=(8310, 8400), xlabel="energy [eV]", ylabel="normalised absorption")
axes.legend(frameon=False)
