"""The sections of soft X-rays; `nmcx xi` and `nmcx spectrum` take their keys as flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nmcx.run_file.values import (
    as_choice,
    as_file,
    as_file_or_energy,
    as_integer,
    as_lengths,
    as_number,
    as_one_or_each,
    as_region,
    as_text,
    as_two_files,
    as_window,
    key,
    or_auto,
)

OneOrEach = float | tuple[float, ...]

_TINY = 1e-300
_AUTO = '"auto"'
_END = "valence, yields at low and high energy[, their standard errors]"
_end_member = or_auto(
    as_lengths((3, 5), as_number(), "[valence, low, high] or [valence, low, high, std, std]")
)
_shift = or_auto(as_lengths((2, 3), as_number(-1e4, 1e4), "[dy, dx] or [dy, dx, std] in pixels"))


@dataclass(frozen=True)
class Soft:
    """Two soft X-ray scans of the surface; options are those of `nmcx.surface.xi_map`."""

    low: Path | None = field(
        default=None,
        metadata=key(as_file, "scan at the lower energy, SDF header or NXstxm", '"a_scan.hdr"'),
    )
    high: Path | None = field(
        default=None, metadata=key(as_file, "scan at the higher energy", '"b_scan.hdr"')
    )
    stack: Path | None = field(
        default=None, metadata=key(as_file, "or one file with both energies, or more")
    )
    channel: str | None = field(
        default=None, metadata=key(or_auto(as_text), "detector channel, letter or name", _AUTO)
    )
    region: int | str = field(
        default=0, metadata=key(as_region, "region of the scan, counted from 0, or its name")
    )
    i0_channel: str | None = field(
        default=None, metadata=key(or_auto(as_text), "channel of the incident beam", _AUTO)
    )
    energy_ev: tuple[float, float] | None = field(
        default=None,
        metadata=key(
            or_auto(as_window),
            "low and high energy [eV], where files do not tell it; of a stack, which images",
            _AUTO, 2,
        ),
    )  # fmt: skip
    split_ev: float = field(
        default=2.2, metadata=key(as_number(0.8, 20), "distance of the peaks in a long stack [eV]")
    )
    window_ev: tuple[float, float] | None = field(
        default=None,
        metadata=key(or_auto(as_window), "where the peaks of a stack are [eV]", _AUTO, 2),
    )
    tolerance_ev: float = field(
        default=0.5, metadata=key(as_number(0, 20), "of an image of a stack from its peak [eV]")
    )
    mode: str = field(
        default="tey",
        metadata=key(as_choice("tey", "transmission"), '"tey" (electron yield) or "transmission"'),
    )
    dark: OneOrEach = field(
        default=0.0,
        metadata=key(as_one_or_each(0), "dark rate [counts/s], one or for each scan", "", "+"),
    )
    i0: OneOrEach | None = field(
        default=None,
        metadata=key(
            or_auto(as_one_or_each(_TINY)),
            "relative flux (open field [counts] in transmission), one or for each scan", _AUTO, "+",
        ),
    )  # fmt: skip
    background: Path | float | None = field(
        default=None,
        metadata=key(as_file_or_energy, "scan below the edge, or its energy [eV] in the stack"),
    )
    noise: str = field(
        default="poisson",
        metadata=key(as_choice("poisson", "measured"), '"poisson", or "measured" in each image'),
    )
    gain: OneOrEach | None = field(
        default=None,
        metadata=key(
            or_auto(as_one_or_each(_TINY)), "reading of one count, one or for each scan", _AUTO, "+"
        ),
    )
    read_noise: OneOrEach = field(
        default=0.0,
        metadata=key(
            as_one_or_each(0), "standard deviation of a reading without signal", "", "+"
        ),
    )  # fmt: skip
    min_counts: float | None = field(
        default=None,
        metadata=key(
            or_auto(as_number(0)), "fewest counts of a valid pixel, of both scans", _AUTO
        ),
    )  # fmt: skip
    sigma_target: float | None = field(
        default=None,
        metadata=key(
            or_auto(as_number(_TINY)), "largest standard error of a valid pixel [1]", _AUTO
        ),
    )
    min_significance: float | None = field(
        default=None,
        metadata=key(
            or_auto(as_number(0)), "least signal of a valid pixel, in standard errors", _AUTO
        ),
    )
    shift: tuple[float, ...] | None = field(
        default=None,
        metadata=key(_shift, "known drift of the high scan, [dy, dx] or [dy, dx, std] [px]", _AUTO,
                     "+"),
    )  # fmt: skip
    background_shift: tuple[float, ...] | None = field(
        default=None,
        metadata=key(_shift, "known drift of the scan below the edge [px]", _AUTO, "+"),
    )
    max_shift: OneOrEach | None = field(
        default=None,
        metadata=key(
            or_auto(
                as_one_or_each(0, most=2, wording="a number or [rows, columns], in pixels")
            ),
            "largest drift looked for, one or [rows, columns] [px]", _AUTO, "+",
        ),
    )  # fmt: skip
    motion: str = field(
        default="auto",
        metadata=key(
            as_choice("auto", "translation", "drift"),
            '"drift": it grows while the rows are scanned; "auto": if the images say so',
        ),
    )
    spectrum: Path | None = field(
        default=None,
        metadata=key(as_file, "reference spectrum: what an energy error does to the ratio"),
    )
    energy_std_ev: float | None = field(
        default=None,
        metadata=key(or_auto(as_number(0)), "error of the energy scale, with spectrum [eV]", _AUTO),
    )
    first: tuple[float, ...] | None = field(
        default=None, metadata=key(_end_member, f"end member for valence: {_END}", _AUTO, "+")
    )
    second: tuple[float, ...] | None = field(
        default=None, metadata=key(_end_member, "the other end member, likewise", _AUTO, "+")
    )
    end_members: tuple[float, float] | None = field(
        default=None,
        metadata=key(
            or_auto(as_lengths((2,), as_number(), "two values of xi")),
            "xi of relative valence 0 and 1, without first and second", _AUTO, 2,
        ),
    )  # fmt: skip


def conflict(soft: Soft) -> str | None:
    """What does not go together in the options of a ratio map, as "keys: reason"; None if all does.

    Parameters
    ----------
    soft : Soft
        Options, with or without the scans.

    Returns
    -------
    str or None
    """
    if (soft.first is None) != (soft.second is None):
        return "first, second: give both end members, or neither"
    if soft.first is not None and soft.end_members is not None:
        return "end_members: is for relative valence; leave it out with first and second"
    if soft.energy_std_ev is not None and soft.spectrum is None:
        return "energy_std_ev: needs a reference spectrum"
    if isinstance(soft.background, float) and soft.stack is None:
        return "background: an energy needs a stack; name the file of the scan below the edge"
    if soft.background_shift is not None and soft.background is None:
        return "background_shift: needs a background"
    return None


def _files(meaning: str, show: str = "") -> Any:
    return field(default=None, metadata=key(as_two_files, meaning, show, 2))


@dataclass(frozen=True)
class Spectra:
    """Soft X-ray spectra of the first and the cycled state, [first, cycled]."""

    nickel_tey: tuple[Path, ...] | None = _files(
        "Ni L by electron yield, two text files", '["ni_tey_first.txt", "ni_tey_cycled.txt"]'
    )
    nickel_fy: tuple[Path, ...] | None = _files(
        "Ni L by fluorescence yield", '["ni_fy_first.txt", "ni_fy_cycled.txt"]'
    )
    oxygen_tey: tuple[Path, ...] | None = _files(
        "O K by electron yield", '["o_tey_first.txt", "o_tey_cycled.txt"]'
    )
    oxygen_fy: tuple[Path, ...] | None = _files(
        "O K by fluorescence yield", '["o_fy_first.txt", "o_fy_cycled.txt"]'
    )
    column: str | None = field(
        default=None, metadata=key(or_auto(as_text), "column of the intensity", _AUTO)
    )
    i0: str | None = field(
        default=None, metadata=key(or_auto(as_text), "column of the incident beam", _AUTO)
    )

    def pairs(self, edge: str = "") -> dict[str, tuple[Path, ...]]:
        """Files by name, such as "nickel_tey", of one edge or of both."""
        names = ("nickel_tey", "nickel_fy", "oxygen_tey", "oxygen_fy")
        found = {name: getattr(self, name) for name in names if name.startswith(edge)}
        return {name: files for name, files in found.items() if files is not None}


def _window(meaning: str) -> Any:
    return field(default=None, metadata=key(or_auto(as_window), meaning, _AUTO, 2))


def _normalisation() -> Any:
    return field(
        default="jump",
        metadata=key(as_choice("jump", "area", "minmax"), '"jump", "area" or "minmax"'),
    )


def _pre_degree() -> Any:
    return field(
        default=1, metadata=key(as_integer(0, 1), "before the edge: 1 a line, 0 a constant")
    )


@dataclass(frozen=True)
class Nickel:
    """How Ni L spectra are measured: options of `nmcx.spectra.l3_ratio` and `normalise_soft`."""

    pre_edge: tuple[float, float] | None = _window("baseline, default the first 6 eV [eV]")
    post_edge: tuple[float, float] | None = _window("jump, default the last 5 eV [eV]")
    normalisation: str = _normalisation()
    pre_degree: int = _pre_degree()
    method: str = field(
        default="parabola",
        metadata=key(as_choice("parabola", "fit"), 'peak heights by "parabola" or "fit"'),
    )
    split_ev: float = field(
        default=2.2, metadata=key(as_number(0.8, 20), "distance of the two L3 peaks [eV]")
    )
    step_width_ev: float = field(
        default=0.6, metadata=key(as_number(1e-3, 99), "half width of the arctan steps [eV]")
    )
    spin_orbit_ev: float = field(
        default=17.3, metadata=key(as_number(1, 99), "distance of L2 above L3 [eV]")
    )


@dataclass(frozen=True)
class Oxygen:
    """How O K spectra are measured: options of `pre_edge_area`, `suppression`, `normalise_soft`."""

    pre_edge: tuple[float, float] | None = _window("baseline, default the first 6 eV [eV]")
    post_edge: tuple[float, float] | None = _window("jump, default the last 5 eV [eV]")
    normalisation: str = _normalisation()
    pre_degree: int = _pre_degree()
    background: str = field(
        default="step", metadata=key(as_choice("step", "bridge"), 'area above "step" or "bridge"')
    )
    peak_ev: float | None = field(
        default=None,
        metadata=key(or_auto(as_number(100, 1e4)), "where the pre-edge peak is [eV]", _AUTO),
    )
    window_ev: tuple[float, float] | None = _window("foot and valley of the pre-edge peak [eV]")
    step_width_ev: float = field(
        default=1.0, metadata=key(as_number(1e-3, 99), "half width of the arctan step [eV]")
    )
    window_shift_ev: float = field(
        default=1.0,
        metadata=key(as_number(0, 99), "suppression: largest move of a window's end [eV]"),
    )
    n_bootstrap: int = field(
        default=1000, metadata=key(as_integer(100, 10**6), "suppression: draws of the interval")
    )
    seed: int = field(
        default=1, metadata=key(as_integer(0), "suppression: of the random numbers")
    )  # fmt: skip
