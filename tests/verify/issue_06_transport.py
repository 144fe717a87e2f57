"""Transport on fine meshes beside the series and effective properties it must reproduce."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from check import Check, Row, recorded, tests_pass

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

import test_transport as quick
import test_transport_anisotropic as anisotropic
from ball_meshes import ball, centre_of

from nmcx import chemomechanics as cm
from nmcx import mesh
from nmcx.materials import NMC811
from nmcx.results import Mesh


def _row(figure: str, found: float, exact: float, scale: float, allowed: float = 5e-3) -> Row:
    """A number beside its reference; `scale` is what the deviation is relative to."""
    off = abs(found - exact) / scale
    return Row(figure, f"{found:.6f} ({off:.2%})", f"{exact:.6f} ± {allowed:.1%}", off <= allowed)


# Tables of §3.1 (a), (b), (e) as far as the quick tests leave them out: centre, half, mean; centre,
# surface; mean or surface.
SPHERE_STEP = {
    0.01: (1.6e-10, 0.0008139040, 0.3085137501),
    0.05: (0.0340014664, 0.2276883931, 0.6069397567),
    0.1: (0.2928996518, 0.5255125396, 0.7704787380),
    0.2: (0.7229223898, 0.8231328603, 0.9154955661),
}
SPHERE_FLUX = {
    0.05: (0.0034238383, 0.3121654291),
    **quick.SPHERE_FLUX,
    0.5: (1.2000188187, 1.6999959119),
}
DISC_STEP = {**quick.DISC_DIRICHLET, 0.2: (np.nan, 0.7821475525)}


def spheres(reduced: bool) -> list[Row]:
    """§3.1 (a)–(c): profile values relative to the full step, means to themselves."""
    n, tolerance = (10, 3e-4) if reduced else (36, 3e-5)
    allowed = 2e-2 if reduced else 5e-3
    body = ball(n, quick.RADIUS)
    half = np.abs(np.linalg.norm(body.points, axis=1) / quick.RADIUS - 0.5) < 1e-9
    history = cm.diffuse(
        body,
        quick.ISOTROPIC,
        initial=0.0,
        boundary=cm.Dirichlet(quick.FULL),
        times=np.array(list(SPHERE_STEP)) * quick.TIME,
        tolerance=tolerance,
    )
    rows = []
    for k, (tau, (centre, at_half, mean)) in enumerate(SPHERE_STEP.items()):
        if reduced and tau == 0.01:
            continue  # a rim thinner than these cells
        x = history.concentration[k] / quick.FULL
        found = float(history.mean_concentration[k] / quick.FULL)
        words = f"sphere Dirichlet, τ = {tau}"
        rows.append(_row(f"{words}: centre", float(x[centre_of(body)]), centre, 1, allowed))
        rows.append(_row(f"{words}: half radius", float(x[half].mean()), at_half, 1, allowed))
        rows.append(_row(f"{words}: mean", found, mean, mean, allowed))
    for tau, pair in zip(
        SPHERE_FLUX, quick.flux(body, list(SPHERE_FLUX), tolerance=tolerance), strict=True
    ):
        exact = SPHERE_FLUX[tau]
        for name, value, wanted in zip(("centre", "surface"), pair, exact, strict=True):
            words = f"sphere flux, τ = {tau}: {name}"
            rows.append(_row(words, float(value), wanted, exact[1], allowed))
    for (biot, tau), wanted in quick.SPHERE_ROBIN.items():
        centre, mean = map(float, quick.robin(body, biot, [tau], tolerance=tolerance)[0])
        rows.append(_row(f"sphere Robin {biot}, τ = {tau}: centre", centre, wanted[0], 1, allowed))
        rows.append(
            _row(f"sphere Robin {biot}, τ = {tau}: mean", mean, wanted[1], wanted[1], allowed)
        )
    return rows


def layers(reduced: bool) -> list[Row]:
    """§3.1 (d): both closures of a thin layer at 2000 s, and their distance to a resolved one."""
    n = 10 if reduced else 28
    allowed = 2e-2 if reduced else 5e-3
    rows = []
    for thickness, wanted in quick.LAYERS.items():
        core = quick.RADIUS - thickness
        for name, radius, inner, number in (
            ("shell on the core", core, core, wanted[0]),
            ("flat on the sphere", quick.RADIUS, None, wanted[1]),
        ):
            body = ball(n, radius)
            k = cm.layer_conductance(thickness, NMC811.diffusivity_layer, inner_radius=inner)
            history = cm.diffuse(
                body,
                quick.ISOTROPIC,
                initial=0.0,
                boundary=cm.Robin(k, quick.FULL),
                times=[2000.0],
                tolerance=1e-4,
            )
            centre = float(history.concentration[0, centre_of(body)] / quick.FULL)
            label = f"layer {1e9 * thickness:.0f} nm, {name}: centre"
            rows.append(_row(label, centre, number, number, allowed))
            off = centre - quick.RESOLVED[thickness]
            rows.append(recorded(f"… minus the resolved layer ({name})", f"{off:+.4f}"))
    return rows


def resolved_layers(reduced: bool) -> list[Row]:
    """§3.1 (d): the layer as cells, beside the series; and what conditions in its place miss."""
    allowed = 2e-2 if reduced else 5e-3
    rows = []
    for thickness, at_times in quick.TWO_LAYERS.items():
        if reduced and thickness != 100e-9:
            continue
        core = quick.RADIUS - thickness
        body = mesh.grow_layer(ball(10 if reduced else 28, core), thickness, n_element=4)
        interface = np.abs(np.linalg.norm(body.points, axis=1) - core) < 1e-12
        history = cm.diffuse(
            body,
            quick.ISOTROPIC,
            initial=0.0,
            boundary=cm.Dirichlet(quick.FULL),
            times=list(at_times),
            tolerance=3e-4 if reduced else 3e-5,
        )
        x = history.concentration / quick.FULL
        mean = history.mean_concentration / quick.FULL
        for k, (time_s, (centre, at_core, average)) in enumerate(at_times.items()):
            words = f"resolved layer {1e9 * thickness:.0f} nm, {time_s:.0f} s"
            found = float(x[k, centre_of(body)])
            # Of the full step, as the other profile values; the mean relative to itself.
            rows.append(_row(f"{words}: centre", found, centre, 1, allowed))
            rows.append(
                _row(f"{words}: core's rim", float(x[k, interface].mean()), at_core, 1, allowed)
            )
            rows.append(_row(f"{words}: mean", float(mean[k]), average, average, allowed))
            if time_s == 2000.0:
                names = ("shell on the core", "flat on the sphere")
                for name, closure in zip(names, quick.LAYERS[thickness], strict=True):
                    figure = f"{name} minus layer of cells, {1e9 * thickness:.0f} nm, 2000 s"
                    rows.append(_row(figure, closure - found, closure - centre, 1, allowed / 5))
    return rows


def discs(reduced: bool) -> list[Row]:
    """§3.1 (e)."""
    body = ball(32 if reduced else 96, quick.RADIUS, dimension=2)
    rows = []
    for name, solve, exact in (
        ("Dirichlet", quick.dirichlet, DISC_STEP),
        ("flux", quick.flux, quick.DISC_FLUX),
    ):
        for tau, pair in zip(exact, solve(body, list(exact), tolerance=3e-5), strict=True):
            wanted = exact[tau][1]
            rows.append(_row(f"disc {name}, τ = {tau}: mean or surface", pair[1], wanted, wanted))
    return rows


def orders(reduced: bool) -> list[Row]:
    """Orders in the mesh width and in the step."""
    rows = []
    for name, profile in quick.PROFILES.items():
        sizes = {2: (16, 32), 3: (8, 16)}[profile[0]]
        if reduced:
            sizes = (sizes[0] // 2, sizes[0])
        errors = np.array([quick.profile_error(n, *profile) for n in sizes])
        observed = quick.order(errors)
        rows.append(
            Row(f"order in h, {name}", f"{observed:.2f}", "2.0 ± 0.1", abs(observed - 2) <= 0.1)
        )
    for dimension in (2, 3):
        coarse = (8, 12)[dimension == 3]
        errors = [anisotropic.manufactured(dimension, n, n) for n in (coarse, 2 * coarse)]
        observed = float(np.log2(errors[0] / errors[1]))
        figure = f"order, manufactured solution with full D, {dimension}-D"
        rows.append(Row(figure, f"{observed:.2f}", "2.0 ± 0.1", abs(observed - 2) <= 0.1))
    return rows


def steps(reduced: bool) -> list[Row]:
    """Orders in the step."""
    numbers = (40, 80, 160) if reduced else (80, 160, 320)
    rows = []
    for scheme, expected in (("backward-euler", 1), ("bdf2", 2)):
        observed = quick.order(quick.step_errors(scheme, numbers))
        figure = f"order in Δt, {scheme}, {numbers[-2]} and {numbers[-1]} steps"
        met = abs(observed - expected) <= 0.1
        rows.append(Row(figure, f"{observed:.2f}", f"{expected} ± 0.1", met))
    return rows


def ellipsoid(reduced: bool) -> list[Row]:
    """§3.2: the spheroid that an anisotropic crystal makes of a sphere."""
    centre, mean, difference = anisotropic.spheroid(10 if reduced else 28)
    allowed = 2e-2 if reduced else 5e-3
    return [
        _row("ellipsoid map: centre", centre, 0.2928996518, 1, allowed),
        _row("ellipsoid map: mean", mean, 0.7704787380, 0.7704787380, allowed),
        Row(
            "spheroid beside the mapped sphere, largest difference",
            f"{difference:.1e}",
            "≤ 1e-6 of the step",
            difference <= 1e-6,
        ),
    ]


def held_by_tests(reduced: bool) -> list[Row]:
    """What the quick tests measure to more digits than any mesh here would change."""
    del reduced
    folder = "tests/python"
    return [
        tests_pass(
            "§3.1 (f), (g): two slabs and their jump (1e-6), a face that becomes reactive (1e-3)",
            f"{folder}/test_transport.py", "-k", "slabs or reactive",
        ),
        tests_pass(
            "§3.2: the rotated Gaussian's values (1e-8) and the spot that spreads to it",
            f"{folder}/test_transport_anisotropic.py", "-k", "gaussian or free_space",
        ),
        tests_pass(
            "an impossible demand says time and place and keeps the history",
            f"{folder}/test_electrode.py", "-k", "refused",
        ),
        tests_pass(
            "degenerate input: flat cells, labels, empty grains, tensors, volumes, NaN",
            f"{folder}/test_transport_errors.py", f"{folder}/test_mesh.py",
            f"{folder}/test_from_labels.py", f"{folder}/test_polycrystal.py",
            "-k", "named or refused or errors or mistakes",
        ),
        tests_pass(
            "lithium balanced to 1e-12 in every step, however solved and with any boundary",
            f"{folder}/test_transport.py", "-k", "keeps_its_lithium or solvers",
        ),
    ]  # fmt: skip


def effective(reduced: bool) -> list[Row]:
    """§3.2: the checkerboard and the spreading spot."""
    rows = []
    exact = float(np.sqrt(0.1))
    for n in (256,) if reduced else (64, 128, 256, 512):
        found = anisotropic.checkerboard(n)
        rows.append(_row(f"checkerboard {n}²: D / D_ab", found, exact, exact))
    return rows


def random_polycrystals(reduced: bool) -> list[Row]:
    """§3.2: balls of random grains, the part within 0.7 of the radius."""
    del reduced
    rows = []
    for seed, size_um in [(1, 0.25), (2, 0.25), (3, 0.25), (1, 0.35)]:
        body = mesh.ball(5e-6, n_grains=400, size=1e-6 * size_um, seed=seed)
        middle = body.points[body.cells].mean(axis=1)
        tensor = anisotropic.conductance_of(body, np.linalg.norm(middle, axis=1) < 3.5e-6)
        found = 1e15 * float(np.trace(tensor)) / 3
        low, high = (1e15 * value for value in anisotropic.HASHIN_SHTRIKMAN)
        each = ", ".join(f"{1e15 * value:.2f}" for value in np.sort(np.linalg.eigvals(tensor).real))
        figure = f"{body.n_grain} random grains, {len(body.cells)} cells, seed {seed}"
        rows.append(
            Row(
                f"{figure}: mean D of three directions [1e-15 m²/s]",
                f"{found:.3f} (principal values {each})",
                f"within {low:.3f} … {high:.3f}; self-consistent 4.098",
                low <= found <= high,
            )
        )
    return rows


def assembly(reduced: bool) -> list[Row]:
    """Assembly beside iterations of the solver in the same process, one thread and two.

    What one run finds depends on where its arrays happen to lie in memory and caches, so all of it
    is made anew several times; the figures are medians of these.
    """
    n_ball = 12 if reduced else 28
    body = ball(n_ball, quick.RADIUS)
    runs = [_timings(body, n_ball) for _ in range(2 if reduced else 7)]
    one, _, step_one, _ = np.median([each for each, _ in runs], axis=0)
    gains = np.array([(t[0] / t[1], t[2] / t[3]) for t, _ in runs])
    iterations = runs[0][1]
    rows = [
        recorded(f"assembly, {len(body.cells)} cells, one thread", f"{1e3 * one:.1f} ms"),
        recorded(
            "step of D Δt = h², one thread, 1e-8", f"{1e3 * step_one:.1f} ms, {iterations} it."
        ),
        recorded("assembly in iterations of the solver", f"{one / (step_one / iterations):.1f}"),
    ]
    for name, each in zip(("assembly", "step"), gains.T, strict=True):
        gain = float(np.median(each))
        span = f"{gain:.2f}× ({len(each)} times anew: {each.min():.2f} to {each.max():.2f})"
        rows.append(Row(f"{name}, two threads", span, "≥ 1.7×", gain >= 1.7))
    return rows


def _timings(body: Mesh, n_ball: int) -> tuple[tuple[float, float, float, float], int]:
    """Seconds of assembly and step, each with one thread and with two; iterations of a step."""
    from nmcx.chemomechanics.domain import Domain, SolverOptions

    domain = Domain(body, NMC811, solver=SolverOptions("iterative", threads=1))
    n = domain.size
    tensors = NMC811.diffusivity_tensor(body.orientation)
    none, free = np.zeros(n), np.full(n, np.nan)
    rate = quick.D / (quick.RADIUS / n_ball) ** 2
    start = np.random.default_rng(3).random(n)

    def seconds(call: Callable[[int], None]) -> tuple[float, float]:
        """Shortest times with one thread and with two, in turns: what else runs only adds."""
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(15):
            for threads in (1, 2):
                begin = time.perf_counter()
                call(threads)
                times[threads - 1].append(time.perf_counter() - begin)
        return min(times[0]), min(times[1])

    def assemble(threads: int) -> None:
        domain.kernel.assemble(tensors, np.empty(0), np.empty(0), threads=threads)

    iterations = 0

    def step(threads: int) -> None:
        nonlocal iterations
        result = domain.kernel.step(
            rate, rate * start, none, none, free, start, 1e-8, threads=threads
        )
        iterations = result.iterations

    return (*seconds(assemble), *seconds(step)), iterations


CHECKS = [
    Check("transport_spheres", spheres),
    Check("transport_layers", layers),
    Check("transport_resolved_layers", resolved_layers),
    Check("transport_discs", discs),
    Check("transport_orders", orders),
    Check("transport_steps", steps),
    Check("transport_ellipsoid", ellipsoid),
    Check("transport_tests", held_by_tests, in_reduced=False),
    Check("transport_effective", effective),
    Check("transport_random_polycrystals", random_polycrystals, in_reduced=False),
    Check("transport_assembly", assembly, in_reduced=False),
]
