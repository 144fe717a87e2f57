"""Files that readers once failed on: one folder per case, below the name of its reader."""

from __future__ import annotations

import json
from pathlib import Path

from readers import READERS as READERS_OF_FILES
from readers import Reader
from seeds import Seed

FOLDER = Path(__file__).parent / "corpus"
_CASE = "case.json"


def read() -> dict[str, Seed]:
    """All cases by their names, each with its reader as a folder above its files."""
    folders = sorted(path.parent for path in FOLDER.glob(f"*/*/{_CASE}"))
    return {str(folder.relative_to(FOLDER)): _read(folder) for folder in folders}


def _read(folder: Path) -> Seed:
    described = json.loads((folder / _CASE).read_text())
    above = Path(folder.parent.name)
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    files = {str(above / name): (folder / name).read_bytes() for name in names
             if name.name != _CASE}  # fmt: skip
    return Seed(str(above / described["opened"]), files)


def _by_its_folder(path: Path) -> None:
    READERS_OF_FILES[path.parts[path.parts.index("case") + 1]].read(path)


READERS = {"any": Reader(_by_its_folder, (), "")}


def write(reader: str, name: str, seed: Seed, finding: str) -> None:
    """Keep a case, with what it once led to."""
    folder = FOLDER / reader / name
    for path, content in seed.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    described = {"opened": seed.opened, "finding": finding}
    (folder / _CASE).write_text(json.dumps(described, indent=1) + "\n")
