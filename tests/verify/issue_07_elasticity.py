"""Elasticity on finer meshes beside the stresses and moduli it must reproduce."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from check import Check, Row, recorded, tests_pass

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

import diffusion_series
import test_diffusion_stress as quick
import test_elasticity as crystals
from ball_meshes import ball, ball_points, box

from nmcx import chemomechanics as cm
from nmcx import materials, mesh
from nmcx.materials import NMC811
from nmcx.results import Mesh

FULL = NMC811.max_concentration
FLUX = quick.FLUX
# Layer of 190 GPa on a core shrunk by 2 %: thickness → normal stress of the core [MPa], hoop of the
# layer within and without [MPa], radial displacement of core and surface [nm].
CORE_SHELL = {
    50e-9: (115.1512, -5700.370, -5642.794, -97.581262, -96.521483),
    100e-9: (226.8346, -5558.976, -5445.559, -95.233479, -93.147720),
    500e-9: (1007.7705, -4570.295, -4066.410, -78.712375, -69.557008),
}


def _row(figure: str, found: float, exact: float, allowed: float, scale: float = 0.0) -> Row:
    """A number beside its reference; the deviation is relative to it, or to `scale`."""
    off = abs(found - exact) / (scale or abs(exact))
    return Row(figure, f"{found:.5g} ({off:.2%})", f"{exact:.6g} ± {allowed:.0%}", off <= allowed)


def spheres(reduced: bool) -> list[Row]:
    """§3.3: the centre and the rim of a sphere that fills, relative to the larger of both."""
    n, allowed = (4, 6e-2) if reduced else (7, 2e-2)
    body = ball(n, quick.R)
    r = quick.radii(body) / quick.R
    rows = []
    for tau, wanted in quick.DIRICHLET.items():
        if tau == 0.01:
            continue  # a rim thinner than these cells
        x = np.clip(diffusion_series.sphere_dirichlet(r, tau), 0.0, 1.0)
        found = quick.ends(body, quick.swell(body, x))
        for name, value, exact in zip(("centre", "rim"), found, wanted, strict=True):
            scale = max(map(abs, wanted))
            rows.append(_row(f"sphere Dirichlet, τ = {tau}: {name}", value, exact, allowed, scale))
    for tau, wanted in FLUX.items():
        x = np.maximum(0.2 * diffusion_series.sphere_flux(r, tau), 0.0)
        found = quick.ends(body, quick.swell(body, x))
        for name, value, exact in zip(("centre", "rim"), found, wanted, strict=True):
            scale = max(map(abs, wanted))
            words = f"sphere flux, τ = {tau}: {name}"
            rows.append(_row(words, value / 0.2, exact, allowed, scale))
    for part, strain, target in (("5.1 %", 0.051, 274.50), ("7.8 %", 0.078, 419.82)):
        drop = quick.R**2 / (3 * 3600 * NMC811.diffusivity_ab)
        state = quick.swell(body, 0.5 - 0.5 * drop * r**2)
        _, rim = quick.ends(body, state)
        hoop = rim * quick.UNIT * (strain / 3) / quick.STRAIN / 1e6
        rows.append(_row(f"1C, {part} by volume: hoop at the surface [MPa]", hoop, target, allowed))
    return rows


def core_shells(reduced: bool) -> list[Row]:
    """§3.3: a shrunk core in its layer, quadratic cells."""
    n, allowed = (3, 6e-2) if reduced else (6, 2e-2)
    rows = []
    for thickness, wanted in CORE_SHELL.items():
        if reduced and thickness != 500e-9:
            continue
        core = quick.R - thickness
        body = mesh.grow_layer(ball(n, core), thickness, n_element=1 if reduced else 2)
        state = quick.shrunk_core(body, 0, -0.02)
        inside = body.grain == 0
        pressure = np.average(state.stress[inside, :3].mean(axis=1), weights=body.volume[inside])
        radius = quick.radii(body)
        layer = np.zeros(len(radius), dtype=bool)
        layer[body.cells[~inside]] = True
        found = [pressure / 1e6]
        moved = (state.displacement * body.points).sum(axis=1) / np.where(radius > 0, radius, 1)
        within = np.flatnonzero(layer & (np.abs(radius - core) < 1e-6 * core))
        for where in (within, np.unique(body.surface)):
            normal = body.points[where] / radius[where, None]
            x, y, z = normal.T
            dyad = np.stack([x * x, y * y, z * z, 2 * y * z, 2 * x * z, 2 * x * y], axis=1)
            stress = state.nodal_stress[where]
            hoop = 0.5 * (stress[:, :3].sum(axis=1) - (stress * dyad).sum(axis=1))
            found.append(float(hoop.mean()) / 1e6)
        found += [float(moved[where].mean()) * 1e9 for where in (within, np.unique(body.surface))]
        names = ("core [MPa]", "hoop within [MPa]", "hoop without [MPa]", "u(a) [nm]", "u(R) [nm]")
        for name, value, exact in zip(names, found, wanted, strict=True):
            words = f"core–shell, {1e9 * thickness:.0f} nm: {name}"
            rows.append(_row(words, value, exact, allowed))
    return rows


def eshelby(reduced: bool) -> list[Row]:
    """§3.3: a shrunk sphere in a body of the same moduli; the surface's share is added back."""
    n = 4 if reduced else 6
    points, cells, _ = ball_points(n, 3)
    grain = (np.linalg.norm(points[cells].mean(axis=1), axis=1) > 1 / 2).astype(np.int64)
    body = mesh.assemble(quick.R * points, cells, grain, np.repeat(np.eye(3)[None], 2, axis=0))
    state = quick.shrunk_core(body, 0, -0.02)
    volume = body.volume[body.grain == 0]
    inside = np.average(state.stress[body.grain == 0, :3].mean(axis=1), weights=volume)
    endless = inside / (1 - volume.sum() / body.volume.sum()) / 1e6
    allowed = 0.03 if reduced else 0.01
    return [_row("Eshelby's sphere, infinite body [MPa]", endless, 3255.198, allowed)]


def _homogenised(grains: Mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compliance (6, 6) of a polycrystal whose rim moves affinely, that of Voigt and of Reuss."""
    volume = grains.volume / grains.volume.sum()
    rim = np.zeros(len(grains.points), dtype=bool)
    rim[grains.surface] = True
    apparent = np.zeros((6, 6))
    for k, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
        gradient = np.zeros((3, 3))
        gradient[a, b] += 0.5e-3
        gradient[b, a] += 0.5e-3
        moved = np.where(rim[:, None], grains.points @ gradient, np.nan)
        state = cm.equilibrium(grains, NMC811, FULL, fixed=moved)
        apparent[:, k] = volume @ state.stress / 1e-3
    share = np.bincount(grains.grain, volume)
    elasticity = NMC811.elasticity(grains.orientation)
    voigt = np.linalg.inv(np.einsum("g,gij->ij", share, elasticity))
    reuss = np.einsum("g,gij->ij", share, np.linalg.inv(elasticity))
    return np.linalg.inv(apparent), voigt, reuss


def homogenised(reduced: bool) -> list[Row]:
    """§3.4: Young's modulus of polycrystals along x, y and z."""
    n_seed = 2 if reduced else 10
    moduli = []
    n_outside = 0
    for seed in range(1, n_seed + 1):
        grains = mesh.ball(
            2e-6, n_grains=60 if reduced else 200, size=0.6e-6 if reduced else 0.4e-6, seed=seed
        )
        found, voigt, reuss = (1 / np.diag(s)[:3] / 1e9 for s in _homogenised(grains))
        moduli.append(found)
        n_outside += int(np.count_nonzero((found < reuss) | (found > voigt)))
    mean = float(np.mean(moduli))
    words = f"{n_seed} polycrystals, three directions"
    return [
        Row(f"{words}: outside their own Reuss and Voigt", f"{n_outside}", "0", n_outside == 0),
        Row(
            f"{words}: mean Young's modulus [GPa]",
            f"{mean:.2f}",
            "173.30 … 177.39",
            173.30 <= mean <= 177.39,
        ),
        recorded(f"{words}: spread [GPa]", f"{np.std(moduli):.2f}"),
    ]


def orders(reduced: bool) -> list[Row]:
    """Errors of displacements at the nodes, a harmonic field on boxes of isotropic cells."""
    rows = []
    for dimension, sizes in ((2, (8, 16)), (3, (4, 8))):
        if reduced and dimension == 3:
            continue
        for order, least in ((1, 1.7), (2, 2.7)):
            errors = []
            for n in sizes:
                body = replace(box((n,) * dimension, (1.0,) * dimension), layer_grain=0)
                nodes = crystals.nodes_of(body, order)
                exact = crystals.harmonic(nodes)
                rim = ((nodes < 1e-9) | (nodes > 1 - 1e-9)).any(axis=1)
                fixed = np.where(rim[:, None], exact, np.nan)
                state = cm.equilibrium(
                    body, NMC811, FULL, fixed=fixed, order=order, plane="plane_strain"
                )
                off = (state.displacement - exact[: len(body.points)])[~rim[: len(body.points)]]
                errors.append(np.sqrt((off**2).mean()))
            rate = float(np.log2(errors[0] / errors[1]))
            words = f"order of displacements, d = {dimension}, P{order}"
            rows.append(Row(words, f"{rate:.2f}", f"≥ {least}", rate >= least))
    return rows


def held_by_tests(_reduced: bool) -> list[Row]:
    tests = "tests/python/"
    return [
        tests_pass("crystals, laminates, patch tests (§3.4)", tests + "test_elasticity.py"),
        tests_pass("diffusion-induced stress (§3.3)", tests + "test_diffusion_stress.py"),
        tests_pass("scikit-fem on the same mesh, 1e-6", tests + "test_equilibrium.py"),
        tests_pass("chemical strain", tests + "test_swelling.py"),
    ]


def misfit(_reduced: bool) -> list[Row]:
    """What the choice of the chemical strain decides: a disc of grains at x = 0.4, all alike."""
    grains = mesh.disc(5e-6, n_grains=100, size=0.15e-6, seed=1)
    rows = []
    for kind in materials.SWELLING_KINDS:
        state = cm.equilibrium(grains, NMC811, 0.4 * FULL, eigenstrain=kind)
        largest = np.percentile(np.abs(state.stress[:, [0, 1, 5]]), 99) / 1e6
        figure = f"stress in the plane that 1 % of the cells exceed, x = 0.4, {kind}"
        rows.append(recorded(figure, f"{largest:.0f} MPa"))
    return rows


CHECKS = [
    Check("elasticity_spheres", spheres),
    Check("elasticity_core_shells", core_shells),
    Check("elasticity_eshelby", eshelby),
    Check("elasticity_homogenised", homogenised),
    Check("elasticity_orders", orders),
    Check("elasticity_misfit", misfit),
    Check("elasticity_tests", held_by_tests, in_reduced=False),
]
