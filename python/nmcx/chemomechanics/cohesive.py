"""The law by which grain boundaries come apart, and that of a material."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.materials import Parameters, polycrystal_moduli
from nmcx.results import Mesh

_Doubles = NDArray[np.float64]

#: α of K = α E / d: a boundary then adds 2 % to the compliance of its grains.
_STIFFNESS_FACTOR = 50.0
_SHAPES = ("bilinear", "exponential")
_MODES = ("benzeggagh_kenane", "power_law")
_CRITERIA = ("quadratic", "energy")


@dataclass(frozen=True)
class CohesiveLaw:
    """Traction of a grain boundary against its separation.

    Elastic with slope K up to the onset, then softening to nothing at the final opening; the area
    below is the fracture energy. Unloading goes to the origin, penetration meets K again.

    Raises
    ------
    ValueError
        If a constant is not positive and finite, `exponent` is below 1, `viscosity` negative or
        with fatigue, `endurance` outside 0 … 1, or a fracture energy no larger than
        ½ strength² / stiffness; the message names the field.

    References
    ----------
    .. [1] Camanho and Dávila, NASA/TM-2002-211737 (2002): bilinear law, onset in mixed mode.
    .. [2] Benzeggagh and Kenane, Compos. Sci. Technol. 56 (1996) 439: energy in mixed mode.
    .. [3] Turon, Camanho, Costa and Dávila, Mechanics of Materials 38 (2006) 1072: onset by energy.
    .. [4] Roe and Siegmund, Eng. Fract. Mech. 70 (2003) 209: fatigue, its form with changes of ours
       (`docs/explanation/cohesive.md`); both constants are ours.

    Examples
    --------
    >>> from nmcx import chemomechanics as cm
    >>> law = cm.CohesiveLaw(stiffness=1e18, strength=200e6, fracture_energy=1.0)
    >>> law.onset, law.final_opening
    (2e-10, 1e-08)
    """

    stiffness: float  #: K, slope before damage and in contact [Pa/m]
    strength: float  #: largest normal traction [Pa]
    fracture_energy: float  #: G_I, work of opening [J/m²]
    shear_strength: float | None = None  #: largest tangential traction [Pa]; None: `strength`
    #: G_II, work of sliding [J/m²]; None: `fracture_energy`
    shear_fracture_energy: float | None = None
    exponent: float = 1.45  #: η of the mixed mode [1]
    #: of softening: straight, or (e^(-5 s) − e^(-5)) / (1 − e^(-5)) with s from 0 to 1
    shape: Literal["bilinear", "exponential"] = "bilinear"
    #: G = G_I + (G_II − G_I) B^η with B the share of sliding, or
    #: ((1 − B) G / G_I)^η + (B G / G_II)^η = 1
    mixed_mode: Literal["benzeggagh_kenane", "power_law"] = "benzeggagh_kenane"
    #: of mixed modes: (t_n / strength)² + (t_s / shear_strength)² = 1, or
    #: δ_0² = δ_n0² + (δ_s0² − δ_n0²) B^η, whose stored energy mixes as the fracture energy does
    onset_criterion: Literal["quadratic", "energy"] = "quadratic"
    viscosity: float = 0.0  #: μ of dD/dt = (D_law − D) / μ [s]
    #: N, cycles from nothing to all that a boundary bears at the time, after which it bears
    #: nothing [1]; infinite: it does not tire
    fatigue_cycles: float = math.inf
    endurance: float = 0.25  #: share of what it bears at the time up to which nothing tires it [1]

    def __post_init__(self) -> None:
        for name, other in (
            ("shear_strength", self.strength),
            ("shear_fracture_energy", self.fracture_energy),
        ):
            if getattr(self, name) is None:
                object.__setattr__(self, name, other)
        for item in dataclasses.fields(self):
            if item.name not in {"shape", "mixed_mode", "onset_criterion"}:
                object.__setattr__(self, item.name, _number(item.name, getattr(self, item.name)))
        for name, known in (
            ("shape", _SHAPES),
            ("mixed_mode", _MODES),
            ("onset_criterion", _CRITERIA),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {known}, not {getattr(self, name)!r}")
        self.kernel()

    @property
    def tires(self) -> bool:
        """Whether openings below the strength take of it."""
        return math.isfinite(self.fatigue_cycles)

    def fatigue(self) -> dict[str, float]:
        """Constants of fatigue by name; none if the boundary does not tire."""
        names = ("fatigue_cycles", "endurance") if self.tires else ()
        return {name: getattr(self, name) for name in names}

    @property
    def onset(self) -> float:
        """Opening at which damage starts [m], strength / stiffness."""
        return float(_core.cohesive_mode(self.kernel(), 0.0).onset)

    @property
    def final_opening(self) -> float:
        """Opening that leaves no traction [m]; 2 fracture_energy / strength if bilinear."""
        return float(_core.cohesive_mode(self.kernel(), 0.0).final_opening)

    def mixed(self, sliding_share: float) -> tuple[float, float, float]:
        """The law in a mixed mode.

        Parameters
        ----------
        sliding_share : float
            B = sliding² / (opening² + sliding²), 0 (opening) to 1 (sliding).

        Returns
        -------
        onset, final_opening : float
            Separations √(opening² + sliding²) [m].
        fracture_energy : float
            Work of separation [J/m²].

        Raises
        ------
        ValueError
            If the share lies outside 0 to 1.

        Examples
        --------
        >>> from nmcx import chemomechanics as cm
        >>> law = cm.CohesiveLaw(2e19, 200e6, 1.0, shear_strength=300e6, shear_fracture_energy=2.0)
        >>> [float(f"{value:.6g}") for value in law.mixed(0.5)]
        [1.1767e-11, 1.16089e-08, 1.36602]
        """
        if not 0.0 <= sliding_share <= 1.0:
            raise ValueError(f"sliding_share must lie between 0 and 1, not {sliding_share!r}")
        mode = _core.cohesive_mode(self.kernel(), float(sliding_share))
        return mode.onset, mode.final_opening, mode.fracture_energy

    def kernel(self) -> _core.CohesiveLaw:
        """The law as the kernels take it."""
        assert self.shear_strength is not None
        assert self.shear_fracture_energy is not None
        return _core.CohesiveLaw(
            stiffness=self.stiffness,
            strength=self.strength,
            fracture_energy=self.fracture_energy,
            shear_strength=self.shear_strength,
            shear_fracture_energy=self.shear_fracture_energy,
            exponent=self.exponent,
            shape=getattr(_core.SofteningShape, self.shape),
            mixed_mode=getattr(_core.MixedMode, self.mixed_mode),
            onset_criterion=getattr(_core.OnsetCriterion, self.onset_criterion),
            viscosity=self.viscosity,
            fatigue_cycles=self.fatigue_cycles,
            endurance=self.endurance,
        )


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} must be a number, not {value!r}")
    return float(value)


def traction_separation(
    law: CohesiveLaw,
    opening: ArrayLike,
    sliding: ArrayLike = 0.0,
    largest: ArrayLike = 0.0,
) -> tuple[_Doubles, _Doubles]:
    """Normal traction and damage of a boundary at given separations, each by itself.

    The law at rest: its viscosity plays no part. Where a broken boundary is pressed together,
    damage ceases to count within a tenth of the onset of penetration.

    Parameters
    ----------
    law : CohesiveLaw
        Constants of the boundary.
    opening : array_like
        Normal separation [m], negative in contact.
    sliding : array_like
        Tangential separation [m].
    largest : array_like
        Separation √(opening² + sliding²) that was reached before [m], at the share of sliding that
        each point has now (pure opening where both are zero).

    Returns
    -------
    traction : numpy.ndarray
        Normal traction [Pa] in the common shape of the arguments, (1 − damage) K opening where the
        boundary is open. The tangential one is (1 − damage) K sliding.
    damage : numpy.ndarray
        0 (sound) to 1 (broken), in the same shape.

    Raises
    ------
    ValueError
        If shapes do not go together, a separation is not finite, or `largest` is negative.

    Notes
    -----
    With q(s) = 1 − s (bilinear) or (e^(−αs) − e^(−α)) / (1 − e^(−α)), α = 5 (exponential), and
    s = (δ − δ_0) / (δ_f − δ_0) the damage is 1 − q(s) δ_0 / δ; δ_f is such that the area is the
    fracture energy of the mode. The exponential is cut where it has fallen to e^(−5), shifted to
    end at zero, and its final opening made longer for it.

    References
    ----------
    .. [1] Camanho and Dávila, NASA/TM-2002-211737 (2002).
    .. [2] Li et al., Nat. Commun. 11 (2020) 4433, Supplementary Fig. 7.

    Examples
    --------
    >>> from nmcx import chemomechanics as cm
    >>> law = cm.CohesiveLaw(stiffness=1e18, strength=200e6, fracture_energy=1.0)
    >>> traction, damage = cm.traction_separation(law, [0.1e-9, 5e-9, 12e-9])
    >>> (traction / 1e6).round(3), damage.round(6)
    (array([100.   , 102.041,   0.   ]), array([0.      , 0.979592, 1.      ]))
    >>> unloaded, _ = cm.traction_separation(law, 2e-9, largest=5e-9)
    >>> round(float(unloaded) / 1e6, 3)
    40.816
    """
    try:
        arrays = np.broadcast_arrays(*(np.asarray(x, float) for x in (opening, sliding, largest)))
    except ValueError as error:
        raise ValueError(f"opening, sliding and largest must go together: {error}") from error
    flat = [np.ascontiguousarray(array).reshape(-1) for array in arrays]
    found = _core.traction_separation(law.kernel(), *flat)
    shape = arrays[0].shape
    return np.array(found.traction).reshape(shape), np.array(found.damage).reshape(shape)


def cohesive_law(parameters: Parameters, mesh: Mesh | None = None) -> CohesiveLaw:
    """The law of a material's grain boundaries: bilinear, one strength and energy for both modes.

    Parameters
    ----------
    parameters : Parameters
        Gives strength, fracture energy and stiffness.
    mesh : Mesh, optional
        With it, and `cohesive_stiffness` left at its default, the stiffness is 50 E / d: E is
        Young's modulus of the polycrystal (Hill), d the diameter of a grain of mean volume, the
        layer left out.

    Returns
    -------
    CohesiveLaw
        Without a mesh, or with a `cohesive_stiffness` of the user's, that stiffness.

    Raises
    ------
    ValueError
        If the law cannot be, as with grains so large that the rule's slope is too shallow.

    References
    ----------
    .. [1] Turon, Dávila, Camanho and Costa, Eng. Fract. Mech. 74 (2007) 1665: K = α E / t, α ≥ 50.

    Examples
    --------
    >>> from nmcx import chemomechanics as cm, materials
    >>> cm.cohesive_law(materials.NMC811).stiffness
    1.8e+19
    >>> cm.cohesive_law(materials.NMC811_BRITTLE).final_opening
    1e-09
    """
    stiffness = parameters.cohesive_stiffness
    if mesh is not None and stiffness == Parameters.cohesive_stiffness:
        modulus = polycrystal_moduli(parameters.elasticity()).hill.young
        stiffness = _STIFFNESS_FACTOR * modulus / _grain_diameter(mesh)
    return CohesiveLaw(
        stiffness=stiffness,
        strength=parameters.strength,
        fracture_energy=parameters.fracture_energy,
    )


def _grain_diameter(mesh: Mesh) -> float:
    """Diameter of the disc or ball whose volume is the mean of the grains'."""
    volume = np.bincount(mesh.grain, mesh.volume)
    if mesh.layer_grain is not None and mesh.layer_grain < len(volume):
        volume[mesh.layer_grain] = 0.0
    mean = float(volume[volume > 0].mean())
    if mesh.dimension == 2:
        return 2.0 * math.sqrt(mean / math.pi)
    return math.cbrt(6.0 * mean / math.pi)
