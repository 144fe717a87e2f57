"""Stress of lithium gradients and misfitting cores in spheres and discs: §3.3 of the notes."""

from __future__ import annotations

from dataclasses import replace

import diffusion_series
import numpy as np
import pytest
from ball_meshes import ball, ball_points, centre_of
from numpy.typing import NDArray

from nmcx import chemomechanics as cm
from nmcx import materials, mesh
from nmcx.materials import NMC811
from nmcx.results import Equilibrium, Mesh

Floats = NDArray[np.float64]
R = 5e-6
HILL = materials.polycrystal_moduli(NMC811.elasticity()).hill
LAME = HILL.bulk - 2 * HILL.shear / 3
#: An isotropic crystal with the moduli of the polycrystal.
ISOTROPIC = NMC811.replace(
    c11=LAME + 2 * HILL.shear, c12=LAME, c13=LAME, c33=LAME + 2 * HILL.shear, c44=HILL.shear
)
FULL = ISOTROPIC.max_concentration
STRAIN = 0.01  # linear swelling from empty to full
LINEAR = materials.Swelling(
    "linear",
    stress_free=0.0,
    end=1.0,
    table=materials.LatticeTable(
        lithium=[0.0, 1.0], a=[1.0, 1 + STRAIN], c=[1.0, 1 + STRAIN], reference=0.0
    ),
)
#: Unit of stresses: E Ω ΔC / (3 (1 − ν)).
UNIT = HILL.young * STRAIN / (1 - HILL.poisson)
# Lithium enters at a Dirichlet surface: τ → radial stress at the centre, hoop at the surface.
DIRICHLET = {
    0.01: (0.205675833, -0.691486250),
    0.05: (0.381958860, -0.393060243),
    0.1: (0.318386057, -0.229521262),
}
# By a constant flux, in units of E Ω J R / (3 (1 − ν) D).
FLUX = {0.05: (0.097717441, -0.162165429), 0.1: (0.160081218, -0.186761686)}


def radii(body: Mesh) -> Floats:
    return np.asarray(np.linalg.norm(body.points, axis=1))


def swell(body: Mesh, x: Floats, plane: str = "plane_stress", order: int = 2) -> Equilibrium:
    return cm.equilibrium(
        body, ISOTROPIC, FULL * x, eigenstrain=LINEAR, plane=plane, order=order, tolerance=1e-10
    )


def ends(body: Mesh, state: Equilibrium) -> tuple[float, float]:
    """Normal stress at the centre, hoop stress at the surface, in `UNIT`."""
    d = body.dimension
    middle = state.nodal_stress[centre_of(body), :d].mean()
    rim = np.unique(body.surface)
    normal = np.zeros((len(rim), 3))
    normal[:, :d] = body.points[rim] / radii(body)[rim, None]
    x, y, z = normal.T
    dyad = np.stack([x * x, y * y, z * z, 2 * y * z, 2 * x * z, 2 * x * y], axis=1)
    stress = state.nodal_stress[rim]
    hoop = (stress[:, :d].sum(axis=1) - (stress * dyad).sum(axis=1)) / (d - 1)
    return float(middle / UNIT), float(hoop.mean() / UNIT)


def sphere_dirichlet(body: Mesh, tau: float) -> tuple[float, float]:
    x = diffusion_series.sphere_dirichlet(radii(body) / R, tau)
    return ends(body, swell(body, np.clip(x, 0.0, 1.0)))


def test_a_sphere_that_fills_is_pulled_at_its_centre_and_pressed_at_its_rim() -> None:
    centre, rim = sphere_dirichlet(ball(4, R), 0.1)
    # Four layers of quadratic cells on a faceted sphere, linear lithium within each: errors of
    # (1/4)² of the stresses; tests/verify goes to a percent.
    assert centre == pytest.approx(DIRICHLET[0.1][0], abs=0.06 * DIRICHLET[0.1][0])
    assert rim == pytest.approx(DIRICHLET[0.1][1], abs=0.06)


def test_the_error_of_a_sphere_falls_with_the_square_of_the_cells() -> None:
    errors = [
        np.abs(np.subtract(sphere_dirichlet(ball(n, R), 0.05), DIRICHLET[0.05])).max()
        for n in (2, 4)
    ]
    assert errors[1] < errors[0] / 2.5  # 4 in the limit


def test_a_disc_under_plane_stress_has_the_profile_of_its_parabola() -> None:
    body = ball(12, R, dimension=2)
    r = radii(body) / R
    state = swell(body, 0.5 * r**2)
    centre, rim = ends(body, state)
    # With D = R = J = 1 c is r²/2; units E b without 1/(1 − ν).
    scale = 1 - HILL.poisson
    assert centre / scale == pytest.approx(0.125, abs=0.125 * 0.01)
    assert rim / scale == pytest.approx(-0.25, abs=0.25 * 0.02)
    profile = cm.radial_profile(body, state.stress, n_shell=6)
    x = profile.radius / R
    unit = HILL.young * STRAIN
    assert profile.radial / unit == pytest.approx((1 - x**2) / 8, abs=0.004)
    assert profile.hoop / unit == pytest.approx((1 - 3 * x**2) / 8, abs=0.006)


def test_one_c_pulls_at_the_surface_with_274_megapascals() -> None:
    """Delithiation at 1C, 5.1 % volume change: steady profile of a sphere, isotropic diffusion."""
    body = ball(4, R)
    flux = R * FULL / (3 * 3600)
    drop = flux * R / NMC811.diffusivity_ab / FULL  # of x, in units of r²/2
    x = 0.5 - 0.5 * drop * (radii(body) / R) ** 2
    table = materials.LatticeTable(
        lithium=[0.0, 1.0], a=[1.0, 1 + 0.051 / 3], c=[1.0, 1 + 0.051 / 3], reference=0.0
    )
    swelling = materials.Swelling("linear", stress_free=0.0, end=1.0, table=table)
    state = cm.equilibrium(body, ISOTROPIC, FULL * x, eigenstrain=swelling, order=2)
    centre, rim = (UNIT * each / 1e6 for each in ends(body, state))
    assert centre == pytest.approx(-274.5, rel=0.06)  # the mesh's error, as above
    assert rim == pytest.approx(274.5, rel=0.06)


def shrunk_core(body: Mesh, core: int, strain: float) -> Equilibrium:
    """A core whose lattice is smaller by a strain, in a shell without any."""
    table = materials.LatticeTable(lithium=[0.0, 1.0], a=[1 + strain, 1.0], c=[1 + strain, 1.0])
    nodes = np.zeros(len(body.points), dtype=bool)
    nodes[body.cells[body.grain == core]] = True
    return cm.equilibrium(
        body,
        ISOTROPIC,
        np.where(nodes, 0.0, FULL),
        eigenstrain=materials.Swelling("table", table=table),
        order=2,
    )


def test_a_shrinking_core_presses_its_shell() -> None:
    """Layer of 500 nm, E = 190 GPa, on a core that shrinks by 2 %."""
    core = R - 500e-9
    body = mesh.grow_layer(ball(3, core), 500e-9, n_element=1)
    state = shrunk_core(body, 0, -0.02)
    inside = np.average(
        state.stress[body.grain == 0, :3].mean(axis=1), weights=body.volume[body.grain == 0]
    )
    assert inside / 1e6 == pytest.approx(1007.7705, rel=0.03)  # facets of the coarse core
    rim = np.unique(body.surface)
    outward = (state.displacement[rim] * body.points[rim]).sum(axis=1) / radii(body)[rim]
    assert outward.mean() * 1e9 == pytest.approx(-69.557008, rel=0.04)


def test_a_shrunk_inclusion_is_pulled_from_all_sides() -> None:
    """Eshelby's sphere, corrected for a surface at twice its radius."""
    points, cells, _ = ball_points(4, 3)
    grain = (np.linalg.norm(points[cells].mean(axis=1), axis=1) > 1 / 2).astype(np.int64)
    body = mesh.assemble(R * points, cells, grain, np.repeat(np.eye(3)[None], 2, axis=0))
    state = shrunk_core(body, 0, -0.02)
    # The dilatation within is that of a sphere whatever the shape of the inclusion; the surface
    # takes away the share that the inclusion has of the volume.
    inside = state.stress[body.grain == 0, :3].mean(axis=1)
    volume = body.volume[body.grain == 0]
    part = volume.sum() / body.volume.sum()
    wanted = 2 * HILL.young * 0.02 / (3 * (1 - HILL.poisson)) * (1 - part)
    assert np.average(inside, weights=volume) == pytest.approx(wanted, rel=0.03)


def test_the_layer_takes_no_part_in_swelling() -> None:
    body = ball(3, R)
    coated = replace(body, layer_grain=0)
    state = cm.equilibrium(coated, NMC811, 0.3 * FULL)
    assert np.abs(state.stress).max() < 1.0
    assert np.abs(state.displacement).max() < 1e-15
