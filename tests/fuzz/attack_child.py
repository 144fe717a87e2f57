"""Opens attack files one after the other, and notes every file that is opened meanwhile.

usage: python attack_child.py FOLDER

`FOLDER/attacks.json` lists [name, reader, path]; outcomes and real paths opened go to
`FOLDER/opened.json`. What the HDF5 library opens by itself only strace sees.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import child
from readers import reader_of

_opened: list[str] = []


def _note(event: str, words: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(words[0], (str, bytes)):
        _opened.append(os.fsdecode(words[0]))


def main() -> None:
    folder = Path(sys.argv[1])
    attacks = json.loads((folder / "attacks.json").read_text())
    sys.addaudithook(_note)
    child.limit()
    told = []
    for name, reader, path in attacks:
        _opened.clear()
        given = Path(path)
        where, opened = (given, ".") if given.is_dir() else (given.parent, given.name)
        outcome, message = child._read(reader_of(reader), where, opened)
        paths = sorted({os.path.realpath(path) for path in _opened})
        told.append({"attack": name, "reader": reader, "outcome": outcome, "opened": paths,
                     "message": message})  # fmt: skip
    (folder / "opened.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
