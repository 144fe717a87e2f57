"""The particle in space: a closed skin, fields where they belong, and a page that needs nobody."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcx import cones, correlation, phantom, plot
from nmcx.plot.seen_particle import colour_table, seen_particle
from nmcx.plot.surface_mesh import SurfaceMesh, surface_mesh
from nmcx.results import ConePorosity, Particle, SurfaceValues

PARTICLE, SURFACE = phantom.surface_and_porosity(2, correlated=True)
CONES = cones.cone_porosity(PARTICLE, cones.fibonacci_directions(800), np.deg2rad([10, 20, 30]))
SCAN = correlation.angle_scan(SURFACE, CONES, n_null=99)


def ball(radius_um: float, spacing: tuple[float, float, float]) -> Particle:
    n = [int(np.ceil(radius_um / s)) + 2 for s in spacing]
    z, y, x = (np.arange(-k, k + 1) * s for k, s in zip(n, spacing, strict=True))
    inside = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= radius_um**2
    return Particle(inside, inside, spacing)


def volume(mesh: SurfaceMesh) -> float:
    a, b, c = mesh.points_um[mesh.triangles].transpose(1, 0, 2)[..., ::-1].copy()
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def area(mesh: SurfaceMesh) -> float:
    a, b, c = mesh.points_um[mesh.triangles].transpose(1, 0, 2)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2.0)


def directed_edges(mesh: SurfaceMesh) -> np.ndarray:
    return mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)


@pytest.mark.parametrize(
    ("radius", "spacing"), [(5.0, (0.1, 0.1, 0.1)), (5.0, (0.3, 0.1, 0.15)), (1.0, (0.1,) * 3)]
)
def test_the_skin_of_a_ball_is_a_sphere(radius: float, spacing: tuple[float, ...]) -> None:
    particle = ball(radius, spacing)  # type: ignore[arg-type]
    mesh = surface_mesh(particle)
    from_centre = mesh.points_um - np.array(particle.centre_um)
    r = np.linalg.norm(from_centre, axis=1)
    # Staircase and smoothing over one voxel: less than half of the coarsest one.
    assert np.abs(r - radius).max() < 0.5 * max(spacing)
    assert r.mean() == pytest.approx(radius, abs=0.25 * max(spacing))
    # A mean radius that is off by δ makes the volume off by 3 δ / R, the area by 2 δ / R.
    assert volume(mesh) == pytest.approx(
        4 / 3 * np.pi * radius**3, rel=0.75 * max(spacing) / radius
    )
    assert area(mesh) == pytest.approx(4 * np.pi * radius**2, rel=0.5 * max(spacing) / radius)
    edges = np.unique(np.sort(directed_edges(mesh), axis=1), axis=0)
    assert len(mesh.points_um) - len(edges) + len(mesh.triangles) == 2, "Euler: one sphere"
    outwards = np.einsum("ij,ij->i", mesh.normals(), from_centre) / r
    # Steps of the coarsest voxel that the smoothing leaves.
    assert outwards.min() > np.cos(np.deg2rad(20)), "normals of a sphere point along the radius"


@given(seed=st.integers(0, 10**6), density=st.floats(0.05, 0.9))
@settings(max_examples=30, deadline=None)
def test_every_skin_is_closed_and_turns_its_outside_outwards(seed: int, density: float) -> None:
    held = np.random.default_rng(seed).random((9, 7, 8)) < density
    held[4, 3, 4] = True
    mesh = surface_mesh(Particle(held, held, (0.3, 0.2, 0.1)))
    edges = directed_edges(mesh)
    there, times = np.unique(edges, axis=0, return_counts=True)
    back, times_back = np.unique(edges[:, ::-1], axis=0, return_counts=True)
    # Each edge is walked as often in one direction as in the other.
    assert np.array_equal(there, back) and np.array_equal(times, times_back)
    assert volume(mesh) > 0


def test_a_large_particle_is_coarsened_to_the_number_of_triangles_asked_for() -> None:
    particle = ball(5.0, (0.1, 0.1, 0.1))
    fine = surface_mesh(particle, n_triangles=100_000)
    for wanted in (1000, 5000):
        mesh = surface_mesh(particle, n_triangles=wanted)
        assert wanted / 2 < len(mesh.triangles) < 2 * wanted
        assert volume(mesh) == pytest.approx(volume(fine), rel=0.1)
    assert len(fine.triangles) > 20_000
    with pytest.raises(ValueError, match="n_triangles must be at least 100"):
        surface_mesh(particle, n_triangles=10)


def test_a_particle_of_one_voxel_has_a_skin_around_it() -> None:
    one = np.zeros((5, 6, 7), bool)
    one[1, 4, 2] = True
    mesh = surface_mesh(Particle(one, one, (0.1, 0.2, 0.3)))
    assert mesh.points_um.mean(axis=0) == pytest.approx([0.1, 0.8, 0.6])
    assert volume(mesh) > 0


def test_porosity_on_the_skin_is_that_of_the_cone_through_it() -> None:
    particle = ball(3.0, (0.1, 0.1, 0.1))
    directions = cones.fibonacci_directions(2000)
    field = 0.2 + 0.1 * directions[:, 0] - 0.05 * directions[:, 2]  # linear in z and x
    count = np.full((2000, 1), 10)
    of_field = ConePorosity(field[:, None], count, count, directions, np.array([0.2]),
                            particle.centre_um)  # fmt: skip
    seen = seen_particle(particle, None, of_field)
    ray = seen.mesh.points_um - seen.apex_um
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    error = seen.porosity(0) - (0.2 + 0.1 * ray[:, 0] - 0.05 * ray[:, 2])
    # Directions lie 4.5 degrees apart: 0.08 of slope 0.11.
    assert np.abs(error).max() < 0.11 * np.sqrt(4 * np.pi / 2000)
    assert error.mean() == pytest.approx(0.0, abs=2e-4)


def test_the_map_on_the_skin_lies_where_it_was_seen_and_nowhere_else() -> None:
    xi = seen_particle(PARTICLE, SURFACE, None).xi
    mesh = surface_mesh(PARTICLE)
    assert xi is not None
    seen = np.isfinite(xi)
    facing = mesh.normals() @ np.array(SURFACE.view)
    assert not seen[facing <= 0].any(), "the far side was not seen"
    # What looks at the beam at less than 45 degrees was mapped: the map reaches 60.
    assert seen[facing > np.cos(np.deg2rad(45))].mean() > 0.99
    # Planted: values that are the y of their points.
    planted = SurfaceValues(
        SURFACE.points_um[:, 1], SURFACE.std, SURFACE.directions, SURFACE.incidence,
        SURFACE.points_um, SURFACE.area_um2, SURFACE.view, SURFACE.dice,
    )  # fmt: skip
    y = seen_particle(PARTICLE, planted, None).xi
    pixel = np.sqrt(np.median(SURFACE.area_um2 * np.cos(SURFACE.incidence)))
    assert np.nanmax(np.abs(y - mesh.points_um[:, 1])) < 1.5 * pixel  # type: ignore[operator]


def test_the_rim_lies_on_the_skin_at_the_half_angle() -> None:
    particle = ball(3.0, (0.1, 0.1, 0.1))
    seen = seen_particle(particle, None, CONES)
    seen = seen_particle(
        particle, None, ConePorosity(*(getattr(CONES, n) for n in (
            "porosity", "void_voxels", "envelope_voxels", "directions", "half_angle")),
            particle.centre_um),
    )  # fmt: skip
    axis = np.array([0.6, -0.48, 0.64])
    rim = seen.rim_um(axis, np.deg2rad(25)) - seen.apex_um
    assert np.linalg.norm(rim, axis=1) == pytest.approx(3.0, abs=0.1)
    cosine = rim @ axis / np.linalg.norm(rim, axis=1)
    assert cosine == pytest.approx(np.cos(np.deg2rad(25)), abs=1e-9)


# The page -----------------------------------------------------------------------------------------


def page(**more: Any) -> str:
    return plot.scene_html(PARTICLE, surface=SURFACE, cones=CONES, scan=SCAN, **more)


def data_of(text: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert found is not None
    meta = json.loads(found[1])
    arrays = {
        name: np.frombuffer(base64.b64decode(stored["base64"]), stored["dtype"])
        for name, stored in meta["arrays"].items()
    }
    return meta, arrays


def test_the_page_asks_nothing_of_a_network() -> None:
    text = page()
    assert "default-src 'none'" in text, "the browser itself forbids it"
    assert not re.search(r"https?://|\bsrc=|\bhref=|url\(|@import", text)
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|import)\s*\(", text)


def test_the_page_holds_the_numbers() -> None:
    meta, arrays = data_of(page())
    porosity = arrays["porosity"].reshape(CONES.porosity.shape)
    low, high = meta["porosity_range"]
    # Whole numbers up to 65534: half of a step.
    assert (
        np.abs(low + porosity / 65534 * (high - low) - CONES.porosity).max() <= (high - low) / 1.3e5
    )
    directions = arrays["directions"].reshape(-1, 3) / 32767
    assert np.abs(directions[:, ::-1] - CONES.directions).max() < 2e-5
    mesh = surface_mesh(PARTICLE)
    box = np.array(meta["low"]), np.array(meta["high"])
    points = box[0] + arrays["points"].reshape(-1, 3) / 65535 * (box[1] - box[0])
    assert np.abs(points[:, ::-1] - mesh.points_um).max() < (box[1] - box[0]).max() / 1.3e5 + 1e-9
    assert np.array_equal(arrays["triangles"].reshape(-1, 3), mesh.triangles)
    assert meta["half_angle"] == CONES.half_angle.tolist()
    assert meta["scan"]["pearson"] == SCAN.pearson.tolist()
    assert arrays["map_xi"].size == SURFACE.values.size
    assert meta["void_um"] == pytest.approx(PARTICLE.voxel_size_um[0])
    assert arrays["voids"].size // 3 <= 25_000


def test_angles_in_any_order_and_missing_numbers_are_put_right() -> None:
    porosity = CONES.porosity[:, ::-1].copy()
    porosity[5, 2] = np.nan
    turned = ConePorosity(
        porosity, CONES.void_voxels, CONES.envelope_voxels, CONES.directions,
        CONES.half_angle[::-1], CONES.apex_um,
    )  # fmt: skip
    meta, arrays = data_of(plot.scene_html(PARTICLE, cones=turned))
    assert meta["half_angle"] == sorted(CONES.half_angle)
    found = arrays["porosity"].reshape(CONES.porosity.shape)
    assert found[5, 0] == 65535 and (found == 65535).sum() == 1
    assert "xi" not in arrays and "scan" not in meta


def test_a_title_cannot_break_the_page() -> None:
    text = page(title="</title><script>alert(1)</script> & {{data}}")
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt; &amp; {{data}}") == 2
    data_of(text)


def test_nothing_to_paint_and_a_foreign_scan_are_refused() -> None:
    with pytest.raises(ValueError, match="give surface or cones"):
        plot.scene_html(PARTICLE)
    with pytest.raises(ValueError, match="scan needs the cones"):
        plot.scene_html(PARTICLE, surface=SURFACE, scan=SCAN)


# In a real browser --------------------------------------------------------------------------------

READY = "document.documentElement.dataset.ready === 'true'"


@pytest.fixture(scope="module")
def browser(tool: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("scene") / "scene.html"
    file.write_text(page(), encoding="utf-8")
    with tool.Browser(1000, 700) as opened:
        opened.open(file, READY)
        opened.value("themed('light'), true")
        yield opened


def pixels(browser: Any) -> np.ndarray:
    from io import BytesIO

    import matplotlib.image

    return np.asarray(matplotlib.image.imread(BytesIO(browser.picture()), format="png"))[..., :3]


def reading(browser: Any, name: str) -> str:
    texts = browser.value("[...document.querySelectorAll('#readings > *')].map(e => e.textContent)")
    return str(dict(zip(texts[::2], texts[1::2], strict=True))[name])


MIDDLE = (348.0, 350.0)  # of the picture, which leaves 304 px to the panel


def test_it_opens_without_network_and_without_complaint(browser: Any) -> None:
    assert len(browser.requests) == 1 and browser.requests[0].startswith("file://")
    assert browser.complaints == []


def test_the_skin_shows_xi_in_its_colours(browser: Any) -> None:
    browser.value("shown(0), document.getElementById('reset').click(), true")
    browser.value("document.getElementById('show-cone').click(), true")
    middle = pixels(browser)[int(MIDDLE[1]), int(MIDDLE[0])]
    browser.value("document.getElementById('show-cone').click(), true")
    meta, _ = data_of(page())
    # The vertex that looks straight at the beam, next to the axis of the view.
    mesh, xi = surface_mesh(PARTICLE), seen_particle(PARTICLE, SURFACE, None).xi
    assert xi is not None
    box = 0.5 * (mesh.points_um.min(axis=0) + mesh.points_um.max(axis=0))
    aside = np.linalg.norm((mesh.points_um - box)[:, :2], axis=1)
    aside[mesh.normals()[:, 2] < 0] = np.inf
    low, high = meta["xi_limits"]
    share = np.clip((xi[np.argmin(aside)] - low) / (high - low), 0, 1)
    expected = colour_table("xi")[round(255 * share)]
    # Light from aside dims all three channels alike; the hue is that of the table.
    ratio = middle / expected
    assert ratio == pytest.approx(ratio.mean(), rel=0.08)
    assert 0.8 < ratio.mean() < 1.05


def test_dragging_turns_the_particle_and_reset_brings_it_back(browser: Any) -> None:
    browser.value("document.getElementById('reset').click(), true")
    before = pixels(browser)
    x, y = MIDDLE
    browser.mouse(("mousePressed", x, y), ("mouseMoved", x + 80, y + 30),
                  ("mouseReleased", x + 80, y + 30))  # fmt: skip
    # Three quarters of a radian and a quarter: what faced the viewer went right and down.
    k = np.array(browser.value("camera.turn.slice(6)"))
    front = browser.value("[0, 3, 6].map(r => camera.turn[r] * meta.frame[2][0] + "
                          "camera.turn[r + 1] * meta.frame[2][1] + "
                          "camera.turn[r + 2] * meta.frame[2][2])")  # fmt: skip
    assert front[0] == pytest.approx(np.sin(0.64), abs=1e-6) and front[1] < -0.15
    assert np.linalg.norm(k) == pytest.approx(1.0, abs=1e-12)
    turned = pixels(browser)
    assert np.abs(turned - before).mean() > 0.005
    browser.value("document.getElementById('reset').click(), true")
    assert np.abs(pixels(browser) - before).mean() < 1e-4


def test_a_click_points_the_cone_and_the_page_says_what_python_says(browser: Any) -> None:
    browser.value("document.getElementById('reset').click(), true")
    browser.mouse(("mousePressed", *MIDDLE), ("mouseReleased", *MIDDLE))
    axis = np.array(browser.value("state.axis"))[::-1]
    # Above the middle of the box, which is not quite the apex.
    assert axis @ np.array(SURFACE.view) > 0.97
    browser.value("opened(1), true")
    at = int(browser.value("state.direction"))
    assert np.allclose(CONES.directions[at], axis, atol=1e-4)
    assert float(reading(browser, "its porosity")) == pytest.approx(CONES.porosity[at, 1], abs=1e-4)
    inside = SURFACE.directions @ CONES.directions[at] >= np.cos(CONES.half_angle[1])
    weight = (SURFACE.area_um2 / SURFACE.std**2)[inside]
    mean, _, count = reading(browser, "mean ξ of its cap").partition(", n = ")
    assert float(mean) == pytest.approx(
        np.average(SURFACE.values[inside], weights=weight), abs=1e-4
    )
    # A point on the border of the cap may fall to either side when rounded.
    assert int(count) == pytest.approx(int(inside.sum()), abs=2)
    assert reading(browser, "all angles, one test") == f"p = {SCAN.p_family:.3g}"


def test_keys_and_sliders_do_what_the_mouse_does(browser: Any) -> None:
    browser.value("document.getElementById('reset').click(), canvas.focus(), true")
    before = browser.value("camera.turn")
    browser.press("ArrowLeft")
    assert browser.value("camera.turn") != before
    browser.press("+")
    assert browser.value("camera.zoom") == pytest.approx(1.15)
    browser.press("Home")
    assert browser.value("camera.turn") == before and browser.value("camera.zoom") == 1
    browser.value("opened(0), true")
    browser.press(".")
    assert browser.value("state.angle") == 1
    browser.value("shown(0), true")
    browser.press("m")
    assert browser.value("state.mode") == 1
    browser.value("(e => { e.value = 40; e.dispatchEvent(new Event('input')); return true })"
                  "(document.getElementById('opacity'))")  # fmt: skip
    assert browser.value("state.opacity") == pytest.approx(0.4)
    clear = pixels(browser)
    browser.value("document.getElementById('show-voids').click(), true")
    assert np.abs(pixels(browser) - clear).mean() > 0.002, "void shines through the skin"
    browser.value("document.getElementById('show-voids').click(), state.opacity = 1, true")


def test_two_fingers_zoom(browser: Any) -> None:
    browser.value("document.getElementById('reset').click(), true")
    x, y = MIDDLE
    browser.touch("touchStart", [(x - 40, y), (x + 40, y)])
    browser.touch("touchMove", [(x - 80, y), (x + 80, y)])
    browser.touch("touchEnd", [])
    assert browser.value("camera.zoom") == pytest.approx(2.0, rel=0.05)
    browser.value("document.getElementById('reset').click(), true")


def test_dark_and_light_and_the_scale_bar(browser: Any) -> None:
    assert pixels(browser)[5, 5].min() > 0.95
    browser.value("themed('dark'), true")
    assert pixels(browser)[5, 5].max() < 0.2
    browser.value("themed('light'), true")


def test_the_scale_bar_is_true(browser: Any) -> None:
    browser.value("themed('light'), document.getElementById('reset').click(), true")
    # Without the frame of the focus, which the keys have left.
    browser.value("state.coned = false, canvas.blur(), redraw(), true")
    shown = pixels(browser)[:, :690]
    browser.value("state.coned = true, redraw(), true")
    dark = np.flatnonzero(shown[700 - 22, 350:].max(axis=1) < 0.4)
    held = np.abs(shown[60:600] - shown[5, 5]).max(axis=2) > 0.1
    # Seen along x, the width is that in y; the skin tells what it is in micrometres.
    points = surface_mesh(PARTICLE).points_um
    per_um = np.ptp(np.flatnonzero(held.any(axis=0))) / np.ptp(points[:, 1])
    length = np.ptp(dark) / per_um
    assert min(abs(length / step - 1) for step in (0.5, 1, 2, 5, 10)) < 0.02
    assert 0.1 < np.ptp(dark) / 696 < 0.25


# pyvista ------------------------------------------------------------------------------------------


def test_pyvista_draws_off_screen(tmp_path: Path) -> None:
    pytest.importorskip("pyvista", reason='needs pip install "nmcx[view]"')
    import matplotlib.image

    shown = {}
    for name, more in {
        "all": {"surface": SURFACE, "cones": CONES, "i_angle": 1},
        "map": {"surface": SURFACE},
        "clear": {"cones": CONES, "opacity": 0.3},
    }.items():
        plotter = plot.view_particle(PARTICLE, size=(500, 400), n_triangles=4000, **more)  # type: ignore[arg-type]
        plotter.screenshot(tmp_path / f"{name}.png")
        plotter.close()
        shown[name] = matplotlib.image.imread(tmp_path / f"{name}.png")[..., :3]
        assert shown[name].shape == (400, 500, 3)
        assert shown[name][0, -1].min() > 0.99, "paper"

    def share(name: str, like: tuple[float, float, float]) -> float:
        return float((np.abs(shown[name] - like).max(axis=2) < 0.08).mean())

    orange = (0xD5 / 255, 0x5E / 255, 0.0)
    assert share("all", orange) > 0.001 and share("map", orange) == 0.0
    # Without cones, what was not mapped is grey.
    grey = np.ptp(shown["map"], axis=2) < 0.06
    assert (grey & (shown["map"].max(axis=2) < 0.9)).mean() > 0.05


def test_the_picture_asks_for_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyvista", None)
    with pytest.raises(ImportError, match=r'pip install "nmcx\[view\]"'):
        plot.view_particle(PARTICLE, cones=CONES)


@pytest.mark.parametrize(
    ("given_to", "message"),
    [({}, "give surface or cones"), ({"cones": CONES, "show": "surface"}, "what show names"),
     ({"cones": CONES, "show": "xi"}, "show must be")],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused(given_to: dict[str, Any], message: str) -> None:
    pytest.importorskip("pyvista", reason='needs pip install "nmcx[view]"')
    with pytest.raises(ValueError, match=message):
        plot.view_particle(PARTICLE, **given_to)
