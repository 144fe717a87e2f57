"""Lattice parameters of NMC811 as lithium leaves, and the strain they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from scipy.interpolate import PchipInterpolator

_Strains = tuple[NDArray[np.float64], NDArray[np.float64]]
# A mean of nodes that all hold x = 1 may come out one rounding above it.
_ROUND_OFF = 1e-9


@dataclass(frozen=True)
class LatticeTable:
    """Hexagonal lattice parameters against lithium content; any iterables of numbers are taken.

    Raises
    ------
    ValueError
        If the columns differ in length, have fewer than two rows, hold a number that is not finite
        or not positive, repeat a lithium content, or do not reach `reference`.
    """

    lithium: Sequence[float]  #: (n,) x = c / C_max [1], in any order
    a: Sequence[float]  #: (n,) in any unit of length, since only ratios are used
    c: Sequence[float]  #: (n,) in any unit of length
    reference: float = 1.0  #: x at which the strain is zero [1]

    def __post_init__(self) -> None:
        columns = {}
        for name in ("lithium", "a", "c"):
            column = np.asarray(getattr(self, name), dtype=np.float64)
            if column.ndim != 1 or column.size < 2 or not np.isfinite(column).all():
                raise ValueError(f"{name} must be at least two finite numbers, one per row")
            columns[name] = column
        if len({column.size for column in columns.values()}) > 1:
            sizes = ", ".join(f"{name} has {column.size}" for name, column in columns.items())
            raise ValueError(f"lithium, a and c must have as many rows each, but {sizes}")
        for name in ("a", "c"):
            if columns[name].min() <= 0:
                raise ValueError(f"{name} must be positive lengths")
        order = np.argsort(columns["lithium"])
        lithium = columns["lithium"][order]
        if (np.diff(lithium) <= 0).any():
            raise ValueError("lithium must not repeat a value; average rows of the same content")
        if not lithium[0] <= self.reference <= lithium[-1]:
            raise ValueError(
                f"reference = {self.reference:g} lies outside the table, "
                f"{lithium[0]:g} … {lithium[-1]:g}; give a row for it or another reference"
            )
        # Tuples, so that a table can be compared and remembered.
        for name, column in columns.items():
            object.__setattr__(self, name, tuple(column[order].tolist()))
        object.__setattr__(self, "reference", float(self.reference))


# Lithium content, a [Å], c [Å].
_ROWS = (
    (1.00, 2.8720, 14.200),
    (0.90, 2.8650, 14.235),
    (0.80, 2.8560, 14.285),
    (0.70, 2.8465, 14.345),
    (0.60, 2.8370, 14.410),
    (0.50, 2.8280, 14.460),
    (0.45, 2.8240, 14.467),
    (0.40, 2.8205, 14.455),
    (0.30, 2.8165, 14.330),
    (0.25, 2.8155, 14.160),
    (0.22, 2.8150, 14.030),
    (0.15, 2.8155, 13.850),
    (0.10, 2.8165, 13.750),
)
#: Lattice of NMC811 [Å]. The maximum of c, its value at 4.3 V and the volume change of 5.1 % until
#: there are those of Kondrakov et al., J. Phys. Chem. C 121 (2017) 3286; the rows between and below
#: are ours, approximate readings of the published course.
NMC811_LATTICE = LatticeTable(
    lithium=[row[0] for row in _ROWS], a=[row[1] for row in _ROWS], c=[row[2] for row in _ROWS]
)


def lattice_strain(
    x: ArrayLike, *, table: LatticeTable = NMC811_LATTICE, derivative: bool = False
) -> _Strains:
    """Strain of the lattice along a and c at a lithium content, or its slope.

    The interpolation has a continuous slope, rises and falls only where the table does, and runs
    through every row. The eigenstrain of a grain with c axis n is ε_a I + (ε_c − ε_a) n ⊗ n.

    Parameters
    ----------
    x : array_like
        Lithium content c / C_max [1] of any shape, within the table.
    table : LatticeTable
        Lattice parameters; default those of NMC811, which reach from x = 0.1 to 1.
    derivative : bool
        True: dε/dx instead of ε.

    Returns
    -------
    strain_a, strain_c : numpy.ndarray
        a(x) / a(x₀) − 1 and c(x) / c(x₀) − 1 [1] with x₀ = `table.reference`, of the shape of x.

    Raises
    ------
    ValueError
        If x is not finite or lies outside the table by more than round-off (1e-9).

    References
    ----------
    Table: see `NMC811_LATTICE`. Interpolation: F. N. Fritsch and J. Butland, SIAM J. Sci. Stat.
    Comput. 5 (1984) 300.

    Examples
    --------
    >>> from nmcx import materials
    >>> along_a, along_c = materials.lattice_strain([0.6, 0.45, 0.22])
    >>> (100 * along_a).round(2).tolist(), (100 * along_c).round(2).tolist()
    ([-1.22, -1.67, -1.98], [1.48, 1.88, -1.2])
    """
    lithium = np.asarray(x, dtype=np.float64)
    first, last = table.lithium[0], table.lithium[-1]
    if not np.isfinite(lithium).all():
        raise ValueError("x holds NaN or infinity; a lithium content c / C_max is wanted")
    outside = (lithium < first - _ROUND_OFF) | (lithium > last + _ROUND_OFF)
    if outside.any():
        worst = lithium[outside]
        raise ValueError(
            f"x must lie within the lattice table, {first:g} … {last:g}, but reaches from "
            f"{worst.min():.6g} to {worst.max():.6g} in {worst.size} places; pass a LatticeTable "
            "that reaches further, or np.clip x if it overshoots by a solver's error only"
        )
    order = 1 if derivative else 0
    inside = np.clip(lithium, first, last)
    along_a, along_c = (np.asarray(curve(inside, order)) for curve in _curves(table))
    return along_a, along_c


@lru_cache(maxsize=16)
def _curves(table: LatticeTable) -> tuple[PchipInterpolator, PchipInterpolator]:
    from scipy.interpolate import PchipInterpolator

    def curve(lengths: Sequence[float]) -> PchipInterpolator:
        # The reference need not be a row.
        unstrained = float(PchipInterpolator(table.lithium, lengths)(table.reference))
        return PchipInterpolator(table.lithium, np.asarray(lengths) / unstrained - 1.0)

    return curve(table.a), curve(table.c)
