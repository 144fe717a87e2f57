"""Where nmcx meets Debian's petsc4py: `python tests/tools/petsc_environment.py` makes it.

petsc4py of Debian belongs to Debian's Python and to numpy 1. The environment in build/petsc sees
the system's packages and has numpy 1.26, and scipy for it, before them. nmcx comes by PYTHONPATH:
an extension fits every interpreter of its version.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "petsc"
PACKAGES = ("numpy==1.26.*", "scipy>=1.11")
#: Another Python with petsc4py than Debian's.
SYSTEM = os.environ.get("NMCX_PETSC_PYTHON", "/usr/bin/python3")


def missing() -> str:
    """What keeps petsc4py from being used with this nmcx; empty if nothing does."""
    if shutil.which("mpirun") is None:
        return "there is no mpirun (apt-get install python3-petsc4py openmpi-bin)"
    if not (FOLDER / "made").exists():
        return "build/petsc is not there: make petsc, with Debian's python3-petsc4py installed"
    return ""


def package_path(folder: Path) -> Path:
    """A folder for PYTHONPATH with the nmcx that is installed here, and nothing else."""
    import nmcx
    from nmcx import _core

    package = folder / "nmcx"
    package.mkdir()
    for source in (*Path(nmcx.__file__).parent.iterdir(), Path(_core.__file__)):
        if source.name != "__pycache__" and not (package / source.name).exists():
            (package / source.name).symlink_to(source)
    about = folder / f"nmcx-{nmcx.__version__}.dist-info"
    about.mkdir()
    metadata = importlib.metadata.metadata("nmcx")
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {metadata['Name']}\nVersion: {metadata['Version']}\n"
    )
    return folder


def mpirun(n: int, path: Path, *words: object, options: str = "") -> subprocess.CompletedProcess:
    """Run Python with these words on n ranks, one thread each, nmcx at `path`."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PETSC_OPTIONS": options,
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "OMPI_MCA_plm": "isolated",  # no ssh: ranks are on this machine
        # A rank that waits keeps its core: beside other work, one that gives it away gets it back
        # a slice of the scheduler's time later, for each of many thousand messages.
        "OMPI_MCA_mpi_yield_when_idle": "0",
    }
    command = ["mpirun", "-n", str(n), str(FOLDER / "bin" / "python"), *map(str, words)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=3600
    )


def main() -> int:
    """Make the environment, if a fitting petsc4py is there."""
    if (FOLDER / "made").exists():
        return 0
    check = "import petsc4py, sys; print(sys.implementation.cache_tag)"
    try:
        found = subprocess.run([SYSTEM, "-c", check], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        print(f"{SYSTEM} has no petsc4py; tests with it will be skipped")
        return 1
    own = sys.implementation.cache_tag
    if found.stdout.strip() != own:
        print(f"{SYSTEM} is {found.stdout.strip()}, nmcx was built for {own}; tests are skipped")
        return 1
    venv = ["-m", "venv", "--clear", "--system-site-packages", "--without-pip", str(FOLDER)]
    subprocess.run([SYSTEM, *venv], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python"]
    install = ["install", "--quiet", "--only-binary", ":all:", *PACKAGES]
    subprocess.run([*pip, str(FOLDER / "bin" / "python"), *install], check=True, timeout=300)
    (FOLDER / "made").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
