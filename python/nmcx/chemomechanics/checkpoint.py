"""What a simulation keeps of each of its states, to go on from the last after it was stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from nmcx import __version__, _core
from nmcx.chemomechanics.identity import digest
from nmcx.io import work
from nmcx.io.arrays import read_arrays, write_arrays

_STATES = "state"


class Checkpoint:
    """The states that are on the disk, one file each, and what goes on from the last of them.

    Files come first, a line of the journal that counts them last: whatever stops the writing, the
    states that the journal counts are complete.
    """

    def __init__(self, kept: work.Work) -> None:
        self._kept = kept
        self.n_state = n_kept(kept.folder)
        counted = {self._all(self.n_state - 1), *map(self._row, range(self.n_state))}
        for pattern in ("state_*.h5", "last_*.h5", ".*.tmp"):
            for left in set(kept.folder.glob(pattern)) - counted:
                left.unlink()

    def rows(self) -> Iterator[dict[str, Any]]:
        """What `keep` was given of each state.

        Raises
        ------
        nmcx.errors.InputError
            If a file is missing or damaged.
        """
        for i in range(self.n_state):
            yield read_arrays(self._row(i))

    def last(self) -> dict[str, Any]:
        """All that goes on from the last state.

        Raises
        ------
        nmcx.errors.InputError
            If the file is missing or damaged.
        """
        return read_arrays(self._all(self.n_state - 1))

    def keep(self, row: Mapping[str, Any], everything: Mapping[str, Any]) -> None:
        """Have another state on the disk: its row of the history, and all that goes on from it.

        Raises
        ------
        nmcx.errors.OutputError
            If the disk refuses.
        """
        i = self.n_state

        def write() -> None:
            write_arrays(self._row(i), row)
            write_arrays(self._all(i), everything)

        self._kept.put(_STATES, i, i + 1, write)
        self._kept.flush()
        self.n_state = i + 1
        self._all(i - 1).unlink(missing_ok=True)

    def _row(self, i: int) -> Path:
        return self._kept.folder / f"state_{i:05d}.h5"

    def _all(self, i: int) -> Path:
        return self._kept.folder / f"last_{i:05d}.h5"


def n_kept(folder: Path) -> int:
    """How many states a checkpoint holds; 0 if there is none."""
    done = work.done_in(folder, _STATES)
    return next(i for i in range(len(done) + 1) if (i, i + 1) not in done)


@contextlib.contextmanager
def checkpoint_in(
    folder: str | PathLike[str] | None, made_from: Mapping[str, Any]
) -> Iterator[Checkpoint | None]:
    """The checkpoint of a simulation in its folder, begun if there is none; None without a folder.

    Parameters
    ----------
    folder : path-like or None
    made_from : mapping of str to object
        All that the results depend on, by the names of the arguments.

    Raises
    ------
    nmcx.errors.InputError
        If the checkpoint there was made from anything else.
    nmcx.errors.OutputError
        If the folder is of someone else, another process is at it, or the disk refuses.
    """
    if folder is None:
        yield None
        return
    place = Path(folder).absolute()
    fingerprint = {
        "nmcx": __version__,
        "instruction set": str(_core.active_instruction_set()),
        **{name: digest(value) for name, value in made_from.items()},
    }
    with work.in_folder(
        place,
        fingerprint,
        lambda folder: None,
        target=place,
        resume=True,
        anew="name another folder as checkpoint, or remove this one",
        again="go on with the same checkpoint",
    ) as kept:
        yield Checkpoint(kept)
