"""What cannot be computed is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import meshes
import numpy as np
import pytest
from ball_meshes import box

from nmcx import ConvergenceError, mesh
from nmcx import chemomechanics as cm
from nmcx.chemomechanics.domain import Domain, SolverOptions
from nmcx.materials import NMC811
from nmcx.results import Mesh

FULL = NMC811.max_concentration
BODY = box((2, 2), (1e-6, 1e-6))
S = len(BODY.surface)
RUN: dict[str, Any] = {"initial": 0.0, "boundary": cm.Dirichlet(FULL), "times": [1.0]}


def flat(body: Mesh) -> Mesh:
    points = body.points.copy()
    points[body.cells[0, 2]] = points[body.cells[0, :2]].mean(axis=0)
    return replace(body, points=points)


def swapped(body: Mesh) -> Mesh:
    cells = body.cells.copy()
    cells[3] = cells[3, [0, 2, 1]]
    return replace(body, cells=cells)


BAD_MESHES: list[tuple[Callable[[Mesh], Mesh], str]] = [
    (swapped, "cell 3 has a negative volume"),
    (flat, "flat|negative volume"),
    (lambda m: replace(m, points=np.where(m.points > 9e-7, np.nan, m.points)), "points"),
    (lambda m: replace(m, orientation=np.full((1, 3, 3), np.nan)), "orientation"),
    (lambda m: replace(m, grain=m.grain + 1), "grain names a grain"),
    (lambda m: replace(m, grain=m.grain[:-1]), "one value per cell"),
    (lambda m: replace(m, surface=m.surface + 100), "surface names node"),
]


@pytest.mark.parametrize(("change", "message"), BAD_MESHES, ids=[m for _, m in BAD_MESHES])
def test_a_bad_mesh_is_named(change: Callable[[Mesh], Mesh], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cm.diffuse(change(BODY), NMC811, **RUN)


BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"initial": np.nan}, "initial must be finite"),
    ({"initial": np.zeros(3)}, "initial must be a number or have one value per node"),
    ({"initial": 2 * FULL}, "between 0 and max_concentration"),
    ({"times": []}, "times"),
    ({"times": [2.0, 1.0]}, "times must increase"),
    ({"times": [np.nan]}, "times"),
    ({"times": [1.0], "start": 2.0}, "not lie before the start"),
    ({"boundary": cm.Dirichlet(np.nan)}, "concentration must be finite"),
    ({"boundary": cm.Dirichlet(np.zeros(3))}, "one value per surface facet"),
    ({"boundary": cm.Dirichlet(-1.0)}, "between 0 and max_concentration"),
    ({"boundary": cm.Flux(np.full(S, np.inf))}, "density must be finite"),
    ({"boundary": cm.Flux(1.0, layer_conductance=0.0)}, "layer_conductance must be positive"),
    ({"boundary": cm.Robin(-1.0, 0.0)}, "coefficient must be 0 or more"),
    ({"boundary": cm.Robin(np.inf, 0.0)}, "coefficient must be finite"),
    ({"boundary": cm.Dirichlet(0.0, where=np.zeros(S))}, "where must be a boolean"),
    ({"boundary": [cm.Dirichlet(0.0), cm.Flux(0.0)]}, "two conditions for surface facet 0"),
    ({"boundary": "closed"}, "boundary must be"),
    ({"boundary": cm.ButlerVolmer()}, "exactly one of c_rate, current and potential"),
    ({"boundary": cm.ButlerVolmer(c_rate=1.0, coverage=1.5)}, "coverage must be between 0 and 1"),
    ({"boundary": cm.ButlerVolmer(current=np.nan)}, "current and potential must be finite"),
    ({"diffusivity": -np.eye(2)}, "grain 0 must be finite, symmetric and positive definite"),
    ({"diffusivity": np.eye(3)}, "diffusivity must have shape"),
    ({"diffusivity": np.array([[1.0, 2.0], [2.0, 1.0]])}, "positive definite"),
    ({"interface_conductance": np.zeros(7)}, "one value per interface facet"),
    ({"tolerance": 0.0}, "tolerance must be positive"),
    ({"step": -1.0}, "step must be positive"),
    ({"max_change": np.nan}, "max_change"),
    ({"scheme": "trapezoidal"}, "scheme"),
    ({"mass": "none"}, "mass"),
    ({"solver": "multigrid"}, "solver must be one of"),
    ({"solver_tolerance": 0.0}, "solver_tolerance"),
    ({"threads": -1}, "threads"),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS, ids=[m for _, m in BAD_OPTIONS])
def test_a_bad_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cm.diffuse(BODY, NMC811, **(RUN | options))


def test_interfaces_must_face_each_other() -> None:
    points, cells = meshes.box((2, 2), 1e-6)
    pair = mesh.assemble(points, cells, meshes.by_brick([0, 0, 1, 1], 2), [np.eye(3)] * 2)
    with pytest.raises(ValueError, match="interface facet 0"):
        cm.diffuse(replace(pair, interfaces=pair.interfaces[:, [0, 1, 3, 2]]), NMC811, **RUN)
    with pytest.raises(ValueError, match="interface_conductance must be 0 or more"):
        cm.diffuse(pair, NMC811, interface_conductance=-1.0, **RUN)


BAD_PROTOCOLS: list[tuple[dict[str, Any], str]] = [
    ({"protocol": []}, "protocol needs a part"),
    ({"protocol": cm.Charge(-1.0, until=0.5)}, "c_rate of a charge or discharge"),
    ({"protocol": cm.Charge(1.0, until=0.99)}, "past it"),
    ({"protocol": cm.Rest(-1.0)}, "duration"),
    ({"protocol": cm.Rest(1.0)}, "initial must be given"),
    ({"protocol": ["charge"]}, "protocol must hold"),
    ({"protocol": cm.Charge(1.0, 0.5), "surface": cm.ButlerVolmer(c_rate=1)}, "protocol does"),
]


@pytest.mark.parametrize(("options", "message"), BAD_PROTOCOLS, ids=[m for _, m in BAD_PROTOCOLS])
def test_a_bad_protocol_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cm.cycle(BODY, NMC811, **options)


def test_a_layer_needs_sizes() -> None:
    for options in (
        {"thickness": 0.0, "diffusivity": 1e-16},
        {"thickness": 1e-7, "diffusivity": np.nan},
        {"thickness": 1e-7, "diffusivity": 1e-16, "coverage": 2.0, "clean": 1.0},
        {"thickness": 1e-7, "diffusivity": 1e-16, "coverage": 0.5},
        {"thickness": 1e-7, "diffusivity": 1e-16, "inner_radius": -1.0},
    ):
        with pytest.raises(ValueError, match="must"):
            cm.layer_conductance(**options)  # type: ignore[arg-type]


def test_a_solver_that_does_not_arrive_says_how_far_it_came() -> None:
    body = box((6, 6), (1e-6, 1e-6))
    domain = Domain(body, NMC811, solver=SolverOptions("iterative"))
    none, free = np.zeros(domain.size), np.full(domain.size, np.nan)
    uneven = np.arange(domain.size, dtype=float)
    with pytest.raises(ConvergenceError, match=r"after 2 iterations at .* tolerance 1e-10"):
        domain.kernel.step(1e-3, uneven, none, none, free, none, 1e-10, max_iterations=2)
