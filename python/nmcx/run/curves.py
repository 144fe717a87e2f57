"""Every curve of a report as CSV, with units in the header and every digit of the numbers."""

from __future__ import annotations

import csv
import io as text_io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nmcx.plot.profiles import edge_bins
from nmcx.plot.surface_figure import ratio_bins
from nmcx.report import Findings
from nmcx.results import (
    AngleScan,
    Comparison,
    DepthProfile,
    EdgeMap,
    LineProfiles,
    PeakRatio,
    Robustness,
    XiMap,
)

#: Files by name, and what they hold. The curves of the model are in state_of_charge.csv.
CURVES: Mapping[str, str] = {
    "mean_spectrum.csv": "Mean or reference spectrum across the soft X-ray edge",
    "xi_histogram.csv": "Histogram of the ratio xi of the valid pixels",
    "soft_spectra.csv": "Soft X-ray spectra, normalised",
    "soft_backgrounds.csv": "Backgrounds above which the peaks of soft X-ray spectra were measured",
    "edge_histogram.csv": "Histogram of the edge energies of the usable voxels",
    "depth_profile.csv": "Edge energy against depth below the surface, with errors and percentiles",
    "line_profiles.csv": "Edge energy along lines from the surface to the centre, with errors",
    "correlation.csv": "Correlation of xi and cone porosity against opening angle, with its bands",
    "comparison.csv": "That correlation, measured and in simulated particles, with their bands",
}

Columns = dict[str, Any]


def curves(found: Findings) -> Iterator[tuple[str, str]]:
    """Every curve that the report of the findings shows.

    Parameters
    ----------
    found : Findings

    Yields
    ------
    tuple of str
        Name of the file, and its text.
    """
    if found.xi is not None:
        yield from _of_map(found, found.xi)
    if found.spectra:
        yield "soft_spectra.csv", _text(_joined(_spectra(found)))
        yield "soft_backgrounds.csv", _text(_joined(_backgrounds(found)))
    if found.edges is not None and (columns := _edge_histogram(found.edges)):
        yield "edge_histogram.csv", _text(columns)
    if found.depth is not None:
        yield "depth_profile.csv", _text(_depth(found.depth))
    if found.lines is not None:
        yield "line_profiles.csv", _text(_lines(found.lines))
    if found.scan is not None:
        yield "correlation.csv", _text(_scan(found.scan, found.robustness))
    if found.comparison is not None:
        yield "comparison.csv", _text(_comparison(found.comparison))


def _text(columns: Mapping[str, Any]) -> str:
    """Columns of one length as CSV."""
    text = text_io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    listed = [np.asarray(column).tolist() for column in columns.values()]
    writer.writerows(zip(*listed, strict=True))
    return text.getvalue()


def _joined(parts: Sequence[Columns]) -> Columns:
    """Tables of the same columns, one below the other."""
    return {
        name: [value for part in parts for value in np.asarray(part[name]).tolist()]
        for name in parts[0]
    }


def _ending(unit: str) -> str:
    """End of the name of a column in a unit."""
    return "_" + (unit or "1").lower().replace("/", "_per_").replace("µ", "u").replace("^", "")


def _of_map(found: Findings, xi: XiMap) -> Iterator[tuple[str, str]]:
    # The figure of a map without its scans has neither spectrum nor histogram.
    if xi.low is None or xi.high is None:
        return
    if found.reference is not None:
        spectrum = found.reference
        columns = {"energy_ev": spectrum.energy_ev, "mean_intensity_1": spectrum.mu}
        yield "mean_spectrum.csv", _text(columns)
    values, borders = ratio_bins(xi)
    if values.size:
        yield "xi_histogram.csv", _text(_counted(values, borders, "xi_1", "pixels_1"))


def _counted(values: Any, borders: Any, name: str, what: str) -> Columns:
    counts = np.histogram(values, bins=borders)[0]
    return {f"{name}_from": borders[:-1], f"{name}_to": borders[1:], what: counts}


def _edge_histogram(edges: EdgeMap) -> Columns | None:
    values, borders = edge_bins(edges)
    return _counted(values, borders, "edge_energy_ev", "voxels_1") if values.size else None


def _spectra(found: Findings) -> list[Columns]:
    return [
        {
            "spectrum": [one.name] * len(one.normal.energy_ev),
            "yield": [one.spectrum.mode or "unknown"] * len(one.normal.energy_ev),
            "energy_ev": one.normal.energy_ev,
            "normalised_intensity_1": one.normal.mu,
        }
        for one in found.spectra
    ]


def _backgrounds(found: Findings) -> list[Columns]:
    return [
        {
            "spectrum": [one.name] * len(one.found.energy_ev),
            "energy_ev": one.found.energy_ev,
            "background_1": one.found.background
            if isinstance(one.found, PeakRatio)
            else one.found.curve,
        }
        for one in found.spectra
    ]


def _depth(depth: DepthProfile) -> Columns:
    end = _ending(depth.unit)
    levels = ("5", "16", "84", "95")
    return {
        "depth_um": depth.depth_um,
        f"median{end}": depth.median,
        f"median_std{end}": depth.median_std,
        f"median_95_low{end}": np.asarray(depth.interval_95)[:, 0],
        f"median_95_high{end}": np.asarray(depth.interval_95)[:, 1],
        **{
            f"percentile_{level}{end}": np.asarray(depth.percentiles)[:, i]
            for i, level in enumerate(levels)
        },
        "voxels_1": depth.count,
        "independent_values_1": depth.effective_count,
    }


def _lines(lines: LineProfiles) -> Columns:
    end = _ending(lines.unit)
    n_line, n_sample = np.shape(lines.values)
    columns = {"line": np.repeat(np.arange(1, n_line + 1), n_sample)}
    for i, axis in enumerate("zyx"):
        columns[f"direction_{axis}_1"] = np.repeat(np.asarray(lines.directions)[:, i], n_sample)
    return {
        **columns,
        "distance_um": np.tile(lines.distance_um, n_line),
        f"value{end}": np.ravel(lines.values),
        f"value_std{end}": np.ravel(lines.std),
        "independent_values_1": np.ravel(lines.effective_count),
    }


def _angles(half_angle: Any) -> Columns:
    half = np.rad2deg(np.asarray(half_angle))
    return {"half_angle_deg": half, "opening_angle_deg": 2.0 * half}


def _band(name: str, band: Any) -> Columns:
    low, high = np.asarray(band).T
    return {f"{name}_low_1": low, f"{name}_high_1": high}


def _scan(scan: AngleScan, turned: Robustness | None) -> Columns:
    columns = {
        **_angles(scan.half_angle),
        "pearson_1": scan.pearson,
        **_band("pearson_95", scan.interval),
        **_band("null_95", scan.null_band),
        "p_value_1": scan.p_value,
        "spearman_1": scan.spearman,
        "effective_samples_1": scan.n_effective,
    }
    if turned is not None and np.array_equal(turned.half_angle, scan.half_angle):
        columns |= _band("map_turned", turned.band)
    return columns


def _comparison(found: Comparison) -> Columns:
    return {
        **_angles(found.half_angle),
        "measured_1": found.measured.pearson,
        **_band("measured_95", found.measured.interval),
        "model_mean_1": np.mean(found.predicted, axis=0),
        **_band("model_95", found.predicted_band),
        **_band("map_turned_95", found.turned_band),
        **{f"member_{i}_1": curve for i, curve in enumerate(np.asarray(found.predicted))},
        **{f"turned_{i}_1": curve for i, curve in enumerate(np.asarray(found.turned))},
    }
