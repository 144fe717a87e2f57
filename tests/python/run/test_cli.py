"""The command line: exit codes, one-line errors, light start."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nmcx
from nmcx import cli
from nmcx.cli import completion
from nmcx.errors import ConvergenceError, InputError, MemoryLimitError, OutputError
from nmcx.progress import ProgressLine, describe, duration
from nmcx.run_file import RunFileError


def command(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nmcx", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_and_version_load_nothing_heavy() -> None:
    code = """
import sys
from nmcx.cli import main
codes = [main(["--help"]), main(["run", "--help"]), main(["--version"])]
heavy = [m for m in ("numpy", "scipy", "h5py", "matplotlib", "nmcx._core") if m in sys.modules]
print(codes, heavy)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[0, 0, 0] []"
    assert f"nmcx {nmcx.__version__}" in done.stdout


def test_running_a_run_file_ends_with_zero_and_the_way_to_the_report(
    data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f'[soft]\nlow = "{data}/a_scan.hdr"\nhigh = "{data}/b_scan.hdr"\n')
    done = command("run", path, "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "out" / "report.html") in done.stdout
    again = command("-q", "run", path, "-o", "out", cwd=tmp_path)
    assert again.returncode == 5
    assert re.fullmatch(r"nmcx: \S*out: holds results already .*--force\n", again.stderr)
    quiet = command("--quiet", "run", path, "-o", "out", "--force", cwd=tmp_path)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("[soft]\nlow = 1\n", 2, r"\[soft\] low: must be the path"),
        ('[hard]\nstack = "gone.h5"\n', 4, r"gone\.h5 does not exist"),
        ('[hard]\nstack = "empty.h5"\n', 4, r"empty\.h5: is empty"),
        ('[soft]\nstack = "text.hdr"\n', 4, r"text\.hdr"),
    ],
)
def test_what_is_wrong_stands_in_one_line_and_in_the_exit_code(
    text: str, code: int, message: str, tmp_path: Path
) -> None:
    (tmp_path / "run.toml").write_text(text)
    (tmp_path / "empty.h5").touch()
    (tmp_path / "text.hdr").write_text("nothing of the kind")
    for name in ("run", "check"):
        done = command("-q", name, "run.toml", cwd=tmp_path)
        assert done.returncode == code, done.stderr
        assert re.search(message, done.stderr)
        assert done.stderr.count("\n") == 1, "one line, no traceback"


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = command("run", "gone.toml", "--debug", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_wrong_usage_ends_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert cli.main(["nonsense"]) == 2
    assert cli.main(["demo", "--seed", "-1"]) == 2
    assert "must be a whole number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RunFileError("x"), 2),
        (InputError("x"), 4),
        (ConvergenceError("x"), 4),
        (OutputError("x"), 5),
        (OSError(28, "No space left on device"), 5),
        (MemoryLimitError("x"), 6),
        (MemoryError(), 6),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("x"), 1),
    ],
)
def test_every_kind_of_failure_has_its_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from nmcx import run

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(run, "check", fail)
    assert cli.main(["check", str(tmp_path)]) == code
    text = capsys.readouterr().err
    assert text.startswith("nmcx: ")
    assert "Traceback" not in text


def test_init_writes_a_run_file_once(tmp_path: Path) -> None:
    assert command("init", cwd=tmp_path).returncode == 0
    first = (tmp_path / "run.toml").read_text()
    assert "[soft]" in first
    (tmp_path / "run.toml").write_text("mine")
    refused = command("init", cwd=tmp_path)
    assert refused.returncode == 5
    assert "--force" in refused.stderr
    assert (tmp_path / "run.toml").read_text() == "mine"
    assert command("init", "--force", cwd=tmp_path).returncode == 0
    assert (tmp_path / "run.toml").read_text() == first


def test_a_folder_that_cannot_be_written_ends_with_five(data: Path, tmp_path: Path) -> None:
    # Not even root may make folders in /proc.
    done = command("-q", "run", data / "run.toml", "-o", "/proc/nmcx/out", cwd=tmp_path)
    assert done.returncode == 5, done.stderr
    assert "/proc" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_output_folder_that_is_a_file_ends_with_five(data: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    done = command("-q", "run", data / "run.toml", "-o", "out", cwd=tmp_path)
    assert done.returncode == 5
    assert "is a file" in done.stderr


def test_the_command_line_leaves_the_logger_as_it_was(tmp_path: Path) -> None:
    logger = logging.getLogger("nmcx")
    before = (logger.level, list(logger.handlers))
    cli.main(["check", str(tmp_path / "gone.toml")])
    assert (logger.level, list(logger.handlers)) == before


class Terminal:
    """A stream that says it is a terminal and remembers what was written."""

    def __init__(self, terminal: bool) -> None:
        self.terminal, self.text = terminal, ""

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def test_a_terminal_gets_one_line_that_is_cleared_at_the_end() -> None:
    stream, moments = Terminal(True), iter([0.0, 1.0, 2.0, 4.0])
    line = ProgressLine(stream, clock=lambda: next(moments))  # type: ignore[arg-type]
    for done in (0, 1, 2):
        line(done, 4, "edges")
    line.close()
    assert "\n" not in stream.text
    assert "50 %  2/4  edges  0.5/s  4 s left" in stream.text
    assert stream.text.endswith("\r")
    assert stream.text.rstrip("\r").rpartition("\r")[2].strip() == ""


def test_elsewhere_progress_is_logged_every_ten_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream, moments = Terminal(False), iter([0.0, 0.0, 3.0, 9.0, 12.0, 13.0])
    line = ProgressLine(stream, clock=lambda: next(moments))  # type: ignore[arg-type]
    with caplog.at_level(logging.INFO, logger="nmcx"):
        for done in range(5):
            line(done, 5, "edges")
    line.close()
    assert stream.text == ""
    assert [record.args[0][:5] for record in caplog.records] == ["  0 %", " 60 %"]  # type: ignore[index]


def test_time_left_is_what_the_rate_gives() -> None:
    assert describe(2, 10, "x", 1.0).endswith("2/s  4 s left")
    assert "left" not in describe(10, 10, "x", 5.0)
    assert duration(3599.6) == "1 h 00 min"


def test_the_list_of_commands_needs_no_key_of_the_run_file() -> None:
    code = """
import sys
from nmcx.cli import main
print([main(["--help"]), [m for m in sys.modules if m.startswith("nmcx.run")]])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[0, []]"


def test_the_page_of_the_command_line_has_every_command_and_exit_code() -> None:
    page = Path(__file__).parents[3] / "docs" / "how-to" / "command-line.md"
    if not page.exists():
        pytest.skip("tested outside the source tree")
    text = page.read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `nmcx (\w+)", text, re.M))
    assert listed == {command.name for command in completion.told()} - {""}
    codes = (cli.OK, cli.INTERNAL, cli.USAGE, cli.INPUT, cli.OUTPUT, cli.MEMORY, cli.INTERRUPTED)
    for code in codes:
        assert re.search(rf"^\| {code} \|", text, re.M), code
