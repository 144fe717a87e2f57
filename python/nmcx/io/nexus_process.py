"""What made a result file: program, date, settings and inputs."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from nmcx.errors import InputError
from nmcx.io import _safe


def read_process(path: str | PathLike[str], *, entry: str = "entry") -> dict[str, Any]:
    """What `nmcx.io.save` recorded besides the results.

    Parameters
    ----------
    path : path-like
        An nmcx result file.
    entry : str
        Which entry of a file that `nmcx.io.gather` made.

    Returns
    -------
    dict of str to object
        ``"version"``, ``"date"`` and ``"configuration"`` (TOML), each "" if it is not there;
        ``"inputs"``: sha256 by path.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged or has no such entry.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from nmcx import io, results
    >>> shift = results.Shift(dy=1.5, dx=-0.25, std=0.02)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "result.nxs")
    ...     io.save(file, shift, provenance={"configuration": "[xi]", "inputs": {"a.hdr": "0f"}})
    ...     found = read_process(file)
    >>> found["configuration"], found["inputs"]
    ('[xi]', {'a.hdr': '0f'})
    """
    import h5py

    file = _safe.check_file(path, "nmcx result file")
    with _safe.open_hdf5(file) as opened:
        if not isinstance(opened.get(entry), h5py.Group):
            raise InputError(f"{file}: has no group /{entry}; is it an nmcx result file?")
        group = opened[entry].get("process")

        def text(name: str) -> str:
            found = group.get(name) if isinstance(group, h5py.Group) else None
            return _safe.read_string(found, file) if isinstance(found, h5py.Dataset) else ""

        names, digests = (_texts(group, f"inputs/{name}", file) for name in ("file_name", "sha256"))
        return {
            "version": text("version"),
            "date": text("date"),
            "configuration": text("configuration/data"),
            "inputs": dict(zip(names, digests, strict=False)),
        }


def result_entries(path: str | PathLike[str]) -> list[str]:
    """Names of the entries of a result file: "entry", or those that `nmcx.io.gather` gave.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged or has none.
    """
    file = _safe.check_file(path, "nmcx result file")
    with _safe.open_hdf5(file) as opened:
        names = [
            name for name in opened
            if opened.get(name) is not None
            and _safe.attribute(opened[name], "NX_class") == "NXentry"
        ]  # fmt: skip
    if not names:
        raise InputError(f"{file}: holds no entry; it was cut short or changed, make it again")
    return names


def _texts(group: Any, name: str, file: Path) -> list[str]:
    """A list of texts, all of one length in the file; an empty one if it is not there."""
    import h5py

    found = group.get(name) if isinstance(group, h5py.Group) else None
    if not isinstance(found, h5py.Dataset):
        return []
    info = h5py.check_string_dtype(found.dtype)
    if info is None or info.length is None or found.size * info.length > _safe.MAX_STRING_BYTES:
        raise InputError(f"{file}: {found.name} is not a list of short strings; save it again")
    with _safe.damaged(f"{file}: {found.name}", "list of strings"):
        return [bytes(item).decode("utf-8", "replace") for item in found[()].ravel()]
