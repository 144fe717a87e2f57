"""What a file or folder is: any that nmcx reads, told apart by content, opened but not computed."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io, run_file
from nmcx.errors import InputError, MemoryLimitError, OutputError
from nmcx.io import _safe, stacks_hdf5, stacks_zarr, tiff, xradia
from nmcx.io.frames import holds_frames
from nmcx.io.nexus import holds_results
from nmcx.run import measured_files
from nmcx.run.environment import bug_report
from nmcx.run.inspection import check
from nmcx.run.known import Known, command
from nmcx.run.result_files import of_results
from nmcx.run.unfinished import is_unfinished, of_unfinished

_HDF5 = b"\x89HDF\r\n\x1a\n"
_IMAGES = (".xim", ".xsp")


def info(path: str | PathLike[str] | None = None) -> list[str]:
    """What a file or folder is, what is in it, what it lacks and what can be done with it.

    Parameters
    ----------
    path : str or path, optional
        Anything that nmcx reads or writes; without it the lines are a bug report: versions,
        machine, extras.

    Returns
    -------
    list of str
        Lines for the user. Words in capitals in a command line stand for what only the user knows.

    Raises
    ------
    nmcx.errors.InputError
        If there is no such file, or it is damaged or of no kind that nmcx knows.
    nmcx.errors.MemoryLimitError
        If what must be read to know does not fit into memory.
    """
    if path is None:
        return bug_report()
    given = Path(path)
    try:
        return _known(given).lines(given)
    except run_file.RunFileError as error:
        # Here a run file is an input like any other: what is wrong with it is wrong with a file.
        raise InputError(str(error)) from error
    except OutputError:
        raise
    except OSError as error:
        text = f"{given}: cannot be read ({error.strerror or error}); check path and permissions"
        raise InputError(text) from error


def _known(path: Path) -> Known:
    if path.is_dir():
        return _of_folder(path)
    file = _safe.check_file(path, "file")
    if file.suffix.lower() == ".toml":
        return _of_run_file(file)
    for holds, tell in _BY_CONTENT:
        if holds(file):
            return tell(file)
    return _of_text(file)


def _of_folder(path: Path) -> Known:
    if is_unfinished(path):
        return of_unfinished(path)
    if (path / "result.nxs").is_file():
        held = of_results(path / "result.nxs")
        made = ", ".join(sorted(item.name for item in path.iterdir()))
        return Known(
            "folder of results, finished", (("files", made), *held.facts), held.notes,
            held.missing, held.onward,
        )  # fmt: skip
    if stacks_zarr.is_store(path):
        return measured_files.of_stack(path)
    if holds_frames(path):
        return measured_files.of_frames(path)
    names = [item.suffix.lower() for item in path.iterdir()]
    if any(name in stacks_hdf5.SUFFIXES for name in names):
        return measured_files.of_stack(path)
    if any(name in tiff.SUFFIXES for name in names):
        return _of_tiff(path)
    raise InputError(
        f"{path}: is a folder of no kind that nmcx knows: it holds no frames (.xrm, .txrm, HDF5), "
        "slices (.tif), results or unfinished work; name a file in it"
    )


def _of_run_file(file: Path) -> Known:
    is_simulation = run_file.is_simulation(file)
    sections = ", ".join(f"[{name}]" for name in _tables(file))
    # The run file itself says where the results go, or they go beside it.
    onward = (command("check", file), command("simulate" if is_simulation else "run", file))
    what = f"run file of a {'simulation' if is_simulation else 'measurement'}"
    try:
        facts = [line.split(maxsplit=1) for line in check(file)[1:]]
    except run_file.RunFileError:
        raise
    except (InputError, MemoryLimitError) as error:
        # The run file is as it should be; what it names is not here, or not of this machine.
        return Known(
            what, (("sections", sections),), (), (f"for `{onward[1]}`: {error}",), onward[:1]
        )
    return Known(what, (("sections", sections), *((k, v) for k, v in facts)), (), (), onward)


def _tables(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _of_hdf5(file: Path) -> Known:
    if holds_results(file):
        return of_results(file)
    if holds_frames(file):
        return measured_files.of_frames(file)
    with _safe.open_hdf5(file) as opened:
        names = set(opened)
        is_scan = any(_is_nxstxm(opened.get(name)) for name in names)
        held = _datasets(opened)
    if "VTKHDF" in names:
        return _FOR_PARAVIEW
    if "exchange" in names or ("img" in names and names & {"X_eng", "XEng"}):
        return measured_files.of_stack(file)
    if is_scan:
        return measured_files.of_scan(file)
    if any(len(shape) == 3 for _, shape, _ in held):
        return measured_files.of_hdf5_volume(file, held)
    if (file.parent / "journal").exists():
        raise InputError(
            f"{file}: is a part of unfinished work; `{command('status', file.parent)}` tells of it"
        )
    listed = ", ".join(f"{name} {shape}" for name, shape, _ in held[:5]) or "none"
    raise InputError(
        f"{file}: is an HDF5 file of no kind that nmcx knows (datasets of numbers: {listed}); "
        "scans of any layout are read by nmcx.io.read_stxm_hdf5, which takes their names"
    )


def _of_mesh(file: Path) -> Known:
    with file.open("rb") as opened:
        if b"<VTKFile" not in opened.read(1000):
            raise InputError(f"{file}: is no VTK file; is it complete?")
    return _FOR_PARAVIEW


def _is_nxstxm(entry: Any) -> bool:
    import h5py

    if not isinstance(entry, h5py.Group):
        return False
    groups = [group for name in entry if isinstance(group := entry.get(name), h5py.Group)]
    return any("sample_x" in group and "sample_y" in group for group in groups)


def _datasets(opened: Any) -> list[tuple[str, tuple[int, ...], np.dtype[Any]]]:
    """Name, shape and type of every dataset of numbers."""
    import h5py

    found = []

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf":
            found.append((f"/{name}", tuple(item.shape), item.dtype))

    opened.visititems(collect)
    return found


def _of_tiff(path: Path) -> Known:
    try:
        return measured_files.of_stack(path)
    except MemoryLimitError:
        raise
    except InputError as error:
        return measured_files.of_tiff_volume(path, str(error))


def _of_text(file: Path) -> Known:
    if file.suffix.lower() == ".hdr":
        return measured_files.of_scan(file)
    if file.suffix.lower() in _IMAGES:
        raise InputError(f"{file}: belongs to a scan; name the scan's header (.hdr)")
    try:
        read = io.read_spectrum(file)
    except InputError as error:
        if (file.parent / "result.nxs").is_file():
            line = command("info", file.parent / "result.nxs")
            raise InputError(
                f"{file}: nmcx does not read it; `{line}` tells of the results"
            ) from None
        raise InputError(
            f"{file}: is of no kind that nmcx knows, or damaged; as a spectrum it is refused: "
            f"{str(error).removeprefix(f'{file}: ')}"
        ) from error
    return measured_files.of_spectrum(file, read)


def _begins(*starts: bytes) -> Callable[[Path], bool]:
    def holds(file: Path) -> bool:
        with file.open("rb") as opened:
            return opened.read(8).startswith(starts)

    return holds


def _ends(*suffixes: str) -> Callable[[Path], bool]:
    return lambda file: file.suffix.lower() in suffixes


#: Written beside results, and not read again.
_FOR_PARAVIEW = Known(
    "mesh, or fields over time, for ParaView (VTK), as `nmcx simulate` and `nmcx run` write them",
    missing=("for nmcx: it reads the result.nxs beside it, not this; open it in ParaView",),
)

#: How kinds of files are told apart, in this order.
_BY_CONTENT: tuple[tuple[Callable[[Path], bool], Callable[[Path], Known]], ...] = (
    (_begins(_HDF5), _of_hdf5),
    (_ends(*xradia.SUFFIXES), measured_files.of_frames),
    (_ends(*tiff.SUFFIXES), _of_tiff),
    (_ends(".npy"), measured_files.of_saved_array),
    (_ends(".prj"), measured_files.of_project),
    (_ends(".vtu"), _of_mesh),
    (_ends(*stacks_hdf5.SUFFIXES), _of_hdf5),
)
