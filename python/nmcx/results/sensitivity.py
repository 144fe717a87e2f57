"""What a simulated particle owes to numbers that nobody knows."""

from __future__ import annotations

import csv
import html
import io as text_io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from nmcx.results.base import Bool, Float, Int, Result, quantity

# How outcomes are shown: heading with unit, factor, decimals.
_SHOWN = {
    "extracted": ("lithium extracted [%]", 100.0, 1),
    "potential": ("potential [V]", 1.0, 3),
    "mean_damage": ("mean damage", 1.0, 3),
    "crack_area": ("crack area [µm²]", 1e12, 2),
    "dissipated": ("dissipated [pJ]", 1e12, 2),
    "hoop_stress": ("hoop stress [MPa]", 1e-6, 0),
    "reactive_area": ("reactive area [µm²]", 1e12, 1),
}
# In the plane amounts are per length: µm² and pJ become µm²/µm and pJ/µm.
_PER_LENGTH = {
    "crack_area": ("crack length [µm]", 1e6, 1),
    "dissipated": ("dissipated [pJ/µm]", 1e6, 2),
    "reactive_area": ("reactive length [µm]", 1e6, 1),
}


@dataclass(frozen=True)
class ModelSensitivity(Result):
    """Outcomes of a simulation and of others that differ from it in one unknown each.

    Rows are simulations, the base first; columns are seeds, other grains each. Outcomes are of the
    last state, with two dimensions areas and energies per length.
    """

    unknown: tuple[str, ...] = quantity("")  #: (n,) what is not as in the base; the base's is ""
    value: tuple[str, ...] = quantity("")  #: (n,) what it is instead
    seed: Int = quantity("1", "seed")  #: (s,) of the grains
    #: (n, s) whether it came to its end; the others are those of the last state reached, or NaN
    finished: Bool = quantity("1", "row seed")
    #: (n, s) part of the lithium held at the start that has left [1]
    extracted: Float = quantity("1", "row seed")
    potential: Float = quantity("V", "row seed")  #: (n, s) there, against lithium [V]
    mean_damage: Float = quantity("1", "row seed")  #: (n, s) of the walls, by area [1]
    #: (n, s) of walls damaged by 0.95 and open by 1 nm, or more (ours) [m²]
    crack_area: Float = quantity("m^2", "row seed")
    dissipated: Float = quantity("J", "row seed")  #: (n, s) spent by damage [J]
    #: (n, s) hoop stress that 1 % of the volume exceeds, its largest of all states [Pa]
    hoop_stress: Float = quantity("Pa", "row seed")
    reactive_area: Float = quantity("m^2", "row seed")  #: (n, s) surface and wetted walls [m²]
    settings: Mapping[str, Any] = field(default_factory=dict)  #: the base, and the dimension
    notes: tuple[str, ...] = ()  #: what stopped or made fail which simulation

    def relative_change(self, outcome: str) -> Float:
        """Change of an outcome against the base of the same seed.

        Parameters
        ----------
        outcome : str
            Name of a field, such as ``"mean_damage"``.

        Returns
        -------
        numpy.ndarray
            (n, s) outcome / base − 1 [1]; NaN where the base has none.

        Raises
        ------
        ValueError
            If there is no such outcome.
        """
        if outcome not in _SHOWN:
            raise ValueError(f"outcome must be one of {', '.join(_SHOWN)}, not {outcome!r}")
        values = np.asarray(getattr(self, outcome), dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(values[0] != 0.0, values / values[0] - 1.0, np.nan))

    def to_csv(self) -> str:
        """All numbers as CSV, a line per simulation, full precision, SI units.

        Returns
        -------
        str
        """
        text = text_io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        outcomes = [f for f in fields(self) if f.metadata.get("axes") == "row seed"]
        writer.writerow(["unknown", "value", "seed", *(f.name for f in outcomes)])
        for i, (unknown, value) in enumerate(zip(self.unknown, self.value, strict=True)):
            for k, seed in enumerate(self.seed.tolist()):
                numbers = [np.asarray(getattr(self, f.name))[i, k].item() for f in outcomes]
                writer.writerow([unknown, value, seed, *numbers])
        return text.getvalue()

    def to_markdown(self) -> str:
        """The means over all seeds as a table, with their change against the base in per cent.

        A change is the mean of those of each seed; behind ± stands the standard error of that mean
        where there are several seeds. What stopped on the way is marked with an asterisk.

        Returns
        -------
        str
        """
        header, *rows = self._rows()
        lines = [header, ["---", "---", *(["---:"] * (len(header) - 2))], *rows]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def _repr_html_(self) -> str:
        header, *rows = self._rows()
        lines = [("th", header), *(("td", row) for row in rows)]
        text = "".join(
            f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in line)}</tr>"
            for tag, line in lines
        )
        return f"<table><caption>{type(self).__name__}</caption>{text}</table>"

    def _rows(self) -> Iterator[list[str]]:
        """Cells of the table, the header first."""
        shown = dict(_SHOWN)
        if self.settings.get("dimension") == 2:
            shown |= _PER_LENGTH
        yield ["unknown", "value", *(heading for heading, _, _ in shown.values())]
        for i, (unknown, value) in enumerate(zip(self.unknown, self.value, strict=True)):
            mark = "" if np.all(self.finished[i]) else " *"
            row = [unknown or "base", value + mark]
            for name, (_, factor, decimals) in shown.items():
                mean = factor * float(np.mean(getattr(self, name)[i]))
                cell = f"{mean:.{decimals}f}"
                if i:
                    cell += f" ({_in_per_cent(self.relative_change(name)[i])})"
                row.append(cell)
            yield row


def _in_per_cent(change: Float) -> str:
    if not np.isfinite(change).all():
        return "—"
    text = f"{100.0 * float(change.mean()):+.1f}"
    if len(change) > 1:
        text += f" ± {100.0 * float(change.std(ddof=1)) / np.sqrt(len(change)):.1f}"
    return f"{text} %"
