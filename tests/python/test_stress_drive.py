"""Lithium driven by stress: equilibria, the stress-coupled sphere, thermodynamic consistency."""

from __future__ import annotations

import numpy as np
import pytest
from meshes import box, by_brick
from stress_coupled_sphere import contents_of_sphere

from nmcx import chemomechanics as cm
from nmcx import mesh
from nmcx.chemomechanics.domain import Domain, SolverOptions
from nmcx.chemomechanics.electrode_drive import ElectrodeDrive
from nmcx.chemomechanics.patch_fit import PatchFit
from nmcx.chemomechanics.potential_table import FARADAY, GAS_CONSTANT
from nmcx.chemomechanics.stress_drive import Pull, StressOverTime, StressReader, mobility_table
from nmcx.materials import NMC811, LatticeTable, Parameters, Swelling
from nmcx.results import Mesh

FULL = NMC811.max_concentration
YOUNG, POISSON = 175.3461e9, 0.28178
THERMAL = GAS_CONSTANT * NMC811.temperature / FARADAY  # RT/F [V]


def slab(n: int) -> Mesh:
    """One grain, 2 µm long."""
    points, cells = box((n, 2), (2e-6, 0.2e-6))
    return mesh.assemble(points, cells, by_brick(np.zeros((n, 2), dtype=int), 2), [np.eye(3)])


def isotropic(volume_change: float) -> tuple[Parameters, Swelling]:
    """A material without directions that swells in proportion to its content."""
    lame = YOUNG * POISSON / ((1 + POISSON) * (1 - 2 * POISSON))
    shear = YOUNG / (2 * (1 + POISSON))
    material = NMC811.replace(
        c11=lame + 2 * shear, c33=lame + 2 * shear, c12=lame, c13=lame, c44=shear,
        diffusivity_c=NMC811.diffusivity_ab,
    )  # fmt: skip
    empty = 1.0 - volume_change / 3.0
    table = LatticeTable(lithium=(0.0, 1.0), a=(2.87 * empty, 2.87), c=(14.2 * empty, 14.2))
    return material, Swelling("linear", end=0.0, table=table)


# --- reading slopes and values off cells -------------------------------------------------------


@pytest.mark.parametrize(
    "grains",
    [mesh.disc(1e-6, n_grains=5, size=0.2e-6, seed=1), mesh.ball(1e-6, n_grains=5, size=0.4e-6)],
    ids=["disc", "ball"],
)
def test_fits_are_exact_for_what_is_linear_up_to_the_surface(grains: Mesh) -> None:
    slope = np.array([2.0, -1.0, 0.5])[: grains.dimension]
    fit = PatchFit(grains)
    centre = grains.points[grains.cells].mean(axis=1)
    found = fit.slopes(3e-6 + centre @ slope)
    # Only grains of a few cells have no slope.
    has_slope = np.abs(found).max(axis=1) > 0
    assert has_slope.mean() > 0.99
    assert found[has_slope] == pytest.approx(np.broadcast_to(slope, found[has_slope].shape))
    values = fit.at_nodes(3e-6 + centre @ slope)
    well = np.zeros(len(grains.points), dtype=bool)
    well[grains.cells[has_slope]] = True
    assert values[well] == pytest.approx((3e-6 + grains.points @ slope)[well], rel=1e-9)


def test_no_corner_makes_much_of_an_error_of_its_cells() -> None:
    """Corners of a few tetrahedra made 160 times of it: lithium and stress never settled."""
    grains = mesh.ball(5e-6, n_grains=100, size=0.7e-6, seed=1)
    fit, random = PatchFit(grains), np.random.default_rng(1)
    for _ in range(20):
        noise = random.choice([-1.0, 1.0], len(grains.cells))
        assert np.abs(fit.at_nodes(noise)).max() <= 4.0


# --- equilibria in a given field ---------------------------------------------------------------


@pytest.mark.parametrize("relief", [0.0, 5.0])
@pytest.mark.parametrize("kind", ["ideal", "dilute", "open_circuit"])
def test_lithium_comes_to_rest_where_its_potential_is_level(kind: str, relief: float) -> None:
    """μ(x)/RT − ψ is the same everywhere, with ψ = g z − Λ x; closed, so that the mean stays."""
    grain = slab(80)
    domain = Domain(grain, NMC811, solver=SolverOptions("direct", threads=1))
    kernel, n = domain.kernel, domain.size
    pull = np.tile([0.8 / 2e-6, 0.0], (len(grain.cells), 1))
    none, free = np.zeros(n), np.full(n, np.nan)
    table = mobility_table(NMC811, kind)
    start = np.full(n, 0.6 * FULL)
    c, rate = start, 1e-2
    for _ in range(200):
        load = kernel.drive_by_stress(c, table, np.full(len(grain.cells), relief), pull, FULL, 1)
        assert abs(load.sum()) < 1e-12 * np.abs(load).sum()
        c = kernel.step(rate, rate * c, load, none, free, c, 1e-12, 100, 1).concentration
    x = c / FULL
    assert domain.mass @ c == pytest.approx(domain.mass @ start, rel=1e-12)
    chemical = {
        "ideal": lambda x: np.log(x / (1 - x)),
        "dilute": np.log,
        "open_circuit": lambda x: -NMC811.open_circuit_potential(x) / THERMAL,
    }[kind]
    along = np.zeros(n)
    along[domain.unknown_of_node] = grain.points[:, 0] / 2e-6
    level = chemical(x) + relief * x - 0.8 * along
    assert np.ptp(x) > 0.01
    # Second order in the cells, 2.5 % of the slab each.
    assert np.ptp(level) < 1e-3 * 0.8


def test_a_resting_surface_agrees_with_the_bulk_beneath_it() -> None:
    """With the surface's own potential nothing flows at rest: no current in through one place and
    out through another. An ideal lattice gas beneath the same surface would keep one up."""
    grain = slab(40)
    domain = Domain(grain, NMC811, solver=SolverOptions("direct", threads=1))
    along = grain.points[:, 0] / 2e-6
    cells = len(grain.cells)
    flux = {}
    for kind in ("open_circuit", "ideal"):
        drive = ElectrodeDrive(domain, NMC811, cm.ButlerVolmer())
        drive.hold_current(0.0)
        pull = Pull(np.tile([1.0 / 2e-6, 0.0], (cells, 1)), along, np.zeros(cells), 0.0 * along)
        drive.stress = StressOverTime(mobility_table(NMC811, kind), 0.0, np.inf, pull, pull)
        c, rate = np.full(domain.size, 0.7 * FULL), 1e-2
        drive.initial(c)
        for _ in range(300):
            solved = drive.solve(1.0, rate, rate * c, c)
            c = solved.concentration
        flux[kind] = np.abs(solved.surface_flux).max()
    level = NMC811.open_circuit_potential(0.7)
    assert flux["ideal"] > 1e-9
    assert flux["open_circuit"] < 2e-3 * flux["ideal"]
    assert solved.potential == pytest.approx(level + 0.5 * THERMAL, abs=0.2 * THERMAL)


# --- the stress-coupled sphere -----------------------------------------------------------------


def test_what_a_ball_keeps_of_its_swelling_is_known() -> None:
    """Λ of a material without directions is 2 E (ΔV)² / (9 (1 − ν)) over C R T: 0.89 for 5.1 %."""
    material, swelling = isotropic(0.051)
    grain = slab(2)
    no_stress = np.zeros((len(grain.cells), 6))
    relief = StressReader(grain, material, swelling).relief(
        no_stress, np.full(len(grain.points), 0.5)
    )
    assert relief == pytest.approx(np.full(len(grain.cells), 0.8910), rel=1e-3)


@pytest.mark.parametrize(
    ("kind", "volume_change"), [("dilute", 0.051), ("dilute", 0.078), ("ideal", 0.078)]
)
def test_the_stress_coupled_sphere_is_that_of_nonlinear_diffusion(
    kind: str, volume_change: float
) -> None:
    """§3.3: a free sphere without directions has D (1 + θ C m(x)), here at 1C, within 0.5 %.

    Cells of a fifth of the radius are off by 0.25 % at most.
    """
    material, swelling = isotropic(volume_change)
    ball = mesh.ball(5e-6, n_grains=1, size=1.0e-6)
    coupling = cm.Coupling(stress_drive=kind, cracks_resist=False, wetting=False)
    found = cm.simulate(
        ball, material, protocol=cm.Charge(1.0, until=0.65), states=6, coupling=coupling,
        eigenstrain=swelling, threads=1,
    )  # fmt: skip
    strength = 2 * volume_change**2 * YOUNG / (9 * (1 - POISSON))
    strength /= GAS_CONSTANT * material.temperature * FULL  # θ C
    at = (found.times, 5e-6, material.diffusivity_ab)
    surface, centre = contents_of_sphere(*at, strength, kind)
    plain, _ = contents_of_sphere(*at, 0.0, kind)
    radius = np.linalg.norm(ball.points, axis=1)
    x = found.concentration / FULL
    assert abs(plain[-1] - surface[-1]) > 0.008  # what stress changes
    # The first sixth of the charge still has a front thinner than the cells.
    outer = x[2:, np.isclose(radius, 5e-6, rtol=1e-6)].mean(axis=1)
    assert outer == pytest.approx(surface[2:], rel=5e-3)
    assert x[2:, radius.argmin()] == pytest.approx(centre[2:], rel=5e-3)
    assert found.balance.max() < 1e-12
