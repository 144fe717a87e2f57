"""Full-field microscope frames: Xradia .xrm and .txrm files, and the scan folder of SSRL 6-2c."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _memory, _safe
from nmcx.io._beside import check_beside
from nmcx.results import FrameStack

SUFFIXES = (".xrm", ".txrm")
#: Field of view of the 6-2c microscope at 9000 eV [µm], given by the beamline's staff.
FIELD_UM, FIELD_ENERGY_EV = 36.393, 9000.0
#: Pixels across the full detector of 6-2c before binning.
DETECTOR_PIXELS = 2048

_NAME = re.compile(r"rep(\d+)_(?:(\d{6})_ref_)?(.+)_(\d{5}\.\d)_eV_(\d{3})of(\d{3})\.xrm$")
_DTYPES: dict[int, np.dtype[Any]] = {5: np.dtype("<u2"), 10: np.dtype("<f4")}


@dataclass(frozen=True)
class _Frames:
    """What one file holds; missing header entries are None."""

    path: Path
    counts: NDArray[Any]
    energy_ev: NDArray[np.float64] | None
    theta: NDArray[np.float64] | None
    exposure_s: NDArray[np.float64] | None
    current: NDArray[np.float64] | None
    pixel_size_um: float | None
    binning: int | None
    tiles: tuple[int, int]  # rows and columns of a stitched mosaic, else 1 and 1
    reference: NDArray[Any] | None


def read_files(files: list[Path], notes: list[str]) -> FrameStack:
    """See `nmcx.io.read_frames`."""
    total = sum(_safe.check_file(file, "Xradia file").stat().st_size for file in files)
    # Once as read from the files, once in the stack.
    _memory.check_memory(2 * total, f"{files[0]} and {len(files) - 1} more files")
    return _stack([_read_file(file) for file in files], notes)


def scan_folder(folder: Path, notes: list[str]) -> list[Path]:
    """Frames of a scan's folder in the order of its ``ScanInfo_*.txt``, as far as present.

    Raises
    ------
    nmcx.errors.InputError
        If there are no frames, several scans, or none of the files listed.
    """
    present = {
        file.name: check_beside(file, folder)
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in SUFFIXES
    }
    if not present:
        raise InputError(f"{folder}: holds no .xrm or .txrm file; is it the scan's folder?")
    lists = sorted(folder.glob("ScanInfo_*.txt"))
    if not lists:
        notes.append(f"{folder.name}: no ScanInfo_*.txt, files taken in the order of their names")
        return list(present.values())
    if len(lists) > 1:
        raise InputError(
            f"{folder}: holds {len(lists)} ScanInfo files; give the frames of one scan as a list"
        )
    listed, settings = _scan_info(check_beside(lists[0], folder))
    if settings.get("MOSAIC", "0") != "0":
        tiles = " ".join(
            f"{side.lower()} {settings.get(f'MOSAIC{side}', '?')}"
            for side in ("UP", "DOWN", "LEFT", "RIGHT", "OVERLAP")
        )
        notes.append(f"{lists[0].name}: the scan is a mosaic ({tiles}); its images stay as stored")
    files = [present.pop(name, None) for name in listed]
    # The same scan under another sample name: repeat, reference number, energy and count decide.
    by_key = {key: file for file in present.values() if (key := _key(file.name))}
    renamed = 0
    for i, name in enumerate(listed):
        if files[i] is None and (file := by_key.pop(_key(name) or (), None)) is not None:
            files[i] = file
            renamed += 1
            present.pop(file.name)
    found = [file for file in files if file is not None]
    if not found:
        raise InputError(f"{lists[0]}: none of its {len(listed)} files is there; copy the scan")
    if renamed:
        notes.append(
            f"{renamed} files bear another sample name than {lists[0].name} lists; matched by "
            "repeat, reference number, energy and exposure"
        )
    if settings.get("REFABBA") == "1":
        notes.append(
            "references before and after the sample by turns (REFABBA 1): the order of the list is "
            "the order of acquisition"
        )
    if len(found) < len(listed):
        missing = len(listed) - len(found)
        notes.append(f"{missing} of the {len(listed)} files of {lists[0].name} are missing")
    if present:
        notes.append(f"{len(present)} files of the folder are not in {lists[0].name}: left out")
    return found


def _scan_info(scan_info: Path) -> tuple[list[str], dict[str, str]]:
    """Names of the files, and the settings above them."""
    lines = [line.strip() for line in _safe.read_text(scan_info, "scan list").splitlines()]
    if "FILES" not in lines:
        raise InputError(f"{scan_info}: has no line FILES; give the frames as a list instead")
    start = lines.index("FILES")
    settings = [line.split() for line in lines[:start]]
    names = [line for line in lines[start + 1 :] if line]
    return list(dict.fromkeys(names)), {words[0]: words[-1] for words in settings if words}


def _key(name: str) -> tuple[str, ...] | None:
    match = _NAME.match(name)
    return tuple(part or "" for part in match.group(1, 2, 4, 5, 6)) if match else None


def _read_file(path: Path) -> _Frames:
    import olefile

    with _safe.damaged(path, "Xradia (OLE2) file"):
        if not olefile.isOleFile(str(path)):
            raise InputError(f"{path}: is not an OLE2 file; .xrm or .txrm was expected")
        _check_header(path)
        with olefile.OleFileIO(str(path)) as ole:
            return _read_streams(ole, path)


def _check_header(path: Path) -> None:
    """Refuse sectors larger or more numerous than the file: olefile makes room for them unasked.

    References
    ----------
    .. [1] [MS-CFB] Compound File Binary File Format, section 2.2: sectors have 2⁹ or 2¹² bytes.
    """
    with path.open("rb") as opened:
        head = opened.read(76)
    (shift,) = struct.unpack_from("<H", head, 30)
    if shift not in (9, 12):
        raise InputError(f"{path}: sectors of 2^{shift} bytes are no OLE2; copy the file again")
    n_sector = path.stat().st_size >> shift
    # Of the allocation table, of that of small streams, and of what lists the table's sectors.
    counts = [struct.unpack_from("<I", head, at)[0] for at in (44, 64, 72)]
    if max(counts) > n_sector:
        raise InputError(
            f"{path}: declares {max(counts)} sectors of tables, the file has {n_sector} in all; "
            "was its transfer interrupted?"
        )


def _read_streams(ole: Any, path: Path) -> _Frames:
    file_size = path.stat().st_size

    def stream(name: str) -> bytes | None:
        if not ole.exists(name) or ole.get_size(name) > file_size:
            return None
        return bytes(ole.openstream(name).read())

    def integer(name: str) -> int | None:
        content = stream(f"ImageInfo/{name}")
        return struct.unpack("<i", content[:4])[0] if content and len(content) >= 4 else None

    def numbers(name: str, n: int) -> NDArray[np.float64] | None:
        content = stream(f"ImageInfo/{name}")
        if content is None or len(content) < 4 * n:
            return None
        return np.frombuffer(content, "<f4", n).astype(np.float64)

    width, height = integer("ImageWidth"), integer("ImageHeight")
    dtype = _DTYPES.get(integer("DataType") or 0)
    n_image = integer("NoOfImages")
    if not (width and height and 0 < width <= 65536 and 0 < height <= 65536):
        raise InputError(f"{path}: ImageInfo/ImageWidth or ImageHeight is missing or absurd")
    if dtype is None:
        raise InputError(f"{path}: ImageInfo/DataType is neither 5 (uint16) nor 10 (float32)")
    if n_image is None:
        n_image = 1
    n_byte = width * height * dtype.itemsize
    if not 0 < n_image <= file_size // n_byte:
        raise InputError(
            f"{path}: {n_image} images of {width}×{height} do not fit into the file; "
            "was its transfer interrupted?"
        )
    counts = np.empty((n_image, height, width), dtype.newbyteorder("="))
    for i in range(n_image):
        name = f"ImageData{i // 100 + 1}/Image{i + 1}"
        content = stream(name)
        if content is None or len(content) < n_byte:
            raise InputError(f"{path}: {name} is missing or cut short; copy the file again")
        counts[i] = np.frombuffer(content, dtype, width * height).reshape(height, width)
    pixel = numbers("PixelSize", 1)
    return _Frames(
        path=path,
        counts=counts,
        energy_ev=numbers("Energy", n_image),
        theta=numbers("Angles", n_image),
        exposure_s=numbers("ExpTimes", n_image),
        current=numbers("IonChamberCurrent", n_image),
        pixel_size_um=None if pixel is None else float(pixel[0]),
        binning=integer("HorizontalBin"),
        # The field's name is misspelt in the files.
        tiles=(max(integer("MosiacRows") or 0, 1), max(integer("MosiacColumns") or 0, 1)),
        reference=_reference(stream("ReferenceData/Image"), height, width),
    )


def _reference(content: bytes | None, height: int, width: int) -> NDArray[Any] | None:
    for dtype in _DTYPES.values():
        if content is not None and len(content) == height * width * dtype.itemsize:
            frame = np.frombuffer(content, dtype).reshape(height, width)
            return np.asarray(frame, dtype.newbyteorder("="))
    return None


def _stack(files: list[_Frames], notes: list[str]) -> FrameStack:
    shape = files[0].counts.shape[1:]
    for file in files:
        if file.counts.shape[1:] != shape:
            raise InputError(
                f"{file.path}: frames of {file.counts.shape[1:]} pixels, but {files[0].path.name} "
                f"has {shape}; read frames of one size at a time"
            )
    said = _Notes()
    parts = [part for file in files for part in _describe(file, said)]
    notes.extend(said.lines())
    dtype = np.result_type(*{part[0].dtype for part in parts})
    counts = np.empty((sum(len(part[0]) for part in parts), *shape), dtype)
    np.concatenate([part[0] for part in parts], out=counts)
    energy, theta, pixel, exposure, current, reference = (
        np.concatenate([part[i] for part in parts]) for i in range(1, 7)
    )
    known = np.isfinite(current) & (current > 0)
    if not known.all():
        notes.append("beam current (ImageInfo/IonChamberCurrent) is unknown for some frames")
    return FrameStack(
        counts=counts,
        energy_ev=energy,
        is_reference=reference.astype(bool),
        theta=theta,
        pixel_size_um=pixel,
        exposure_s=exposure,
        notes=tuple(notes),
        beam_current=current if known.all() else None,
    )


class _Notes:
    """Notes that many frames share, each said once with the number of frames."""

    def __init__(self) -> None:
        self._count: dict[str, int] = {}

    def add(self, text: str, n: int) -> None:
        self._count[text] = self._count.get(text, 0) + n

    def lines(self) -> Iterator[str]:
        for text, n in self._count.items():
            yield f"{n} frame{'s' if n > 1 else ''}: {text}"


def _describe(file: _Frames, said: _Notes) -> Iterator[tuple[NDArray[Any], ...]]:
    n = len(file.counts)
    if file.tiles != (1, 1):
        said.add(f"stitched mosaic of {file.tiles[0]} × {file.tiles[1]} tiles: one frame", n)
    match = _NAME.match(file.path.name)
    named = float(match.group(4)) if match else None
    energy, from_name = _energies(file, named, said)
    pixel = _pixel_sizes(file, energy, from_name, said)

    def filled(
        values: NDArray[np.float64] | None, stream: str, otherwise: str
    ) -> NDArray[np.float64]:
        if values is None:
            said.add(f"no ImageInfo/{stream} in the header: {otherwise}", n)
            return np.full(n, np.nan)
        return values

    theta = np.deg2rad(filled(file.theta, "Angles", "angle 0 assumed"))
    if not np.isfinite(theta).all():
        if file.theta is not None:
            said.add("ImageInfo/Angles is not a number: angle 0 assumed", n)
        theta = np.where(np.isfinite(theta), theta, 0.0)
    exposure = filled(file.exposure_s, "ExpTimes", "exposure unknown")
    exposure = np.where(exposure > 0, exposure, np.nan)
    current = np.full(n, np.nan) if file.current is None else file.current
    is_reference = np.full(n, match is not None and match.group(2) is not None)
    if file.reference is not None:
        said.add("reference image stored in the file, taken at the first frame's settings", 1)
        first = slice(0, 1)
        yield (
            file.reference[None],
            energy[first],
            theta[first],
            pixel[first],
            exposure[first],
            current[first],
            np.array([True]),
        )
    yield file.counts, energy, theta, pixel, exposure, current, is_reference


def _energies(file: _Frames, named: float | None, said: _Notes) -> tuple[NDArray[np.float64], bool]:
    n = len(file.counts)
    header = file.energy_ev
    if header is not None and np.isfinite(header).all() and (header > 0).all():
        if header.max() < 100:
            header = header * 1000.0
            said.add("header energy below 100 read as keV", n)
        if named is not None and np.abs(header - named).max() > 0.5:
            said.add(
                f"header energy {header[0]:.2f} eV and file name {named:.1f} eV disagree: "
                "the header's is used",
                n,
            )
        return header, False
    if named is None or named <= 0:
        raise InputError(
            f"{file.path}: no energy in ImageInfo/Energy nor in the file name; name the file like "
            "rep01_sample_08354.0_eV_001of003.xrm"
        )
    stored = "missing" if header is None else f"{header[0]:.1f}"
    said.add(f"energy taken from the file name (header: {stored})", n)
    return np.full(n, named), True


def _pixel_sizes(
    file: _Frames, energy: NDArray[np.float64], from_name: bool, said: _Notes
) -> NDArray[np.float64]:
    n, width = len(file.counts), file.counts.shape[2]
    stored = file.pixel_size_um
    usable = stored is not None and np.isfinite(stored) and stored > 0
    if not from_name:
        if not usable:
            said.add("no usable ImageInfo/PixelSize in the header: pixel size unknown", n)
        return np.full(n, stored if usable else np.nan)
    n_pixel = width
    if file.binning is not None and file.binning > 0 and width * file.binning < DETECTOR_PIXELS:
        n_pixel = DETECTOR_PIXELS // file.binning  # a part of the detector was read out
    if file.tiles[1] > 1:
        # A mosaic's row spans several fields of view.
        if file.binning is None or not 0 < file.binning <= DETECTOR_PIXELS:
            said.add("a mosaic without ImageInfo/HorizontalBin: pixel size unknown", n)
            return np.full(n, np.nan)
        n_pixel = DETECTOR_PIXELS // file.binning
    shown = f"{stored:.4f} µm, stale" if usable else "missing"
    said.add(
        f"pixel size {FIELD_UM} µm × E / {FIELD_ENERGY_EV:.0f} eV / {n_pixel} by the zone-plate "
        f"calibration of SSRL 6-2c (header: {shown})",
        n,
    )
    return np.asarray(FIELD_UM * energy / FIELD_ENERGY_EV / n_pixel)
