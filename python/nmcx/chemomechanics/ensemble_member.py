"""One particle of an ensemble: simulated, and kept in files of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io
from nmcx.chemomechanics.simulation import SimulationFailure, simulate
from nmcx.io._safe import atomic_write, damaged
from nmcx.results import History

#: Of amounts that are per length with two dimensions.
_PER_LENGTH = ("A", "J", "m^2")


@dataclass(frozen=True)
class Member:
    """What became of a particle of an ensemble."""

    #: "finished"; "stopped" if the simulation could not go on, with its states up to then; or
    #: "failed" for any other reason, without states
    status: str
    message: str  #: of what stopped it or made it fail
    #: by name: of each quantity of `History` that is a number, the last value, unit in the name
    figures: Mapping[str, float]

    @property
    def has_history(self) -> bool:
        """Whether there are states."""
        return bool(self.figures)


@dataclass(frozen=True)
class Task:
    """All that a process needs to know of a member."""

    name: str
    build: Callable[..., Mapping[str, Any]]
    values: Mapping[str, Any]
    folder: Path
    threads: int
    version: str  #: of nmcx
    digest: str  #: of all that decides on the result

    @property
    def file(self) -> Path:
        """Result file."""
        return self.folder / f"{self.name}.nxs"

    @property
    def record(self) -> Path:
        """File that says what became of it: written last, it stands for a whole result file."""
        return self.folder / f"{self.name}.json"

    def run(self) -> Member:
        """Simulate, and write result and record.

        Raises
        ------
        nmcx.errors.OutputError
            If the record cannot be written.
        """
        try:
            arguments = dict(self.build(**self.values))
            history: History | None
            try:
                history = simulate(**arguments, threads=self.threads)
                status, message = "finished", ""
            except SimulationFailure as failure:
                history, status, message = failure.history, "stopped", str(failure)
            if history is not None:
                grains = arguments["mesh"]
                provenance = {"configuration": self._configuration()}
                io.save(self.file, grains, history, overwrite=True, provenance=provenance)
            figures = {} if history is None else _figures(history, grains.dimension)
            member = Member(status, message, figures)
        except Exception as error:  # of whatever kind: the other members go on
            member = failed(error)
        self.keep(member)
        return member

    def keep(self, member: Member) -> None:
        """Write the record.

        Raises
        ------
        nmcx.errors.OutputError
            If it cannot be written.
        """
        told = {"values": self._told_values(), "version": self.version, "digest": self.digest}
        with atomic_write(self.record, overwrite=True) as temporary:
            temporary.write_text(json.dumps({**told, **asdict(member)}), encoding="utf-8")

    def kept(self) -> Member | None:
        """What an earlier run made of this member, if it need not be run again.

        What failed for other reasons than the model is tried again: there may be more memory, or
        a worker that does not die.

        Raises
        ------
        ValueError
            If the name was given to another member.
        nmcx.errors.InputError
            If its record is damaged.
        """
        if not self.record.exists():
            return None
        with damaged(self.record, "record of a member"):
            found = json.loads(self.record.read_text(encoding="utf-8"))
            member = Member(**{item.name: found[item.name] for item in fields(Member)})
            is_same, before = found["digest"] == self.digest, dict(found["values"])
            version = str(found["version"])
        if member.status == "failed":
            return None
        if not is_same:
            raise ValueError(
                f"member {self.name!r} in {self.folder} was made "
                f"{self._difference(before, version)}; give it another name, or the ensemble "
                "another folder"
            )
        return member if self.file.exists() or not member.has_history else None

    def _difference(self, before: Mapping[str, str], version: str) -> str:
        now = self._told_values()
        names = [n for n in {**before, **now} if before.get(n) != now.get(n)]
        if names:
            return "with other values of " + ", ".join(names)
        if version != self.version:
            return f"by nmcx {version}, not {self.version}"
        return "by another function build, or with another array"

    def _told_values(self) -> dict[str, str]:
        return {name: repr(value) for name, value in self.values.items()}

    def _configuration(self) -> str:
        """The values as TOML."""
        lines = [f"name = {json.dumps(self.name)}", "[values]"]
        for name, value in self.values.items():
            value = value.item() if isinstance(value, np.generic) else value
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            lines.append(f"{name} = {value!r}" if is_number else f"{name} = {_quoted(value)}")
        return "\n".join(lines) + "\n"


def failed(error: BaseException) -> Member:
    """A member that an error has ended."""
    return Member("failed", f"{type(error).__name__}: {error}", {})


def _quoted(value: Any) -> str:
    return json.dumps(value if isinstance(value, str | bool) else repr(value), ensure_ascii=False)


def _figures(history: History, dimension: int) -> dict[str, float]:
    found: dict[str, float] = {"states": len(history.times)}
    for item in fields(history):
        value, unit = getattr(history, item.name), item.metadata.get("unit", "")
        if item.metadata.get("axes") == "time":
            value = np.asarray(value)[-1].item()
        if unit and isinstance(value, int | float) and math.isfinite(value):
            name = "time" if item.name == "times" else item.name
            found[name + _suffix(unit, dimension)] = value
    return found


def _suffix(unit: str, dimension: int) -> str:
    if unit == "1":
        return ""
    per_length = "_per_m" if dimension == 2 and unit in _PER_LENGTH else ""
    return "_" + unit.lower().replace("^", "").replace("/", "_per_") + per_length
