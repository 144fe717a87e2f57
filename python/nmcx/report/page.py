"""The page itself: sections for what exists, figures and a scene inside it, no network."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nmcx import plot
from nmcx.report.findings import Findings, Table
from nmcx.report.methods import citations, methods
from nmcx.report.model_panels import comparison_panels, model_panels
from nmcx.report.model_tables import comparison_table, contributions_table
from nmcx.report.panel import Panel
from nmcx.report.scene import same_angles, scene_figure
from nmcx.report.soft_panels import soft_panels, spectra_panels
from nmcx.report.style import CSS
from nmcx.report.tables import scan_table, spectra_table, suppression_table
from nmcx.report.words import estimator, summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COMPARISON = "Surface against bulk"


def write(
    path: str | PathLike[str],
    findings: Findings,
    *,
    title: str = "",
    provenance: Mapping[str, str] | None = None,
    parameters: str = "",
    overwrite: bool = False,
    dpi: int = 130,
) -> Path:
    """Write the report: one HTML file that needs nothing else.

    Parameters
    ----------
    path : str or path
        File to write.
    findings : Findings
        What to show; only what exists gets a section.
    title : str
        Heading.
    provenance : mapping of str to str, optional
        Versions, inputs and their sha256, seed, date.
    parameters : str
        Text of the resolved run file.
    overwrite : bool
        Replace an existing file.
    dpi : int
        Resolution of the figures [pixels per inch].

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    nmcx.errors.OutputError
        If the file exists and `overwrite` is false, or cannot be written.
    """
    from nmcx.io._atomic import atomic_write

    text = page(findings, title=title, provenance=provenance or {}, parameters=parameters, dpi=dpi)
    path = Path(path)
    with atomic_write(path, overwrite) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")
    return path


def page(
    findings: Findings,
    *,
    title: str = "",
    provenance: Mapping[str, str],
    parameters: str = "",
    dpi: int = 130,
) -> str:
    """Text of the HTML page; see `write`.

    Parameters
    ----------
    findings, title, provenance, parameters, dpi
        As in `write`.

    Returns
    -------
    str
    """
    heading = title or "Surface chemistry and bulk microstructure of one particle"
    sections: dict[str, list[str]] = {}
    number = 0
    for number, panel in enumerate(_panels(findings), start=1):
        sections.setdefault(panel.section, []).append(_figure(panel, number, dpi))
    if scene := scene_figure(findings, number + 1):
        sections.setdefault(_COMPARISON, []).append(scene)
    parts = ["<h2>Summary</h2>", *(f"<p>{escape(text)}</p>" for text in summary(findings))]
    for name, figures in sections.items():
        parts += [f"<section><h2>{escape(name)}</h2>", *figures, "</section>"]
    if findings.spectra:
        parts.append(_table(spectra_table(findings)))
    if findings.suppressions:
        parts.append(_table(suppression_table(findings)))
    if findings.scan is not None:
        parts.append(_table(scan_table(findings)))
    if findings.comparison is not None:
        parts.append(_table(comparison_table(findings.comparison)))
    if findings.contributions is not None:
        parts.append(_table(contributions_table(findings.contributions)))
    parts += [_table(table) for table in findings.tables]
    parts += _methods(findings)
    parts += _notes(findings)
    parts += _provenance(provenance, parameters)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(heading)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n"
        f"<header><h1>{escape(heading)}</h1>"
        f'<p class="by">{escape(_byline(provenance))}</p></header>\n'
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _byline(provenance: Mapping[str, str]) -> str:
    known = [provenance[key] for key in ("program", "date") if key in provenance]
    return " · ".join(known) or "nmcx"


def _figure(panel: Panel, number: int, dpi: int) -> str:
    drawn = panel.draw()
    figure: Figure = drawn if hasattr(drawn, "savefig") else drawn.figure
    buffer = io.BytesIO()
    # Without the version in the metadata the same figure gives the same bytes.
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None}, bbox_inches="tight")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    # Bytes 16 to 20 of a PNG are its width; CSS counts 96 pixels to the inch.
    width = round(int.from_bytes(buffer.getvalue()[16:20], "big") * 96 / dpi)
    return (
        f'<figure><img style="width:{width}px" alt="{escape(panel.alt, quote=True)}" '
        f'src="data:image/png;base64,{data}">'
        f"<figcaption><b>Figure {number}.</b> {escape(panel.caption)}</figcaption></figure>"
    )


def _panels(f: Findings) -> Iterator[Panel]:
    yield from soft_panels(f)
    yield from spectra_panels(f)
    yield from _hard_panels(f)
    yield from _bulk_panels(f)
    yield from _correlation_panels(f)
    yield from model_panels(f)
    yield from comparison_panels(f)


def _hard_panels(f: Findings) -> Iterator[Panel]:
    name = "Bulk: hard X-ray absorption"
    od, jump, edges = f.od, f.jump, f.edges
    if od is not None:
        yield Panel(
            name,
            lambda: plot.optical_density(od),
            "Optical density below and above the absorption edge",
            "Optical density at the lowest and the highest energy, on one scale.",
        )
    if jump is not None:
        below, above = f.jump_energies_ev
        yield Panel(
            name,
            lambda: plot.jump_image(
                jump, f.jump_pixel_um, title=f"OD({above:.1f} eV) − OD({below:.1f} eV)"
            ),
            "Edge-jump image in which the particles stand out",
            "Jump image: only what absorbs at this edge is bright. Magnification and drift between "
            "the energies were removed.",
        )
    if edges is not None:
        whole = f.particle is not None and f.particle.envelope.shape == edges.ok.shape
        yield Panel(
            name,
            lambda: plot.edge_map(
                edges, voxel_size_um=f.edge_voxel_um, particle=f.particle if whole else None
            ),
            "Slices of the edge-energy map",
            f"Edge energy ({estimator(edges)}) of every usable voxel; higher is more oxidised. "
            "Grey: refused or empty.",
        )
        yield Panel(
            name,
            lambda: plot.edge_histogram(edges),
            "Histogram of edge energies",
            "Edge energies of all usable voxels.",
        )
        yield Panel(
            name,
            lambda: plot.status(edges),
            "Map of refused voxels and the share of voxels with each status bit",
            "Which voxels were refused and why; voxels outside the particle have no jump.",
        )


def _bulk_panels(f: Findings) -> Iterator[Panel]:
    name = "Bulk: particle, depth and lines"
    particle, depth, lines = f.particle, f.depth, f.lines
    if particle is not None:
        yield Panel(
            name,
            lambda: plot.particle_slices(particle, f.volume, label=f.volume_name),
            "Slices through the particle with its outline",
            "Three orthogonal slices; the line is the envelope within which void is counted.",
        )
    if depth is not None:
        yield Panel(
            name,
            lambda: plot.depth_profile(depth),
            "Edge energy against depth below the surface",
            "Edge energy against depth: each column is the distribution at that depth, with median "
            "and bands.",
        )
    if lines is not None:
        yield Panel(
            name,
            lambda: plot.line_profiles(lines),
            "Edge energy along lines from the surface to the centre",
            "Edge energy along lines from the surface to the centre; bands are one standard error.",
        )


def _correlation_panels(f: Findings) -> Iterator[Panel]:
    name = _COMPARISON
    cones, surface, scan = f.cones, f.surface, f.scan
    if cones is not None:
        yield Panel(
            name,
            lambda: plot.sphere(cones, surface),
            "Cone porosity over all directions" + (" beside the surface map" if surface else ""),
            "Porosity in cones from the centre over all directions, seen from outside with the "
            "direction of view in the middle"
            + (", and the surface map there." if surface else "."),
        )
    if surface is not None:
        yield Panel(
            name,
            lambda: plot.placement(surface),
            "The surface map placed on the particle",
            "The surface map on the particle, seen along the beam.",
        )
    if scan is not None:
        of_it = cones if cones is not None and same_angles(f) else None
        yield Panel(
            name,
            lambda: plot.correlation_figure(
                scan,
                robustness=f.robustness,
                surface=surface,
                cones=of_it,
                particle=f.particle,
            ),
            "Correlation of xi and porosity against opening angle with the band of the null model, "
            "and what lies behind it at the strongest angle",
            "(a) Correlation against opening angle with 95 % intervals. Inside the grey band, "
            "chance gives as much: smooth fields that have nothing to do with each other "
            "correlate, too. "
            + _of_turns(f)
            + "(b) p-values of the single angles."
            + (
                " (c) The pairs at the strongest angle; neighbours overlap, so the dots are not "
                "independent. (d) A section that holds the beam, which comes from above."
                if surface is not None and of_it is not None
                else ""
            ),
        )


def _of_turns(f: Findings) -> str:
    if f.robustness is None:
        return ""
    most = np.rad2deg(np.abs(f.robustness.turns).max())
    return f"The blue band holds r for the map turned by up to {most:.0f}° about any axis. "


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    remark = f'<p class="remark">{escape(table.remark)}</p>' if table.remark else ""
    return (
        f'<section><h2>{escape(table.title)}</h2><div class="wide"><table><thead><tr>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>{remark}</section>"
    )


def _methods(findings: Findings) -> list[str]:
    told = methods(findings)
    if not told:
        return []
    items = "".join(f"<li>{escape(source)}</li>" for source in citations(findings))
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in told)
    return [f"<section><h2>Methods of the model</h2>{paragraphs}<ol>{items}</ol></section>"]


def _notes(findings: Findings) -> list[str]:
    notes = findings.all_notes()
    if not notes:
        return ["<section><h2>Notes</h2><p>Nothing was assumed or replaced.</p></section>"]
    items = "".join(f"<li><b>{escape(where)}</b>: {escape(note)}</li>" for where, note in notes)
    return [f"<section><h2>Notes</h2><ul>{items}</ul></section>"]


def _provenance(provenance: Mapping[str, str], parameters: str) -> list[str]:
    rows = "".join(
        f"<tr><th>{escape(key)}</th><td><code>{escape(value)}</code></td></tr>"
        for key, value in provenance.items()
    )
    parts = ["<section><h2>How it was made</h2>"]
    if rows:
        parts.append(
            f'<div class="wide"><table class="provenance"><tbody>{rows}</tbody></table></div>'
        )
    if parameters:
        parts.append(f"<h3>Settings</h3><pre>{escape(parameters)}</pre>")
    return [*parts, "</section>"]
