"""Readers and writers, one file per format family; every reader goes through `_safe`."""

from __future__ import annotations

from nmcx.io.athena import read_athena
from nmcx.io.frames import read_frames
from nmcx.io.images import Image, open_image
from nmcx.io.nexus import load, save
from nmcx.io.nexus_entries import gather
from nmcx.io.nxstxm import read_nxstxm
from nmcx.io.ome_zarr import write_ome_zarr
from nmcx.io.provenance import Provenance, read_provenance
from nmcx.io.spectra import read_spectrum
from nmcx.io.stacks import open_stack, write_energy_stack
from nmcx.io.stxm import read_stxm, write_stxm
from nmcx.io.stxm_hdf5 import read_stxm_hdf5
from nmcx.io.tiff import write_tiff
from nmcx.io.volumes import Volume, read_volume
from nmcx.io.vtkhdf import write_history, write_wall_history
from nmcx.io.vtu import write_mesh

__all__ = [
    "Image",
    "Provenance",
    "Volume",
    "gather",
    "load",
    "open_image",
    "open_stack",
    "read_athena",
    "read_frames",
    "read_nxstxm",
    "read_provenance",
    "read_spectrum",
    "read_stxm",
    "read_stxm_hdf5",
    "read_volume",
    "save",
    "write_energy_stack",
    "write_history",
    "write_mesh",
    "write_ome_zarr",
    "write_stxm",
    "write_tiff",
    "write_wall_history",
]
