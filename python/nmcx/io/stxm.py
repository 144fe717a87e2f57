"""Scanned X-ray images in SDF form: a ``.hdr`` header with one ``.xim`` text image per energy."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _safe
from nmcx.results import StxmStack

_TOKEN = re.compile(r'"[^"]*"|[{}()=;,]|[^\s{}()=;,"]+|"')
_MAX_DEPTH = 64

Struct = dict[str, Any]


def read_stxm(
    hdr: str | PathLike[str], *, channel: str = "a", energy_ev: float | None = None
) -> StxmStack:
    """Scanning X-ray microscope images of one field at one or more energies.

    Parameters
    ----------
    hdr : path-like
        The ``.hdr`` file; its images ``<name>_a000.xim`` (or ``<name>_a.xim`` of a single image)
        lie beside it.
    channel : str
        Letter of the detector channel.
    energy_ev : float, optional
        Photon energy of a single image [eV], where the header does not tell it or is wrong.

    Returns
    -------
    StxmStack
        `counts` (n_energy, ny, nx) with rows and columns in ascending stage position, `energy_ev`
        (n_energy,) ascending [eV], `x_um` and `y_um` [µm], possibly non-uniform, `dwell_s` [s].
        `notes` says what was sorted, matched or missing.

    Raises
    ------
    nmcx.errors.InputError
        If the header lacks axes or energies, or an image is damaged or of another size.
    nmcx.errors.MemoryLimitError
        If the images do not fit into memory.

    References
    ----------
    .. [1] SDF layout as written by the STXM control programs of many beamlines: an axis'
       ``Points`` begins with the number of points, ``Dwell`` is in milliseconds, rows follow QAxis.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> axis = np.arange(3) * 0.1
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "a_scan.hdr")
    ...     stack = StxmStack(np.ones((1, 3, 3)), np.array([854.0]), axis, axis, 0.004)
    ...     _ = write_stxm(file, stack)
    ...     read_stxm(file).counts.shape
    (1, 3, 3)
    """
    file = _safe.check_file(hdr, "STXM header (.hdr)")
    header = parse_sdf(_safe.read_text(file, "STXM header (.hdr)"))
    notes: list[str] = []
    scan = _struct(header, "ScanDefinition")
    if not scan:
        raise InputError(f"{file}: has no ScanDefinition; is it an STXM header?")
    region = _region(scan, file, notes)
    x = _points(region, "PAxis", file)
    y = _points(region, "QAxis", file)
    images = _image_files(file, channel, notes)
    energy = _energies(header, scan, sorted(images), file, notes, energy_ev)
    _safe.check_memory(2 * 8 * len(images) * x.size * y.size, str(file))
    counts = np.stack([_read_image(images[i], y.size, x.size) for i in sorted(images)])
    n_bad = int(np.count_nonzero(~np.isfinite(counts)))
    if n_bad:
        notes.append(f"{n_bad} pixels are not finite numbers; they stay so")
    order = np.argsort(energy, kind="stable")
    if np.any(np.diff(order) < 0):
        notes.append("energies were not in ascending order: sorted")
    if np.any(np.diff(energy[order]) == 0):
        notes.append("some energies occur more than once")
    counts, energy = counts[order], energy[order]
    counts, x, y = _ascending(counts, x, y, file, notes)
    return StxmStack(counts, energy, x, y, _dwell(scan, notes), tuple(notes))


def write_stxm(
    hdr: str | PathLike[str], stack: StxmStack, *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write images as an SDF header and one text image per energy.

    Parameters
    ----------
    hdr : path-like
        The ``.hdr`` file; images go beside it as ``<name>_a000.xim`` and so on.
    stack : StxmStack
        The images.
    overwrite : bool
        Whether existing files may be replaced.

    Returns
    -------
    tuple of pathlib.Path
        The files written, the header last.

    Raises
    ------
    nmcx.errors.OutputError
        If a file exists and `overwrite` is false, or cannot be written.
    ValueError
        If `hdr` does not end in ``.hdr`` or the stack has more than 1000 energies.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> axis = np.arange(3) * 0.1
    >>> stack = StxmStack(np.ones((1, 3, 3)), np.array([854.0]), axis, axis, 0.004)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "a_scan.hdr")
    ...     [written.name for written in write_stxm(file, stack)]
    ...     read_stxm(file).energy_ev
    ['a_scan_a000.xim', 'a_scan.hdr']
    array([854.])
    """
    file = Path(hdr)
    counts = np.asarray(stack.counts, dtype=np.float64)
    if file.suffix != ".hdr":
        raise ValueError(f"hdr must end in .hdr, not {file.name!r}")
    if not 0 < len(counts) <= 1000:
        raise ValueError(f"stack must have 1 to 1000 energies, not {len(counts)}")
    written = []
    for i, image in enumerate(counts):
        target = file.with_name(f"{file.stem}_a{i:03d}.xim")
        text = "\n".join("\t".join(_shortest(v) for v in row) for row in image) + "\n"
        _write_text(target, text, overwrite)
        written.append(target)
    _write_text(file, _header_text(stack, file.name), overwrite)
    return (*written, file)


def _write_text(target: Path, text: str, overwrite: bool) -> None:
    with _safe.atomic_write(target, overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _shortest(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(float(value))


def _header_text(stack: StxmStack, name: str) -> str:
    def axis(key: str, label: str, unit: str, points: NDArray[Any]) -> str:
        values = [float(v) for v in np.asarray(points)]
        listed = ", ".join(map(repr, values))
        return (
            f'{key} = {{ Name = "{label}"; Unit = "{unit}"; Min = {min(values)!r}; '
            f"Max = {max(values)!r}; Dir = 1;\n\tPoints = ({len(values)}, {listed});\n}};\n"
        )

    kind = "NEXAFS Image Scan" if len(stack.counts) > 1 else "Image Scan"
    flags = "Image Stack" if len(stack.counts) > 1 else "Image"
    dwell = "" if np.isnan(stack.dwell_s) else f" Dwell = {stack.dwell_s * 1e3!r};"
    return (
        f'ScanDefinition = {{ Label = "{name}"; Type = "{kind}"; Flags = "{flags}";{dwell}\n'
        f"Regions = (1,\n{{\n{axis('PAxis', 'Sample X', 'um', stack.x_um)}\n"
        f"{axis('QAxis', 'Sample Y', 'um', stack.y_um)}}});\n\n"
        f"{axis('StackAxis', 'Energy', 'eV', stack.energy_ev)}\n"
        'Channels = (1,\n{ Name = "counter0"; Unit = "counts";});\n};\n'
    )


def parse_sdf(text: str) -> Struct:
    """Header text as nested dicts and lists; junk is stepped over, the first of equal keys stays.

    Parameters
    ----------
    text : str
        ``Name = value;`` with numbers, strings, ``{ structs }`` and ``( lists )``.

    Returns
    -------
    dict
        Values are float, str, bool, dict or list.

    Examples
    --------
    >>> parse_sdf('Axis = { Name = "Energy"; Points = (2, 853.0, 857.75);};')
    {'Axis': {'Name': 'Energy', 'Points': [2.0, 853.0, 857.75]}}
    """
    tokens = _TOKEN.findall(text)
    tokens.append("")
    return _parse_struct(tokens, 0, 0)[0]


def _parse_struct(tokens: list[str], at: int, depth: int) -> tuple[Struct, int]:
    found: Struct = {}
    key: list[str] = []
    while tokens[at]:
        token = tokens[at]
        if token in "})":
            return found, at + 1
        if token == "=":
            value, at = _parse_value(tokens, at + 1, depth + 1)
            if key:
                found.setdefault(key[-1], value)
            key = []
            continue
        if token in ";,":
            key = []
        elif token in "{(":
            _, at = _parse_value(tokens, at, depth + 1)
            continue
        else:
            key.append(token)
        at += 1
    return found, at


def _parse_value(tokens: list[str], at: int, depth: int) -> tuple[Any, int]:
    token = tokens[at]
    if depth > _MAX_DEPTH:
        raise InputError(f"STXM header: nested deeper than {_MAX_DEPTH}; is it damaged?")
    if token == "{":
        return _parse_struct(tokens, at + 1, depth)
    if token == "(":
        items: list[Any] = []
        at += 1
        while tokens[at] and tokens[at] not in ")}":
            if tokens[at] in ",;=":
                at += 1
                continue
            value, at = _parse_value(tokens, at, depth + 1)
            items.append(value)
        return items, at + 1 if tokens[at] else at
    if not token or token in "});,=":
        return "", at
    return _scalar(token), at + 1


def _scalar(token: str) -> Any:
    if token.startswith('"'):
        return token.strip('"')
    if token in ("true", "false"):
        return token == "true"
    try:
        return float(token)
    except ValueError:
        return token


def _struct(parent: Struct, key: str) -> Struct:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _number(parent: Struct, key: str) -> float:
    value = parent.get(key)
    return value if isinstance(value, float) else float("nan")


def _region(scan: Struct, file: Path, notes: list[str]) -> Struct:
    listed = scan.get("Regions")
    regions = [r for r in listed if isinstance(r, dict)] if isinstance(listed, list) else []
    if not regions:
        raise InputError(f"{file}: ScanDefinition has no Regions; is it an image scan?")
    if len(regions) > 1:
        notes.append(f"the first of {len(regions)} regions is read")
    first: Struct = regions[0]
    return first


def _points(parent: Struct, key: str, file: Path) -> NDArray[np.float64]:
    axis = _struct(parent, key)
    listed = axis.get("Points")
    # Each list in SDF begins with its own length.
    if not isinstance(listed, list) or len(listed) < 2 or listed[0] != len(listed) - 1:
        raise InputError(f"{file}: {key}/Points is missing or cut short; copy the header again")
    if not all(isinstance(v, float) and np.isfinite(v) for v in listed):
        raise InputError(f"{file}: {key}/Points holds something else than numbers")
    unit = axis.get("Unit", "um" if key != "StackAxis" else "eV")
    if key != "StackAxis" and str(unit).lower() not in ("um", "µm", "microns", "micron", ""):
        raise InputError(f"{file}: {key} is in {unit!r}, not in um; is it an image scan?")
    return np.asarray(listed[1:], dtype=np.float64)


def _image_files(file: Path, channel: str, notes: list[str]) -> dict[int, Path]:
    pattern = re.compile(re.escape(file.stem) + r"_([a-z])(\d{3})?(\d)?\.xim$")
    found: dict[int, Path] = {}
    channels = set()
    for candidate in sorted(file.parent.iterdir()):
        match = pattern.match(candidate.name)
        if not match or (match.group(3) or "0") != "0":
            continue
        channels.add(match.group(1))
        if match.group(1) == channel:
            found.setdefault(int(match.group(2) or 0), candidate)
    if not found:
        there = f"channels there: {', '.join(sorted(channels))}" if channels else "copy it here"
        raise InputError(f"{file}: no image {file.stem}_{channel}000.xim beside it; {there}")
    if len(channels) > 1:
        notes.append(f"channel {channel} of {', '.join(sorted(channels))} is read")
    return found


def _energies(
    header: Struct,
    scan: Struct,
    indices: list[int],
    file: Path,
    notes: list[str],
    given: float | None,
) -> NDArray[np.float64]:
    if given is not None:
        if len(indices) != 1:
            raise ValueError(f"energy_ev is for single images, {file.name} has {len(indices)}")
        notes.append(f"energy {given} eV as given by the caller")
        return np.array([given], dtype=np.float64)
    stack = _struct(scan, "StackAxis")
    if not stack or not isinstance(stack.get("Points"), list) or len(stack["Points"]) < 2:
        return _single_energy(header, indices, file, notes)
    name = str(stack.get("Name", "Energy"))
    if "energy" not in name.lower():
        raise InputError(f"{file}: the stack runs over {name!r}, not over energy")
    listed = _points(scan, "StackAxis", file)
    if str(stack.get("Unit", "eV")).lower() == "kev":
        listed = listed * 1000.0
        notes.append("StackAxis is in keV: converted")
    if (listed <= 0).any():
        raise InputError(f"{file}: StackAxis/Points holds energies that are not positive")
    n_file = len(indices)
    if indices[-1] < listed.size:
        if n_file < listed.size:
            notes.append(f"interrupted scan: {n_file} of {listed.size} images are there")
        return np.asarray(listed[indices])
    if n_file == listed.size:
        shown = ", ".join(f"{i:03d}" for i in indices)
        recorded = [_recorded(header, i) for i in indices]
        agree = np.allclose(recorded, listed, atol=0.05)
        notes.append(
            f"image numbers {shown} are not those of the energies: matched in order"
            + (", as the header's own image records say" if agree else "")
        )
        if not agree and np.isfinite(recorded).all():
            raise InputError(f"{file}: StackAxis and the image records disagree on the energies")
        return listed
    raise InputError(
        f"{file}: {n_file} images numbered up to {indices[-1]:03d} cannot be matched to "
        f"{listed.size} energies; correct StackAxis/Points"
    )


def _recorded(header: Struct, index: int) -> float:
    """Energy in the record ``Image003_0`` that some programs append after each image [eV]."""
    return _number(_struct(header, f"Image{index:03d}_0"), "Energy")


def _single_energy(
    header: Struct, indices: list[int], file: Path, notes: list[str]
) -> NDArray[np.float64]:
    if len(indices) > 1:
        raise InputError(f"{file}: {len(indices)} images but no StackAxis/Points with energies")
    monochromator = _struct(header, "Monochromator") or _struct(header, "Energy")
    for energy, source in (
        (_recorded(header, indices[0]), "the header's image record"),
        (_number(monochromator, "LastPosition"), "the monochromator's last position"),
    ):
        if np.isfinite(energy) and energy > 0:
            notes.append(f"no StackAxis: energy {energy} eV from {source}")
            return np.array([energy])
    raise InputError(f"{file}: says no energy (StackAxis, Monochromator); pass energy_ev")


def _read_image(path: Path, n_row: int, n_column: int) -> NDArray[np.float64]:
    lines = [line for line in _safe.read_text(path, "STXM image (.xim)").splitlines() if line]
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


def _ascending(
    counts: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    file: Path,
    notes: list[str],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    if x.size > 1 and np.all(np.diff(x) < 0):
        counts, x = counts[:, :, ::-1], x[::-1]
        notes.append("x ran downwards: columns reversed")
    if y.size > 1 and np.all(np.diff(y) < 0):
        counts, y = counts[:, ::-1], y[::-1]
        notes.append("y ran downwards: rows reversed")
    for name, axis in (("PAxis", x), ("QAxis", y)):
        step = np.diff(axis)
        if np.any(step <= 0):
            raise InputError(f"{file}: {name}/Points neither rises nor falls throughout")
        # Positions are written with few digits, so a regular grid is uneven by rounding.
        if step.size and np.ptp(step) > 0.05 * np.median(step):
            notes.append(f"{name} is not uniform: steps {step.min():.4g} … {step.max():.4g} µm")
    return np.ascontiguousarray(counts), x, y


def _dwell(scan: Struct, notes: list[str]) -> float:
    dwell = _number(scan, "Dwell")
    if not np.isfinite(dwell) or dwell <= 0:
        notes.append("no usable Dwell in the header: time per pixel unknown")
        return float("nan")
    return dwell / 1000.0
