"""`nmcx cones`: from a volume, and a surface map, to cone porosity and its correlation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io, plot
from nmcx.errors import InputError, UsageError
from nmcx.io.nexus import holds_results
from nmcx.report import Findings
from nmcx.results import EdgeMap, Particle, Pose, Result, XiMap
from nmcx.run.bulk_steps import add_cones, add_particle, add_placing, add_robustness, add_scan
from nmcx.run.edge_job import refusals
from nmcx.run.folder import check_target, picture_path
from nmcx.run.held import remarks
from nmcx.run.provenance import configuration
from nmcx.run.xi_job import png, write_bytes
from nmcx.run_file import Cones, Correlation, Morphology, Placing, toml_value

Progress = Callable[[float, float, str], None]


@dataclass(frozen=True)
class ConeOptions:
    """What `cones` shall do: sections of the run file, and how to read the volume."""

    morphology: Morphology = field(default_factory=Morphology)
    cones: Cones = field(default_factory=Cones)
    placing: Placing | None = None  #: needed with a surface map
    correlation: Correlation = field(default_factory=Correlation)
    voxel_size_um: tuple[float, ...] | None = None  #: (dz, dy, dx); None: that of the file
    dataset: str | None = None  #: path of the volume in an HDF5 file


@dataclass(frozen=True)
class ConeJob:
    """What `cones` made and where it lies."""

    path: Path  #: the result file
    picture: Path | None  #: the figure, or None if none was asked for
    scene: Path | None  #: the interactive page, or None if none was asked for
    findings: Findings  #: all results
    seconds: float  #: wall time [s]

    def as_dict(self) -> dict[str, Any]:
        """The main numbers, angles in degrees, as what JSON can hold; None for NaN."""
        found = self.findings
        assert found.particle is not None and found.cones is not None
        told: dict[str, Any] = {
            "result": str(self.path),
            "picture": None if self.picture is None else str(self.picture),
            "scene": None if self.scene is None else str(self.scene),
            "seconds": round(self.seconds, 3),
            "porosity": found.particle.porosity,
            "voxel_size_um": list(found.particle.voxel_size_um),
            "centre_um": list(found.particle.centre_um),
            "n_directions": len(found.cones.directions),
            "half_angle_deg": _listed(np.rad2deg(found.cones.half_angle)),
        }
        if found.surface is not None:
            told |= {"n_points": int(found.surface.values.size), "dice": float(found.surface.dice)}
        if found.pose is not None:
            told["pose"] = _pose(found.pose)
        if found.scan is not None:
            scan = found.scan
            for name in ("pearson", "spearman", "p_value", "n_effective", "interval", "null_band"):
                told[name] = _listed(getattr(scan, name))
            told |= {
                "p_family": _listed(scan.p_family),
                "best_half_angle_deg": _listed(np.rad2deg(scan.best_half_angle)),
                "sign_convention": scan.sign_convention,
            }
        if found.robustness is not None:
            told["robustness_band"] = _listed(found.robustness.band)
        told["notes"] = [f"{where}: {note}" for where, note in found.all_notes()]
        return told


def cones(
    source: str | PathLike[str],
    out: str | PathLike[str],
    options: ConeOptions | None = None,
    *,
    xi: str | PathLike[str] | None = None,
    picture: str | PathLike[str] | None = "beside",
    scene: str | PathLike[str] | None = "beside",
    force: bool = False,
    progress: Progress | None = None,
) -> ConeJob:
    """Cone porosity of a particle, and its correlation with a surface map if there is one.

    Parameters
    ----------
    source : str or path
        Volume (TIFF, HDF5), which is segmented, or a result file of nmcx with a particle or an
        edge map.
    out : str or path
        NeXus result file to write.
    options : ConeOptions, optional
        Sections of the run file.
    xi : str or path, optional
        Result file with a ratio map, such as `nmcx xi` writes; default: that in `source`, if
        `options` say how to place it.
    picture, scene : str, path or None
        Figure (PNG) and interactive page (HTML) to write; default ``<out>.png`` and
        ``<out>.html``; None for none.
    force : bool
        Replace what exists.
    progress : callable, optional
        Called as ``progress(done, total, label)``.

    Returns
    -------
    ConeJob

    Raises
    ------
    nmcx.errors.UsageError
        If an option does not fit the data.
    nmcx.errors.InputError
        If a file is missing or damaged, or does not hold what is needed.
    nmcx.errors.OutputError
        If a result is there already and `force` is not given, or the disk refuses.
    nmcx.errors.MemoryLimitError
        If the volume does not fit into memory.
    """
    started = time.perf_counter()
    asked = options or ConeOptions()
    target, source = Path(out).absolute(), Path(source).absolute()
    image, page = picture_path(target, picture), _page_path(target, scene)
    for path in (target, image, page):
        check_target(path, force)
    chain = _steps(source, None if xi is None else Path(xi).absolute(), asked)
    total = len(chain) + 2
    found = Findings()
    for i, (label, act) in enumerate(chain):
        if progress is not None:
            progress(i, total, label)
        with refusals(fspath(source)):
            found = act(found)
    if progress is not None:
        progress(total - 2, total, "result file")
    inputs = [source] if xi is None else [source, Path(xi).absolute()]
    items = [result for _, result in found.results()]
    about = {
        "configuration": _configuration(asked), "inputs": inputs, "report": remarks(found),
    }  # fmt: skip
    io.save(target, *items, overwrite=force, provenance=about)
    if progress is not None:
        progress(total - 1, total, "pictures")
    if image is not None:
        write_bytes(image, png(_figure(found)))
    if page is not None:
        write_bytes(page, scene_of(found, title=source.name).encode("utf-8"))
    if progress is not None:
        progress(total, total, "done")
    return ConeJob(target, image, page, found, time.perf_counter() - started)


def plan_cones(
    source: str | PathLike[str],
    out: str | PathLike[str],
    options: ConeOptions | None = None,
    *,
    xi: str | PathLike[str] | None = None,
) -> list[str]:
    """What `cones` would do, found from the files; nothing is computed or written.

    Parameters
    ----------
    source, out, options, xi
        As in `cones`.

    Returns
    -------
    list of str
        Lines for the user.

    Raises
    ------
    nmcx.errors.UsageError, nmcx.errors.InputError
        As in `cones`.
    """
    asked, source = options or ConeOptions(), Path(source).absolute()
    chain = _steps(source, None if xi is None else Path(xi).absolute(), asked)
    with refusals(fspath(source)):
        found = _opened(source, asked)(Findings())
    size: tuple[float, ...]
    if found.particle is not None:
        what, shape, size = "particle", found.particle.envelope.shape, found.particle.voxel_size_um
    else:
        assert found.volume is not None
        what, shape, size = "volume", found.volume.shape, found.volume_voxel_um
    n = len(asked.cones.half_angle_deg)
    given = [line for line in _configuration(asked).splitlines() if " = " in line]
    exists = " (exists; --force needed)" if Path(out).exists() else ""
    return [
        f"{what:<10} {' × '.join(map(str, shape))} voxels of "
        f"{' × '.join(f'{1000 * s:.4g}' for s in size)} nm",
        f"{'cones':<10} {asked.cones.n_directions} directions × {n} half-opening angles",
        f"{'steps':<10} {', '.join(label for label, _ in chain)}",
        f"{'options':<10} {', '.join(given) or 'all by default'}",
        f"{'output':<10} {out}{exists}",
        *(f"{'note':<10} {note}" for note in found.notes),
    ]


def scene_of(found: Findings, *, title: str) -> str:
    """The interactive page of what was found.

    Parameters
    ----------
    found : Findings
        With `particle` and `cones`.
    title : str
        Heading.

    Returns
    -------
    str
        HTML.
    """
    assert found.particle is not None and found.cones is not None
    return plot.scene_html(
        found.particle, surface=found.surface, cones=found.cones, scan=found.scan, title=title
    )


Act = Callable[[Findings], Findings]


def _steps(source: Path, xi: Path | None, asked: ConeOptions) -> list[tuple[str, Act]]:
    if xi is not None and asked.placing is None:
        raise UsageError("--view: is needed to place a surface map; it points towards the beam")
    if asked.placing is not None and (problem := asked.placing.conflict()) is not None:
        raise UsageError(f"[placing] {problem}")
    chain: list[tuple[str, Act]] = [("volume", _opened(source, asked))]
    chain.append(("segmentation", lambda found: _segmented(source, asked, found)))
    chain.append(("cone porosity", lambda found: add_cones(asked.cones, found)))
    if asked.placing is not None:
        placing, seed = asked.placing, asked.correlation.seed
        chain += [
            ("surface map", lambda found: replace(found, xi=_map(source, xi))),
            ("placing of the map", lambda found: add_placing(placing, found, seed=seed)),
            ("correlation and its null", lambda found: add_scan(asked.correlation, found)),
        ]
        if placing.robustness:
            turned = "correlation with the map turned"
            chain.append((turned, lambda found: add_robustness(placing, asked.correlation, found)))
    return chain


def _opened(source: Path, asked: ConeOptions) -> Act:
    def act(found: Findings) -> Findings:
        if holds_results(source):
            return _from_results(source, asked, found)
        values, stated, notes = io.read_volume(source, dataset=asked.dataset)
        size = asked.voxel_size_um or stated
        if size is None:
            raise UsageError(f"--voxel-size-um: {source.name} states no voxel size; give it")
        # A size that was given replaces what the file lacks: nothing to remark.
        return replace(
            found, volume=values, volume_name="density [1]", volume_voxel_um=size,
            notes=notes if stated is not None else (),
        )  # fmt: skip

    return act


def _from_results(source: Path, asked: ConeOptions, found: Findings) -> Findings:
    """A particle, or else the edge jump to be segmented."""
    held = io.load(source, lazy=True)
    particles = [r for r in held.values() if isinstance(r, Particle)]
    if particles:
        if asked.voxel_size_um is not None or asked.morphology != Morphology():
            raise UsageError(
                f"{source.name} holds a particle: options of the segmentation have no effect"
            )
        return replace(found, particle=particles[0])
    maps = [r for r in held.values() if isinstance(r, EdgeMap)]
    if not maps:
        raise InputError(f"{source}: holds neither a particle nor an edge map")
    if maps[0].edge_jump.ndim != 3:
        raise InputError(f"{source}: its edge map is no volume")
    if asked.voxel_size_um is None:
        raise UsageError("--voxel-size-um: an edge map states no voxel size; give it")
    return replace(
        found, volume=np.asarray(maps[0].edge_jump), volume_name="edge jump [1]",
        volume_voxel_um=asked.voxel_size_um,
    )  # fmt: skip


def _segmented(source: Path, asked: ConeOptions, found: Findings) -> Findings:
    return (
        found
        if found.particle is not None
        else add_particle(asked.morphology, found, soft=asked.cones.soft)
    )


def _map(source: Path, xi: Path | None) -> XiMap:
    path = source if xi is None else xi
    held = io.load(path, lazy=True) if holds_results(path) else {}
    for result in held.values():
        if isinstance(result, XiMap):
            return _in_memory(result)
    if xi is None:
        raise UsageError(f"--xi: {source.name} holds no ratio map to place; name its file")
    raise InputError(f"{path}: holds no ratio map; `nmcx xi` writes one")


def _in_memory(result: XiMap) -> XiMap:
    values: Mapping[str, Any] = {
        item.name: np.asarray(value)
        for item in fields(result)
        if hasattr(value := getattr(result, item.name), "shape") and not isinstance(value, Result)
    }
    return replace(result, **values)


def _configuration(asked: ConeOptions) -> str:
    volume = {"voxel_size_um": asked.voxel_size_um, "dataset": asked.dataset}
    lines = [f"{name} = {toml_value(v)}" for name, v in volume.items() if v is not None]
    text = "[tomogram]\n" + "\n".join([*lines, ""]) if lines else ""
    for name in ("morphology", "cones", "placing", "correlation"):
        section = getattr(asked, name)
        if section is not None:
            text += configuration(name, section)
    return text


def _figure(found: Findings) -> Any:
    assert found.cones is not None
    if found.scan is None:
        return plot.sphere(found.cones)
    return plot.correlation_figure(
        found.scan,
        robustness=found.robustness,
        surface=found.surface,
        cones=found.cones,
        particle=found.particle,
    )


def _page_path(target: Path, scene: str | PathLike[str] | None) -> Path | None:
    if scene == "beside":
        return target.with_name(target.name + ".html")
    return None if scene is None else Path(scene).absolute()


def _pose(pose: Pose) -> dict[str, Any]:
    """The fitted placement and its spread; angles in degrees."""
    in_degrees = np.array([180 / np.pi] * 3 + [1.0] * 3)
    options = np.array([*pose.tilt, pose.rotation, *pose.offset_um, pose.scale]) * in_degrees
    told: dict[str, Any] = {}
    for values, end in ((options, ""), (pose.std * in_degrees, "_std")):
        told |= {
            f"tilt{end}_deg": _listed(values[:2]),
            f"rotation{end}_deg": _listed(values[2]),
            f"offset{end}_um": _listed(values[3:5]),
            f"scale{end}": _listed(values[5]),
        }
    return told | {"ambiguous": bool(pose.ambiguous)}


def _listed(values: Any) -> Any:
    """Numbers as JSON has them."""
    array = np.asarray(values, dtype=float)
    if array.ndim == 0:
        return float(array) if np.isfinite(array) else None
    return [_listed(value) for value in array]
