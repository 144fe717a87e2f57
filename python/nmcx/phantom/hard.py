"""Hard X-ray side of the phantom: edge energies, stack of XANES tomograms, tomogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmcx.phantom.geometry import Array, Body, smooth_field
from nmcx.phantom.grains import Voxels
from nmcx.phantom.spectra import edge_curve

_REFERENCE_EV = 8333.0


def edge_energies_of(
    rng: np.random.Generator, body: Body, voxels: Voxels, core_ev: float, surface_ev: float
) -> Array:
    """Half-jump energy of the voxels of `voxels.index`: shell, smooth variation, grains [eV]."""
    shell = np.exp(-np.maximum(voxels.depth_um, 0.0) / (0.2 * body.radius_um))
    smooth = smooth_field(rng, 0.4 * body.radius_um, 16)
    per_grain = rng.standard_normal(int(voxels.grain.max()) + 1)
    varied = 0.12 * smooth(voxels.points_um - body.centre_um) + 0.12 * per_grain[voxels.grain]
    return np.asarray(core_ev + (surface_ev - core_ev) * shell + varied)


def on_solid(voxels: Voxels, values: Array) -> Array:
    """Volume (nz, ny, nx) of `values` of the voxels of `voxels.index`, NaN where not solid."""
    volume = np.full(voxels.solid.shape, np.nan)
    volume.ravel()[voxels.index] = values
    volume[~voxels.solid] = np.nan
    return volume


def absorption(
    rng: np.random.Generator,
    voxels: Voxels,
    edge_ev: Array,
    energy_ev: Array,
    shape: tuple[int, int, int],
    edge_jump: float,
    noise: float,
) -> NDArray[np.float32]:
    """Absorption with white noise, energy by energy in float32."""
    other = 1.6 * voxels.metal
    other.ravel()[voxels.index] += np.float32(0.35) * voxels.fraction
    # The curve only shifts with the edge: tabulated every 10 meV, linear interpolation errs by
    # less than 2e-6 of the jump.
    step = 0.01
    grid = np.arange(edge_ev.min() - step, edge_ev.max() + 2 * step, step)
    curve = edge_curve(energy_ev, grid).astype(np.float32)
    left = ((edge_ev - grid[0]) / step).astype(np.int64)
    weight = ((edge_ev - grid[left]) / step).astype(np.float32)
    jump = np.float32(edge_jump) * voxels.fraction
    mu = np.empty((energy_ev.size, *shape), dtype=np.float32)
    for i, energy in enumerate(energy_ev):
        plane = mu[i].ravel()
        rng.standard_normal(dtype=np.float32, out=plane)
        plane *= np.float32(noise * edge_jump)
        # Photoabsorption of everything but Ni 1s falls about as E⁻³.
        mu[i] += np.float32(1.0 - 3.6e-4 * (energy - _REFERENCE_EV)) * other
        value = curve[i][left]
        value += weight * (curve[i][left + 1] - value)
        plane[voxels.index] += jump * value
    return mu


def tomogram(
    rng: np.random.Generator, voxels: Voxels, shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Absorption (nz, ny, nx) of particle, needle and weld with white noise [1]."""
    volume = np.float32(0.03) * rng.standard_normal(shape, dtype=np.float32)
    volume += 2.5 * voxels.metal
    volume.ravel()[voxels.index] += np.float32(0.6) * voxels.fraction
    return volume
