"""What tests of several files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of measurements outside the repository."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("NMCX_REAL_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real measurements at {folder}; set NMCX_REAL_DATA to run this test")
    return folder


@pytest.fixture(scope="session")
def xraylarch_data() -> Path:
    """Folder of example spectra in Debian's package python-xraylarch-doc."""
    default = "/usr/share/doc/python-xraylarch-doc/examples/xafsdata"
    folder = Path(os.environ.get("NMCX_XRAYLARCH_DATA", default))
    if not (folder / "AthenaProjectFiles").is_dir():
        pytest.skip(f"no {folder}; install python-xraylarch-doc or set NMCX_XRAYLARCH_DATA")
    return folder
