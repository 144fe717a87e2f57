"""What an HDF5 file points at: itself only, without circles and not without end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmcx.errors import InputError

if TYPE_CHECKING:
    import h5py

MAX_DEPTH = 64
MAX_OBJECTS = 100_000
MAX_SOFT_LINKS = 16


def check_links(opened: h5py.File, file: Path) -> None:
    """Refuse an HDF5 file that is not only itself.

    Raises
    ------
    nmcx.errors.InputError
        If it holds external links, external storage or virtual datasets, soft links that chain more
        than 16 times or run in a circle, groups nested deeper than 64, or more than 100,000
        objects.
    """
    import h5py

    seen: set[tuple[int, int]] = set()
    pending: list[tuple[Any, str, int]] = [(opened.id, "", 0)]
    n_object = 0
    while pending:
        group, name, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise InputError(f"{file}: {name} is nested deeper than {MAX_DEPTH}; flatten the file")
        for link in _link_names(group):
            n_object += 1
            where = f"{name}/{link.decode('utf-8', 'replace')}"
            if n_object > MAX_OBJECTS:
                raise InputError(f"{file}: holds more than {MAX_OBJECTS} objects; split the file")
            kind = group.links.get_info(link).type
            if kind == h5py.h5l.TYPE_SOFT:
                _check_soft_link(opened.id, where, file)
                continue
            if kind != h5py.h5l.TYPE_HARD:
                raise InputError(
                    f"{file}: {where} is an external link; copy what it points at into the file"
                )
            child = h5py.h5o.open(group, link)
            info = h5py.h5o.get_info(child)
            if (info.fileno, info.addr) in seen:
                continue
            seen.add((info.fileno, info.addr))
            if isinstance(child, h5py.h5g.GroupID):
                pending.append((child, where, depth + 1))
            elif isinstance(child, h5py.h5d.DatasetID):
                _check_storage(child, where, file)


def _link_names(group: Any) -> list[bytes]:
    names: list[bytes] = []
    group.links.iterate(names.append)
    return names


def _check_soft_link(root: Any, where: str, file: Path) -> None:
    import h5py

    followed = 0
    parts = [part for part in where.split("/") if part]
    done: list[str] = []
    group = root
    while parts:
        part = parts.pop(0)
        if part == ".":
            continue
        name = part.encode()
        if not isinstance(group, h5py.h5g.GroupID) or not group.links.exists(name):
            return  # a dangling link reads nothing
        kind = group.links.get_info(name).type
        if kind == h5py.h5l.TYPE_HARD:
            done.append(part)
            group = h5py.h5o.open(group, name)
            continue
        if kind != h5py.h5l.TYPE_SOFT:
            raise InputError(f"{file}: {where} leads to an external link; copy its target here")
        followed += 1
        if followed > MAX_SOFT_LINKS:
            raise InputError(
                f"{file}: soft link {where} runs in a circle or chains more than "
                f"{MAX_SOFT_LINKS} times; link the data directly"
            )
        target = group.links.get_val(name).decode("utf-8", "replace")
        parts = [p for p in target.split("/") if p] + parts
        if target.startswith("/"):
            done, group = [], root


def _check_storage(dataset: Any, where: str, file: Path) -> None:
    import h5py

    properties = dataset.get_create_plist()
    if properties.get_external_count():
        raise InputError(f"{file}: {where} keeps its data in another file; store it inside")
    if properties.get_layout() == h5py.h5d.VIRTUAL:
        raise InputError(f"{file}: {where} is a virtual dataset; store its data inside")
