"""Build sdist and wheel, look into them, and test each in an empty environment outside the tree.

The sdist is installed as a user would: no cmake, ninja or Eigen on the machine. The wheel is
repaired by auditwheel first. Both end up in build/package.
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


def check_contents(sdist: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    allowed = (
        r"nmcx/(.*\.pyi?|py\.typed|_core\.[\w-]+\.so|plot/scene_page/.*\.(html|css|js))"
        r"|nmcx-[\w.]+\.dist-info/.*|nmcx\.libs/.*"
    )
    strange = [n for n in names if not (re.fullmatch(allowed, n) or n.endswith("/"))]
    assert not strange, f"the wheel holds {strange}"
    page = [f"nmcx/plot/scene_page/{p.name}" for p in SCENE.iterdir()]
    for wanted in ("nmcx/py.typed", "nmcx/_core.pyi", "nmcx/cli/__init__.py", *page):
        assert wanted in names, f"the wheel lacks {wanted}"
    assert any(name.endswith("LICENSE") for name in names), "the wheel lacks the licence"
    assert wheel.stat().st_size < 5e6, f"the wheel has {wheel.stat().st_size} bytes"

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


def test_outside_the_tree(
    artifact: Path, pip_options: list[str], pytest_options: list[str]
) -> None:
    """Install one file into an empty environment and run the Python tests on it."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]["test"]
    with tempfile.TemporaryDirectory(prefix="nmcx-package-") as folder:
        home = Path(folder)
        tools = home / "tools"
        tools.mkdir()
        for name in ("g++", "gcc", "c++", "cc", "as", "ld", "ar", "ranlib", "make", "sh"):
            if found := shutil.which(name):
                (tools / name).symlink_to(found)
        clean = {"PATH": str(tools), "HOME": folder, "LANG": "C.UTF-8"}
        clean |= {
            k: v
            for k, v in os.environ.items()
            if k.startswith(("PIP_", "SSL_", "CCACHE_", "OPENBLAS_"))
        }
        run(sys.executable, "-m", "venv", home / "venv", env=clean)
        python = home / "venv" / "bin" / "python"
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        run(*pip, *pip_options, artifact, env=clean)
        run(
            python, "-c", "import nmcx; print(nmcx.__version__, nmcx.__file__)", env=clean, cwd=home
        )
        run(*pip, *extras, env=clean)
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
        run(python, "-m", "pytest", "tests", *pytest_options, env=environment, cwd=home)


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    # The wheel from what is built already where the compiler's cache has it; the sdist below builds
    # in isolation.
    for kind in ("--sdist", "--wheel"):
        run(sys.executable, "-m", "build", kind, "--no-isolation", "--outdir", OUT, ROOT)
    (built,) = OUT.glob("*.whl")
    run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", OUT / "repaired", built)
    built.unlink()
    (wheel,) = (OUT / "repaired").glob("*.whl")
    wheel = wheel.rename(OUT / wheel.name)
    (OUT / "repaired").rmdir()
    (sdist,) = OUT.glob("*.tar.gz")
    check_contents(sdist, wheel)
    # `make test` has tested what the files say. Here it matters that the wheel holds all that the
    # commands, the report and the scene need, and that the sdist compiles to the same kernels.
    kernels = "public_face or interface_insertion"
    whole = f"{kernels} or edge_fit_kernel or test_cli or test_simulate or report or io_nexus"
    # Without optimisation it compiles in a third of the time; the flags of a release are the
    # wheel's.
    quick = ["-Ccmake.define.CMAKE_CXX_FLAGS_RELEASE=-O0 -DNDEBUG"]
    for artifact, options, selection in ((wheel, [], whole), (sdist, quick, kernels)):
        test_outside_the_tree(artifact, options, ["-k", selection, "-n", "2", *sys.argv[1:]])
    print("package: sdist and wheel hold what they should and pass their tests outside the tree")


if __name__ == "__main__":
    main()
