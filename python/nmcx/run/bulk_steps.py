"""Steps from a volume to the correlation, taken by `nmcx run` and `nmcx cones` alike."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx import cones as cone_module
from nmcx import correlation, morphology
from nmcx.report import Findings
from nmcx.results import Particle, Pose, XiMap
from nmcx.run_file import Cones, Correlation, Morphology, Placing


def add_particle(
    options: Morphology, found: Findings, *, soft: bool = False, exclude: Any = None
) -> Findings:
    """The findings with the particle segmented from their volume.

    Parameters
    ----------
    options : Morphology
        Section of the run file.
    found : Findings
        With `volume` (nz, ny, nx) and its voxel size.
    soft : bool
        Whether the solid fraction of each voxel is wanted.
    exclude : (nz, ny, nx) array of bool, optional
        What cannot belong to the particle.

    Returns
    -------
    Findings

    Raises
    ------
    ValueError
        If nothing can be segmented.
    """
    assert found.volume is not None
    particle = morphology.segment(
        found.volume,
        voxel_size_um=found.volume_voxel_um,
        method=options.method,  # type: ignore[arg-type]
        n_classes=options.n_classes,
        threshold=options.threshold,
        envelope=options.envelope,
        # The radius has a default in the run file, and nothing to say about rays.
        closing_radius_um=options.closing_radius_um if options.envelope == "closing" else None,
        min_rays=options.min_rays,
        soft=soft,
        rim_um=options.rim_um,
        connectivity=options.connectivity,
        exclude=exclude,
    )
    return replace(found, particle=particle)


def add_cones(options: Cones, found: Findings) -> Findings:
    """The findings with the porosity in cones.

    Parameters
    ----------
    options : Cones
        Section of the run file.
    found : Findings
        With `particle`; without one they stay as they are.

    Returns
    -------
    Findings

    Raises
    ------
    ValueError
        If the apex lies outside the volume.
    """
    if found.particle is None:
        return found
    porosity = cone_module.cone_porosity(
        found.particle,
        directions_of(options),
        np.deg2rad(np.sort(options.half_angle_deg)),
        apex_um=options.apex_um,
        weight=options.weight,
        radial_gate_um=options.radial_gate_um,
        soft=options.soft,
    )
    return replace(found, cones=porosity)


def directions_of(options: Cones) -> NDArray[np.float64]:
    """(n, 3) directions of the grid that a section names.

    Parameters
    ----------
    options : Cones
        Section of the run file.

    Returns
    -------
    numpy.ndarray
    """
    if options.grid == "healpix":
        # A HEALPix grid has 12 n² directions, n a whole number.
        return cone_module.healpix_directions(max(1, round(math.sqrt(options.n_directions / 12))))
    return cone_module.fibonacci_directions(options.n_directions)


def add_placing(options: Placing, found: Findings, *, seed: int = 1) -> Findings:
    """The findings with the surface map placed on the particle.

    Parameters
    ----------
    options : Placing
        Section of the run file.
    found : Findings
        With `xi` and `particle`; without one of them they stay as they are.
    seed : int
        Of the fit, if there is one.

    Returns
    -------
    Findings

    Raises
    ------
    ValueError
        If no pixel of the map falls on the particle, or no pose can be fitted.
    """
    if found.xi is None or found.particle is None:
        return found
    pose = _fitted(options, found.xi, found.particle, seed) if options.fit else None
    placed = correlation.place(
        found.xi,
        found.particle,
        **_placement(options, pose),
        max_incidence=float(np.deg2rad(options.max_incidence_deg)),
        beam=options.beam,
    )
    return replace(found, surface=placed, pose=pose)


def _fitted(options: Placing, xi: XiMap, particle: Particle, seed: int) -> Pose:
    """The pose by reprojection, within the limits that are given."""
    limits = {
        "max_tilt": None
        if options.max_tilt_deg is None
        else float(np.deg2rad(options.max_tilt_deg)),
        "max_shift_um": options.max_shift_um,
        "max_scale": options.max_scale,
    }
    given: dict[str, Any] = {name: limit for name, limit in limits.items() if limit is not None}
    return correlation.fit_pose(
        xi, particle, view=options.view, n_start=options.n_start, seed=seed, **given
    )


def _placement(options: Placing, pose: Pose | None) -> dict[str, Any]:
    """The fitted placement, or else the given one, as options of `place` and `robustness`."""
    if pose is not None:
        return pose.as_options()
    up, right = np.deg2rad(options.tilt_deg)
    return {
        "view": options.view,
        "tilt": (float(up), float(right)),
        "rotation": float(np.deg2rad(options.rotation_deg)),
        "offset_um": options.offset_um,
        "scale": options.scale,
    }


def add_robustness(placing: Placing, options: Correlation, found: Findings) -> Findings:
    """The findings with the correlation after small turns of the map.

    Parameters
    ----------
    placing, options
        Sections of the run file.
    found : Findings
        With `scan` and what it was made from; without it they stay as they are.

    Returns
    -------
    Findings
    """
    xi, particle, cones = found.xi, found.particle, found.cones
    if found.scan is None or xi is None or particle is None or cones is None:
        return found
    turned = correlation.robustness(
        xi,
        particle,
        cones,
        **_placement(placing, found.pose),
        turns=[float(angle) for angle in np.deg2rad(placing.turns_deg)],
        samples=None if found.pose is None else found.pose.samples,
        matched=options.matched,
        weighted=options.weighted,
        min_points=options.min_points,
        max_incidence=float(np.deg2rad(placing.max_incidence_deg)),
        beam=placing.beam,
    )
    return replace(found, robustness=turned)


def add_scan(options: Correlation, found: Findings) -> Findings:
    """The findings with the correlation of surface map and cone porosity.

    Parameters
    ----------
    options : Correlation
        Section of the run file.
    found : Findings
        With `surface` and `cones`; without one of them they stay as they are.

    Returns
    -------
    Findings

    Raises
    ------
    ValueError
        If map and cones cannot be correlated.
    """
    if found.surface is None or found.cones is None:
        return found
    scan = correlation.angle_scan(
        found.surface,
        found.cones,
        null=options.null,
        n_null=options.n_null,
        seed=options.seed,
        matched=options.matched,
        weighted=options.weighted,
        covariates=options.covariates,
        n_bootstrap=options.n_bootstrap,
        min_points=options.min_points,
    )
    return replace(found, scan=scan)
