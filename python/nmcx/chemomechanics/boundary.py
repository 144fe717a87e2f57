"""What the surface of a particle does to the lithium in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Doubles: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Dirichlet:
    """Surface held at a concentration, as by a potential without any resistance.

    A node that several facets meet takes the mean of theirs, weighted by area.
    """

    concentration: ArrayLike  #: number or (s,) per surface facet [mol/m³]
    where: ArrayLike | None = None  #: (s,) facets it holds on; None: all


@dataclass(frozen=True)
class Flux:
    """Lithium that leaves (positive) or enters (negative) at a given rate.

    Behind a thin layer the outer face sees c − density / layer_conductance; where that is no
    concentration between 0 and C_max the demand is impossible, and said to be.
    """

    density: ArrayLike  #: J·n_out, number or (s,) per surface facet [mol/m²/s]
    layer_conductance: ArrayLike = np.inf  #: k = D_L / h, number or (s,) [m/s]; inf: no layer
    where: ArrayLike | None = None  #: (s,) facets it holds on; None: all


@dataclass(frozen=True)
class Robin:
    """Exchange J·n_out = coefficient (c − concentration), as through a thin passivation layer."""

    coefficient: ArrayLike  #: number or (s,) per surface facet [m/s]
    concentration: ArrayLike  #: outside, number or (s,) per surface facet [mol/m³]
    where: ArrayLike | None = None  #: (s,) facets it holds on; None: all


Condition: TypeAlias = Dirichlet | Flux | Robin


def layer_conductance(
    thickness: ArrayLike,
    diffusivity: float,
    *,
    inner_radius: float | None = None,
    dimension: int = 3,
    coverage: ArrayLike = 1.0,
    clean: float | None = None,
) -> Doubles:
    """Conductance of a thin surface layer that stores nothing.

    Parameters
    ----------
    thickness : array_like
        h [m], number or per surface facet.
    diffusivity : float
        D_L of the layer [m²/s].
    inner_radius : float, optional
        a [m]: the layer is a shell around a ball (or disc) of this radius, which the mesh then is.
        Without it the layer is flat.
    dimension : {3, 2}
        Of the shell.
    coverage : array_like
        Part of each facet that carries the layer, 0 … 1.
    clean : float, optional
        Exchange coefficient of the part that carries none [m/s]; must be given if there is one.

    Returns
    -------
    numpy.ndarray
        k [m/s]: D_L/h flat, D_L (a + h)/(a h) for a shell in three dimensions, D_L/(a ln(1 + h/a))
        in two; with a coverage θ both parts in parallel, θ k + (1 − θ) k_clean. Use it as the
        coefficient of `Robin`.

    Raises
    ------
    ValueError
        If thickness, diffusivity or radius are not positive, the coverage is not in 0 … 1, or
        uncovered surface has no exchange coefficient.

    Notes
    -----
    The steady flux of the layer; what the layer itself takes up is left out (3 h/R of the volume of
    a ball). Our closure; `docs/explanation/transport.md` compares it with a resolved layer.

    Examples
    --------
    >>> from nmcx import chemomechanics
    >>> float(chemomechanics.layer_conductance(100e-9, 7e-17))
    7e-10
    """
    h, covered = np.asarray(thickness, dtype=float), np.asarray(coverage, dtype=float)
    if not (np.isfinite(h).all() and (h > 0).all() and 0 < diffusivity < np.inf):
        raise ValueError("thickness and diffusivity of a layer must be positive and finite")
    if not ((covered >= 0) & (covered <= 1)).all():
        raise ValueError("coverage must be between 0 and 1")
    if inner_radius is None:
        conductance = diffusivity / h
    elif not 0 < inner_radius < np.inf or dimension not in (2, 3):
        raise ValueError("inner_radius must be positive and dimension 2 or 3")
    elif dimension == 3:
        conductance = diffusivity * (inner_radius + h) / (inner_radius * h)
    else:
        conductance = diffusivity / (inner_radius * np.log1p(h / inner_radius))
    if (covered == 1).all():
        return np.asarray(conductance)
    if clean is None or not 0 <= clean < np.inf:
        raise ValueError("clean must give the exchange coefficient of uncovered surface, in m/s")
    return np.asarray(covered * conductance + (1.0 - covered) * clean)


def as_conditions(boundary: object, kinds: tuple[type[Condition], ...]) -> tuple[Condition, ...]:
    """One condition or several as a tuple.

    Raises
    ------
    ValueError
        If something else is among them.
    """
    given = tuple(boundary) if isinstance(boundary, Sequence) else (boundary,)
    for each in given:
        if not isinstance(each, kinds):
            names = ", ".join(kind.__name__ for kind in kinds)
            raise ValueError(
                f"boundary must be one or several of {names}, or a ButlerVolmer, not {each!r}"
            )
    return given
