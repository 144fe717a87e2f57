"""`nmcx cones` and its sections of the run file, on the files of a synthetic measurement."""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nmcx import cli, cones, correlation, io, morphology, phantom, report, run
from nmcx.errors import InputError, OutputError, UsageError
from nmcx.results import AngleScan, ConePorosity, Particle, Pose, Robustness, SurfaceValues, XiMap
from nmcx.run_file import Cones, Correlation, Morphology, Placing

VIEW = ["--view", "0", "0", "1", "--rotation-deg", "4.0107", "--offset-um", "0.3", "-0.4"]
FEW = ["--n-directions", "400", "--half-angle-deg", "10", "25", "40", "--n-null", "99"]
QUICK = [*FEW, "--no-picture", "--no-scene", "--quiet"]


@pytest.fixture(scope="module")
def measured(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ratio map and edge map of the small measurement, as the other commands write them."""
    folder = tmp_path_factory.mktemp("maps")
    run.xi([data / "a_scan.hdr", data / "b_scan.hdr"], folder / "xi.nxs", picture=None)
    run.edges(data / "ni_k_edge.h5", folder / "edges.nxs", run.EdgeOptions(), picture=None)
    return folder


# One name everywhere ------------------------------------------------------------------------------


def names(function: Callable[..., Any]) -> set[str]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY} - {"threads"}


SECTIONS = [
    # `exclude` is an array; soft voids are asked for where they are counted, in [cones].
    (Morphology, morphology.segment, {"voxel_size_um", "exclude", "soft"}),
    (Cones, cones.cone_porosity, set()),
    (Placing, correlation.place, set()),
    # The map brings its pixel size and noise; the seed is that of [correlation].
    (Placing, correlation.fit_pose, {"pixel_size_um", "image_std", "seed"}),
    # The posterior is that of the fit, and what is correlated is said in [correlation].
    (
        Placing,
        correlation.robustness,
        {"samples", "n_sample", "matched", "weighted", "min_points"},
    ),
    (Correlation, correlation.angle_scan, set()),
]


@pytest.mark.parametrize(
    ("kind", "function", "elsewhere"),
    SECTIONS,
    ids=[function.__name__ for _, function, _ in SECTIONS],
)
def test_every_option_has_one_name_and_one_default(
    kind: type, function: Callable[..., Any], elsewhere: set[str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    # Angles are in degrees where people write them.
    keys = {item.name.removesuffix("_deg"): item for item in fields(kind)}
    assert names(function) - elsewhere <= set(keys)
    assert cli.main(["cones", "--help"]) == 0
    flags = set(re.findall(r"--[a-z0-9-]+", capsys.readouterr().out))
    assert {f"--{item.name.replace('_', '-')}" for item in fields(kind)} <= flags
    for name, parameter in inspect.signature(function).parameters.items():
        if name in keys and parameter.default not in (inspect.Parameter.empty, None):
            stated = keys[name].default
            if stated is None:
                continue  # "auto": the default of the function is used
            if keys[name].name.endswith("_deg"):
                stated = np.deg2rad(stated)
            default = parameter.default
            same = pytest.approx(default) if isinstance(default, float | tuple) else default
            assert stated == same, name


# What it computes ---------------------------------------------------------------------------------


def test_the_file_holds_what_python_gives(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "cones.nxs"
    edges, xi = measured / "edges.nxs", measured / "xi.nxs"
    asked = ["cones", str(edges), str(out), "--xi", str(xi), "--voxel-size-um", "0.3", *VIEW, *FEW]
    assert cli.main([*asked, "--covariates", "incidence", "--seed", "7"]) == 0
    particle = morphology.segment(io.load(edges)["edge_map"].edge_jump, voxel_size_um=0.3)
    porosity = cones.cone_porosity(
        particle, cones.fibonacci_directions(400), np.deg2rad([10, 25, 40])
    )
    placed = correlation.place(
        io.load(xi)["xi_map"], particle, view=(0, 0, 1), rotation=float(np.deg2rad(4.0107)),
        offset_um=(0.3, -0.4),
    )  # fmt: skip
    scan = correlation.angle_scan(placed, porosity, n_null=99, seed=7, covariates=("incidence",))
    saved = io.load(out)
    found = saved["angle_scan"]
    assert isinstance(found, AngleScan)
    assert isinstance(saved["particle"], Particle) and isinstance(saved["xi_map"], XiMap)
    assert isinstance(saved["cone_porosity"], ConePorosity)
    assert isinstance(saved["surface_values"], SurfaceValues)
    for item in fields(AngleScan):
        a, b = getattr(found, item.name), getattr(scan, item.name)
        assert np.array_equal(a, b, equal_nan=True) if isinstance(b, np.ndarray) else a == b
    turned = correlation.robustness(
        io.load(xi)["xi_map"], particle, porosity, view=(0, 0, 1),
        rotation=float(np.deg2rad(4.0107)), offset_um=(0.3, -0.4),
    )  # fmt: skip
    assert np.array_equal(saved["robustness"].pearson, turned.pearson)
    # The first placement is the given one; covariates have no part in Pearson's r.
    assert np.array_equal(turned.pearson[0], scan.pearson)
    for item in fields(ConePorosity):
        assert np.array_equal(
            getattr(saved["cone_porosity"], item.name), getattr(porosity, item.name)
        )
    said = capsys.readouterr().out
    for text in (
        "% of it is void", "Pearson r = ", "Porosity in cones", "2α", "note: surface: ",
        f"result: {out}", f"picture: {out}.png", f"scene: {out}.html",
    ):  # fmt: skip
        assert text in said, text
    assert (tmp_path / "cones.nxs.png").read_bytes()[:4] == b"\x89PNG"
    assert "<canvas" in (tmp_path / "cones.nxs.html").read_text(encoding="utf-8")
    with h5py.File(out) as opened:
        inputs = [name.decode() for name in opened["entry/process/inputs/file_name"]]
        text = opened["entry/process/configuration/data"][()].decode()
    assert inputs == [str(edges), str(xi)]
    sections = tomllib.loads(text)
    assert sections["placing"]["view"] == [0.0, 0.0, 1.0]
    assert sections["cones"] == {"n_directions": 400, "half_angle_deg": [10.0, 25.0, 40.0]}
    assert (
        sections["correlation"]["seed"] == 7 and sections["tomogram"]["voxel_size_um"] == [0.3] * 3
    )


def test_the_run_file_says_the_same(data: Path, measured: Path, tmp_path: Path) -> None:
    text = (data / "run.toml").read_text().replace("seed = 1\n", "n_null = 99\nmatched = false\n")
    text += "\n[cones]\nn_directions = 300\nhalf_angle_deg = [40, 15]\n"
    text += "[morphology]\nclosing_radius_um = 0.7\n"
    path = data / "other.toml"
    path.write_text(text)
    whole = run.run(path, out=tmp_path / "out").findings
    options = run.ConeOptions(
        morphology=Morphology(closing_radius_um=0.7),
        cones=Cones(n_directions=300, half_angle_deg=(15.0, 40.0)),
        placing=Placing((0, 0, 1), rotation_deg=float(np.rad2deg(0.07)), offset_um=(0.3, -0.4)),
        correlation=Correlation(n_null=99, matched=False),
        voxel_size_um=(0.3, 0.3, 0.3),
    )
    alone = run.cones(
        measured / "edges.nxs", tmp_path / "c.nxs", options, xi=measured / "xi.nxs", picture=None,
        scene=None,
    ).findings  # fmt: skip
    assert whole.scan is not None and alone.scan is not None
    assert np.array_equal(whole.scan.pearson, alone.scan.pearson)
    assert whole.scan.p_family == alone.scan.p_family
    # A particle in a result file is taken as it is, and the map beside it is found.
    again = run.cones(
        tmp_path / "out" / "result.nxs", tmp_path / "d.nxs",
        run.ConeOptions(cones=options.cones, placing=options.placing,
                        correlation=options.correlation),
        picture=None, scene=None,
    ).findings  # fmt: skip
    assert again.scan is not None
    assert np.array_equal(whole.scan.pearson, again.scan.pearson)


def test_a_fitted_placement_is_used_saved_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = phantom.placed_map(3, shape=(40, 40, 40), voxel_size_um=0.3, map_shape=(32, 32))
    # Pores, without which nothing is correlated; only the envelope is fitted.
    solid = made.particle.envelope & (np.random.default_rng(1).random((40, 40, 40)) < 0.9)
    source, out = tmp_path / "in.nxs", tmp_path / "out.nxs"
    io.save(source, replace(made.particle, solid=solid), made.xi_map)
    asked = ["cones", str(source), str(out), "--view", *map(str, made.view)]
    assert cli.main([*asked, "--fit", "yes", "--turns-deg", "4", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "fit = true" in said and "turns_deg = [4.0]" in said
    options = run.ConeOptions(
        cones=Cones(400, half_angle_deg=(10.0, 25.0, 40.0)),
        placing=Placing(made.view, fit=True, n_start=3, turns_deg=(4.0,)),
        correlation=Correlation(n_null=99, seed=2),
    )
    job = run.cones(source, out, options, picture=None, scene=None)
    told, saved = job.as_dict(), io.load(out)
    pose = correlation.fit_pose(made.xi_map, made.particle, view=made.view, n_start=3, seed=2)
    assert isinstance(saved["pose"], Pose) and np.array_equal(saved["pose"].samples, pose.samples)
    assert told["pose"]["rotation_deg"] == pytest.approx(np.rad2deg(pose.rotation))
    assert told["pose"]["scale_std"] == pytest.approx(pose.std[5])
    placed = correlation.place(made.xi_map, made.particle, **pose.as_options())
    assert np.array_equal(saved["surface_values"].values, placed.values)
    turned = saved["robustness"]
    assert turned.sampled_band.shape == (3, 2)
    assert np.rad2deg(turned.turns).max() == pytest.approx(4)
    words = " ".join(report.summary(job.findings))
    assert "placed by reprojection" in words and "With the map turned by up to 4°" in words


@pytest.mark.parametrize(
    ("placing", "message"),
    [
        (
            Placing((0, 0, 1), fit=True, scale=1.01, rotation_deg=3.0),
            "rotation_deg, scale: are fou",
        ),
        (Placing((0, 0, 1), max_scale=0.1), "max_scale: need fit = true"),
    ],
)
def test_a_fit_and_a_given_placement_exclude_each_other(
    placing: Placing, message: str, measured: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        run.cones(measured / "edges.nxs", tmp_path / "c.nxs", run.ConeOptions(placing=placing))


def test_a_volume_alone_gives_porosity_and_pictures_of_it(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "volume.nxs"
    page, png = tmp_path / "a.html", tmp_path / "a.png"
    options = run.ConeOptions(
        morphology=Morphology(threshold=0.1),
        cones=Cones(200, half_angle_deg=(20.0, 180.0), apex_um=(5.4, 5.1, 5.4)),
    )
    job = run.cones(data / "tomogram.tif", out, options, picture=png, scene=page)
    found = job.findings.cones
    assert found is not None and job.findings.particle is not None
    assert found.apex_um == (5.4, 5.1, 5.4)
    assert np.allclose(found.porosity[:, 1], job.findings.particle.porosity)
    assert job.findings.scan is None and set(io.load(out)) == {"particle", "cone_porosity"}
    assert png.exists() and '"xi_range"' in page.read_text(encoding="utf-8")
    told = job.as_dict()
    assert "pearson" not in told and told["half_angle_deg"] == pytest.approx([20.0, 180.0])


def test_gate_weight_and_grid_reach_the_kernel(data: Path, tmp_path: Path) -> None:
    asked = Cones(
        200, half_angle_deg=(30.0,), weight="solid_angle", radial_gate_um=(0.5, 3.0), grid="healpix"
    )
    options = run.ConeOptions(morphology=Morphology(threshold=0.1), cones=asked)
    job = run.cones(data / "tomogram.tif", tmp_path / "c.nxs", options, picture=None, scene=None)
    assert job.findings.particle is not None
    expected = cones.cone_porosity(
        job.findings.particle, cones.healpix_directions(4), np.deg2rad([30.0]),
        weight="solid_angle", radial_gate_um=(0.5, 3.0),
    )  # fmt: skip
    found = io.load(tmp_path / "c.nxs")["cone_porosity"]
    assert isinstance(found, ConePorosity) and len(found.directions) == 192
    assert np.array_equal(found.porosity, expected.porosity)
    assert found.settings == expected.settings
    soft = run.ConeOptions(
        morphology=options.morphology, cones=Cones(50, half_angle_deg=(30.0,), soft=True)
    )
    job = run.cones(data / "tomogram.tif", tmp_path / "d.nxs", soft, picture=None, scene=None)
    assert job.findings.particle is not None and job.findings.cones is not None
    assert job.findings.particle.solid_fraction is not None
    # Partial volumes count: no porosity is a ratio of the whole voxels' counts.
    hard = job.findings.cones.void_voxels / job.findings.cones.envelope_voxels
    assert not np.allclose(job.findings.cones.porosity, hard)


def test_ways_to_segment_reach_the_particle(data: Path, tmp_path: Path) -> None:
    few = Cones(50, half_angle_deg=(30.0,))
    found = {}
    for name, asked in {
        "rays": Morphology(threshold=0.1, envelope="rays", min_rays=20),
        "two": Morphology(method="hysteresis", threshold=(0.08, 0.12)),
        "classes": Morphology(method="multi_otsu", n_classes=4),
    }.items():
        options = run.ConeOptions(morphology=asked, cones=few)
        out = tmp_path / f"{name}.nxs"
        job = run.cones(data / "tomogram.tif", out, options, picture=None, scene=None)
        found[name] = job.findings.particle
        assert found[name] is not None
    volume = io.read_volume(data / "tomogram.tif")
    for name, options in {
        "rays": {"threshold": 0.1, "envelope": "rays", "min_rays": 20},
        "two": {"method": "hysteresis", "threshold": (0.08, 0.12)},
        "classes": {"method": "multi_otsu", "n_classes": 4},
    }.items():
        wanted = morphology.segment(volume[0], voxel_size_um=volume[1], **options)
        assert np.array_equal(found[name].solid, wanted.solid), name
        assert np.array_equal(found[name].envelope, wanted.envelope), name


def test_json_is_one_object_with_the_numbers(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["cones", str(measured / "edges.nxs"), str(tmp_path / "c.nxs"), "--voxel-size-um",
             "0.3", "0.3", "0.3", "--xi", str(measured / "xi.nxs"), *VIEW, *QUICK[:-1]]  # fmt: skip
    assert cli.main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    scan = io.load(told["result"])["angle_scan"]
    assert isinstance(scan, AngleScan)
    assert told["pearson"] == scan.pearson.tolist() and told["p_family"] == scan.p_family
    assert told["picture"] is None and told["scene"] is None
    assert told["half_angle_deg"] == pytest.approx([10, 25, 40])
    assert told["best_half_angle_deg"] == pytest.approx(np.rad2deg(scan.best_half_angle))
    assert told["sign_convention"] == scan.sign_convention and told["notes"]
    turned = io.load(told["result"])["robustness"]
    assert isinstance(turned, Robustness) and told["robustness_band"] == turned.band.tolist()
    assert "pose" not in told


def test_progress_counts_up_to_the_end(measured: Path, tmp_path: Path) -> None:
    seen: list[tuple[float, float, str]] = []
    run.cones(
        measured / "edges.nxs", tmp_path / "c.nxs",
        run.ConeOptions(cones=Cones(50, half_angle_deg=(30.0,)), voxel_size_um=(0.3,) * 3),
        picture=None, scene=None, progress=lambda *told: seen.append(told),
    )  # fmt: skip
    assert [done for done, _, _ in seen] == list(range(len(seen)))
    assert seen[-1][0] == seen[-1][1] and seen[1][2] == "segmentation"


# What it refuses ----------------------------------------------------------------------------------


def test_an_older_result_is_replaced_only_by_force(measured: Path, tmp_path: Path) -> None:
    options = run.ConeOptions(cones=Cones(50, half_angle_deg=(30.0,)), voxel_size_um=(0.3,) * 3)
    for name in ("c.nxs", "c.nxs.png", "c.nxs.html"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(OutputError, match=re.escape(name)):
            run.cones(measured / "edges.nxs", tmp_path / "c.nxs", options)
        assert (tmp_path / name).read_text() == "mine"
        (tmp_path / name).unlink()
    (tmp_path / "c.nxs").write_text("mine")
    run.cones(measured / "edges.nxs", tmp_path / "c.nxs", options, picture=None, scene=None,
              force=True)  # fmt: skip
    assert "cone_porosity" in io.load(tmp_path / "c.nxs")


REFUSED = [
    (["EDGES", "OUT"], 2, "--voxel-size-um: an edge map states no voxel size"),
    (["EDGES", "OUT", "--xi", "XI", "--voxel-size-um", "0.3"], 2, "--view: is needed to place"),
    (["EDGES", "OUT", "--rotation-deg", "3", "--voxel-size-um", "0.3"], 2, "need --view"),
    (["EDGES", "OUT", *VIEW, "--voxel-size-um", "0.3"], 2, "holds no ratio map to place"),
    (["XI", "OUT"], 4, "holds neither a particle nor an edge map"),
    (["EDGES", "OUT", *VIEW, "--xi", "EDGES", "--voxel-size-um", "0.3"], 4, "nmcx xi` writes one"),
    (["TIFF", "OUT", "--half-angle-deg", "0"], 2, "--half-angle-deg: must be"),
    (["TIFF", "OUT", "--half-angle-deg", "190"], 2, "--half-angle-deg: must be"),
    (["TIFF", "OUT", "--apex-um", "90", "90", "90"], 2, "apex"),
    (["TIFF", "OUT", "--threshold", "1e9"], 2, "no voxel is solid"),
    (["TIFF", "OUT", "--view", "0", "0", "0"], 2, "--view: must be a direction"),
    (["TIFF", "OUT", "--covariates", "colour", *VIEW], 2, "--covariates: must be a list of"),
    (["GONE", "OUT"], 4, "GONE"),
]


@pytest.mark.parametrize(("words", "code", "message"), REFUSED, ids=[m[:30] for *_, m in REFUSED])
def test_a_mistake_is_named_with_its_remedy_and_writes_nothing(
    words: list[str], code: int, message: str, data: Path, measured: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    named = {
        "EDGES": measured / "edges.nxs", "XI": measured / "xi.nxs", "TIFF": data / "tomogram.tif",
        "OUT": tmp_path / "c.nxs", "GONE": tmp_path / "GONE.tif",
    }  # fmt: skip
    # What is wrong is seen before anything long is done: few directions keep the others short.
    asked = [str(named.get(word, word)) for word in words]
    few = [] if "--half-angle-deg" in words else QUICK
    assert cli.main(["cones", *asked, *few]) == code
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_particle_is_not_segmented_again(data: Path, tmp_path: Path) -> None:
    held = np.zeros((20, 20, 20), bool)
    held[4:16, 5:15, 4:16] = True
    Particle(held, held, 0.1).save(tmp_path / "p.nxs")
    for options in (
        run.ConeOptions(morphology=Morphology(threshold=0.5)),
        run.ConeOptions(voxel_size_um=(0.2, 0.2, 0.2)),
    ):
        with pytest.raises(UsageError, match="options of the segmentation have no effect"):
            run.cones(tmp_path / "p.nxs", tmp_path / "c.nxs", options)
    plan = run.plan_cones(tmp_path / "p.nxs", tmp_path / "c.nxs")
    assert plan[0].startswith("particle   20 × 20 × 20 voxels of 100 × 100 × 100 nm")
    assert not (tmp_path / "c.nxs").exists()


def test_an_hdf5_file_of_several_volumes_needs_the_name_of_one(tmp_path: Path) -> None:
    ball = (np.indices((16, 16, 16)) - 7.5).astype(float)
    values = (np.sqrt((ball**2).sum(axis=0)) < 6).astype(np.float32)
    with h5py.File(tmp_path / "two.h5", "w") as out:
        out["a"], out["b"] = values, 1 - values
    options = run.ConeOptions(cones=Cones(50, half_angle_deg=(60.0,)), voxel_size_um=(1.0,) * 3)
    with pytest.raises(InputError, match="three-dimensional datasets: /a, /b"):
        run.cones(tmp_path / "two.h5", tmp_path / "c.nxs", options, picture=None, scene=None)
    named = run.ConeOptions(cones=options.cones, voxel_size_um=(1.0,) * 3, dataset="a")
    job = run.cones(tmp_path / "two.h5", tmp_path / "c.nxs", named, picture=None, scene=None)
    assert job.findings.particle is not None
    assert np.array_equal(job.findings.particle.solid, values > 0.5)
