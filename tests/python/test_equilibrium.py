"""What `equilibrium` takes, refuses, notes and saves; and that others find the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import meshes
import numpy as np
import pytest
from ball_meshes import box
from numpy.typing import NDArray

from nmcx import chemomechanics as cm
from nmcx import io, materials, mesh
from nmcx.materials import NMC811
from nmcx.results import Equilibrium, Mesh

FULL = NMC811.max_concentration
BODY = box((2, 2), (1e-6, 1e-6))
N = len(BODY.points)


def two_grains(n: tuple[int, ...]) -> Mesh:
    """A box of two crystals, tilted otherwise, side by side along x."""
    points, cells = meshes.box(n, 1e-6)
    grain = (points[cells][:, :, 0].mean(axis=1) > 0.5e-6).astype(np.int64)
    turns = np.stack([materials.bunge(0.3, 0.7, 1.1), materials.bunge(1.3, 0.2, 0.4)])
    return mesh.assemble(points, cells, grain, turns)


def flat(body: Mesh) -> Mesh:
    points = body.points.copy()
    points[body.cells[0, 2]] = points[body.cells[0, :2]].mean(axis=0)
    return replace(body, points=points)


BAD_MESHES: list[tuple[Callable[[Mesh], Mesh], str]] = [
    (lambda m: replace(m, cells=m.cells[:, [0, 2, 1]]), "cell 0 has a negative volume"),
    (flat, "flat|negative volume"),
    (lambda m: replace(m, points=np.where(m.points > 9e-7, np.nan, m.points)), "points"),
    (lambda m: replace(m, grain=m.grain[:-1]), "one value per cell|broadcast"),
]


@pytest.mark.parametrize(("change", "message"), BAD_MESHES, ids=[m for _, m in BAD_MESHES])
def test_a_bad_mesh_is_named(change: Callable[[Mesh], Mesh], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cm.equilibrium(change(BODY), NMC811, FULL)


BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"concentration": np.nan}, "concentration holds NaN"),
    ({"concentration": np.full(N, np.inf)}, "concentration holds NaN or infinity"),
    ({"concentration": np.zeros(3)}, "concentration must be a number or have one value per node"),
    ({"concentration": 0.0}, "within the lattice table"),
    ({"eigenstrain": "none"}, "eigenstrain must be one of"),
    ({"plane": "solid"}, "plane must be one of"),
    ({"order": 3}, "order must be 1 or 2"),
    ({"walls": "glued"}, "walls must be 'tied'"),
    ({"fixed": np.zeros((3, 2))}, "fixed must have shape"),
    ({"fixed": np.full((N, 2), np.inf)}, "fixed must be a displacement"),
    ({"force": np.full((N, 2), np.nan)}, "force must be finite"),
    ({"force": np.ones((N, 2))}, "forces do not balance"),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS, ids=[m for _, m in BAD_OPTIONS])
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    given = {"concentration": FULL, **options}
    with pytest.raises(ValueError, match=message):
        cm.equilibrium(BODY, NMC811, **given)


def test_what_tied_grains_disagree_on_is_named() -> None:
    body = two_grains((2, 2))
    fixed = np.full_like(body.points, np.nan)
    pair = body.interfaces[0][[0, 2]]
    fixed[pair] = [[0.0, 0.0], [1e-9, 0.0]]
    with pytest.raises(ValueError, match="elsewhere than a node it is tied to"):
        cm.equilibrium(body, NMC811, FULL, fixed=fixed)


def test_forces_on_a_held_body_need_no_balance() -> None:
    fixed = np.full((N, 2), np.nan)
    fixed[BODY.points[:, 0] == 0] = 0.0
    force = np.zeros((N, 2))
    force[-1, 1] = 1.0
    state = cm.equilibrium(BODY, NMC811, FULL, fixed=fixed, force=force)
    # The work of the force is twice the energy stored.
    assert 2 * state.energies["stored"] == pytest.approx(state.displacement[-1, 1], rel=1e-10)


def test_overshoots_are_noted() -> None:
    lithium = np.full(N, FULL)
    lithium[3] *= 1.002
    state = cm.equilibrium(BODY, NMC811, lithium)
    assert "1 nodes overshot the lattice table by up to 0.002" in state.notes[0]
    assert not cm.equilibrium(BODY, NMC811, FULL).notes


def test_a_state_says_how_it_was_made_and_comes_back_from_a_file(tmp_path: Path) -> None:
    swelling = materials.Swelling("isotropic", stress_free=0.9)
    state = cm.equilibrium(
        two_grains((2, 2)), NMC811, 0.5 * FULL, eigenstrain=swelling, order=2, plane="plane_stress"
    )
    assert (state.eigenstrain, state.stress_free) == ("isotropic", 0.9)
    assert (state.plane, state.walls, state.settings["order"]) == ("plane_stress", "tied", 2)
    assert "isotropic" in state._repr_html_()
    state.save(tmp_path / "state.nxs")
    (back,) = io.load(tmp_path / "state.nxs").values()
    assert isinstance(back, Equilibrium)
    assert np.array_equal(back.stress, state.stress)
    assert (back.energies, back.eigenstrain) == (state.energies, state.eigenstrain)


def test_misfit_stress_is_a_matter_of_the_rule() -> None:
    """Grains at x = 0.4: gigapascals by the table, nothing where all directions shrink alike."""
    grains = mesh.disc(2e-6, n_grains=20, size=0.2e-6, seed=1)
    strong, weak = (
        cm.equilibrium(grains, NMC811, 0.4 * FULL, eigenstrain=kind)
        for kind in ("table", "isotropic")
    )
    assert np.percentile(np.abs(strong.stress[:, :3]), 90) > 1e9
    assert np.abs(weak.stress).max() < 1.0


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("order", [1, 2])
def test_scikit_fem_finds_the_same_displacements(dimension: int, order: int) -> None:
    skfem = pytest.importorskip("skfem", reason='scikit-fem comes with pip install "nmcx[test]"')
    body = two_grains((4, 3, 3)[:dimension])
    lithium = np.clip(0.4 + 0.3e6 * body.points[:, 1], 0.0, 1.0)
    grain = np.zeros(len(body.points), dtype=int)
    grain[body.cells] = body.grain[:, None]
    strain = materials.Swelling().tensor(lithium, body.orientation[grain])
    nodes = body.points if order == 1 else mesh.midside_nodes(body).points
    fixed = np.where(nodes[:, :1] < 1e-12, 0.0, np.full_like(nodes, np.nan))
    state = cm.equilibrium(
        body, NMC811, FULL * lithium, fixed=fixed, plane="plane_strain", order=order
    )
    found = skfem_displacements(skfem, body, strain, order)
    assert np.abs(found - state.displacement).max() < 1e-6 * np.abs(found).max()


def skfem_displacements(
    skfem: Any, body: Mesh, strain: NDArray[np.float64], order: int
) -> NDArray[np.float64]:
    """Displacements (n_node, d) with x = 0 held, by scikit-fem on the mesh of merged nodes."""
    d = body.dimension
    picometres = np.round(body.points * 1e12)
    _, first, merged = np.unique(picometres, axis=0, return_index=True, return_inverse=True)
    kind = getattr(skfem, "MeshTri" if d == 2 else "MeshTet")
    grid = kind(np.ascontiguousarray(body.points[first].T), merged[body.cells].T)
    names = [["ElementTriP1", "ElementTriP2"], ["ElementTetP1", "ElementTetP2"]]
    element = skfem.ElementVector(getattr(skfem, names[d - 2][order - 1])())
    basis = skfem.Basis(grid, element, intorder=2 * order)
    # (d, d, d, d) stiffness and (m, d, d) stress of the lattice strain, linear in each cell.
    voigt = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])[:d, :d]
    elasticity = NMC811.elasticity(body.orientation)[body.grain]
    full = elasticity[:, voigt[:, :, None, None], voigt[None, None]]
    stiffness = np.moveaxis(full, 0, -1)
    at_corners = np.einsum("mij,mkj->mki", elasticity, strain[body.cells])
    local = basis.quadrature[0]  # coordinates in the reference cell
    weights = np.vstack([1 - local.sum(axis=0), local])  # barycentric
    lattice = np.einsum("mki,kq->imq", at_corners, weights)[voigt]

    def small(gradient: Any) -> Any:
        return 0.5 * (gradient + np.swapaxes(gradient, 0, 1))

    @skfem.BilinearForm
    def stretch(u: Any, v: Any, _: Any) -> Any:
        stress = np.einsum("ijklm,klmq->ijmq", stiffness, small(u.grad))
        return (stress * small(v.grad)).sum(axis=(0, 1))

    @skfem.LinearForm
    def swell(v: Any, _: Any) -> Any:
        return (lattice * small(v.grad)).sum(axis=(0, 1))

    held = basis.get_dofs(lambda x: x[0] < 1e-12)
    u = skfem.solve(*skfem.condense(stretch.assemble(basis), swell.assemble(basis), D=held))
    return np.asarray(u[basis.nodal_dofs].T[merged])
