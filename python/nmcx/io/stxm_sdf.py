"""Scanned X-ray images in SDF form: a ``.hdr`` header with one ``.xim`` text image per energy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _detectors, _memory, _safe, _units, sdf
from nmcx.io._beside import check_beside
from nmcx.io.stxm_stack import Array, Images, image_means, in_order
from nmcx.results import StxmStack

#: Image records are nominal energies or encoder readings [eV].
_RECORD_EV = 0.5
_NO_IMAGE = ("point", "line", "focus", "spectra")


@dataclass(frozen=True)
class _Scan:
    """A header, and the region of it that is read."""

    file: Path
    header: sdf.Struct
    region: int
    notes: list[str] = field(default_factory=list)

    @property
    def definition(self) -> sdf.Struct:
        return sdf.struct_of(self.header, "ScanDefinition")

    @property
    def regions(self) -> list[sdf.Struct]:
        return sdf.structs_of(self.definition, "Regions")

    def channels(self) -> list[sdf.Struct]:
        """What the header says of channels a, b, …: in the definition, else below it."""
        return sdf.structs_of(self.definition, "Channels") or sdf.structs_of(
            self.header, "Channels"
        )

    def name_of(self, letter: str) -> str:
        channels, at = self.channels(), ord(letter) - ord("a")
        return sdf.text_of(channels[at], "Name") if at < len(channels) else ""


def read_sdf(
    file: Path,
    channel: str | None = None,
    region: int | str = 0,
    energy_ev: float | None = None,
    i0: str | None = None,
) -> StxmStack:
    """The images of one channel and region of an SDF scan; see `nmcx.io.read_stxm`."""
    header = sdf.parse_sdf(_safe.read_text(file, "STXM header (.hdr)"), str(file))
    if isinstance(region, str) or region < 0:
        raise ValueError(f"region of an SDF scan is a number counted from 0, not {region!r}")
    scan = _Scan(file, header, int(region))
    if not scan.definition:
        raise InputError(f"{file}: has no ScanDefinition; is it an STXM header?")
    _refuse_other_scans(scan)
    x, y, turned = _axes(scan)
    there = _image_files(scan)
    letter = _choose(scan, there, channel)
    images = there[letter]
    indices = sorted(images)
    energy = _energies(scan, indices, energy_ev)
    shape = (x.size, y.size) if turned else (y.size, x.size)
    _memory.check_memory(2 * 8 * len(images) * x.size * y.size, str(file))
    counts = np.stack([_read_image(images[i], *shape) for i in indices])
    at = ord(letter) - ord("a")
    described = scan.channels()[at] if at < len(scan.channels()) else {}
    unit = sdf.text_of(described, "Unit") or sdf.text_of(described, "UnitName")
    _say_divider(scan, scan.name_of(letter))
    stack = Images(
        counts.transpose(0, 2, 1) if turned else counts,
        energy,
        x,
        y,
        _dwell(scan, energy),
        _incident(scan, there, letter, i0, shape),
        scan.name_of(letter),
        unit,
        ("PAxis", "QAxis") if not turned else ("QAxis", "PAxis"),
    )
    return in_order(stack, str(file), scan.notes)


def _refuse_other_scans(scan: _Scan) -> None:
    kind = sdf.text_of(scan.definition, "Type") or sdf.text_of(scan.definition, "Flags")
    first = scan.regions[0] if scan.regions else {}
    axes = [sdf.text_of(sdf.struct_of(first, key), "Name").lower() for key in ("PAxis", "QAxis")]
    if not any(word in kind.lower() for word in _NO_IMAGE) and "energy" not in axes:
        return
    spectra = _safe.natural_order(scan.file.parent.glob(f"{_glob_safe(scan.file.stem)}_*.xsp"))
    if spectra:
        remedy = f"read its numbers by read_spectrum({spectra[0].name!r})"
    else:
        remedy = "read_stxm takes image scans only"
    raise InputError(f"{scan.file}: is a {kind or 'scan over energy'}, not an image scan; {remedy}")


def _glob_safe(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _axes(scan: _Scan) -> tuple[Array, Array, bool]:
    """X and y of the region, and whether the rows of its images run along x."""
    regions = scan.regions
    if not regions:
        raise InputError(f"{scan.file}: ScanDefinition has no Regions; is it an image scan?")
    if scan.region >= len(regions):
        raise InputError(
            f"{scan.file}: has {len(regions)} regions, counted from 0; there is no {scan.region}"
        )
    if len(regions) > 1:
        scan.notes.append(f"region {scan.region} of {len(regions)} is read (counted from 0)")
    region = regions[scan.region]
    p, q = _points(region, "PAxis", scan), _points(region, "QAxis", scan)
    names = [sdf.text_of(sdf.struct_of(region, key), "Name") for key in ("PAxis", "QAxis")]
    ends = [name.lower()[-1:] for name in names]
    if ends == ["y", "x"]:
        scan.notes.append(f"columns are {names[0]}, rows {names[1]}: images transposed")
        return q, p, True
    return p, q, False


def _points(parent: sdf.Struct, key: str, scan: _Scan) -> Array:
    axis = sdf.struct_of(parent, key)
    listed = axis.get("Points")
    # Each list in SDF begins with its own length.
    if not isinstance(listed, list) or len(listed) < 2 or listed[0] != len(listed) - 1:
        raise InputError(
            f"{scan.file}: {key}/Points is missing or cut short; copy the header again"
        )
    if not all(isinstance(v, float) and np.isfinite(v) for v in listed):
        raise InputError(f"{scan.file}: {key}/Points holds something else than numbers")
    points = np.asarray(listed[1:], dtype=np.float64)
    if key == "StackAxis":
        return points
    unit = sdf.text_of(axis, "Unit") or "um"
    factor = _units.to_um(1.0, unit)
    if factor is None:
        raise InputError(f"{scan.file}: {key} is in {unit!r}, not in um; is it an image scan?")
    return points * factor


# Files of the images ----------------------------------------------------------------------------


def _image_files(scan: _Scan) -> dict[str, dict[int, Path]]:
    """Images of the region, by channel and number.

    After the letter stand three digits of the image, none for a single one, and then the digit of
    the region if there are several.
    """
    pattern = re.compile(re.escape(scan.file.stem) + r"_([a-z])(\d*)\.xim$")
    n_region = len(scan.regions)
    found: dict[str, dict[int, Path]] = {}
    unmarked = False
    for candidate in sorted(scan.file.parent.iterdir()):
        match = pattern.match(candidate.name)
        if not match:
            continue
        letter, digits = match.groups()
        image, region = (digits, "") if len(digits) == 3 else (digits[:3], digits[3:])
        if len(digits) < 3:
            image, region = "", digits
        if n_region == 1 and len(digits) > 3 and _n_stack(scan) > 1000:
            image, region = digits, ""
        if int(region or 0) != scan.region:
            continue
        unmarked |= n_region > 1 and not region
        check_beside(candidate, scan.file)
        found.setdefault(letter, {}).setdefault(int(image or 0), candidate)
    if not found:
        mark = str(scan.region) if n_region > 1 else ""
        raise InputError(
            f"{scan.file}: no image {scan.file.stem}_a000{mark}.xim beside it; copy it here"
        )
    if unmarked:
        scan.notes.append("images carry no digit of a region: taken as those of region 0")
    return found


def _n_stack(scan: _Scan) -> int:
    listed = sdf.struct_of(scan.definition, "StackAxis").get("Points")
    return len(listed) - 1 if isinstance(listed, list) else 0


def _choose(scan: _Scan, there: dict[str, dict[int, Path]], wanted: str | None) -> str:
    letters = sorted(there)
    if wanted is None:
        signals = [x for x in letters if not _detectors.is_incident(scan.name_of(x))]
        chosen = (signals or letters)[0]
    else:
        chosen = _letter(scan, letters, wanted)
    if len(letters) > 1:
        scan.notes.append(f"channel {chosen} of {_listed(scan, letters)} is read")
    return chosen


def _letter(scan: _Scan, letters: Sequence[str], wanted: str) -> str:
    if wanted in letters:
        return wanted
    same = [x for x in letters if scan.name_of(x).lower() == wanted.lower()]
    if len(same) != 1:
        raise InputError(
            f"{scan.file}: {len(same) or 'no'} channels {wanted!r}; channels there: "
            f"{_listed(scan, letters)}"
        )
    return same[0]


def _listed(scan: _Scan, letters: Sequence[str]) -> str:
    names = [scan.name_of(x) for x in letters]
    return ", ".join(f"{x} ({n})" if n else x for x, n in zip(letters, names, strict=True))


def _read_image(path: Path, n_row: int, n_column: int) -> Array:
    lines = _safe.read_text(path, "STXM image (.xim)").splitlines()
    rows = [line.split() for line in lines if line.strip()]
    if len(rows) != n_row:
        raise InputError(
            f"{path}: has {len(rows)} rows, the header says {n_row}; copy the image again or "
            "remove it to read the others"
        )
    for i, row in enumerate(rows):
        if len(row) != n_column:
            raise InputError(
                f"{path}: row {i + 1} has {len(row)} values, the header says {n_column}; copy the "
                "image again or remove it to read the others"
            )
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{path}: holds something else than numbers ({error})") from error


def _energies(scan: _Scan, indices: list[int], given: float | None) -> Array:
    if given is not None:
        if len(indices) != 1:
            raise ValueError(f"energy_ev is for single images, {scan.file.name} has {len(indices)}")
        scan.notes.append(f"energy {given} eV as given by the caller")
        return np.array([given], dtype=np.float64)
    stack = sdf.struct_of(scan.definition, "StackAxis")
    if not stack or _n_stack(scan) < 1:
        return _energies_without_stack(scan, indices)
    name = str(stack.get("Name", "Energy"))
    if "energy" not in name.lower():
        raise InputError(f"{scan.file}: the stack runs over {name!r}, not over energy")
    listed = _points(scan.definition, "StackAxis", scan)
    if sdf.text_of(stack, "Unit").lower() == "kev":
        listed = listed * 1000.0
        scan.notes.append("StackAxis is in keV: converted")
    if (listed <= 0).any():
        raise InputError(f"{scan.file}: StackAxis/Points holds energies that are not positive")
    return _matched(scan, indices, listed)


def _matched(scan: _Scan, indices: list[int], listed: Array) -> Array:
    """Energies of the images that are there."""
    n_file = len(indices)
    recorded = np.array([_recorded(scan, i) for i in indices])
    if indices[-1] < listed.size:
        if n_file < listed.size:
            scan.notes.append(f"interrupted scan: {n_file} of {listed.size} images are there")
        energy = listed[indices]
        apart = np.flatnonzero(np.abs(recorded - energy) > _RECORD_EV)
        if apart.size:
            i = apart[0]
            scan.notes.append(
                f"the image record {indices[i]:03d} says {recorded[i]:g} eV where StackAxis says "
                f"{energy[i]:g} eV: StackAxis is used"
            )
        return np.asarray(energy)
    if n_file == listed.size:
        shown = ", ".join(f"{i:03d}" for i in indices)
        agree = np.allclose(recorded, listed, atol=0.05)
        scan.notes.append(
            f"image numbers {shown} are not those of the energies: matched in order"
            + (", as the header's own image records say" if agree else "")
        )
        if not agree and np.isfinite(recorded).all():
            raise InputError(
                f"{scan.file}: StackAxis and the image records disagree on the energies; "
                "correct the header"
            )
        return listed
    raise InputError(
        f"{scan.file}: {n_file} images numbered up to {indices[-1]:03d} cannot be matched to "
        f"{listed.size} energies; correct StackAxis/Points"
    )


def _record(scan: _Scan, index: int) -> sdf.Struct:
    """What some programs append after each image: ``Image003_0``, the last digit the region."""
    names = (f"Image{index:03d}_{scan.region}", f"Image{index:03d}_0", f"Image{index}")
    return next((r for r in (sdf.struct_of(scan.header, name) for name in names) if r), {})


def _recorded(scan: _Scan, index: int) -> float:
    """Energy in the image's record [eV]; NaN if there is none that makes sense."""
    energy = sdf.number_of(_record(scan, index), "Energy")
    return energy if np.isfinite(energy) and energy > 0 else float("nan")


def _energies_without_stack(scan: _Scan, indices: list[int]) -> Array:
    recorded = np.array([_recorded(scan, i) for i in indices])
    if np.isfinite(recorded).all():
        shown = f"energy {recorded[0]} eV" if len(indices) == 1 else "energies"
        scan.notes.append(f"no StackAxis: {shown} from the header's image record")
        return recorded
    if len(indices) > 1:
        raise InputError(
            f"{scan.file}: {len(indices)} images but no StackAxis/Points with energies; add them"
        )
    monochromator = sdf.struct_of(scan.header, "Monochromator")
    energy = sdf.number_of(monochromator or sdf.struct_of(scan.header, "Energy"), "LastPosition")
    if not (np.isfinite(energy) and energy > 0):
        raise InputError(f"{scan.file}: says no energy (StackAxis, Monochromator); pass energy_ev")
    scan.notes.append(f"no StackAxis: energy {energy} eV from the monochromator's last position")
    return np.array([energy])


# Dwell and incident beam ------------------------------------------------------------------------


def _dwell(scan: _Scan, energy: Array) -> Array:
    """Time per pixel of each image [s]: of its energy region, else that of the scan."""
    whole = sdf.number_of(scan.definition, "Dwell")
    dwell = np.full(energy.size, whole if np.isfinite(whole) and whole > 0 else np.nan)
    for name, value in scan.header.items():
        if isinstance(value, dict) and name.endswith("Scan") and "EnergyRegions" in value:
            parts = sdf.structs_of(value, "EnergyRegions")
            dwell = _dwell_of_regions(parts, energy, dwell)
            break
    if np.isfinite(whole) and np.any(dwell != whole) and whole > 0:
        scan.notes.append(f"Dwell is {whole:g} ms, but that of the energy regions is used")
    if np.isnan(dwell).any():
        scan.notes.append("no usable Dwell in the header: time per pixel unknown")
    return dwell / 1000.0


def _dwell_of_regions(parts: list[sdf.Struct], energy: Array, dwell: Array) -> Array:
    dwell = dwell.copy()
    taken = np.zeros(energy.size, bool)
    for part in parts:
        ends = sorted((sdf.number_of(part, "StartEnergy"), sdf.number_of(part, "EndEnergy")))
        time = sdf.number_of(part, "DwellTime")
        # Where two regions touch, the first measured the energy.
        inside = (energy >= ends[0] - 1e-3) & (energy <= ends[1] + 1e-3) & ~taken
        if np.isfinite(time) and time > 0:
            dwell[inside] = time
            taken |= inside
    return dwell


def _incident(
    scan: _Scan,
    there: dict[str, dict[int, Path]],
    letter: str,
    wanted: str | None,
    shape: tuple[int, int],
) -> Array | None:
    """(n_energy,) I0: the mean of its channel's images, else the ring current of the records."""
    indices = sorted(there[letter])
    others = [x for x in sorted(there) if x != letter and _detectors.is_incident(scan.name_of(x))]
    chosen = _letter(scan, sorted(there), wanted) if wanted else next(iter(others), None)
    if chosen is not None:
        missing = [i for i in indices if i not in there[chosen]]
        if missing:
            scan.notes.append(f"channel {chosen} lacks image {missing[0]:03d}: no i0")
            return None
        scan.notes.append(f"i0 is the mean of channel {_listed(scan, [chosen])} over each image")
        # One image at a time: only its mean is kept.
        means = [image_means(_read_image(there[chosen][i], *shape)[None]) for i in indices]
        return np.concatenate(means)
    current: NDArray[np.float64] = np.array(
        [sdf.number_of(_record(scan, i), "StorageRingCurrent") for i in indices]
    )
    if np.all(np.isfinite(current) & (current > 0)):
        scan.notes.append("i0 is the ring current in the header's image records")
        return current
    return None


def _say_divider(scan: _Scan, channel: str) -> None:
    divider = sdf.number_of(scan.header, "PMT_CounterDivider")
    if "pmt" in channel.lower() and np.isfinite(divider) and divider > 1:
        scan.notes.append(f"PMT_CounterDivider is {divider:g}: one count may stand for so many")
