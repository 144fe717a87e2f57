"""Many particles: each simulated apart, here or on a cluster, and gathered in one file."""

from __future__ import annotations

import csv
import io as text_io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io
from nmcx.chemomechanics.ensemble_member import Member, Task, failed
from nmcx.chemomechanics.identity import digest
from nmcx.errors import OutputError
from nmcx.io._atomic import made_folder
from nmcx.io._safe import atomic_write
from nmcx.results import History, Mesh

# Names of files and of entries alike.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}")


@dataclass(frozen=True)
class Ensemble:
    """Simulated particles in a folder."""

    folder: Path
    members: Mapping[str, Member]  #: what became of each, by name

    @property
    def store(self) -> Path:
        """One NeXus file with an entry per member that has a history: `Mesh` and `History`."""
        return self.folder / "ensemble.nxs"

    @property
    def table(self) -> Path:
        """CSV file with a row per member: its values, what became of it, its last figures."""
        return self.folder / "members.csv"

    def load(self, name: str, *, lazy: bool = True) -> tuple[Mesh, History]:
        """Grains and history of a member, out of the store.

        Parameters
        ----------
        name : str
            Of the member.
        lazy : bool
            Whether arrays of more than 1 MB stay in the file until they are indexed.

        Returns
        -------
        tuple of Mesh and History

        Raises
        ------
        nmcx.errors.InputError
            If the member has no history, or the store is damaged.
        """
        held = io.load(self.store, lazy=lazy, entry=name)
        grains, history = held["mesh"], held["history"]
        assert isinstance(grains, Mesh) and isinstance(history, History)
        return grains, history


def sweep(**values: Any) -> dict[str, dict[str, Any]]:
    """Members for every combination of values.

    Parameters
    ----------
    **values
        Several numbers or texts each; or one, which all members then have.

    Returns
    -------
    dict of str to dict
        Values of each member, by a name that tells those that are not common to all.

    Raises
    ------
    ValueError
        If a value is neither number nor text, or occurs twice.

    Examples
    --------
    >>> from nmcx import chemomechanics
    >>> list(chemomechanics.sweep(seed=range(1, 3), c_rate=[0.5, 1.0], states=10))
    ['seed_1_c_rate_0.5', 'seed_1_c_rate_1.0', 'seed_2_c_rate_0.5', 'seed_2_c_rate_1.0']
    """
    several = {name: list(v) for name, v in values.items() if np.iterable(v) and not is_plain(v)}
    for name, each in several.items():
        if not all(map(is_plain, each)):
            raise ValueError(f"{name} must hold numbers or texts; name members of others yourself")
        if len({str(value) for value in each}) < len(each):
            raise ValueError(f"{name} holds a value twice")
    members = {}
    for chosen in itertools.product(*several.values()):
        varied = dict(zip(several, chosen, strict=True))
        label = "_".join(f"{name}_{value}" for name, value in varied.items())
        members[label or "only"] = {**values, **varied}
    return members


def ensemble(
    build: Callable[..., Mapping[str, Any]],
    members: Mapping[str, Mapping[str, Any]],
    folder: str | PathLike[str],
    *,
    client: Any = None,
    threads: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Ensemble:
    """Simulate many particles, each apart; what fails does not stop the others.

    Every member is one task, which makes its grains, simulates and writes its own files. Whatever
    has been finished in the folder is not run again, so that a call that was broken off is gone on
    with by calling again.

    Parameters
    ----------
    build : callable
        Takes the values of a member by name and returns the arguments of `simulate`, with ``mesh``
        and ``parameters`` among them, ``threads`` not.
    members : mapping of str to mapping
        Values of each member, by its name: `sweep`, or any others. Names are of letters, digits
        and ``_.+-``.
    folder : path-like
        Where results are kept; made if it does not exist. Workers must see it under this path.
    client : str or distributed.Client, optional
        Address of a scheduler, or a client of it: tasks run there, as many at a time as it has
        threads. Default: here, one after another.
    threads : int, optional
        Of each task; 0: all cores. Default: 1 with a client, else all. Results have the same bits
        for every number, here and there.
    progress : callable, optional
        Called as ``progress(done, total, label)`` after each member.

    Returns
    -------
    Ensemble
        What became of each member, and the files that hold all of them.

    Raises
    ------
    ValueError
        If there are no members, a name or a value cannot be, or a name was given in this folder
        to a member with other values, function or version of nmcx.
    ImportError
        If a client is given and dask.distributed is not installed.
    nmcx.errors.OutputError
        If the folder cannot be written to.

    Notes
    -----
    A member counts as the same if its values are, and `build` with all functions and constants of
    its own module that it uses; a change in what those call elsewhere is not seen. A simulation
    that could not go on (`SimulationFailure`) is an outcome and stays; what failed for another
    reason is tried again by the next call.

    Examples
    --------
    >>> import tempfile
    >>> from nmcx import chemomechanics as cm, materials, mesh
    >>> def particle(seed, c_rate):
    ...     return {
    ...         "mesh": mesh.disc(2e-6, n_grains=4, size=0.8e-6, seed=seed),
    ...         "parameters": materials.NMC811,
    ...         "protocol": cm.Charge(c_rate, until=0.7),
    ...         "states": 2,
    ...     }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = cm.ensemble(particle, cm.sweep(seed=[1, 2], c_rate=1.0), folder)
    ...     grains, history = made.load("seed_2")
    >>> {name: member.status for name, member in made.members.items()}
    {'seed_1': 'finished', 'seed_2': 'finished'}
    >>> (history.mean_concentration / materials.NMC811.max_concentration).round(3).tolist()
    [0.95, 0.825, 0.7]
    """
    tasks = _tasks(build, members, Path(folder).resolve(), _threads(threads, client))
    found = {name: member for name, task in tasks.items() if (member := task.kept()) is not None}
    open_tasks = [task for name, task in tasks.items() if name not in found]
    for name, member in _run(open_tasks, client):
        found[name] = member
        if progress is not None:
            progress(len(found), len(tasks), f"{name} {member.status}")
    made = Ensemble(Path(folder), {name: found[name] for name in tasks})
    _gather(made, tasks)
    return made


def is_plain(value: Any) -> bool:
    """Whether a value is a number or text, which a table can show."""
    return isinstance(value, str | bool | int | float | np.number | np.bool_)


def _threads(threads: int | None, client: Any) -> int:
    if threads is not None:
        return threads
    return 0 if client is None else 1


def _tasks(
    build: Callable[..., Mapping[str, Any]],
    members: Mapping[str, Mapping[str, Any]],
    folder: Path,
    threads: int,
) -> dict[str, Task]:
    from nmcx import __version__

    if not members:
        raise ValueError("members must hold one particle at least")
    tasks = {}
    for name, values in members.items():
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} cannot name a member: give letters, digits and _.+-, at most 200, not "
                "beginning with a sign or point"
            )
        try:
            identity = digest(build, values, __version__)
        except ValueError as error:
            raise ValueError(f"member {name!r}: {error}") from error
        tasks[name] = Task(name, build, values, folder / "members", threads, __version__, identity)
    made_folder(folder / "members")
    return tasks


def _run(tasks: list[Task], client: Any) -> Iterator[tuple[str, Member]]:
    if client is None or not tasks:
        for task in tasks:
            yield task.name, task.run()
        return
    try:
        import distributed
    except ImportError as error:
        raise ImportError('client needs dask.distributed: pip install "nmcx[dask]"') from error
    if isinstance(client, str):
        with distributed.Client(client) as own:
            yield from _on_cluster(tasks, own, distributed.as_completed)
    else:
        yield from _on_cluster(tasks, client, distributed.as_completed)


def _on_cluster(
    tasks: list[Task], client: Any, as_completed: Callable[[Iterable[Any]], Iterable[Any]]
) -> Iterator[tuple[str, Member]]:
    futures = {client.submit(Task.run, task, pure=False): task for task in tasks}
    try:
        for future in as_completed(futures):
            task = futures[future]
            try:
                member = future.result()
                if not task.record.exists():
                    raise OutputError(f"{task.record}: written by a worker, not to be seen here")
            except Exception as error:  # the worker died, say, or could not write
                member = task.kept() or failed(error)
                task.keep(member)
            yield task.name, member
    finally:
        client.cancel(list(futures))


def _gather(made: Ensemble, tasks: Mapping[str, Task]) -> None:
    files = {name: tasks[name].file for name, m in made.members.items() if m.has_history}
    if files:
        io.gather(made.store, files, overwrite=True)
    else:
        made.store.unlink(missing_ok=True)
    rows = [
        {
            "member": name,
            **{key: _cell(value) for key, value in tasks[name].values.items()},
            "status": member.status,
            **member.figures,
            "message": member.message,
        }
        for name, member in made.members.items()
    ]
    columns = dict.fromkeys(itertools.chain(*rows))
    del columns["message"]  # the longest, and seldom there: last
    text = text_io.StringIO()
    writer = csv.DictWriter(text, [*columns, "message"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_write(made.table, overwrite=True) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def _cell(value: Any) -> Any:
    return value if is_plain(value) else repr(value)
