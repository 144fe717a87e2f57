"""How a grain boundary comes apart: traction against opening."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nmcx.chemomechanics import CohesiveLaw
from nmcx.chemomechanics import traction_separation as traction_of
from nmcx.plot.panels import COLOURS, TICK, label_axes, one_panel, open_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NANO, _MEGA = 1e9, 1e-6


def traction_separation(
    law: CohesiveLaw, *, unloading_from: float | None = None, ax: Axes | None = None
) -> Axes:
    """Normal traction of a boundary against its opening, as the model uses it.

    The shaded area is the toughness; strength, onset and final opening are marked. The dashed line
    is the way back to the origin, and the steep branch to the left of it is contact.

    Parameters
    ----------
    law : CohesiveLaw
        From `nmcx.chemomechanics.CohesiveLaw` or `nmcx.chemomechanics.cohesive_law`.
    unloading_from : float, optional
        Opening at which the boundary is let go [m]; by default where the traction has halved.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `unloading_from` does not lie between onset and final opening.

    References
    ----------
    .. [1] Li et al., Nat. Commun. 11 (2020) 4433, Supplementary Fig. 7.

    Examples
    --------
    >>> from nmcx import chemomechanics, materials, plot
    >>> ax = plot.traction_separation(chemomechanics.cohesive_law(materials.NMC811))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('opening [nm]', 'traction [MPa]')
    """
    ax = one_panel(ax, 5.2, 3.6)
    open_frame(ax)
    opening = np.concatenate([[0.0], np.linspace(law.onset, law.final_opening, 400)])
    traction, _ = traction_of(law, opening)
    turn = _turning_point(law, opening, traction, unloading_from)

    ax.axhline(0.0, color="0.5", lw=0.8)
    ax.fill_between(
        opening * _NANO, traction * _MEGA, color=COLOURS[5], alpha=0.3, lw=0,
        label=f"toughness, {law.fracture_energy:g} J/m²",
    )  # fmt: skip
    ax.plot(opening * _NANO, traction * _MEGA, color=COLOURS[0], lw=1.8, label="opening")
    back = np.linspace(0.0, turn, 2)
    returned, _ = traction_of(law, back, largest=turn)
    ax.plot(
        back * _NANO, returned * _MEGA, color=COLOURS[1], lw=1.4, ls="--",
        label="unloading, reloading",
    )  # fmt: skip
    pressed = np.linspace(-0.25 * law.onset, 0.0, 50)
    contact, _ = traction_of(law, pressed)
    ax.plot(pressed * _NANO, contact * _MEGA, color=COLOURS[6], lw=1.8, label="contact")

    _mark(ax, law)
    ax.set_xlim(-0.04 * law.final_opening * _NANO, 1.12 * law.final_opening * _NANO)
    ax.set_ylim(-0.28 * law.strength * _MEGA, 1.25 * law.strength * _MEGA)
    label_axes(ax, "opening [nm]", "traction [MPa]")
    ax.legend(fontsize=TICK, frameon=False, loc="upper right")
    return ax


def _turning_point(
    law: CohesiveLaw, opening: np.ndarray, traction: np.ndarray, asked: float | None
) -> float:
    if asked is None:
        return float(np.interp(-0.5 * law.strength, -traction[1:], opening[1:]))
    if not law.onset <= asked <= law.final_opening:
        raise ValueError(
            f"unloading_from must lie between onset and final opening, {law.onset:g} and "
            f"{law.final_opening:g} m, not {asked:g}"
        )
    return asked


def _mark(ax: Axes, law: CohesiveLaw) -> None:
    """Strength and onset at the peak, final opening at the end."""
    peak = (law.onset * _NANO, law.strength * _MEGA)
    ax.plot(*peak, "o", color=COLOURS[0], ms=4)
    ax.annotate(
        f"strength {law.strength * _MEGA:g} MPa\nonset {law.onset * _NANO:.3g} nm",
        peak, (6, 4), textcoords="offset points", fontsize=TICK, va="bottom",
    )  # fmt: skip
    end = (law.final_opening * _NANO, 0.0)
    ax.plot(*end, "o", color=COLOURS[0], ms=4)
    ax.annotate(
        f"final opening\n{law.final_opening * _NANO:.3g} nm",
        end, (0, -6), textcoords="offset points", fontsize=TICK, ha="center", va="top",
    )  # fmt: skip
