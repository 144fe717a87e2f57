"""`nmcx status`: how far unfinished work is, and that the command it gives finishes it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from nmcx import InputError, cli, materials, mesh, run
from nmcx import chemomechanics as cm
from nmcx.run import edge_job
from nmcx.run.kept_model import kept_model

CRACKING = """[polycrystal]
shape = "disc"
radius_um = 1.5
n_grains = 12
size_um = 0.4
seed = 1
[transport]
protocol = ["charge c_rate=1 until=0.7"]
states = 4
[fracture]
fracture_energy = 0.1
[coupling]
stress_drive = "none"
[output]
pictures = false
"""


def told(path: Path) -> dict[str, list[str]]:
    """Lines of `nmcx status` by their first words; what it is as "what"."""
    first, *lines = run.status(path)
    found: dict[str, list[str]] = {"what": [first.rpartition(": ")[2]]}
    for line in lines:
        found.setdefault(line[:10].strip(), []).append(line[11:])
    return found


def does(line: str) -> int:
    return cli.main(["-q", *shlex.split(line)[1:]])


def stop_at(n: int, label: str = "") -> Callable[[float, float, str], None]:
    """A progress that interrupts as Ctrl-C does, once `n` things of a label are done."""

    def progress(done: float, total: float, said: str) -> None:
        if done >= n and said.startswith(label):
            raise KeyboardInterrupt

    return progress


def test_a_simulation_says_what_is_kept_and_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "disc.toml").write_text(CRACKING)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run.simulate(tmp_path / "disc.toml", out=out, progress=stop_at(3, "t ="))
    for named in (out, tmp_path / "out.part"):
        found = told(named)
        assert found["what"] == ["unfinished simulation"]
        assert found["run file"] == [str(tmp_path / "disc.toml")]
        assert re.fullmatch(r"3 of at most 5 states, up to t = [\d.e+]+ s", found["kept"][0])
        assert re.fullmatch(r"\d{4}-\d\d-\d\d .+, \d+ s ago", found["saved"][0])
        assert found["at work"] == ["no"]
        assert found["next"] == [f"nmcx resume {out}"]
    assert run.info(tmp_path / "out.part") == run.status(out)
    assert told(tmp_path / "out.part" / "states")["next"] == [
        f"nmcx status {tmp_path / 'out.part'}"
    ]
    assert does(found["next"][0]) == 0
    for named in (out, tmp_path / "out.part", out / "result.nxs"):
        found = told(named)
        assert found["what"] == ["is finished"]
        assert found["next"] == [f"nmcx info {out / 'result.nxs'}"]
    assert does(found["next"][0]) == 0
    assert "folder of results, finished" in run.info(out)[0]


def test_a_process_at_work_is_seen(tmp_path: Path) -> None:
    (tmp_path / "disc.toml").write_text(CRACKING)
    seen: list[str] = []

    def look(done: float, total: float, label: str) -> None:
        if label.startswith("t ="):
            seen.extend(told(tmp_path / "out")["at work"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.simulate(tmp_path / "disc.toml", out=tmp_path / "out", progress=look)
    assert seen == ["yes, a process works on it now"]
    assert told(tmp_path / "out")["at work"] == ["no"]


def test_a_fit_says_its_blocks_and_the_command_finishes_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_job, "_BLOCK_BYTES", 10 * 61 * 36 * 38 * 4)
    out = tmp_path / "edges.nxs"
    with pytest.raises(KeyboardInterrupt):
        run.edges(data / "ni_k_edge.h5", out, progress=stop_at(15))
    found = told(out)
    assert found["what"] == ["unfinished edge fit"]
    measured, judged = found["kept"]
    match = re.fullmatch(r"edge energies: (\d+) of 40 rows \((\d+) %\) in (\d+) blocks", measured)
    assert match is not None, measured
    rows, share, blocks = map(int, match.groups())
    assert 15 <= rows < 40 and share == round(100 * rows / 40) and blocks > 1
    assert judged == "maps completed: 0 of 40 rows (0 %) in 0 blocks"
    assert found["next"] == [f"nmcx edges {data / 'ni_k_edge.h5'} {out} --resume"]
    assert does(found["next"][0]) == 0
    assert told(out)["what"] == ["is finished"]


def test_a_run_says_its_states_and_members_and_its_own_command(tmp_path: Path) -> None:
    line = f"nmcx run {tmp_path / 'run.toml'} -o {tmp_path / 'out'}"
    with (
        pytest.raises(KeyboardInterrupt),
        kept_model(tmp_path / "out", True, line) as part,
    ):
        for name in ("model-0a/state_00000.h5", "model-0a/state_00001.h5", "members/0b.h5"):
            (part / name).parent.mkdir(exist_ok=True)
            (part / name).write_bytes(b"x")
        raise KeyboardInterrupt
    found = told(tmp_path / "out")
    assert found["what"] == ["unfinished run"]
    assert found["kept"] == ["2 states of the model and 1 member"]
    assert found["next"] == [line]


def test_a_checkpoint_of_python_says_its_states(tmp_path: Path) -> None:
    grains = mesh.disc(1.5e-6, n_grains=5, size=0.5e-6, seed=1)
    cm.simulate(
        grains, materials.NMC811, protocol=cm.Charge(1.0, until=0.94), states=1,
        checkpoint=tmp_path / "kept",
    )  # fmt: skip
    found = told(tmp_path / "kept")
    assert found["what"] == ["checkpoint of nmcx.chemomechanics.simulate"]
    assert re.match(r"2 states, up to t = 3[5-7](\.\d+)? s", found["kept"][0])
    assert f"checkpoint='{tmp_path / 'kept'}'" in found["next"][0]


def test_damaged_work_is_an_input_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out.part").mkdir()
    for name, content in (("begun.json", "{"), ("begun.json", '{"a": 1}'), ("journal", "")):
        (tmp_path / "out.part" / name).write_text(content)
        (tmp_path / "out.part" / "fingerprint.json").write_text("[1]")
        assert cli.main(["status", str(tmp_path / "out")]) == 4, content
        assert "Traceback" not in capsys.readouterr().err
        (tmp_path / "out.part" / name).unlink()


def test_where_there_is_nothing_the_way_to_name_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such folder, and no out\.part beside it"):
        run.status(tmp_path / "out")
    with pytest.raises(InputError, match="holds neither results nor unfinished work"):
        run.status(tmp_path)
