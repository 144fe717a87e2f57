"""The model as tables: beside the experiment, and without each of its couplings."""

from __future__ import annotations

import numpy as np

from nmcx.report.findings import Table
from nmcx.results import Comparison, Contributions

#: Couplings in words.
_WORDS = {
    "": "nothing",
    "stress_drive": "stress drives lithium",
    "cracks_resist": "cracks resist lithium",
    "wetting": "cracks fill and react",
    "layer_growth": "the layer grows",
}


def comparison_table(found: Comparison) -> Table:
    """Correlation at each opening angle, measured and predicted.

    Parameters
    ----------
    found : Comparison

    Returns
    -------
    Table
    """
    measured = found.measured
    rows = []
    for i, half in enumerate(np.rad2deg(found.half_angle)):
        rows.append(
            (
                f"{2 * half:g}°",
                f"{measured.pearson[i]:+.3f}",
                _range(measured.interval[i]),
                f"{measured.p_value[i]:.3g}",
                f"{np.mean(found.predicted[:, i]):+.3f}",
                _range(found.predicted_band[i]),
                _range(found.turned_band[i]),
            )
        )
    header = (
        "opening 2α", "measured r", "95 % interval", "p", "model, mean r", "95 % of members",
        "95 % with the map turned",
    )  # fmt: skip
    remark = (
        f"{found.verdict} The p of a row is of the measurement alone. Over all angles: p = "
        f"{found.p_effect:.3g} that members and turned members differ by chance; p = "
        f"{found.p_model:.3g} that the measured curve is one of the members', and "
        f"{found.p_turned:.3g} one of the turned members'."
    )
    return Table("Measured and predicted correlation", header, tuple(rows), remark)


def contributions_table(found: Contributions) -> Table:
    """The end of the simulation with each coupling switched off in turn.

    Parameters
    ----------
    found : Contributions

    Returns
    -------
    Table
    """
    # Where the correlation is strongest with all couplings.
    first = np.abs(np.nan_to_num(found.pearson[0]))
    at = int(np.argmax(first))
    rows = []
    for i, name in enumerate(found.switched_off):
        rows.append(
            (
                _WORDS[name],
                f"{found.time[i]:.0f}",
                f"{found.potential[i]:.4f}",
                f"{found.content_spread[i]:.4f}",
                f"{100 * found.damaged[i]:.2f}",
                f"{100 * found.wetted[i]:.2f}",
                f"{found.reactive_area[i] / found.reactive_area[0]:.3f}",
                f"{100 * found.crack_porosity[i]:.4f}",
                f"{found.dissipated[i]:.4g}",
                f"{found.pearson[i, at]:+.3f}",
            )
        )
    opening = f"{np.rad2deg(2 * found.half_angle[at]):.0f}°"
    header = (
        "switched off", "end [s]", "U [V]", "range of x [1]", "damaged walls [%]",
        "filled walls [%]", "reacting surface, of the first", "crack porosity [%]",
        "work of cracks [J]", f"r at 2α = {opening}",
    )  # fmt: skip
    remark = (
        "The same grains and layer without each coupling in turn: what differs from the first row "
        "is what that coupling contributes. Couplings do not add up, since each acts on what the "
        "others leave."
    )
    return Table("What each coupling contributes", header, tuple(rows), remark)


def _range(pair: np.ndarray) -> str:
    return f"{pair[0]:+.2f} … {pair[1]:+.2f}"
