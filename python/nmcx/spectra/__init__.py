"""Single spectra: one energy scale for a series of scans."""

from __future__ import annotations

from nmcx.spectra.calibration import calibrate

__all__ = ["calibrate"]
