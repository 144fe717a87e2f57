"""What all results have in common: units and axes of their fields, saving, showing."""

from __future__ import annotations

import html
from dataclasses import field, fields
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray

Float = NDArray[np.floating[Any]]
Bool = NDArray[np.bool_]
Int = NDArray[np.integer[Any]]


def quantity(unit: str, axes: str = "", **options: Any) -> Any:
    """Dataclass field that carries its unit ("1" if dimensionless, "" if not a number) and axes.

    Axes are space-separated names; "..." stands for the spatial axes of whatever was measured.
    """
    return field(metadata={"unit": unit, "axes": axes}, **options)


class Result:
    """What all results can do: show themselves in a notebook, be saved, become an xarray."""

    def _repr_html_(self) -> str:
        rows = []
        for item in fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            unit = item.metadata.get("unit", "")
            shown = _summary(value)
            rows.append(
                f"<tr><th>{item.name}</th><td>{html.escape(shown)}</td>"
                f"<td>{html.escape(unit if unit != '1' else '')}</td></tr>"
            )
        return f"<table><caption>{type(self).__name__}</caption>{''.join(rows)}</table>"

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write this result to a NeXus HDF5 file (see `nmcx.io.save`).

        Raises
        ------
        nmcx.errors.OutputError
            If `path` exists and `overwrite` is false, or it cannot be written.
        """
        from nmcx import io

        io.save(path, self, overwrite=overwrite)

    def to_xarray(self) -> xarray.Dataset:
        """Labelled copy as an `xarray.Dataset` (needs ``pip install "nmcx[xarray]"``).

        Raises
        ------
        ImportError
            If xarray is not installed; the message says how to get it.
        """
        try:
            import xarray
        except ImportError as error:
            raise ImportError('to_xarray needs xarray: pip install "nmcx[xarray]"') from error
        dataset = xarray.Dataset()
        for item in fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            unit = item.metadata.get("unit", "")
            if hasattr(value, "ndim") and not isinstance(value, np.generic):
                axes = expand_axes(item.metadata.get("axes", ""), value.ndim, item.name)
                dataset[item.name] = xarray.Variable(axes, value, {"units": unit})
            elif isinstance(value, (str, int, float, bool)):
                dataset.attrs[item.name] = value
        return dataset


def expand_axes(axes: str, n_axis: int, name: str) -> tuple[str, ...]:
    """Names of the axes of a field, with "..." filled by (z, y, x) or numbered axes."""
    names = axes.split()
    if "..." in names:
        n_free = n_axis - (len(names) - 1)
        free = ("z", "y", "x")[-n_free:] if 0 < n_free <= 3 else tuple(map(str, range(n_free)))
        if n_free == 0:
            free = ()
        at = names.index("...")
        names = [*names[:at], *free, *names[at + 1 :]]
    if len(names) != n_axis:
        names = [f"{name}_{i}" for i in range(n_axis)]
    return tuple(names)


def is_dask(value: object) -> bool:
    """Whether this is a dask array; finds out without importing dask."""
    return type(value).__module__.startswith("dask.array") and hasattr(value, "dask")


def _summary(value: object) -> str:
    if isinstance(value, np.ndarray) and value.size:
        text = f"{value.dtype} {value.shape}"
        if value.dtype.kind in "fiu":
            with np.errstate(all="ignore"):
                finite = value[np.isfinite(value)] if value.dtype.kind == "f" else value
            if finite.size:
                text += f" {finite.min():.6g} … {finite.max():.6g}"
        elif value.dtype.kind == "b":
            text += f" {np.count_nonzero(value)} true"
        return text
    return str(value)
