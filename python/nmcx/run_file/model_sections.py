"""The sections of the model in the run file of a measurement."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nmcx.run_file.simulation_sections import Polycrystal, Transport
from nmcx.run_file.values import (
    Unfit,
    as_choice,
    as_flag,
    as_integer,
    as_number,
    as_numbers,
    key,
    list_of,
    takes,
)


def _as_in(kind: Any, name: str, **changes: Any) -> Any:
    """A key that a section of `nmcx simulate` has too: same name, values and meaning."""
    item = kind.__dataclass_fields__[name]
    return field(
        default=changes.pop("default", item.default), metadata={**item.metadata, **changes}
    )


@takes(list_of(as_number(0, 100).schema, 2, 2))
def _percentiles(value: object, folder: Path) -> tuple[float, ...]:
    """Two ascending percentages."""
    wording = "two percentages [low, high], ascending"
    low, high = as_numbers(2, as_number(0, 100), wording)(value, folder)
    if not low < high:
        raise Unfit(wording)
    return low, high


@dataclass(frozen=True)
class Model:
    """The particle in the model: as `nmcx.comparison.simulate_particle` does; needs [placing]."""

    largest_layer_nm: float = field(
        metadata=key(
            as_number(1e-3, 1e6), "layer where ξ is lowest [nm]; not measured: vary it", "100.0"
        )
    )
    size_um: float = _as_in(Polycrystal, "size_um")
    n_grains: int | None = _as_in(Polycrystal, "n_grains", show="150")
    grain_size_um: float | None = _as_in(Polycrystal, "grain_size_um")
    texture: str = _as_in(Polycrystal, "texture")
    pores: str = field(
        default="open",
        metadata=key(
            as_choice("open", "closed"),
            'imaged pores and cracks stay "open", or are grains too, "closed"',
        ),
    )
    percentiles: tuple[float, float] = field(
        default=(5.0, 95.0),
        metadata=key(_percentiles, "of ξ where the layer is thickest, and where there is none [%]"),
    )
    unseen: str = field(
        default="drawn",
        metadata=key(
            as_choice("drawn", "mean"),
            'layer of the side that was not imaged: "drawn" at random, or the "mean"',
        ),
    )
    protocol: tuple[str, ...] = _as_in(Transport, "protocol")
    cycles: int = _as_in(Transport, "cycles")
    initial_content: float | None = _as_in(Transport, "initial_content")
    states: int = _as_in(Transport, "states", default=10)
    tolerance: float = field(
        default=5e-3, metadata=key(as_number(1e-9, 0.5), "error of a step, of the range [1]")
    )
    seed: int = _as_in(
        Polycrystal, "seed", default=1, meaning="of grains, orientations and layer of the particle"
    )
    contributions: bool = field(
        default=False,
        metadata=key(as_flag, "simulate again with each coupling switched off in turn"),
    )

    def conflict(self) -> str | None:
        """What does not go together, as "keys: reason"; None if all does.

        Returns
        -------
        str or None
        """
        if (self.n_grains is None) == (self.grain_size_um is None):
            return 'n_grains, grain_size_um: give one of the two, the other as "auto"'
        first = self.protocol[0].split()[0]
        if self.initial_content is None and first in ("hold", "rest"):
            return f"initial_content: must be given where the protocol starts with a {first}"
        return None


@dataclass(frozen=True)
class Compare:
    """Many such particles beside the measured one: `nmcx.comparison.compare`; needs [model]."""

    # Opening angles are those of [cones], the statistic is that of [correlation], and the seed
    # that of [model]: each is said once.
    n_member: int = field(
        default=20, metadata=key(as_integer(3, 10**4), "simulated particles, the model's included")
    )
    n_turned: int = field(
        default=20,
        metadata=key(as_integer(3, 10**4), "particles with the map turned at random: the null"),
    )
    indicator: str = field(
        default="opening",
        metadata=key(
            as_choice("opening", "damage"), 'what counts as void: "opening" of walls, or "damage"'
        ),
    )
    imaged_pores: bool = field(
        default=False, metadata=key(as_flag, "count imaged pores as void of the model too")
    )
    workers: int = field(
        default=1,
        metadata=key(as_integer(1, 256), "processes that simulate members side by side"),
    )
