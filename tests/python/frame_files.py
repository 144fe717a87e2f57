"""Raw counts of a phantom, and writers of the HDF5 layouts of FXI, Data Exchange and NXtomo."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from nmcx.results import FrameStack

ENERGY = np.array([8325.0, 8350.0, 8400.0])
ANGLE_DEG = np.array([-60.0, -20.0, 20.0, 60.0])
SHAPE = (20, 24)
DARK_LEVEL, LIGHT, PIXEL_UM = 100.0, 2000.0, 0.0195


def phantom(energy_ev: np.ndarray, theta: np.ndarray, n_reference: int = 2) -> FrameStack:
    """A wedge whose optical density depends on energy and angle, in Poisson counts over a dark."""
    rng = np.random.default_rng(1)
    wedge = np.linspace(0.0, 1.5, SHAPE[1]) * np.ones(SHAPE)
    counts, energy, angle, role = [], [], [], []

    def add(mean: np.ndarray, e: float, a: float, kind: int) -> None:
        counts.append(rng.poisson(mean) + rng.poisson(np.full(SHAPE, DARK_LEVEL)))
        energy.append(e)
        angle.append(a)
        role.append(kind)

    for e in np.unique(energy_ev):
        for _ in range(3):
            add(np.zeros(SHAPE), np.nan, 0.0, 2)
        for a in np.unique(theta):
            od = wedge * (0.5 + (e - 8325.0) / 75.0) * (1.0 + 0.1 * np.cos(a))
            add(LIGHT * np.exp(-od), e, a, 0)
        for _ in range(n_reference):
            add(np.full(SHAPE, LIGHT), e, 0.0, 1)
    kinds = np.array(role)
    return FrameStack(
        counts=np.array(counts, np.uint16),
        energy_ev=np.array(energy),
        is_reference=kinds == 1,
        theta=np.array(angle),
        pixel_size_um=np.full(kinds.size, PIXEL_UM),
        exposure_s=np.full(kinds.size, 0.5),
        is_dark=kinds == 2,
    )


def of(frames: FrameStack, kind: str, energy: float | None = None) -> np.ndarray:
    """Counts of one kind, of one energy (darks: of the run of that energy)."""
    dark = frames.is_dark
    run = np.repeat(
        np.unique(frames.energy_ev[~dark]), dark.size // len(set(frames.energy_ev[~dark]))
    )
    chosen = {"dark": dark, "white": frames.is_reference, "data": ~dark & ~frames.is_reference}[
        kind
    ]
    return frames.counts[chosen & (True if energy is None else run == energy)]


def write_fxi_tomography(path: Path, frames: FrameStack, energy: float, time: float) -> None:
    with h5py.File(path, "w") as out:
        out["img_tomo"] = of(frames, "data", energy)
        out["img_bkg"] = of(frames, "white", energy)
        out["img_dark"] = of(frames, "dark", energy)
        out["img_bkg_avg"] = of(frames, "white", energy).mean(0, keepdims=True)
        out["angle"] = ANGLE_DEG
        out["X_eng"] = energy / 1000
        out["scan_time"] = time
        out["Magnification"] = 6500.0 / (1000 * PIXEL_UM)
        out["Pixel Size"] = f"{1000 * PIXEL_UM}nm"
        out["note"] = "wedge"


def write_fxi_xanes(path: Path, frames: FrameStack, *, normalised: bool) -> None:
    """Means of the repeats, and the images divided by the reference as the export does."""
    white = np.array([of(frames, "white", e).mean(0) for e in ENERGY])
    data = np.array([of(frames, "data", e).mean(0) for e in ENERGY])
    dark = of(frames, "dark").mean(0, keepdims=True)
    with h5py.File(path, "w") as out:
        out["img_xanes"] = np.float32((data - dark) / (white - dark) if normalised else data)
        out["img_bkg"] = np.float32(white)
        out["img_dark"] = np.float32(dark)
        out["X_eng"] = ENERGY / 1000
        out["scan_time"] = 1.6e9
        out["Pixel Size"] = f"{1000 * PIXEL_UM}nm"


def write_exchange(path: Path, frames: FrameStack, energy: float | None, unit: str = "keV") -> None:
    """One energy per file, or all in one with an energy per frame."""
    with h5py.File(path, "w") as out:
        for name, kind in (("data", "data"), ("data_white", "white"), ("data_dark", "dark")):
            out[f"exchange/{name}"] = of(frames, kind, energy)
        factor = 1000.0 if unit == "keV" else 1.0
        is_data = ~frames.is_dark & ~frames.is_reference
        if energy is None:
            out["exchange/energy"] = frames.energy_ev[is_data] / factor
            out["exchange/energy"].attrs["units"] = unit
            theta = np.rad2deg(frames.theta[is_data])
        else:
            out["measurement/instrument/monochromator/energy"] = energy / factor
            out["measurement/instrument/monochromator/energy"].attrs["units"] = unit
            theta = np.rad2deg(frames.theta[is_data & (frames.energy_ev == energy)])
        out["exchange/theta"] = theta
        out["exchange/theta"].attrs["units"] = "deg"
        out["measurement/instrument/detector/exposure_time"] = 0.5
        out["measurement/instrument/detector/exposure_time"].attrs["units"] = "s"
        objective = out.create_group("measurement/instrument/detection_system/objective")
        objective["resolution"] = PIXEL_UM
        objective["resolution"].attrs["units"] = "microns"


def write_nxtomo(path: Path, frames: FrameStack, *, extra: int = 0) -> None:
    """Every frame with its key and energy; `extra` invalid frames among them."""
    key = np.where(frames.is_dark, 2, np.where(frames.is_reference, 1, 0))
    energy = np.where(np.isnan(frames.energy_ev), ENERGY[0], frames.energy_ev)
    at = np.full(extra, 5)
    with h5py.File(path, "w") as out:
        entry = out.create_group("entry0000")
        entry.attrs["NX_class"] = "NXentry"
        entry["definition"] = "NXtomo"
        entry["start_time"] = "2026-01-02T03:04:05"
        detector = entry.create_group("instrument/detector")
        detector["data"] = np.insert(frames.counts, at, 9999, axis=0)
        detector["image_key"] = np.insert(key, at, 3)
        detector["count_time"] = np.insert(1000 * frames.exposure_s, at, 1.0)
        detector["count_time"].attrs["units"] = "ms"
        entry["sample/x_pixel_size"] = PIXEL_UM * 1e-6
        entry["sample/x_pixel_size"].attrs["units"] = "m"
        entry["sample/rotation_angle"] = np.rad2deg(np.insert(frames.theta, at, 0.0))
        entry["sample/rotation_angle"].attrs["units"] = "degree"
        entry["instrument/beam/energy"] = np.insert(energy, at, ENERGY[0]) / 1000
        entry["instrument/beam/energy"].attrs["units"] = "keV"
        if frames.beam_current is not None:
            entry["control/data"] = np.insert(frames.beam_current, at, 1.0)
