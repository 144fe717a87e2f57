"""What readers do with energies, angles and lengths whose units are stated, or are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError

_UM = ("um", "µm", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre")
_LENGTH_UM = dict.fromkeys(_UM, 1.0)
_LENGTH_UM |= dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre"), 1e-3)
_LENGTH_UM |= dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3)
_LENGTH_UM |= dict.fromkeys(("m", "meter", "metre", "meters"), 1e6)
_DEGREE = ("deg", "degree", "degrees", "degs", "°")
_RADIAN = ("rad", "radian", "radians", "rads")
_SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6}

#: No X-ray energy in eV that nmcx is used for is smaller, none in keV larger.
KEV_BELOW = 100.0


def to_ev(
    energy: NDArray[np.float64], unit: object, where: str, notes: list[str]
) -> NDArray[np.float64]:
    """Energies [eV]; without a stated unit those below 100 are keV, and `notes` says so."""
    if not energy.size or not np.isfinite(energy).all() or energy.min() <= 0:
        raise InputError(f"{where}: energies must be positive finite numbers; correct the list")
    stated = _word(unit)
    if stated == "kev" or (not stated and energy.max() < KEV_BELOW):
        notes.append("energies are in keV: converted to eV")
        return energy * 1000.0
    if stated not in ("", "ev"):
        raise InputError(f"{where}: unit {unit!r} is not an energy in eV or keV")
    return energy


def to_rad(
    angle: NDArray[np.float64], unit: object, where: str, notes: list[str]
) -> NDArray[np.float64]:
    """Angles [rad]; without a stated unit they are degrees, and `notes` says so."""
    stated = _word(unit)
    if stated in _RADIAN:
        return angle
    if stated not in ("", *_DEGREE):
        raise InputError(f"{where}: unit {unit!r} is neither degrees nor radians")
    if not stated:
        notes.append("rotation angles without a unit: degrees")
    return np.asarray(np.deg2rad(angle))


def to_um(length: float, unit: object) -> float | None:
    """Length [µm]; None if it is not positive or its unit is unknown."""
    factor = _LENGTH_UM.get(_word(unit))
    if factor is None or not np.isfinite(length) or length <= 0:
        return None
    return float(length * factor)


def to_seconds(
    time: NDArray[np.float64], unit: object, where: str, notes: list[str]
) -> NDArray[np.float64]:
    """Exposures [s], NaN where not positive; without a stated unit seconds, and `notes` says so."""
    stated = _word(unit)
    if stated and stated not in _SECONDS:
        raise InputError(f"{where}: unit {unit!r} is neither s nor ms")
    if not stated:
        notes.append("exposure times without a unit: seconds")
    return np.where(time > 0, time * _SECONDS.get(stated, 1.0), np.nan)


def energy_order(
    energy: NDArray[np.float64], n_image: int, where: str, notes: list[str]
) -> NDArray[np.intp]:
    """Order in which the energies rise.

    Raises
    ------
    nmcx.errors.InputError
        If there is another number of energies than images, or one energy twice.
    """
    if energy.ndim != 1 or energy.size != n_image:
        raise InputError(f"{where}: {energy.size} energies for {n_image} images; make them agree")
    order = np.argsort(energy, kind="stable")
    repeated = np.flatnonzero(np.diff(energy[order]) == 0)
    if repeated.size:
        raise InputError(
            f"{where}: {energy[order][repeated[0]]} eV occurs twice; average or remove one image"
        )
    if not np.array_equal(order, np.arange(energy.size)):
        notes.append("energies did not rise throughout: sorted")
    return order


def _word(unit: object) -> str:
    return str(unit or "").strip().lower()
