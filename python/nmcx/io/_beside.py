"""Files that a reader finds by itself, beside the one that it was given."""

from __future__ import annotations

from pathlib import Path

from nmcx.errors import InputError


def check_beside(found: Path, given: Path) -> Path:
    """`found`, once it is known to lie where the file or folder `given` lies.

    A reader opens what it is given, wherever links lead, and what lies beside that. A link beside
    it that leads out of the folder would have it open a file that nobody named.

    Parameters
    ----------
    found : path
        A file that the reader has found by its name.
    given : path
        The file, or folder of files, that the user has named.

    Returns
    -------
    pathlib.Path
        `found`.

    Raises
    ------
    nmcx.errors.InputError
        If it is a link that leads elsewhere.
    """
    if found.is_symlink():
        folders = [given] if given.is_dir() else [given.parent, given.resolve().parent]
        target = found.resolve()
        if not any(target.is_relative_to(folder.resolve()) for folder in folders):
            raise InputError(
                f"{found}: is a link that leads out of its folder; copy its target into place, or "
                "name the file where it lies"
            )
    return found
