"""What an edge fit does, settled before the first voxel: windows, degrees, estimator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import Spectrum
from nmcx.xanes._coerce import Window, number, window_of
from nmcx.xanes.degrees import choose_degrees
from nmcx.xanes.peak_width import WHITE_LINE_HALF_WIDTH_EV, choose_half_width_ev
from nmcx.xanes.sampling import mean_spectrum
from nmcx.xanes.template import given_template, make_template
from nmcx.xanes.windows import FitWindows

Float = NDArray[np.float64]


@dataclass(frozen=True)
class FitOptions:
    """The options of `nmcx.xanes.fit_edges` that decide what is fitted."""

    pre_edge: Window
    post_edge: Window
    pre_degree: int | None = None
    post_degree: int | None = None
    level: float = 0.5
    estimator: str = "half_jump"
    template: Spectrum | Sequence[ArrayLike] | None = None
    normalisation: str = "window"
    white_line_half_width_ev: float | None = None


@dataclass(frozen=True)
class Preparation:
    """A fit in plain values, so that it can be sent to another process and compared with another.

    Local, streamed and distributed fits are made from the same one, which makes their bits agree.
    """

    energy_ev: Float  #: (n_energy,) [eV]
    windows: FitWindows
    estimator: str
    noise_given: bool  #: whether the variance was given
    template: Spectrum | None = None  #: flattened

    def edge_model(self) -> _core.EdgeModel:
        """The model as the kernels take it."""
        return self.windows.core()

    def estimator_model(self) -> _core.EstimatorModel:
        """The estimator as the kernels take it."""
        if self.template is None:
            return _core.EstimatorModel(self.estimator)
        energies, values = self.template.energy_ev, self.template.mu
        return _core.EstimatorModel(self.estimator, energies.tolist(), values.tolist())

    def settings(self) -> dict[str, Any]:
        """`EdgeMap.settings`: all that is needed to fit again."""
        settings: dict[str, Any] = {
            "pre_edge": self.windows.pre_edge,
            "post_edge": self.windows.post_edge,
            "pre_degree": self.windows.pre_degree,
            "post_degree": self.windows.post_degree,
            "estimator": self.estimator,
            "normalisation": "global_shape" if self.windows.shape_mu else "window",
            "white_line_estimator": "maximum of the flattened spectrum, parabola",
            "white_line_half_width_ev": self.windows.peak_half_width_ev,
            "noise_source": "variance" if self.noise_given else "residuals",
            "instruction_set": _core.active_instruction_set(),
        }
        if self.estimator == "half_jump":
            settings["level"] = self.windows.level
        if self.windows.shape_mu:
            settings["shape_mu"] = list(self.windows.shape_mu)
        if self.template is not None:
            settings["template_ev"] = self.template.energy_ev.tolist()
            settings["template_mu"] = self.template.mu.tolist()
        return settings


def prepare(
    energy: Float,
    options: FitOptions,
    sample: Callable[[], Float],
    variance: Callable[[], Float] | None,
) -> Preparation:
    """Settle a fit.

    Parameters
    ----------
    energy : (n_energy,) array
        Photon energies [eV].
    options : FitOptions
        What the caller asked for.
    sample : callable
        Gives (n_energy, n_sample) spectra of the stack; called only if something depends on them.
    variance : callable, optional
        Gives their variance, (n_energy, any), if it is known.
    """
    kept: list[Float] = []

    def spectra() -> Float:
        if not kept:
            kept.append(sample())
        return kept[0]

    estimator = str(options.estimator)
    level = number(options.level, "level")
    if estimator != "half_jump" and level != 0.5:
        raise ValueError(
            f"level belongs to estimator 'half_jump', not to {estimator!r}: leave it out"
        )
    edges = window_of(options.pre_edge, "pre_edge"), window_of(options.post_edge, "post_edge")
    degrees = choose_degrees(energy, spectra, *edges, options.pre_degree, options.post_degree)
    windows = FitWindows(*edges, *degrees, level, WHITE_LINE_HALF_WIDTH_EV)
    if options.normalisation == "global_shape":
        windows = replace(windows, shape_mu=tuple(mean_spectrum(spectra()).tolist()))
    elif options.normalisation != "window":
        raise ValueError(
            f"normalisation must be 'window' or 'global_shape', not {options.normalisation!r}"
        )
    windows = replace(
        windows, peak_half_width_ev=_half_width(energy, options, spectra, variance, windows)
    )
    template = _template(energy, options, spectra, windows)
    return Preparation(energy, windows, estimator, variance is not None, template)


def _half_width(
    energy: Float,
    options: FitOptions,
    spectra: Callable[[], Float],
    variance: Callable[[], Float] | None,
    windows: FitWindows,
) -> float:
    if options.white_line_half_width_ev is None:
        given = np.empty((0, 0)) if variance is None else variance()
        return choose_half_width_ev(energy, spectra(), given, windows)
    half_width = number(options.white_line_half_width_ev, "white_line_half_width_ev")
    if not 0.0 < half_width < 100.0:
        raise ValueError("white_line_half_width_ev must be above 0 and below 100 eV")
    return half_width


def _template(
    energy: Float, options: FitOptions, spectra: Callable[[], Float], windows: FitWindows
) -> Spectrum | None:
    """The template, if the estimator has one."""
    if options.estimator != "template":
        if options.template is not None:
            raise ValueError('template needs estimator="template"')
        return None
    if options.template is not None:
        return given_template(options.template, energy, windows)
    return make_template(energy, spectra(), windows)
