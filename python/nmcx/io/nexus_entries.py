"""Several result files as entries of one."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from nmcx.errors import InputError, OutputError
from nmcx.io import _safe
from nmcx.io._hdf5_writing import new_hdf5


def gather(
    path: str | PathLike[str],
    files: Mapping[str, str | PathLike[str]],
    *,
    overwrite: bool = False,
) -> None:
    """Copy result files into one, each as an entry (NXentry) of its own.

    Numbers are copied as they are stored, a file at a time. `load` reads them by their names:
    ``load(path, entry=name)``.

    Parameters
    ----------
    path : path-like
        The file, by custom ``*.nxs``.
    files : mapping of str to path-like
        Files that `save` wrote, by the names their entries shall have.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    ValueError
        If there is no file, or a name holds "/" or is empty or ".".
    nmcx.errors.InputError
        If a file is damaged or not an nmcx result file.
    nmcx.errors.OutputError
        If `path` exists and `overwrite` is false, or it cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from nmcx import io, results
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("first", "second"):
    ...         results.Shift(dy=1.5, dx=len(name), std=0.02).save(pathlib.Path(folder, name))
    ...     both = pathlib.Path(folder, "both.nxs")
    ...     io.gather(both, {name: pathlib.Path(folder, name) for name in ("first", "second")})
    ...     io.load(both, entry="second")["shift"].dx
    6
    """
    import h5py

    if not files:
        raise ValueError("gather needs at least one file")
    for name in files:
        if "/" in name or name in ("", "."):
            raise ValueError(f"an entry cannot be named {name!r}")
    with _safe.atomic_write(path, overwrite) as temporary:
        try:
            with new_hdf5(temporary, track_order=True) as out:
                out.attrs.update(
                    {"NX_class": "NXroot", "default": next(iter(files)), "creator": "nmcx"}
                )
                for name, file in files.items():
                    with _safe.open_hdf5(file) as opened:
                        if not isinstance(opened.get("entry"), h5py.Group):
                            raise InputError(
                                f"{file}: has no group /entry; is it an nmcx result file?"
                            )
                        _require_data(opened["entry"], file)
                        opened.copy("entry", out, name=name)
        except RuntimeError as error:
            # HDF5 reports a full disk as a RuntimeError when it closes the file.
            raise OutputError(f"{path}: writing failed ({error}); check space") from error


def _require_data(entry: Any, file: _safe.AnyPath) -> None:
    """Refuse bare datatypes: damaged datasets look so, and HDF5 crashes when it copies them."""
    import h5py

    found = entry.visititems(lambda name, item: name if isinstance(item, h5py.Datatype) else None)
    if found is not None:
        raise InputError(f"{file}: /entry/{found} is no dataset; it is damaged, save it again")
