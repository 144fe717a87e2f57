"""The results in sentences, numbers with their errors."""

from __future__ import annotations

import math

import numpy as np

from nmcx.report.findings import Findings
from nmcx.report.model_words import of_model
from nmcx.results import (
    AngleScan,
    DepthProfile,
    EdgeDipole,
    EdgeMap,
    EnergySensitivity,
    OpticalDensity,
    Particle,
    Pose,
    Robustness,
    Suppression,
    ValenceMap,
    XiMap,
)


def with_error(value: float, error: float, unit: str = "") -> str:
    """Value ± error, both rounded to two digits of the error.

    Parameters
    ----------
    value, error : float
        In the same unit.
    unit : str
        Appended with a space.

    Returns
    -------
    str

    Examples
    --------
    >>> with_error(8344.1234, 0.0213, "eV"), with_error(-0.5, float("nan"))
    ('8344.123 ± 0.021 eV', '-0.5')
    """
    tail = f" {unit}" if unit else ""
    if not math.isfinite(error) or error <= 0:
        return f"{value:.6g}{tail}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}{tail}"


def summary(findings: Findings) -> list[str]:
    """Sentences that say what was found, one paragraph per result.

    Parameters
    ----------
    findings : Findings
        What exists; the rest is passed over.

    Returns
    -------
    list of str
    """
    found = findings
    paragraphs = []
    if found.xi is not None:
        paragraphs.append(_of_xi(found.xi))
    if found.dipole is not None:
        paragraphs.append(_of_dipole(found.dipole))
    if found.sensitivity is not None:
        paragraphs.append(_of_sensitivity(found.sensitivity))
    if found.valence is not None:
        paragraphs.append(_of_valence(found.valence))
    paragraphs += [_of_suppression(one) for one in found.suppressions]
    if found.od is not None:
        paragraphs.append(_of_optical_density(found.od))
    if found.jump is not None:
        paragraphs.append(_of_jump(found))
    if found.edges is not None:
        paragraphs.append(_of_edges(found.edges))
    if found.particle is not None:
        paragraphs.append(_of_particle(found.particle))
    if found.depth is not None and (text := _of_depth(found.depth)):
        paragraphs.append(text)
    if found.pose is not None:
        paragraphs.append(_of_pose(found.pose))
    if found.scan is not None:
        paragraphs.append(_of_scan(found.scan) + _of_robustness(found.scan, found.robustness))
    paragraphs += of_model(found)
    return paragraphs or ["Nothing was measured."]


def _of_xi(xi: XiMap) -> str:
    values = xi.xi[xi.valid & np.isfinite(xi.xi)]
    shift = xi.shift
    text = (
        f"The scans at {xi.energy_ev[0]:.2f} and {xi.energy_ev[1]:.2f} eV were displaced by "
        f"{with_error(shift.dy, shift.std)} px (rows) and {with_error(shift.dx, shift.std)} px "
        "(columns); this drift was removed. "
    )
    if xi.motion is not None:
        dy, dx = xi.motion.growth(xi.xi.shape[0])
        text += (
            f"It grew by {dy:+.2f} px (rows) and {dx:+.2f} px (columns) from the first row of the "
            "scan to the last. "
        )
    if values.size == 0:
        return text + "No pixel has enough counts for a ratio."
    low, middle, high = np.percentile(values, (16, 50, 84))
    error = float(np.nanmedian(xi.xi_std[xi.valid]))
    text += (
        f"The ratio ξ has a median of {middle:.4f} (16–84 %: {low:.4f}–{high:.4f}), with a "
        f"standard error of {error:.2g} per pixel; {100 * np.mean(xi.valid):.1f} % of the "
        "pixels are valid. "
    )
    if xi.systematic_std is not None:
        common = float(np.nanmedian(xi.systematic_std[xi.valid]))
        text += f"The energy scale adds an error of {common:.2g} that all pixels share. "
    return text + "ξ rises with the valence of Ni, so low values mark the degraded surface."


def _of_dipole(dipole: EdgeDipole) -> str:
    sizes = abs(dipole.dy) / dipole.dy_std, abs(dipole.dx) / dipole.dx_std
    meaning = (
        "nothing beyond noise" if max(sizes) < 3 else "more than noise: look at the registration"
    )
    return (
        "The edges in the ratio map still show a displacement of "
        f"{with_error(dipole.dy, dipole.dy_std)} px (rows) and "
        f"{with_error(dipole.dx, dipole.dx_std)} px (columns): {meaning}."
    )


def _of_sensitivity(found: EnergySensitivity) -> str:
    return (
        "By the reference spectrum, an energy error common to both scans moves ξ by "
        f"{with_error(found.per_ev, found.per_ev_std)} per eV."
    )


def _of_valence(found: ValenceMap) -> str:
    values = found.valence[found.valid]
    if values.size == 0:
        return "No pixel has a valence."
    low, middle, high = np.percentile(values, (16, 50, 84))
    error = float(np.median(found.valence_std[found.valid]))
    if not found.calibrated:
        first, second = (end.xi for end in found.end_members)
        return (
            f"The relative valence, which is 0 at ξ = {first:.4g} and 1 at {second:.4g} and not "
            f"calibrated, has a standard error of {error:.2g} per pixel."
        )
    text = (
        f"The valence of Ni, calibrated by two end members, has a median of {middle:.3f} "
        f"(16–84 %: {low:.3f}–{high:.3f}), with a standard error of {error:.2g} per pixel"
    )
    if found.systematic_std is not None:
        common = float(np.nanmedian(found.systematic_std[found.valid]))
        text += f" and {common:.2g} from the calibration, which all pixels share"
    return text + "."


def _of_suppression(found: Suppression) -> str:
    low, high = found.interval_95
    name = {"tey": "electron yield", "fy": "fluorescence yield"}.get(found.mode, "yield unknown")
    verdict = "" if low > 0 or high < 0 else "; the interval holds zero"
    return (
        f"Cycling took {100 * found.value:.1f} % of the O K pre-edge by {name} (95 % interval "
        f"{100 * low:.1f} to {100 * high:.1f} %, which covers noise, windows and backgrounds)"
        f"{verdict}."
    )


def _of_optical_density(od: OpticalDensity) -> str:
    noise = np.sqrt(float(np.median(od.variance[od.valid]))) if od.valid.any() else math.nan
    energies = np.unique(od.energy_ev)
    return (
        f"{len(od.energy_ev)} images of optical density at {len(energies)} energies from "
        f"{energies.min():.1f} to {energies.max():.1f} eV, pixel "
        f"{1000 * od.pixel_size_um[np.argmax(od.energy_ev)]:.1f} nm at the highest; noise per "
        f"pixel {noise:.4f} (median), {100 * np.mean(od.valid):.1f} % of the pixels valid."
    )


def _of_jump(found: Findings) -> str:
    assert found.jump is not None
    low, high = found.jump_energies_ev
    values = found.jump[np.isfinite(found.jump)]
    text = f"The jump image is the optical density at {high:.1f} eV minus that at {low:.1f} eV"
    if values.size:
        text += f", from {np.percentile(values, 1):.3f} to {np.percentile(values, 99):.3f} (1–99 %)"
    if found.edges is None:
        text += "; edge energies need more energies than these and were not fitted"
    return text + "."


def estimator(edges: EdgeMap) -> str:
    """Rule that gave the edge energies, in words, with its level if that is not one half.

    Parameters
    ----------
    edges : EdgeMap
        From `nmcx.xanes.fit_edges`.

    Returns
    -------
    str

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx.results import EdgeMap
    >>> nothing = [np.zeros(0)] * 8
    >>> estimator(EdgeMap(*nothing, settings={"estimator": "half_jump", "level": 0.6}))
    'half jump, level 0.6'
    """
    name = str(edges.settings.get("estimator", "half_jump")).replace("_", " ")
    level = float(edges.settings.get("level", 0.5))
    return name if level == 0.5 else f"{name}, level {level:g}"


def _of_edges(edges: EdgeMap) -> str:
    ok = edges.ok
    if not ok.any():
        return "No voxel has a usable edge; the status panel says why."
    # One map at a time: they may still lie in their file.
    low, middle, high = np.percentile(np.asarray(edges.edge_energy_ev)[ok], (16, 50, 84))
    error, white, white_error = (
        np.nanmedian(np.asarray(values)[ok])
        for values in (edges.edge_energy_std_ev, edges.white_line_ev, edges.white_line_std_ev)
    )
    return (
        f"{np.count_nonzero(ok):,} of {ok.size:,} voxels ({100 * np.mean(ok):.1f} %) have a usable "
        f"edge. The edge energy ({estimator(edges)}) has a median of {middle:.2f} eV (16–84 %: "
        f"{low:.2f}–{high:.2f} eV) and a standard error of {error:.2g} eV per voxel; "
        f"the white line lies at {white:.2f} eV with {white_error:.2g} "
        "eV per voxel."
    )


def _of_particle(particle: Particle) -> str:
    voxel = float(np.prod(particle.voxel_size_um))
    volume = np.count_nonzero(particle.envelope) * voxel
    diameter = (6.0 * volume / np.pi) ** (1.0 / 3.0)
    sizes = " × ".join(f"{1000 * s:.4g}" for s in particle.voxel_size_um)
    return (
        f"The particle fills {volume:.4g} µm³ (as a ball, {diameter:.3g} µm across; voxels of "
        f"{sizes} nm); {100 * particle.porosity:.2f} % of it is void."
    )


def near_surface_minus_core(depth: DepthProfile) -> tuple[float, float] | None:
    """Median near the surface minus that of the core, with its standard error.

    Parameters
    ----------
    depth : DepthProfile
        From `nmcx.morphology.depth_profile`.

    Returns
    -------
    tuple of float, or None
        Outer minus inner third in depth, None if a third is empty.
    """
    usable = np.isfinite(depth.median) & (depth.count > 0)
    if np.count_nonzero(usable) < 3:
        return None
    at = np.asarray(depth.depth_um)[usable]
    outer, inner = at <= at.max() / 3, at >= 2 * at.max() / 3
    if not outer.any() or not inner.any():
        return None
    means, variances = [], []
    for part in (outer, inner):
        count = np.asarray(depth.count, dtype=float)[usable][part]
        weight = count / count.sum()
        means.append(float(weight @ np.asarray(depth.median)[usable][part]))
        errors = np.nan_to_num(np.asarray(depth.median_std)[usable][part])
        variances.append(float(weight**2 @ errors**2))
    return means[0] - means[1], math.sqrt(sum(variances))


def _of_depth(depth: DepthProfile) -> str:
    found = near_surface_minus_core(depth)
    if found is None:
        return ""
    difference, error = found
    unit = depth.unit or ""
    if abs(difference) < 2 * error:
        meaning = "no difference beyond two standard errors"
    elif unit == "eV":
        meaning = (
            "the near-surface region is " + ("more" if difference > 0 else "less") + " oxidised"
        )
    else:
        meaning = "the values " + ("fall" if difference > 0 else "rise") + " towards the core"
    return (
        "From the outer third to the inner third in depth the median changes: outer minus inner "
        f"is {with_error(difference, error, unit)}: {meaning}."
    )


def _of_pose(pose: Pose) -> str:
    degrees = np.rad2deg([pose.tilt[0], pose.tilt[1], pose.rotation])
    errors = np.rad2deg(pose.std[:3])
    up, right, turn = (with_error(a, b) for a, b in zip(degrees, errors, strict=True))
    text = (
        f"The map was placed by reprojection of the particle: turned by {turn}°, tilted by {up}° "
        f"up and {right}° right, scale {with_error(pose.scale, pose.std[5])}; the silhouettes "
        f"overlap by {100 * pose.dice:.0f} % (Dice)."
    )
    if pose.ambiguous:
        text += " Other rotations fit nearly as well: do not rely on this placement alone."
    return text


def _of_robustness(scan: AngleScan, turned: Robustness | None) -> str:
    if turned is None or not np.isfinite(scan.pearson).any():
        return ""
    best = scan.strongest
    low, high = turned.band[best]
    most = np.rad2deg(np.abs(turned.turns).max())
    return (
        f" With the map turned by up to {most:.0f}° about any axis r at this angle lies between "
        f"{low:+.2f} and {high:+.2f}."
    )


def _of_scan(scan: AngleScan) -> str:
    finite = np.isfinite(scan.pearson)
    if not finite.any():
        return "No correlation could be computed: too few surface points or empty cones."
    best = scan.strongest
    low, high = scan.interval[best]
    r, opening = scan.pearson[best], np.rad2deg(2 * scan.half_angle[best])
    sure = (
        "Chance explains this rarely"
        if scan.p_family < 0.05
        else "Chance explains a correlation of this size"
    )
    return (
        "The correlation of ξ with cone porosity stands out most from chance at an opening angle "
        f"of {opening:.0f}° (half-opening angle {opening / 2:.0f}°): Pearson r = {r:+.2f} (95 % "
        f"interval {low:+.2f} to {high:+.2f}, {scan.n_effective[best]:.0f} effective samples), "
        f"Spearman {scan.spearman[best]:+.2f}. {sure}: taking all angles as one test, "
        f"p = {scan.p_family:.3g}. Sign: {scan.sign_convention}."
    )
