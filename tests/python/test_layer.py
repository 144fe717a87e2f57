"""A resolved passivation layer: its shape, and what it does to lithium on the way in."""

from __future__ import annotations

import numpy as np
import pytest
from ball_meshes import ball, box, centre_of, faces
from test_from_labels import check_watertight

from nmcx import chemomechanics as cm
from nmcx import mesh
from nmcx.materials import NMC811

FULL = NMC811.max_concentration


@pytest.mark.parametrize("n_element", [1, 3])
@pytest.mark.parametrize("d", [2, 3])
def test_a_layer_on_a_box_has_the_thickness_asked_for(d: int, n_element: int) -> None:
    # On one face only: a slab of known volume, with side walls where it ends.
    core = box((3, 4, 5)[:d], (3e-6, 4e-6, 5e-6)[:d])
    top = faces(core, 0, 3e-6)
    coated = mesh.grow_layer(core, np.where(top, 0.5e-6, 0.0), n_element=n_element)
    check_watertight(coated)
    in_layer = coated.grain == coated.layer_grain
    face = core.surface_area[top].sum()
    assert coated.volume[in_layer].sum() == pytest.approx(0.5e-6 * face, rel=1e-12)
    assert in_layer.sum() == top.sum() * n_element * d
    assert coated.interface_area.sum() == pytest.approx(face, rel=1e-12)
    height = np.unique(np.round(coated.points[coated.cells[in_layer]][..., 0] * 1e9))
    np.testing.assert_allclose(height, 3000 + 500 * np.arange(n_element + 1) / n_element, atol=1)


@pytest.mark.parametrize("d", [2, 3])
def test_a_layer_keeps_its_thickness_around_edges(d: int) -> None:
    # All around a square or cube: at edges and corners nodes rise along the diagonals. One part in
    # a thousand pulls towards the mean normal of the facets, which is not quite the diagonal.
    core = box((4,) * d, (4e-6,) * d)
    coated = mesh.grow_layer(core, 0.4e-6)
    check_watertight(coated)
    np.testing.assert_allclose(coated.points.min(axis=0), -0.4e-6, rtol=1e-3)
    np.testing.assert_allclose(coated.points.max(axis=0), 4.4e-6, rtol=1e-4)
    assert coated.volume.sum() == pytest.approx((4.8e-6) ** d, rel=1e-4)


@pytest.mark.parametrize("make", [mesh.disc, mesh.ball])
def test_a_layer_on_grains_covers_the_ends_of_their_walls(make: object) -> None:
    options = {"n_grains": 6, "size": 0.9e-6, "seed": 2}
    core = make(5e-6 - 0.2e-6, **options)  # type: ignore[operator]
    coated = make(5e-6, layer=0.2e-6, **options)  # type: ignore[operator]
    check_watertight(coated)
    d = core.dimension
    assert coated.n_grain == core.n_grain + 1 and coated.layer_grain == core.n_grain
    below = coated.grain != coated.layer_grain
    np.testing.assert_array_equal(coated.grain[below], core.grain)
    np.testing.assert_allclose(coated.points[coated.cells[below]], core.points[core.cells])
    with_layer = (coated.interface_grains == coated.layer_grain).any(axis=1)
    assert coated.interface_area[with_layer].sum() == pytest.approx(core.surface_area.sum())
    assert coated.interface_area[~with_layer].sum() == pytest.approx(core.interface_area.sum())
    # Chords: the facets of the outside are as flat as those of the core.
    radius = np.linalg.norm(coated.points[coated.surface], axis=-1)
    np.testing.assert_allclose(radius, 5e-6, rtol=4e-3)
    ratio = coated.surface_area.sum() / core.surface_area.sum()
    assert ratio == pytest.approx((5 / 4.8) ** (d - 1), rel=5e-3)


def test_a_notch_stays_cut_below_a_layer() -> None:
    plain = box((4, 4), (4e-6, 4e-6))
    ends = np.flatnonzero(np.abs(plain.points[:, 0] - 2e-6) < 1e-12)
    ends = ends[np.argsort(plain.points[ends, 1])][:3]
    cut = mesh.assemble(
        plain.points, plain.cells, plain.grain, plain.orientation,
        walls=np.column_stack([ends[:-1], ends[1:]]),
    )  # fmt: skip
    assert len(cut.interfaces) == 2
    coated = mesh.grow_layer(cut, 0.1e-6)
    within = coated.interface_grains[:, 0] == coated.interface_grains[:, 1]
    assert within.sum() == 2
    assert coated.interface_area[within].sum() == pytest.approx(2e-6)


def test_lithium_through_a_resolved_layer_agrees_with_the_two_layer_sphere() -> None:
    # diffusion_sphere.py (d), h = 200 nm, t = 2000 s: centre and mean of core and shell together.
    h, radius = 200e-9, 5e-6
    coated = mesh.grow_layer(ball(10, radius - h), h, n_element=4)
    isotropic = NMC811.replace(diffusivity_c=NMC811.diffusivity_ab)
    history = cm.diffuse(
        coated, isotropic, initial=0.0, boundary=cm.Dirichlet(FULL), times=[2000.0], tolerance=3e-4
    )
    centre = history.concentration[0, centre_of(coated)] / FULL
    # Cells of R/10 miss the sphere's volume by 0.5 % and its solution by (1/10)².
    assert centre == pytest.approx(0.27943230, rel=2e-2)
    assert history.mean_concentration[0] / FULL == pytest.approx(0.36895808, rel=1e-2)
    assert history.balance.max() < 1e-12


def test_a_thin_resolved_layer_is_the_condition_in_its_place() -> None:
    # What the layer stores, 1 % of the disc, is all that differs once its profile is steady.
    core = ball(24, 5e-6, dimension=2)
    h = 25e-9
    isotropic = NMC811.replace(diffusivity_c=NMC811.diffusivity_ab)
    common = {"initial": 0.0, "times": [3000.0], "tolerance": 1e-4}
    coated = mesh.grow_layer(core, h)
    resolved = cm.diffuse(coated, isotropic, boundary=cm.Dirichlet(FULL), **common)
    k = cm.layer_conductance(h, NMC811.diffusivity_layer, inner_radius=5e-6, dimension=2)
    condition = cm.diffuse(core, isotropic, boundary=cm.Robin(k, FULL), **common)
    bare = cm.diffuse(core, isotropic, boundary=cm.Dirichlet(FULL), **common)
    with_cells, without, with_none = (
        history.concentration[0, centre_of(body)] / FULL
        for body, history in ((coated, resolved), (core, condition), (core, bare))
    )
    assert with_cells == pytest.approx(without, abs=2e-3)
    assert with_none - without > 0.1


@pytest.mark.parametrize(
    ("thickness", "n_element", "said"),
    [
        (0.0, 3, "^thickness must be finite and not negative"),
        (-1e-8, 3, "^thickness must be finite and not negative"),
        (np.nan, 3, "^thickness must be finite and not negative"),
        (np.ones(3), 3, "^thickness must be a number or have one value per surface facet"),
        (1e-7, 0, "^n_element must be a whole number"),
        (1e-7, 1.5, "^n_element must be a whole number"),
    ],
)
def test_what_makes_no_layer_is_refused(thickness: object, n_element: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mesh.grow_layer(box((2, 2), (1e-6, 1e-6)), thickness, n_element=n_element)


def test_a_layer_that_folds_over_itself_is_refused_with_its_place() -> None:
    points, cells = np.array([[0, 0], [4, 0], [4, 1], [2.2, 1], [2, 0.3], [1.8, 1], [0, 1.0]]), [
        [0, 1, 4], [1, 2, 3], [1, 3, 4], [0, 4, 5], [0, 5, 6],
    ]  # fmt: skip
    hollow = mesh.assemble(1e-6 * points, cells, np.zeros(5, int), np.eye(3)[None])
    mesh.grow_layer(hollow, 0.02e-6)
    with pytest.raises(ValueError, match=r"hollow at surface facet \d+, \[.*\] m: the layer folds"):
        mesh.grow_layer(hollow, 0.5e-6)


def test_one_layer_is_enough() -> None:
    coated = mesh.grow_layer(box((2, 2), (1e-6, 1e-6)), 1e-8)
    with pytest.raises(ValueError, match="has a layer already"):
        mesh.grow_layer(coated, 1e-8)
