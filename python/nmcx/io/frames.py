"""Detector frames of full-field microscopes, whatever files they lie in."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from nmcx.errors import InputError
from nmcx.io import _safe, frames_hdf5, stacks_hdf5, xradia
from nmcx.io._beside import check_beside
from nmcx.results import FrameStack

_OLE2 = bytes.fromhex("d0cf11e0a1b11ae1")


def read_frames(paths: str | PathLike[str] | Iterable[str | PathLike[str]]) -> FrameStack:
    """Detector frames of a full-field X-ray microscope with energy, angle and pixel size.

    What a file lacks is replaced by a rule, and `notes` says so: energies without a unit below 100
    are keV, angles degrees, exposures seconds. At SSRL 6-2c the header's energy is 0.0: it is then
    taken from the file name, and the pixel size, which is stale, becomes
    36.393 µm × E / 9000 eV / (pixels across the field).

    Parameters
    ----------
    paths : path-like or iterable of path-like
        A file, several of them in order of acquisition, or a folder. By their content:

        - Xradia ``.xrm`` and ``.txrm``; the folder of a 6-2c scan is read as its
          ``ScanInfo_*.txt`` lists it, as far as the files are present;
        - NSLS-II FXI: 2-D XANES (``/img_xanes``) and tomography (``/img_tomo``), with ``/X_eng``;
        - APS Data Exchange with raw counts: ``/exchange/data``, ``data_white``, ``data_dark``;
        - NXtomo: ``/<entry>/instrument/detector/data`` with ``image_key``.

        HDF5 files that state their time are ordered by it.

    Returns
    -------
    FrameStack
        `counts` (n_frame, ny, nx) as stored, and lazy if they lie in HDF5; energies [eV], angles
        [rad], pixel sizes [µm], exposures [s]. Xradia frames are references if their name holds
        ``_ref_`` or if they are the reference image stored in a ``.txrm``. A stitched mosaic stays
        one frame, and `notes` tells its tiles.

    Raises
    ------
    nmcx.errors.InputError
        If a file is damaged, of another size or kind than the first, or its energies and frames
        differ in number.
    nmcx.errors.MemoryLimitError
        If Xradia frames do not fit into memory, or on access a part of lazy ones does not.

    References
    ----------
    .. [1] Names, data types and units of the Xradia streams and of FXI's files, and the zone-plate
       calibration of 6-2c, are facts about the files known from public readers and writers.
    .. [2] De Carlo et al., "Scientific data exchange", J. Synchrotron Rad. 21, 1224 (2014).
    .. [3] NeXus International Advisory Committee, application definition NXtomo.

    Examples
    --------
    >>> read_frames([])
    Traceback (most recent call last):
    nmcx.errors.InputError: read_frames: the list of files is empty; name at least one file
    """
    notes: list[str] = []
    files = _files(paths, notes)
    kinds = [_is_hdf5(file) for file in files]
    if any(kinds) and not all(kinds):
        raise InputError(
            f"{files[kinds.index(False)]}: is an Xradia file among HDF5 files; read them separately"
        )
    return frames_hdf5.read_files(files, notes) if kinds[0] else xradia.read_files(files, notes)


def holds_frames(path: Path) -> bool:
    """Whether a file, or the first of a folder, holds raw frames by its suffix or its datasets.

    A Data Exchange file without white frames may hold either; it is taken for an energy stack.
    """
    import h5py

    if path.suffix.lower() in xradia.SUFFIXES:
        return True
    if path.is_dir():
        inside = list(path.iterdir())
        if any(file.suffix.lower() in xradia.SUFFIXES for file in inside):
            return True
        found = [file for file in inside if file.suffix.lower() in stacks_hdf5.SUFFIXES]
        if not found:
            return False
        path = _safe.natural_order(found)[0]
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    with _safe.open_hdf5(path) as opened:
        return stacks_hdf5.sign_of_counts(opened) is not None


def _files(
    paths: str | PathLike[str] | Iterable[str | PathLike[str]], notes: list[str]
) -> list[Path]:
    if not isinstance(paths, (str, PathLike)):
        files = [Path(path) for path in paths]
        if not files:
            raise InputError("read_frames: the list of files is empty; name at least one file")
        return files
    single = Path(paths)
    if not single.is_dir():
        return [single]
    inside = list(single.iterdir())
    if any(file.suffix.lower() in xradia.SUFFIXES for file in inside):
        return xradia.scan_folder(single, notes)
    found = [
        check_beside(file, single) for file in inside if file.suffix.lower() in stacks_hdf5.SUFFIXES
    ]
    if not found:
        raise InputError(f"{single}: holds no .xrm, .txrm or HDF5 file; is it the scan's folder?")
    return _safe.natural_order(found)


def _is_hdf5(file: Path) -> bool:
    import h5py

    with _safe.check_file(file, "file of frames").open("rb") as opened:
        start = opened.read(8)
    if start == _OLE2:
        return False
    if not h5py.is_hdf5(file):
        raise InputError(f"{file}: is neither an Xradia (OLE2) nor an HDF5 file")
    return True
