"""Build nmcx with AddressSanitizer and UBSan, and run the Python tests on that build.

usage: python tests/tools/pytest_under_asan.py [--part K/N] [OPTION OF PYTEST...]

With `--part` only every N-th file of tests, beginning with the K-th: the others' turn comes with
another K, such as the number of commits.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]


def runtime(name: str) -> str:
    compiler = os.environ.get("CXX", "c++")
    found = subprocess.run(
        [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def files() -> list[str]:
    """Tests that enter the kernels by calls of their own.

    Readers and writers do not enter the extension; runs, phantoms and what is built upon the fits
    enter it by the same calls as the tests of its parts; worker processes start without the
    preloaded runtimes. Promises limit memory and time, of which sanitizers take their share.
    """
    elsewhere = ("io_*", "lazy_edges", "stream", "phantom*", "public_face", "alignment_bias")
    elsewhere += ("txm*", "spectra*", "thickness", "architecture", "soft_spectra*", "suppression")
    elsewhere += ("valence", "pair_scans", "xi_*", "fracture_space", "ensemble", "petsc")
    return [
        str(file.relative_to(ROOT))
        for file in sorted((ROOT / "tests" / "python").glob("test_*.py"))
        if not any(fnmatch(file.stem, f"test_{name}") for name in elsewhere)
    ]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", default="0/1")
    options, of_pytest = parser.parse_known_args()
    k, n = (int(number) for number in options.part.split("/"))
    site = ROOT / "build" / "asan-site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run(
        [
            *pip,
            "--no-build-isolation",
            "--no-deps",
            "--upgrade",
            f"--target={site}",
            "-Ccmake.define.NMCX_SANITIZE=address;undefined",
            f"-Ccmake.define.NMCX_SANITIZE_ONLY={os.environ.get('NMCX_SANITIZE_ONLY', '')}",
            f"-Cbuild-dir={ROOT}/build/asan-wheel",
            str(ROOT),
        ],
        check=True,
    )
    environment = os.environ | {
        # libstdc++ too: without it the run dies at the first C++ exception, and says nothing.
        "LD_PRELOAD": ":".join(map(runtime, ("libasan.so", "libubsan.so", "libstdc++.so.6"))),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(site),
        "NMCX_UNDER_SANITIZER": "1",
    }
    chosen = files()[k::n]
    # Of the fits of a pose and of what is counted over hundreds of samples the kernels' own tests
    # are enough: the others repeat their calls by the thousand.
    pose = "not test_pose or rendered or refuses or silhouette"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen]
    command += ["-k", f"({pose}) and not as_often_as_they_say", *of_pytest]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
