"""A promise without a test is none."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from promises.table import PAGE, PROMISES, Shown, together, write_page

HERE = Path(__file__).parent


def shown_promises() -> dict[str, list[ast.FunctionDef]]:
    found: dict[str, list[ast.FunctionDef]] = {}
    for file in sorted(HERE.glob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_R"):
                found.setdefault(node.name[5:8], []).append(node)
    return found


@pytest.mark.parametrize("promise", PROMISES)
def test_every_promise_has_a_test_that_shows_it(promise: str) -> None:
    tests = shown_promises().get(promise, [])
    assert tests, f"{promise} has no test; its name begins with test_{promise}_"
    showing = [test for test in tests if any(each.arg == "shows" for each in test.args.args)]
    assert showing, f"no test of {promise} says what it has shown"


def test_no_test_of_a_promise_is_left_out() -> None:
    assert set(shown_promises()) == set(PROMISES)
    for tests in shown_promises().values():
        for test in tests:
            text = ast.unparse(test)
            for way in ("mark.skip", "pytest.skip", "mark.xfail", "pytest.xfail"):
                assert way not in text, f"{test.name} may be left out"


def test_the_page_has_a_row_for_every_promise() -> None:
    text = PAGE.read_text()
    rows = Counter(line.split("|")[1].strip() for line in text.splitlines() if line[:2] == "| ")
    for name, promise in PROMISES.items():
        assert rows[name] == 1, f"{PAGE.name} has no row of {name}; `make promises` writes it"
        assert f"| {name} | {promise.text} | {promise.how} |" in text


def test_a_figure_takes_its_worst_case_and_a_promise_without_one_is_not_met(tmp_path: Path) -> None:
    shown = [Shown("R03", "stop", "most", value, 0.5, "s") for value in (0.1, 0.7, 0.2)]
    assert together(shown) == ("≤ 0.5 s", "0.7 s (worst of 3)", False)
    assert together([Shown("R04", "equal", "holds", 4, 4, "")] * 2) == ("all", "8 of 8", True)
    path = tmp_path / "page.md"
    write_page(shown, path=path)
    assert "| 0.7 s (worst of 3) | **no** |" in path.read_text()
    assert path.read_text().count("| nothing | **no** |") == len(PROMISES) - 1
    write_page([Shown("R04", "equal", "holds", 4, 4, "")], path=path)
    assert "| 0.7 s (worst of 3) | **no** |" in path.read_text()
    assert path.read_text().count("| nothing | **no** |") == len(PROMISES) - 2
