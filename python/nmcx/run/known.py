"""What is known of a file or folder, and how it is told."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Known:
    """What a file is, what is in it, what it lacks, and what can be done with it."""

    what: str  #: kind, a few words
    facts: tuple[tuple[str, str], ...] = ()  #: (name, text): shape, energies, …
    notes: tuple[str, ...] = ()  #: what the reader assumed or replaced
    missing: tuple[str, ...] = ()  #: what a command needs and the file does not have
    onward: tuple[str, ...] = ()  #: command lines; CAPITALS stand for what only the user knows

    def lines(self, path: Path) -> list[str]:
        """In words, one line each.

        Parameters
        ----------
        path : path
            Of the file, as the user gave it.

        Returns
        -------
        list of str
        """
        named = (
            *self.facts,
            *(("note", text) for text in self.notes),
            *(("missing", text) for text in self.missing),
            *(("next", text) for text in self.onward),
        )
        return [f"{path}: {self.what}", *(f"{name:<10} {text}" for name, text in named)]


def command(*words: str | Path) -> str:
    """A command line of nmcx that a shell takes as it is."""
    return " ".join(("nmcx", *(shlex.quote(str(word)) for word in words)))


def named_after(path: Path, ending: str) -> Path:
    """A result of a file: in the present folder, for data often lie where none may write."""
    return Path(f"{path.absolute().stem}{ending}")


def shape_text(shape: Any) -> str:
    """40 × 36 × 38."""
    return " × ".join(str(n) for n in shape)


def sizes_text(sizes_um: Any) -> str:
    """Edges of voxels or pixels [nm]; one number if all are one."""
    sizes = [1000.0 * float(size) for size in sizes_um]
    if not np.all(np.isfinite(sizes)):
        return "unknown"
    shown = list(dict.fromkeys(f"{size:.4g}" for size in sizes))
    return f"{shown[0] if len(shown) == 1 else ' × '.join(f'{s:.4g}' for s in sizes)} nm"


def energies_text(energy_ev: Any) -> str:
    """Number and range of energies [eV]."""
    energy = np.unique(np.asarray(energy_ev, dtype=np.float64))
    known = energy[np.isfinite(energy)]
    if known.size == 0:
        return "unknown"
    span = f"{known.min():.2f}" + (f"–{known.max():.2f}" if known.size > 1 else "")
    return f"{known.size} energ{'y' if known.size == 1 else 'ies'} ({span} eV)"
