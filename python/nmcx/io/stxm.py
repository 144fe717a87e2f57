"""Scanned soft X-ray images: one name to read them, whatever they are stored in, and a writer."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _safe, nxstxm, stxm_sdf
from nmcx.results import StxmStack

_HDF5 = b"\x89HDF\r\n\x1a\n"


def read_stxm(
    path: str | PathLike[str],
    *,
    channel: str | None = None,
    region: int | str = 0,
    energy_ev: float | None = None,
    i0: str | None = None,
) -> StxmStack:
    """Scanning X-ray microscope images of one field at one or more energies.

    SDF (a ``.hdr`` with its ``.xim`` images) and NXstxm are told apart by their content. Two scans
    with a header each are two calls; `read_stxm_hdf5` reads HDF5 of any other layout.

    Parameters
    ----------
    path : path-like
        The ``.hdr`` file, whose images ``<name>_a000.xim`` lie beside it, or an NXstxm file.
    channel : str, optional
        Letter or name of the detector channel, of NXstxm the name of the counter. By custom the
        first that is not I0.
    region : int or str
        Which of several regions, counted from 0; of NXstxm the number or name of the entry.
    energy_ev : float, optional
        Photon energy of a single image [eV], where the file does not tell it or is wrong.
    i0 : str, optional
        Letter or name of the channel that holds the incident beam, where its name does not tell.

    Returns
    -------
    StxmStack
        `counts` (n_energy, ny, nx) with rows and columns in ascending stage position, `energy_ev`
        (n_energy,) ascending [eV], `x_um` and `y_um` [µm], possibly non-uniform, `dwell_s` [s],
        one for each energy where they differ. `i0` (n_energy,) is the mean of the I0 channel over
        each image, else the ring current if the file has that. `notes` says what was sorted,
        matched, assumed or missing.

    Raises
    ------
    nmcx.errors.InputError
        If the file lacks axes or energies, an image is damaged or of another size, the channel or
        region is not there, or the scan is a line scan or a point spectrum.
    nmcx.errors.MemoryLimitError
        If the images do not fit into memory.

    References
    ----------
    .. [1] SDF layout as written by the STXM control programs of many beamlines: an axis'
       ``Points`` begins with the number of points, ``Dwell`` is in milliseconds, rows follow
       QAxis. NXstxm: NeXus application definition (nexusformat.org).

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
    file = _safe.check_file(path, "STXM scan")
    if _is_hdf5(file):
        return nxstxm.read_nxstxm(file, channel=channel, region=region, energy_ev=energy_ev, i0=i0)
    if file.suffix.lower() in (".xim", ".xsp"):
        raise InputError(f"{file}: belongs to a scan; name the scan's header (.hdr)")
    return stxm_sdf.read_sdf(file, channel, region, energy_ev, i0)


def _is_hdf5(file: Path) -> bool:
    # A user block of 512 bytes or a power of two more may precede the signature.
    with file.open("rb") as opened:
        for offset in (0, 512, 1024, 2048, 4096):
            opened.seek(offset)
            if opened.read(8) == _HDF5:
                return True
    return False


def write_stxm(
    hdr: str | PathLike[str], stack: StxmStack, *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write images as an SDF header and one text image per energy.

    Parameters
    ----------
    hdr : path-like
        The ``.hdr`` file; images go beside it as ``<name>_a000.xim`` and so on.
    stack : StxmStack
        The images. `i0` becomes a channel b whose images are constant.
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
    channels = {"a": counts}
    if stack.i0 is not None:
        each = np.asarray(stack.i0, dtype=np.float64)[:, None, None]
        channels["b"] = np.broadcast_to(each, counts.shape)
    for letter, images in channels.items():
        for i, image in enumerate(images):
            target = file.with_name(f"{file.stem}_{letter}{i:03d}.xim")
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
    dwell_ms = np.broadcast_to(np.asarray(stack.dwell_s) * 1e3, np.shape(stack.energy_ev))
    dwell = "" if np.isnan(dwell_ms).any() else f" Dwell = {float(dwell_ms[0])!r};"
    name_a = {"tey": "TEY", "transmission": "Transmission"}.get(stack.detector, "counter0")
    channels = f'{{ Name = "{name_a}"; Unit = "{stack.units}";}}'
    if stack.i0 is not None:
        channels += ',\n{ Name = "I0"; Unit = "counts";}'
    return (
        f'ScanDefinition = {{ Label = "{name}"; Type = "{kind}"; Flags = "{flags}";{dwell}\n'
        f"Regions = (1,\n{{\n{axis('PAxis', 'Sample X', 'um', stack.x_um)}\n"
        f"{axis('QAxis', 'Sample Y', 'um', stack.y_um)}}});\n\n"
        f"{axis('StackAxis', 'Energy', 'eV', stack.energy_ev)}\n"
        f"Channels = ({1 if stack.i0 is None else 2},\n{channels});\n}};\n"
        + _energy_regions(np.asarray(stack.energy_ev), dwell_ms)
    )


def _energy_regions(energy: NDArray[Any], dwell_ms: NDArray[Any]) -> str:
    if np.isnan(dwell_ms).any() or np.all(dwell_ms == dwell_ms[0]):
        return ""
    regions = ",\n".join(
        f"{{ StartEnergy = {float(e)!r}; EndEnergy = {float(e)!r}; Points = 1; "
        f"DwellTime = {float(t)!r};}}"
        for e, t in zip(energy, dwell_ms, strict=True)
    )
    return f"ImageScan = {{ EnergyRegions = ({energy.size},\n{regions});\n}};\n"
