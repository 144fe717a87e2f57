"""The promises, and the table of what the tests of each have shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "promises.md"


HEAD = """# Promises

What you may rely on, and what shows it: each promise is a test with its id in the name
(`pytest -k R03`). Made by `make promises`, and at full counts by `make verify ISSUE=9`.

| id | promise | how it is shown | figure | target | measured | met |
|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Promise:
    """What users may rely on, and how a test shows it."""

    text: str
    how: str


PROMISES = {
    "R01": Promise(
        "`kill -9` never leaves a half-written result nor loses a finished block or time step; "
        "`nmcx resume` ends in the same bytes",
        "processes killed at random moments and at calls that write, let through, and compared "
        "with one that nothing stopped",
    ),
    "R02": Promise(
        "disk full, read-only folder, I/O error: the old result is intact, no temporary files "
        "stay, exit code 5",
        "calls that write fail, one after another; folders that nobody may write into",
    ),
    "R03": Promise(
        "Ctrl-C stops any kernel within 0.5 s and the run can be resumed; exit code 130",
        "SIGINT in the middle of every kernel bound to Python, and in running commands",
    ),
    "R04": Promise(
        "same bits for 1, 2, 3 and 7 threads, for 1 or 2 dask workers, and for the same seed",
        "sha256 of the whole result of every kernel that takes `threads`",
    ),
    "R05": Promise(
        "NaN, Inf, saturated, empty, one-voxel, one-energy, constant, unsorted, duplicate input "
        "gives a defined status per voxel: no crash, no storm of warnings",
        "each array of a good call of every public function replaced by a hostile one",
    ),
    "R06": Promise(
        "sizes past 2³¹ elements do not overflow",
        "products of sizes asked for beyond 2³¹ and 2⁶³; one memory-mapped volume beyond 2³¹",
    ),
    "R07": Promise(
        "what does not fit is refused before it starts, with the needed and the free GB",
        "child processes with a limit on their memory (RLIMIT_AS)",
    ),
    "R08": Promise(
        "peak memory of a streamed fit ≤ 2 blocks + result, whatever the file's size",
        "highest resident memory of processes that fit a small and a large file",
    ),
    "R09": Promise(
        "no input file makes the process die",
        "files of every format with bytes changed at random; findings are kept",
    ),
    "R10": Promise(
        "reading a file never reads another one: external links, external storage, virtual "
        "datasets, path tricks are refused unless allowed by name",
        "attack files read under an audit hook on `open`",
    ),
    "R11": Promise(
        "AddressSanitizer, UBSan and ThreadSanitizer are silent",
        "`make sanitize`: all suites of C++ tests and the Python tests of the kernels",
    ),
    "R12": Promise(
        "the GIL is free during every kernel",
        "ticks of another thread while the kernel runs, beside those while nothing runs",
    ),
    "R13": Promise(
        "every function may be called from 8 threads at once on shared inputs",
        "results of 8 threads that begin at once, compared with one call alone",
    ),
    "R14": Promise(
        "importing or calling nmcx sets no signal handler, environment variable, floating-point "
        "mode or global logger",
        "state of a process before and after",
    ),
    "R15": Promise(
        "every error says what, where (file, dataset, key, voxel), and what to do; no traceback "
        "without `--debug`",
        "seeded faults of run files, options and data",
    ),
    "R16": Promise(
        "the solver's failure is an answer, not a hang: step, residual, tolerance, what was tried, "
        "last good state saved",
        "cases that cannot converge",
    ),
}


@dataclass(frozen=True)
class Shown:
    """A figure a test has found; tests of one figure are taken together."""

    promise: str
    figure: str
    kind: str  #: least, most or holds
    value: float  #: found; of `holds`, how many held
    target: float  #: of `holds`, how many there were
    unit: str

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        return self.value <= self.target if self.kind == "most" else self.value >= self.target


def together(shown: Sequence[Shown]) -> tuple[str, str, bool]:
    """Target, measured and whether it is met, of all that one figure was found to be."""
    first, n = shown[0], len(shown)
    values, unit = [each.value for each in shown], f" {first.unit}".rstrip()
    if first.kind == "holds":
        total = sum(each.target for each in shown)
        return "all", f"{sum(values):g} of {total:g}{unit}", all(each.met for each in shown)
    sign, worst = ("≥", min(values)) if first.kind == "least" else ("≤", max(values))
    worst_of = f" (worst of {n})" if n > 1 else ""
    measured = f"{worst:.3g}{unit}{worst_of}"
    return f"{sign} {first.target:g}{unit}", measured, all(each.met for each in shown)


def rows_of(promise: str, shown: Iterable[Shown], note: str = "") -> list[str]:
    """Rows of one promise: one for each figure, which `note` says something of."""
    figures: dict[str, list[Shown]] = {}
    for each in shown:
        figures.setdefault(each.figure, []).append(each)
    head = (promise, PROMISES[promise].text, PROMISES[promise].how)
    rows = []
    for figure, each in figures.items():
        target, measured, met = together(each)
        cells = (*head, figure, target, measured + note, "yes" if met else "**no**")
        rows.append("| " + " | ".join(cells) + " |")
        head = ("", "", "")
    return rows or ["| " + " | ".join((*head, "–", "–", "nothing", "**no**")) + " |"]


def write_page(shown: Iterable[Shown], note: str = "", path: Path = PAGE) -> None:
    """Write the rows of the promises that were shown; those of the others stay."""
    found: dict[str, list[Shown]] = {}
    for each in shown:
        found.setdefault(each.promise, []).append(each)
    rows = _rows_in(path.read_text()) if path.exists() else {}
    for name in PROMISES:
        if name in found or name not in rows:
            rows[name] = rows_of(name, found.get(name, ()), note)
    lines = [HEAD, *(line for name in PROMISES for line in rows[name])]
    path.write_text("\n".join(lines) + "\n")


def _rows_in(text: str) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if not line.startswith("| "):
            continue
        name = line.split("|")[1].strip() or name
        if name in PROMISES:
            rows.setdefault(name, []).append(line)
    return rows
