"""The output folder: filled aside, moved into place at the end, never over older results."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

from nmcx.errors import OutputError
from nmcx.io._atomic import sync

#: What the folder is, for machines.
CRATE = "ro-crate-metadata.json"
#: What a run or a simulation writes; the results of one never lie among those of another.
FILES = (
    *("result.nxs", "run.resolved.toml", "report.html", "log.txt", CRATE),
    *("mean_spectrum.csv", "xi_histogram.csv", "soft_spectra.csv", "soft_backgrounds.csv"),
    *("edge_histogram.csv", "depth_profile.csv", "line_profiles.csv", "correlation.csv"),
    *("comparison.csv",),
    *("history.vtkhdf", "mesh.vtu", "mesh_interfaces.vtu", "state_of_charge.csv"),
    *("lithium.png", "orientation.png", "surface_flux.png", "state_of_charge.png"),
    *("walls.vtkhdf", "cracks.png", "fields.png", "animation.gif"),
)
FRAMES = "lithium_frames"


def check_free(folder: Path, force: bool) -> None:
    """Refuse a folder that holds results already, unless `force`, or that cannot be made.

    Raises
    ------
    nmcx.errors.OutputError
        Naming the folder and the remedy.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; name a folder for the results with -o")
    there = [name for name in FILES if (folder / name).exists()]
    if there and not force:
        raise OutputError(
            f"{folder}: holds results already ({', '.join(there)}); "
            "name another folder with -o, or replace them with --force"
        )
    parent = folder if folder.exists() else folder.parent
    while not parent.exists():
        parent = parent.parent
    if not os.access(parent, os.W_OK):
        raise OutputError(f"{parent}: may not be written; name another folder with -o")


def part_of(folder: Path) -> Path:
    """The folder of unfinished work towards the results in another."""
    return folder.with_name(f"{folder.name}.part")


def picture_path(target: Path, picture: str | PathLike[str] | None) -> Path | None:
    """Where a picture goes: beside the result, to a file of its own, or nowhere."""
    if picture is None:
        return None
    if picture == "beside":
        return target.with_name(target.name + ".png")
    return Path(picture).absolute()


def check_target(path: Path | None, replace: bool) -> None:
    """Refuse before hours of work what would be refused after them."""
    if path is None:
        return
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file in it")
    if path.exists() and not replace:
        raise OutputError(f"{path}: exists already; name another file, or replace it with --force")
    if not path.parent.is_dir():
        raise OutputError(f"{path.parent}: is no folder; make it, or name another")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path.parent}: may not be written; name a file elsewhere")


@contextlib.contextmanager
def new_folder(folder: Path, *, force: bool = False, work: Path | None = None) -> Iterator[Path]:
    """A working folder whose files go to `folder` when the block ends well.

    It lies beside `folder`, or is `work`, which is emptied first. Nothing is left behind when it
    fails. Files of other names in `folder` are kept.

    Raises
    ------
    nmcx.errors.OutputError
        If results are there already, or the disk refuses.
    """
    check_free(folder, force)
    if work is None:
        work = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.part"
    made = [p for p in (folder.parent, *folder.parent.parents) if not p.exists()]
    done = False
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        yield work
        _move(work, folder, force)
        done = True
    except OSError as error:
        if isinstance(error, OutputError) or not _of_disk(error, folder):
            raise
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if not done:
            for parent in made:
                with contextlib.suppress(OSError):
                    parent.rmdir()


def _of_disk(error: OSError, folder: Path) -> bool:
    return error.filename is None or Path(os.fspath(error.filename)).is_relative_to(folder.parent)


def _move(work: Path, folder: Path, force: bool) -> None:
    # Someone else may have finished the same run meanwhile.
    check_free(folder, force)
    if not folder.exists():
        work.replace(folder)
        sync(folder.parent)
        return
    moved = _put(sorted(path for path in work.rglob("*") if path.is_file()), work, folder)
    earlier = [folder / name for name in FILES] + list(folder.glob(f"{FRAMES}/lithium_*.png"))
    for file in set(earlier) - moved:
        file.unlink(missing_ok=True)


def _put(files: Sequence[Path], work: Path, folder: Path) -> set[Path]:
    """Move files to their places in a folder: all of them, or those that were there stay."""
    moved: set[Path] = set()
    kept: list[tuple[Path, Path]] = []
    try:
        for file in files:
            target = folder / file.relative_to(work)
            target.parent.mkdir(exist_ok=True)
            if target.exists():
                before = file.with_name(f".{file.name}.before")
                _also_at(target, before)
                kept.append((before, target))
            file.replace(target)
            moved.add(target)
    except OSError:
        for target in moved - {target for _, target in kept}:
            target.unlink(missing_ok=True)
        for before, target in kept:
            before.replace(target)
        raise
    return moved


def _also_at(file: Path, other: Path) -> None:
    """Give a file a second name, or that name alone where files have one only."""
    try:
        os.link(file, other)
    except OSError:
        file.replace(other)


def write_text(path: Path, text: str) -> None:
    """Write a text at once or not at all."""
    from nmcx.io._atomic import atomic_write

    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
