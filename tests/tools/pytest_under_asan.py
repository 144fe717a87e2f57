"""Build nmcx with AddressSanitizer and UBSan, and run the Python tests on that build."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def runtime(name: str) -> str:
    compiler = os.environ.get("CXX", "c++")
    found = subprocess.run(
        [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def main() -> int:
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
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/python"]
    # Readers and writers do not enter the extension; runs, phantoms and what is built upon the fits
    # enter it by the same calls as the tests of its parts; worker processes start without the
    # preloaded runtimes.
    elsewhere = ("io_*", "lazy_edges", "stream", "phantom*", "public_face", "alignment_bias")
    elsewhere += ("txm*", "spectra*", "thickness", "architecture", "soft_spectra*", "suppression")
    elsewhere += ("valence", "pair_scans", "xi_*", "fracture_space", "ensemble", "petsc")
    # Of the fits of a pose and of what is counted over hundreds of samples the kernels' own tests
    # are enough: the others repeat their calls by the thousand. So do whole simulations that are
    # compared with themselves, of which one of each kind is left.
    repeated = ("as_often_as_they_say", "from_every_state and not space", "killed_while_it_writes")
    repeated += ("brittle_polycrystal and not 1", "what_the_energies_miss and 20")
    repeated += ("the_defaults_leave_little_undone", "test_simulation and every_number_of_threads")
    repeated += ("the_volume_of_a_ball_converges", "names_and_threads_do_not_change")
    pose = "not test_pose or rendered or refuses or silhouette"
    command += ["-k", " and not ".join([f"({pose})", *(f"({words})" for words in repeated)])]
    # Promises limit memory and time, of which sanitizers take their share.
    for pattern in ("run", "report", "promises", *(f"test_{name}.py" for name in elsewhere)):
        command.append(f"--ignore-glob=tests/python/{pattern}")
    return subprocess.run(
        [*command, *sys.argv[1:]], cwd=ROOT, env=environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
