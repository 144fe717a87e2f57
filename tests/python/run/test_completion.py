"""`nmcx completion`: bash really completes; every shell knows every command and flag."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nmcx import cli
from nmcx.cli import completion, shells


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "nmcx.bash"
    path.write_text(shells.bash(completion.told()))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a scan.hdr", "b.hdr", "run.toml"):
        (tmp_path / name).touch()
    return tmp_path


def completed(script: Path, folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of some words."""
    bash = shutil.which("bash")
    assert bash is not None, "this test needs bash"
    code = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _nmcx; '
    code += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        [bash, "-c", code, "bash", str(script), "nmcx", *words],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def test_bash_registers_the_function(script: Path) -> None:
    code = f'source "{script}"; complete -p nmcx'
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "complete -o filenames -F _nmcx nmcx\n"


def test_every_command_and_every_flag_is_offered(script: Path, folder: Path) -> None:
    first, *commands = completion.told()
    assert completed(script, folder, "") == [command.name for command in commands]
    assert completed(script, folder, "--") == [f for f in first.flags if f.startswith("--")]
    for command in commands:
        assert completed(script, folder, command.name, "-") == list(command.flags), command.name


FILES = ["a scan.hdr", "b.hdr", "run.toml"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("si",), ["simulate"]),
        (("-v", "sp"), ["spectrum"]),
        (("check", ""), FILES),
        (("check", "r"), ["run.toml"]),
        (("check", "a"), ["a scan.hdr"]),
        (("run", "run.toml", "--o"), ["--out"]),
        (("run", "run.toml", "-o", ""), FILES),
        (("run", "-o", "out", ""), FILES),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("completion", "z"), ["zsh"]),
        (("cones", "IN", "OUT", "--null", ""), ["rotation", "variogram", "moran"]),
        (("cones", "IN", "OUT", "--null", "m"), ["moran"]),
        (("cones", "--null", "moran", ""), FILES),
        (("cones", "--view", "0", "0", ""), []),
        (("cones", "--view", "0", "-1", ""), []),
        (("cones", "--view", "0", "-1", "1", ""), FILES),
        (("cones", "--half-angle-deg", "5", "10", ""), []),
        (("cones", "--half-angle-deg", "5", "10", "--nu"), ["--null"]),
        (("edges", "--level", ""), []),
        (("edges", "--estimator", "half"), ["half_jump", "half_white_line"]),
        (("edges", "--template", "b"), ["b.hdr"]),
        (("xi", "a", "b", ""), FILES),
        (("xi", "--region", ""), []),
        (("simulate", "--labels", "b"), ["b.hdr"]),
        (("simulate", "--frames", ""), ["yes", "no"]),
        (("selftest", ""), []),
    ],
    ids=" ".join,
)
def test_bash_offers_what_can_stand_there(
    words: tuple[str, ...], offered: list[str], script: Path, folder: Path
) -> None:
    assert sorted(completed(script, folder, *words)) == sorted(offered)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_knows_every_command_and_flag(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["completion", shell]) == 0
    text = capsys.readouterr().out
    for command in completion.told():
        assert command.name in text
        for flag in command.flags:
            written = re.sub("^--", "-l ", flag) if shell == "fish" else flag
            written = re.sub("^-(?=[a-z]$)", "-s ", written) if shell == "fish" else written
            assert written in text, f"{shell}: {command.name} {flag}"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_scripts_of_other_shells_are_balanced_and_run_where_these_are(
    shell: str, tmp_path: Path
) -> None:
    path = tmp_path / "script"
    path.write_text(getattr(shells, shell)(completion.told()))
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            continue
        # Within the quotes of a shell nothing is left open at the end of a line.
        plain = line.replace("'\\''", "") if shell == "zsh" else re.sub(r"\\.", "", line)
        assert plain.count("'") % 2 == 0, line
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n", str(path)], check=True)


def test_a_shell_that_is_none_of_these_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "cmd"]) == 2
    assert "invalid choice" in capsys.readouterr().err
