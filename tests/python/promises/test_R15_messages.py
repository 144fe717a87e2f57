"""Every error says what, where and what to do."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from promises.shows import Shows

from nmcx import cli, phantom

N_FAULT = 60
WRONG = {"text": '"nonsense"', "number": "17.5", "list": "[[1], [2]]", "table": "{a = 1}"}
#: Words that ask for something to be done; a message has one of them.
REMEDY = re.compile(
    r"must |mend |[Cc]opy |did you mean|known are|choose|give |add |name |check|use |are relative|"
    r"convert|sort|move|widen|leave|run it|instead|known|needs|take |shows how|writes one|is it "
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("measured")
    phantom.particle(1, shape=(32, 32, 32), voxel_size_um=0.3, map_shape=(24, 24)).write(folder)
    return folder


Fault = Callable[[Path], None]


def _edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def faults(folder: Path) -> Iterator[tuple[str, str, Fault]]:
    """Name of each fault, what the message must name, and how it is made in a copy of `folder`."""
    text = (folder / "run.toml").read_text()
    for section, keys in tomllib.loads(text).items():
        yield (f"[{section}] misspelt", f"{section}x",
               partial(_in_run_file, f"[{section}]", f"[{section}x]"))  # fmt: skip
        for key in keys:
            line = next(line for line in text.splitlines() if line.startswith(f"{key} = "))
            yield (
                f"{key} misspelt",
                f"{key}x",
                partial(_in_run_file, line, line.replace(key, f"{key}x", 1)),
            )
            for kind, value in WRONG.items():
                if _fits(kind, line):
                    continue
                yield f"{key} is a {kind}", key, partial(_in_run_file, line, f"{key} = {value}")
    for name in ("a_scan.hdr", "b_scan.hdr", "ni_k_edge.h5"):
        yield f"{name} is missing", name, partial(_without, name)
        yield f"{name} is empty", name, partial(_cut, name, 0.0)
        yield f"{name} is text", name, partial(_as_text, name)
        if name.endswith(".h5"):
            for share in (0.1, 0.5, 0.9):
                yield f"{name} is cut at {share}", name, partial(_cut, name, share)
    yield "no TOML", "run.toml", partial(_in_run_file, "[soft]", "[soft")


def _fits(kind: str, line: str) -> bool:
    value = line.split(" = ", 1)[1]
    return (kind == "text" and value.startswith('"')) or (kind == "number" and value[0] not in '"[')


def _in_run_file(old: str, new: str, folder: Path) -> None:
    _edited(folder / "run.toml", old, new)


def _without(name: str, folder: Path) -> None:
    (folder / name).unlink()


def _cut(name: str, share: float, folder: Path) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(share * len(content))])


def _as_text(name: str, folder: Path) -> None:
    (folder / name).write_text("nothing of the kind\n")


def test_R15_faults_are_told_in_one_line_that_says_where_and_what_to_do(
    measured: Path, tmp_path: Path, shows: Shows, full: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    every = list(faults(measured))
    assert len(every) >= N_FAULT
    chosen = np.random.default_rng(1).permutation(len(every))[: None if full else N_FAULT]
    vague = []
    for i in chosen:
        name, named, make = every[i]
        folder = tmp_path / str(i)
        shutil.copytree(measured, folder)
        make(folder)
        code = cli.main(["-q", "check", str(folder / "run.toml")])
        said = capsys.readouterr().err
        is_good = code in (2, 4) and said.count("\n") == 1 and "Traceback" not in said
        is_good = is_good and named in said and str(folder) in said and bool(REMEDY.search(said))
        if not is_good:
            vague.append((name, code, said.replace(str(folder), "…")))
        shutil.rmtree(folder)
    assert not vague, "\n".join(map(str, vague))
    shows.holds("seeded faults told in one line: where, and what to do", len(chosen), len(chosen))


def test_R15_a_traceback_is_shown_when_asked_for(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(measured, tmp_path / "copy")
    _without("ni_k_edge.h5", tmp_path / "copy")
    run = str(tmp_path / "copy" / "run.toml")
    assert cli.main(["-q", "check", run, "--debug"]) == 4
    assert "Traceback" in capsys.readouterr().err


def test_R15_what_is_no_remedy_is_noticed() -> None:
    assert not REMEDY.search("/data/run.toml: [soft] low: KeyError 'low'")
