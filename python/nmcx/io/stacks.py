"""Energy stacks, opened lazily whatever they are stored in, and their writer."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from nmcx.io import _safe, stacks_hdf5, stacks_tiff, stacks_zarr, tiff
from nmcx.io._beside import check_beside
from nmcx.results import EnergyStack


def open_stack(path: str | PathLike[str]) -> EnergyStack:
    """Open absorption at several energies without loading it.

    Parameters
    ----------
    path : path-like
        One of

        - a Data Exchange file: ``/exchange/data`` (n_energy, ny, nx) or (n_energy, nz, ny, nx)
          with ``/exchange/energy``;
        - a result file of nmcx that holds an `EnergyStack`;
        - a reconstruction from NSLS-II FXI: ``/img`` with ``/X_eng`` or ``/XEng``, or a folder of
          such files with one energy each;
        - a zarr store: a group with ``mu`` and ``energy_ev``, or an array with an attribute
          ``energy_ev`` or ``energy``;
        - a multi-page TIFF file, or a folder of TIFF files in the order of their names, one per
          energy, with a list of energies beside it: ``<name>.csv``, ``<name>.txt``, or
          ``energies.csv``, ``energies.txt``.

    Returns
    -------
    EnergyStack
        `energy_ev` (n_energy,) strictly increasing [eV]; `mu` lazy, (n_energy, ...) in that order:
        indexing reads only the energies and slabs asked for, `numpy.asarray` everything. A voxel
        size that the file does not state is None. `notes` says if energies were keV or unsorted.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged, reaches out of itself, lacks energies, has another number of them
        than images, has one energy twice, or holds raw counts.
    nmcx.errors.MemoryLimitError
        On access, if the part asked for does not fit into memory.

    References
    ----------
    .. [1] De Carlo et al., "Scientific data exchange", J. Synchrotron Rad. 21, 1224 (2014).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "ni_k_edge.h5")
    ...     stack = EnergyStack(np.array([8333.0, 8350.0]), np.ones((2, 3, 4, 5)))
    ...     write_energy_stack(file, stack)
    ...     open_stack(file).mu[0].shape
    (3, 4, 5)
    """
    file = Path(path)
    if stacks_zarr.is_store(file):
        return stacks_zarr.open_store(file)
    if file.is_dir():
        inside = [
            check_beside(item, file)
            for item in file.iterdir()
            if item.suffix.lower() in stacks_hdf5.SUFFIXES
        ]
        if inside and not any(item.suffix.lower() in tiff.SUFFIXES for item in file.iterdir()):
            return stacks_hdf5.open_folder(file, _safe.natural_order(inside))
        return stacks_tiff.open_tiff(file)
    if file.suffix.lower() in tiff.SUFFIXES:
        return stacks_tiff.open_tiff(file)
    _safe.check_file(file, "energy stack")
    return stacks_hdf5.open_file(file)


def write_energy_stack(
    path: str | PathLike[str], stack: EnergyStack, *, overwrite: bool = False
) -> None:
    """Write a stack that `open_stack` reads back: APS Data Exchange HDF5, or zarr.

    HDF5 is written contiguously: any slab is then read at the speed of the disk. Zarr is written
    in uncompressed chunks of about 8 MB that hold all energies of a block of voxels, so that
    several processes can read (and write) different blocks.

    Parameters
    ----------
    path : path-like
        The HDF5 file, or a folder ending in ``.zarr`` (needs ``pip install "nmcx[zarr]"``).
    stack : EnergyStack
        `mu` may be lazy: it is copied part by part.
    overwrite : bool
        Whether an existing file or zarr store may be replaced.

    Raises
    ------
    nmcx.errors.OutputError
        If the file exists and `overwrite` is false, or it cannot be written.
    ValueError
        If energies and images differ in number.
    ImportError
        If zarr is needed but not installed.

    References
    ----------
    .. [1] De Carlo et al., "Scientific data exchange", J. Synchrotron Rad. 21, 1224 (2014); the
       datasets ``voxel_size`` and ``variance`` are ours.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> stack = EnergyStack(np.array([8333.0, 8350.0]), np.ones((2, 3, 4, 5)), None, (0.1,) * 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "ni_k_edge.h5")
    ...     write_energy_stack(file, stack)
    ...     open_stack(file).voxel_size_um
    (0.1, 0.1, 0.1)
    """
    energy = np.asarray(stack.energy_ev, dtype=np.float64)
    if energy.ndim != 1 or energy.size != len(stack.mu):
        raise ValueError(f"stack has {energy.size} energies but {len(stack.mu)} images")
    if Path(path).suffix.lower() == ".zarr":
        stacks_zarr.write_store(Path(path), stack, energy, overwrite)
        return
    with _safe.atomic_write(path, overwrite) as temporary:
        stacks_hdf5.write_file(
            temporary,
            stack.mu,
            energy=energy,
            variance=stack.variance,
            voxel_size_um=stack.voxel_size_um,
        )
