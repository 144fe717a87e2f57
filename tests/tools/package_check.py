"""Build an sdist, a wheel from it, look into both, and test the wheel outside the tree.

That the sdist builds where there is no cmake, ninja or Eigen is tried in an empty environment, but
not compiled once more. Sdist and wheel, repaired by auditwheel, end up in build/package.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUT = ROOT / "build" / "package"
SCENE = ROOT / "python" / "nmcx" / "plot" / "scene_page"


def run(*command: str | Path, **options: object) -> None:
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True, **options)  # type: ignore[call-overload]


def check_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    allowed = (
        r"nmcx/(.*\.pyi?|py\.typed|napari\.yaml|_core\.[\w-]+\.so)"
        r"|nmcx/plot/scene_page/.*\.(html|css|js)"
        r"|nmcx-[\w.]+\.dist-info/.*|nmcx\.libs/.*"
    )
    strange = [n for n in names if not (re.fullmatch(allowed, n) or n.endswith("/"))]
    assert not strange, f"the wheel holds {strange}"
    page = [f"nmcx/plot/scene_page/{p.name}" for p in SCENE.iterdir()]
    typed = ("nmcx/py.typed", "nmcx/_core.pyi")
    for wanted in (*typed, "nmcx/napari.yaml", "nmcx/cli/__init__.py", *page):
        assert wanted in names, f"the wheel lacks {wanted}"
    assert any(name.endswith("LICENSE") for name in names), "the wheel lacks the licence"
    assert wheel.stat().st_size < 5e6, f"the wheel has {wheel.stat().st_size} bytes"


def check_sdist(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        sources = [member.name.split("/", 1)[1] for member in archive.getmembers()]
    strange = [
        name for name in sources if re.search(r"\.(so|pyc|xrm|xim|hdr|h5|nxs)$|^build", name)
    ]
    assert not strange, f"the sdist holds {strange}"
    tree = [p for p in ROOT.glob("src/cpp/**/*") if p.is_file()]
    tree += [p for p in ROOT.glob("python/nmcx/**/*.py") if p.is_file()]
    tree += SCENE.iterdir()
    missing = [str(p.relative_to(ROOT)) for p in tree if str(p.relative_to(ROOT)) not in sources]
    assert not missing, f"the sdist lacks {missing}"
    assert sdist.stat().st_size < 3e6, f"the sdist has {sdist.stat().st_size} bytes"


def configure_alone(home: Path, clean: dict[str, str], pip: list[object], sdist: Path) -> None:
    """What pip does with an sdist where no cmake, ninja or Eigen is, all but the compiling."""
    nothing = ["-Cbuild.targets=help", "-Cinstall.components=none"]
    command = ["wheel", "--no-deps", "--wheel-dir", home / "configured", *nothing, sdist]
    run(*pip, *command, env=clean, cwd=home)


def build_wheel(home: Path, sdist: Path) -> Path:
    """A wheel from the sdist by the tools at hand, repaired: what it compiles to is released."""
    with tarfile.open(sdist) as archive:
        archive.extractall(home, filter="data")
    tree = home / sdist.name.removesuffix(".tar.gz")
    # To the compiler's cache it is the checkout, which has been compiled: same paths within.
    (tree / ".venv").symlink_to(sys.prefix)
    environment = os.environ | {"CCACHE_BASEDIR": str(tree)}
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", home, tree]
    run(tree / ".venv" / "bin" / "python", *build, env=environment)
    (built,) = home.glob("*.whl")
    run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", OUT, built)
    (wheel,) = OUT.glob("*.whl")
    return wheel


def test_outside_the_tree(home: Path, sdist: Path) -> None:
    """Build a wheel from the sdist, install it into an empty environment, test it there."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]["test"]
    tools = home / "tools"
    tools.mkdir()
    for name in ("g++", "gcc", "c++", "cc", "as", "ld", "ar", "ranlib", "make", "sh"):
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    clean = {"PATH": str(tools), "HOME": str(home), "LANG": "C.UTF-8"}
    clean |= {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "OPENBLAS_"))}
    run(sys.executable, "-m", "venv", home / "venv", env=clean)
    python = home / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    configure_alone(home, clean, pip, sdist)
    wheel = build_wheel(home, sdist)
    check_wheel(wheel)
    run(*pip, "install", wheel, env=clean)
    # Before the test's packages: what the wheel requires must be enough.
    run(python, "-c", "import nmcx; print(nmcx.__version__, nmcx.__file__)", env=clean, cwd=home)
    run(*pip, "install", *extras, env=clean)
    shutil.copytree(ROOT / "tests" / "python", home / "tests")
    # The pulls of the estimators are computed for tests and for the verification alike.
    shutil.copytree(ROOT / "tests" / "verify", home / "verify")
    (home / "pytest.ini").write_text(
        "[pytest]\npythonpath = tests\naddopts = -q --strict-markers --import-mode=importlib\n"
        "filterwarnings = error\nmarkers =\n    real_data: real measurements\n"
    )
    data = os.environ.get("NMCX_REAL_DATA", str(ROOT.parent / "shared" / "data"))
    environment = clean | {"NMCX_REAL_DATA": data, "MPLBACKEND": "Agg"}
    environment["PATH"] = f"{python.parent}:{tools}"
    # `make test` has tested what the files say. Here it matters that the kernels are the same, and
    # that the wheel holds all that the commands, the report and the scene need.
    names = ("public_face", "interface_insertion", "edge_fit_kernel")
    names += ("cli", "simulate", "report", "scene", "io_nexus")
    files = [file for name in names for file in home.glob(f"tests/**/test_{name}.py")]
    assert len(files) == len(names), f"of {names} there are {files}"
    options = ["-n", "2", "-k", "not examples", *sys.argv[1:]]
    run(python, "-m", "pytest", *files, *options, env=environment, cwd=home)


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", OUT, ROOT)
    (sdist,) = OUT.glob("*.tar.gz")
    check_sdist(sdist)
    with tempfile.TemporaryDirectory(prefix="nmcx-package-") as folder:
        test_outside_the_tree(Path(folder), sdist)
    print("package: sdist and wheel hold what they should; the wheel passes its tests")


if __name__ == "__main__":
    main()
