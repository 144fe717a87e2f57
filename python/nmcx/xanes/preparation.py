"""What an edge fit does, settled before the first voxel: windows, degrees, estimator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.xanes._coerce import Window, window_of
from nmcx.xanes.degrees import choose_degrees

#: Reach of the white-line parabola on either side of the highest sample [eV] (our default: a wider
#: window has less noise, but follows the asymmetry of the line; on LiNiO2 3 eV moves it by 0.12).
WHITE_LINE_HALF_WIDTH_EV = 2.0


@dataclass(frozen=True)
class Preparation:
    """A fit in plain values, so that it can be sent to another process and compared with another.

    Local, streamed and distributed fits are made from the same one, which makes their bits agree.
    """

    energy_ev: NDArray[np.float64]  #: (n_energy,) [eV]
    pre_edge: tuple[float, float]  #: [eV]
    post_edge: tuple[float, float]  #: [eV]
    pre_degree: int
    post_degree: int
    level: float
    estimator: str
    noise_given: bool  #: whether the variance was given

    def edge_model(self) -> _core.EdgeModel:
        """The model as the kernels take it."""
        return _core.EdgeModel(
            self.pre_edge,
            self.post_edge,
            self.pre_degree,
            self.post_degree,
            self.level,
            WHITE_LINE_HALF_WIDTH_EV,
        )

    def estimator_model(self) -> _core.EstimatorModel:
        """The estimator as the kernels take it."""
        return _core.EstimatorModel(self.estimator)

    def settings(self) -> dict[str, Any]:
        """`EdgeMap.settings`."""
        return {
            "pre_edge": self.pre_edge,
            "post_edge": self.post_edge,
            "pre_degree": self.pre_degree,
            "post_degree": self.post_degree,
            "level": self.level,
            "estimator": self.estimator,
            "white_line_estimator": "maximum of the flattened spectrum, parabola",
            "white_line_half_width_ev": WHITE_LINE_HALF_WIDTH_EV,
            "noise_source": "variance" if self.noise_given else "residuals",
            "instruction_set": _core.active_instruction_set(),
        }


def prepare(
    energy: NDArray[np.float64],
    sample: Callable[[], NDArray[np.float64]],
    *,
    pre_edge: Window,
    post_edge: Window,
    pre_degree: int | None,
    post_degree: int | None,
    level: float,
    estimator: str,
    noise_given: bool,
) -> Preparation:
    """Settle a fit.

    Parameters
    ----------
    energy : (n_energy,) array
        Photon energies [eV].
    sample : callable
        Gives (n_energy, n_sample) spectra of the stack; called only if something depends on them.
    pre_edge, post_edge, pre_degree, post_degree, level, estimator
        As in `nmcx.xanes.fit_edges`.
    noise_given : bool
        Whether the variance is given.
    """
    windows = window_of(pre_edge, "pre_edge"), window_of(post_edge, "post_edge")
    degrees = choose_degrees(energy, sample, *windows, pre_degree, post_degree)
    return Preparation(energy, *windows, *degrees, float(level), estimator, noise_given)
