"""`nmcx selftest`: known answers that an installed nmcx must give, without any file."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

import nmcx
from nmcx import _core, chemomechanics, cones, io, materials, mesh, phantom, results, xanes

#: Thread counts that must give the same bits.
_THREADS = (1, 2, 3)
_WINDOWS: dict[str, Any] = {"pre_edge": (8250.0, 8320.0), "post_edge": (8380.0, 8640.0)}


class Wrong(Exception):
    """An answer is not the known one; the message says by how much."""


@dataclass(frozen=True)
class Check:
    """One known answer and whether it was given."""

    name: str
    ok: bool
    text: str  #: what was found
    seconds: float  #: wall time [s]

    def line(self) -> str:
        """In a line."""
        return (
            f"{'ok' if self.ok else 'FAILED':<6} {self.name:<14} {self.text} ({self.seconds:.1f} s)"
        )


def selftest() -> Iterator[Check]:
    """Compute what has known answers, one after another.

    Yields
    ------
    Check
        As soon as it is done; whatever goes wrong is a check that is not `ok`.
    """
    for name, check in CHECKS.items():
        started = time.perf_counter()
        try:
            ok, text = True, check()
        except Wrong as wrong:
            ok, text = False, str(wrong)
        except Exception as error:
            # A missing library or a wrong build shows itself in any way.
            ok, text = False, f"{type(error).__name__}: {' '.join(str(error).split())}"
        yield Check(name, ok, text, time.perf_counter() - started)


def _installation() -> str:
    _at_most(0 if _core.__version__ == nmcx.__version__ else 1, 0.5, "versions that differ")
    return f"nmcx {nmcx.__version__}, instruction set {_core.active_instruction_set()}"


def _edges() -> str:
    """A ramp of edges made with known energies."""
    ramp = phantom.edge_ramp(8340.0, 8350.0, n_voxel=3001)
    found = xanes.fit_edges(ramp.energy_ev, ramp.mu, **_WINDOWS)
    error = np.abs(found.edge_energy_ev - np.linspace(8340.0, 8350.0, 3001))
    # A curve between samples of the scan, not noise: what interpolation leaves.
    _at_most(error.max(), 0.01, "eV off an edge of the ramp")
    _same_bits(lambda n: xanes.fit_edges(ramp.energy_ev, ramp.mu, **_WINDOWS, threads=n))
    return f"3001 edges within {error.max():.1e} eV of their truth"


def _cones() -> str:
    """A ball with one half empty, and voxels counted one by one."""
    index = np.indices((33, 33, 33)).reshape(3, -1).T - 16.0
    envelope = np.linalg.norm(index, axis=1) < 16.0
    particle = results.Particle(
        (envelope & (index[:, 0] < 0)).reshape(33, 33, 33), envelope.reshape(33, 33, 33)
    )
    directions, half_angle = cones.fibonacci_directions(60), np.deg2rad([10.0, 30.0, 80.0])
    apex = (16.0, 16.0, 16.0)
    found = cones.cone_porosity(particle, directions, half_angle, apex_um=apex)
    inside = index[envelope]
    along = inside @ directions.T
    reach = np.linalg.norm(inside, axis=1)[:, None, None] * np.cos(half_angle)
    is_in = along[:, :, None] >= reach
    counted = is_in.sum(axis=0)
    _at_most(np.abs(found.envelope_voxels - counted).max(), 0, "voxels off in a cone")
    void = (is_in & (inside[:, 0] >= 0)[:, None, None]).sum(axis=0)
    _at_most(np.abs(found.void_voxels - void).max(), 0, "void voxels off in a cone")
    _same_bits(lambda n: cones.cone_porosity(particle, directions, half_angle, threads=n))
    return f"{counted.size} cones hold the voxels that counting them gives"


def _transport() -> str:
    """Lithium into a sphere from a surface at C_max, against its series."""
    radius, parameters = 5e-6, materials.NMC811
    even = parameters.replace(diffusivity_c=parameters.diffusivity_ab)
    body = mesh.ball(radius, n_grains=1, size=1e-6, seed=1)
    tau = np.array([0.05, 0.1, 0.3])
    times = tau * radius**2 / even.diffusivity_ab
    boundary = chemomechanics.Dirichlet(even.max_concentration)

    def run(threads: int) -> results.TransportHistory:
        return chemomechanics.diffuse(
            body, even, initial=0.0, boundary=boundary, times=times, threads=threads
        )

    found = run(1)
    n = np.arange(1, 60)
    series = 1 - 6 / np.pi**2 * (np.exp(-np.outer(tau, (n * np.pi) ** 2)) / n**2).sum(axis=1)
    error = np.abs(found.mean_concentration / even.max_concentration - series).max()
    # Second order in cells of a fifth of the radius, and facets for a sphere.
    _at_most(error, 0.01, "of C_max off the series of a sphere")
    _at_most(found.balance.max(), 1e-10, "of the lithium lost or won")
    _same_bits(run)
    return f"uptake of a sphere within {100 * error:.2g} % of C_max of its series, lithium kept"


def _elasticity() -> str:
    """The patch test: a uniform strain of a tilted crystal gives one stress everywhere."""
    parameters = materials.NMC811
    body = mesh.ball(5e-6, n_grains=1, size=2e-6, seed=2)
    gradient = 1e-3 * np.array([[1.1, -2.3, 0.7], [0.4, -1.7, 1.9], [-0.6, 0.2, 0.9]])
    exact = body.points @ gradient.T
    fixed = np.full_like(exact, np.nan)
    rim = np.unique(body.surface)
    fixed[rim] = exact[rim]
    full = parameters.max_concentration

    def solved(threads: int) -> results.Equilibrium:
        return chemomechanics.equilibrium(body, parameters, full, fixed=fixed, threads=threads)

    state = solved(1)
    strain = 0.5 * (gradient + gradient.T)
    voigt = [*np.diag(strain), 2 * strain[1, 2], 2 * strain[0, 2], 2 * strain[0, 1]]
    stress = parameters.elasticity(body.orientation[0]) @ np.array(voigt)
    error = float(np.abs(state.stress - stress).max() / np.abs(stress).max())
    _at_most(error, 1e-9, "of the largest stress off")
    _same_bits(solved)
    return f"{len(body.cells)} cells under one stress within {error:.0e} of it"


def _simulation() -> str:
    """A polycrystal in the plane that is charged and cracks: what must be kept is kept."""
    grains = mesh.disc(1.5e-6, n_grains=6, size=0.5e-6, seed=1)
    parameters = materials.NMC811_BRITTLE
    protocol = chemomechanics.Charge(c_rate=1.0, until=0.6)

    def run(threads: int) -> results.History:
        return chemomechanics.simulate(
            grains, parameters, protocol=protocol, states=2, threads=threads,
            coupling=chemomechanics.Coupling(stress_drive="none"),
        )  # fmt: skip

    found = run(1)
    content = found.mean_concentration / parameters.max_concentration
    _at_most(abs(content[-1] - 0.6), 1e-6, "off the lithium content that was asked for")
    _at_most(np.abs(found.balance).max(), 1e-9, "of the lithium lost or won")
    spent = found.stored[-1] + found.dissipated[-1] + found.released[-1]
    gap = abs(spent - found.supplied[-1]) / found.supplied[-1]
    _at_most(gap, 1e-4, "of the supplied energy not accounted for")
    _at_most(-np.diff(found.dissipated).min(), 0.0, "J of damage healed")
    _same_bits(run)
    share = 100 * float(np.mean(found.damage[-1] > 0.5))
    return f"charged to x = {content[-1]:.3f}, {share:.0f} % of the walls cracked, energy kept"


def _files() -> str:
    """A result comes back from a file as it was."""
    ramp = phantom.edge_ramp(8340.0, 8350.0, n_voxel=7)
    made = xanes.fit_edges(ramp.energy_ev, ramp.mu, **_WINDOWS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "result.nxs")
        io.save(path, made)
        back = io.load(path)["edge_map"]
        size = path.stat().st_size
    _at_most(0 if _bits(back) == _bits(made) else 1, 0.5, "results changed by saving")
    return f"an edge map of {size} bytes comes back from its file"


#: Every check by its name.
CHECKS: dict[str, Callable[[], str]] = {
    "installation": _installation,
    "edge fit": _edges,
    "cones": _cones,
    "transport": _transport,
    "elasticity": _elasticity,
    "simulation": _simulation,
    "result file": _files,
}


def _at_most(value: float, limit: float, what: str) -> None:
    # Written so that NaN is wrong too.
    if not value <= limit:
        raise Wrong(f"{value:.3g} {what}, at most {limit:g} was expected")


def _same_bits(run: Callable[[int], results.Result]) -> None:
    """Whether a calculation gives the same bits for every number of threads."""
    bits = {_bits(run(threads)) for threads in _THREADS}
    if len(bits) > 1:
        raise Wrong(f"other bits for other numbers of threads ({', '.join(map(str, _THREADS))})")


def _bits(result: results.Result) -> bytes:
    """All numbers of a result."""
    values = (getattr(result, item.name) for item in fields(result))  # type: ignore[arg-type]
    return b"".join(
        np.ascontiguousarray(v).tobytes() for v in values if isinstance(v, (np.ndarray, float, int))
    )
