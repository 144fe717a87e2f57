"""What the vectorised kernel must keep: a voxel's bits are its own, on every grid and path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nmcx import _core, phantom, xanes

WINDOWS = {
    "pre_edge": (8230, 8315), "post_edge": (8390, 8605), "pre_degree": 1, "post_degree": 2,
}  # fmt: skip

EVEN = np.concatenate(
    [np.linspace(8233, 8310, 8), np.arange(8320.0, 8400.0, 1.0), np.linspace(8400, 8600, 12)]
)
# Steps change within the line, so that no window is like its neighbour.
UNEVEN = np.concatenate(
    [
        np.linspace(8233, 8310, 8),
        8320.0 + 75.0 * np.linspace(0, 1, 60) ** 1.2,
        np.linspace(8400, 8600, 12),
    ]
)
# An even run in the middle of uneven steps: some voxels take the short cut, others do not.
MIXED = np.concatenate(
    [UNEVEN[:30], np.arange(8347.0, 8356.0, 1.0), np.arange(8357.0, 8396.0, 3.0)]
)
MIXED = np.concatenate([np.unique(MIXED), np.linspace(8400, 8600, 12)])


def mixture(energy: np.ndarray, seed: int) -> np.ndarray:
    """Particle, noisier particle, void, step without a line, spikes, NaN and Inf, shuffled."""
    rng = np.random.default_rng(seed)
    n = 40
    clean = phantom.edge_spectra(
        n, noise=0.01, seed=seed, energy_ev=energy, edge_range_ev=(8338, 8354)
    ).mu
    noisy = clean + rng.normal(0, 0.1, clean.shape)
    void = rng.normal(0, 0.01, clean.shape)
    step = (
        0.1
        + 0.9 * (energy[:, None] > rng.uniform(8325, 8390, n))
        + rng.normal(0, 0.01, clean.shape)
    )
    broken = clean.copy()
    broken[rng.integers(0, energy.size, n), np.arange(n)] = rng.choice([np.nan, np.inf, 5.0], n)
    values = np.concatenate([clean, noisy, void, step, broken, -clean], axis=1).astype(np.float32)
    return np.ascontiguousarray(values[:, rng.permutation(values.shape[1])])


def measured(energy: np.ndarray, mu: np.ndarray, half_width: float) -> list[np.ndarray]:
    model = _core.EdgeModel((8230, 8315), (8399, 8605), 1, 2, 0.5, half_width)
    none = np.empty((0, 0), np.float32)
    out = _core.measure_edges(energy, mu, none, False, model, _core.EstimatorModel(), 1)
    names = ("edge_energy_ev", "edge_energy_std_ev", "white_line_ev", "white_line_std_ev")
    more = ("white_line_height", "edge_jump", "status")
    return [np.array(getattr(out.map, name)) for name in names + more] + [np.array(out.residual)]


@pytest.mark.parametrize("half_width", [2.0, 4.0])
@pytest.mark.parametrize("energy", [EVEN, UNEVEN, MIXED], ids=["even", "uneven", "mixed"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_voxel_does_not_depend_on_those_beside_it(
    energy: np.ndarray, half_width: float, seed: int
) -> None:
    # Blocks of a streamed stack cut vectors at other places: the bits must stay.
    mu = mixture(energy, seed)
    together = measured(energy, mu, half_width)
    rng = np.random.default_rng(seed)
    order = rng.permutation(mu.shape[1])
    shuffled = measured(energy, np.ascontiguousarray(mu[:, order]), half_width)
    alone = [
        measured(energy, np.ascontiguousarray(mu[:, i : i + 1]), half_width)
        for i in range(0, mu.shape[1], 5)
    ]
    for k, values in enumerate(together):
        np.testing.assert_array_equal(values[order], shuffled[k])
        np.testing.assert_array_equal(values[::5], np.concatenate([one[k] for one in alone]))


SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from tests_path import mixture, measured, EVEN, UNEVEN, MIXED
results = []
for energy in (EVEN, UNEVEN, MIXED):
    for seed in (1, 2):
        results += measured(energy, mixture(energy, seed), 2.0)
np.savez(sys.argv[1], *results)
"""


def test_instruction_sets_agree(tmp_path) -> None:
    (tmp_path / "tests_path.py").write_text(Path(__file__).read_text())
    found = {}
    for name in ("generic", "v2", "v3", "v4"):
        file = tmp_path / f"{name}.npz"
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(file)],
            env={**os.environ, "NMCX_INSTRUCTION_SET": name},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        if done.returncode and "NMCX_INSTRUCTION_SET" in done.stderr:
            continue  # this processor lacks it
        assert done.returncode == 0, done.stderr
        with np.load(file) as stored:
            found[name] = [stored[key] for key in stored.files]
    assert "generic" in found
    reference = found.pop("generic")
    for name, results in found.items():
        for k in range(0, len(reference), 8):
            both = (reference[k + 6] == 0) & (results[k + 6] == 0)
            # Rounding may tip a noisy voxel over a limit of the status, but rarely.
            assert np.mean((reference[k + 6] == 0) != (results[k + 6] == 0)) < 0.02, name
            # Float32 rounds absorption to 1e-7 and the slope is 0.1 per eV: 1e-5 eV, times the
            # gain of noisy voxels.
            for energy in (k, k + 2):
                difference = np.abs(results[energy] - reference[energy])[both]
                assert np.quantile(difference, 0.98) < 1e-4, name


def test_tiles_read_in_place_give_the_bits_of_copied_ones() -> None:
    # Whole cache lines of voxels are read where they are; with one voxel more, tiles are copied.
    made = phantom.edge_spectra(5_000, noise=0.02, seed=3)
    n = 4_816  # a multiple of 16, and not of a tile
    some = xanes.fit_edges(
        made.energy_ev, np.ascontiguousarray(made.mu[:, :n]), **WINDOWS, threads=1
    )
    more = xanes.fit_edges(
        made.energy_ev, np.ascontiguousarray(made.mu[:, : n + 1]), **WINDOWS, threads=1
    )
    for field in ("edge_jump", "noise"):
        np.testing.assert_array_equal(getattr(some, field), getattr(more, field)[:n])
    ok = np.isfinite(some.edge_energy_ev) & np.isfinite(more.edge_energy_ev[:n])
    assert ok.mean() > 0.9
    for field in ("edge_energy_ev", "edge_energy_std_ev", "white_line_ev", "white_line_height"):
        np.testing.assert_array_equal(getattr(some, field)[ok], getattr(more, field)[:n][ok])
