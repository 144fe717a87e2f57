"""Open-circuit potential of NMC811 against lithium."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Lithium content [1] on which `open_circuit_potential` was fitted; beyond, it is extrapolated.
POTENTIAL_RANGE = (0.27, 0.91)


def open_circuit_potential(x: ArrayLike) -> NDArray[np.float64]:
    """Potential of NMC811 against lithium at rest.

    Parameters
    ----------
    x : array_like
        Lithium content c / C_max [1]; the fit covers `POTENTIAL_RANGE`, 0.27 … 0.91, and is a
        smooth extrapolation elsewhere.

    Returns
    -------
    numpy.ndarray
        U [V], of the shape of x.

    Raises
    ------
    ValueError
        If x does not hold numbers.

    References
    ----------
    C.-H. Chen et al., J. Electrochem. Soc. 167 (2020) 080534, positive electrode. Table 1 of Li et
    al. (2020) has no potential: that this one stands in is our default.

    Examples
    --------
    >>> from nmcx import materials
    >>> materials.open_circuit_potential([0.3, 0.6, 0.9]).round(3).tolist()
    [4.205, 3.824, 3.568]
    """
    lithium = np.asarray(x, dtype=np.float64)
    return np.asarray(
        4.4875
        - 0.8090 * lithium
        - 0.0428 * np.tanh(18.5138 * (lithium - 0.5542))
        - 17.7326 * np.tanh(15.7890 * (lithium - 0.3117))
        + 17.5842 * np.tanh(15.9308 * (lithium - 0.3120))
    )


@dataclass(frozen=True)
class PotentialTable:
    """A measured potential in place of `open_circuit_potential`: call it with lithium contents.

    Between the rows it has a continuous slope and falls wherever the table does.

    Raises
    ------
    ValueError
        If the columns differ in length, have fewer than two rows or repeat a lithium content, if
        the potential does not fall strictly with x (lithium would then flow the wrong way), or if
        it is called outside the table.

    Examples
    --------
    >>> from nmcx import materials
    >>> measured = materials.PotentialTable([0.2, 0.5, 1.0], [4.3, 3.9, 3.5])
    >>> float(measured(0.5))
    3.9
    """

    lithium: Sequence[float]  #: (n,) x = c / C_max [1], in any order
    potential: Sequence[float]  #: (n,) U [V]

    def __post_init__(self) -> None:
        lithium = np.asarray(self.lithium, dtype=np.float64)
        potential = np.asarray(self.potential, dtype=np.float64)
        if lithium.ndim != 1 or lithium.size < 2 or lithium.shape != potential.shape:
            raise ValueError("lithium and potential must be columns of two or more rows each")
        if not (np.isfinite(lithium).all() and np.isfinite(potential).all()):
            raise ValueError("lithium and potential must be finite; leave out what is missing")
        order = np.argsort(lithium)
        lithium, potential = lithium[order], potential[order]
        if (np.diff(lithium) <= 0).any():
            raise ValueError("lithium must not repeat a value; average rows of the same content")
        if (np.diff(potential) >= 0).any():
            raise ValueError("potential must fall as lithium rises; smooth or thin out the table")
        object.__setattr__(self, "lithium", tuple(lithium.tolist()))
        object.__setattr__(self, "potential", tuple(potential.tolist()))

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """U [V] at lithium contents x [1] within the table."""
        from scipy.interpolate import PchipInterpolator

        lithium = np.asarray(x, dtype=np.float64)
        first, last = self.lithium[0], self.lithium[-1]
        if not ((lithium >= first) & (lithium <= last)).all():
            raise ValueError(
                f"x must lie within the table of the potential, {first:g} … {last:g}; "
                "give a table that reaches further"
            )
        return np.asarray(PchipInterpolator(self.lithium, self.potential)(lithium))
