"""Chemical strain of a crystal: how it swells and shrinks with its lithium content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.materials.lattice import NMC811_LATTICE, LatticeTable, lattice_strain
from nmcx.materials.rotations import as_rotations

_Floats = NDArray[np.float64]
_Strains = tuple[_Floats, _Floats]

#: What `Swelling` may be asked for by name.
SWELLING_KINDS = ("table", "linear", "isotropic")


@dataclass(frozen=True)
class Swelling:
    """Strain of the lattice along a and c as a function of x = c / C_max, by one of three rules.

    The rule decides what breaks: with the table, neighbouring grains of unlike orientation pull at
    each other (3.5 GPa at x = 0.4), with the isotropic one only gradients of lithium do.

    Raises
    ------
    ValueError
        If the rule is unknown, or a content lies outside the table.

    Examples
    --------
    >>> from nmcx import materials
    >>> along_a, along_c = materials.Swelling("linear").strain(0.61)  # half way from 1 to 0.22
    >>> round(100 * float(along_a), 3), round(100 * float(along_c), 3)
    (-0.992, -0.599)
    """

    #: "table": the lattice parameters; "linear": straight from `stress_free` to `end`;
    #: "isotropic": the table's change of volume shared by all directions
    kind: str = "table"
    stress_free: float = 1.0  #: x at which there is no strain [1]
    end: float = 0.22  #: x at which "linear" meets the table [1]; 0.22 is the content at 4.3 V
    table: LatticeTable = NMC811_LATTICE

    def __post_init__(self) -> None:
        if self.kind not in SWELLING_KINDS:
            raise ValueError(
                f"eigenstrain must be one of {', '.join(SWELLING_KINDS)}, not {self.kind!r}"
            )
        first, last = self.table.lithium[0], self.table.lithium[-1]
        for name in ("stress_free", "end"):
            value = getattr(self, name)
            if not first <= value <= last:
                raise ValueError(
                    f"{name} = {value:g} lies outside the lattice table, {first:g} … {last:g}"
                )
        if self.kind == "linear" and self.end == self.stress_free:
            raise ValueError("end must differ from stress_free: two points make a line")

    def strain(self, x: ArrayLike) -> _Strains:
        """Strain along a and along c at a lithium content.

        Parameters
        ----------
        x : array_like
            Lithium content c / C_max [1] of any shape, within the table.

        Returns
        -------
        strain_a, strain_c : numpy.ndarray
            [1], of the shape of x; zero at `stress_free`.

        Raises
        ------
        ValueError
            If x is not finite or lies outside the table.
        """
        if self.kind == "linear":
            lithium = self._inside(x)
            along_a, along_c = self._line()
            left = lithium - self.stress_free
            return along_a * left, along_c * left
        stretch_a, stretch_c = self._stretches(x)
        if self.kind == "isotropic":
            mean = (stretch_a**2 * stretch_c) ** (1.0 / 3.0) - 1.0
            return mean, mean.copy()
        return stretch_a - 1.0, stretch_c - 1.0

    def slope(self, x: ArrayLike) -> _Strains:
        """Derivative dε/dx of `strain`.

        Parameters
        ----------
        x : array_like
            Lithium content c / C_max [1] of any shape, within the table.

        Returns
        -------
        slope_a, slope_c : numpy.ndarray
            [1], of the shape of x.

        Raises
        ------
        ValueError
            If x is not finite or lies outside the table.
        """
        if self.kind == "linear":
            lithium = self._inside(x)
            line_a, line_c = self._line()
            return np.full_like(lithium, line_a), np.full_like(lithium, line_c)
        slope_a, slope_c = lattice_strain(x, table=self.table, derivative=True)
        origin_a, origin_c = self._origin()
        slope_a, slope_c = slope_a / origin_a, slope_c / origin_c
        if self.kind == "isotropic":
            stretch_a, stretch_c = self._stretches(x)
            volume = stretch_a**2 * stretch_c
            rate = 2.0 * slope_a / stretch_a + slope_c / stretch_c
            mean = np.asarray(volume ** (1.0 / 3.0) * rate / 3.0)
            return mean, mean.copy()
        return slope_a, slope_c

    def tensor(
        self,
        x: ArrayLike,
        orientation: ArrayLike,
        *,
        crystal: ArrayLike | None = None,
        derivative: bool = False,
    ) -> _Floats:
        """Strain of crystals of given content and orientation, in sample axes.

        Parameters
        ----------
        x : array_like
            (n,) lithium content c / C_max [1].
        orientation : array_like
            (n, 3, 3) rotations from crystal to sample axes [1], or (3, 3) for all; with `crystal`
            (n_crystal, 3, 3).
        crystal : array_like of int, optional
            (n,) which of the orientations each content has.
        derivative : bool
            True: dε/dx instead of ε.

        Returns
        -------
        numpy.ndarray
            (n, 6) [1], Voigt order 11, 22, 33, 23, 13, 12 with engineering shears:
            ε_a I + (ε_c − ε_a) n ⊗ n with n the c axis.

        Raises
        ------
        ValueError
            If x is not finite or lies outside the table, or a matrix is not a rotation.

        Examples
        --------
        >>> import numpy as np
        >>> from nmcx import materials
        >>> (100 * materials.Swelling().tensor([0.45], np.eye(3))).round(3).tolist()
        [[-1.671, -1.671, 1.88, 0.0, 0.0, 0.0]]
        """
        rule: Callable[[ArrayLike], _Strains] = self.slope if derivative else self.strain
        along_a, along_c = rule(np.atleast_1d(np.asarray(x, dtype=np.float64)))
        axis = as_rotations(orientation)[:, :, 2]
        if crystal is not None:
            axis = axis[np.asarray(crystal)]
        across = along_a[:, None] * _IDENTITY
        return np.asarray(across + (along_c - along_a)[:, None] * _dyad(axis))

    def _stretches(self, x: ArrayLike) -> _Strains:
        """Lattice parameters relative to those at `stress_free`."""
        along_a, along_c = lattice_strain(x, table=self.table)
        origin_a, origin_c = self._origin()
        return (1.0 + along_a) / origin_a, (1.0 + along_c) / origin_c

    def _origin(self) -> tuple[float, float]:
        along_a, along_c = lattice_strain(self.stress_free, table=self.table)
        return 1.0 + float(along_a), 1.0 + float(along_c)

    def _line(self) -> tuple[float, float]:
        stretch_a, stretch_c = self._stretches(self.end)
        span = self.end - self.stress_free
        return (float(stretch_a) - 1.0) / span, (float(stretch_c) - 1.0) / span

    def _inside(self, x: ArrayLike) -> _Floats:
        lithium = np.asarray(x, dtype=np.float64)
        lattice_strain(lithium, table=self.table)  # which refuses what is not in the table
        return lithium


_IDENTITY = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])


def _dyad(axis: _Floats) -> _Floats:
    """(n, 6) n ⊗ n as a strain."""
    x, y, z = axis.T
    return np.stack([x * x, y * y, z * z, 2 * y * z, 2 * x * z, 2 * x * y], axis=1)
