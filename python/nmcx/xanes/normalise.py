"""Normalised and flattened spectra."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from nmcx import _core
from nmcx.results import NormalisedSpectra
from nmcx.xanes._coerce import Window, coerce
from nmcx.xanes.peak_width import WHITE_LINE_HALF_WIDTH_EV
from nmcx.xanes.preparation import FitOptions, prepare
from nmcx.xanes.sampling import mean_spectrum, sample_spectra


def normalise(
    energy_ev: ArrayLike,
    mu: ArrayLike,
    *,
    pre_edge: Window,
    post_edge: Window,
    pre_degree: int | None = None,
    post_degree: int | None = None,
    normalisation: str = "window",
    edge_ev: float | None = None,
    energy_axis: int = 0,
) -> NormalisedSpectra:
    """Spectra normalised to a jump of one, and their flattened form.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV], strictly increasing.
    mu : (n_energy, ...) array_like
        Absorption [1].
    pre_edge, post_edge, pre_degree, post_degree, normalisation
        As in `fit_edges`.
    edge_ev : float, optional
        Where the jump is taken [eV]. Default: half-jump energy of the mean spectrum, or the middle
        between the windows if it has none.
    energy_axis : int
        Axis of `mu` that runs over energy.

    Returns
    -------
    NormalisedSpectra
        `norm` = (mu - pre) / jump; `flat` = norm - (post / jump - 1) above `edge_ev`; both with the
        energies first.

    Raises
    ------
    ValueError
        As `fit_edges`.

    References
    ----------
    M. Newville, J. Phys. Conf. Ser. 430, 012007 (2013): normalised and flattened mu(E).

    Examples
    --------
    >>> from nmcx import phantom, xanes
    >>> ramp = phantom.edge_ramp(n_voxel=1)
    >>> spectra = xanes.normalise(
    ...     ramp.energy_ev, 2 * ramp.mu, pre_edge=(8250, 8320), post_edge=(8380, 8640)
    ... )
    >>> spectra.edge_jump.round(3)
    array([2.])
    """
    energy, stack, voxel_major, shape = coerce(energy_ev, mu, energy_axis)
    spectra = np.ascontiguousarray(stack.T if voxel_major else stack, dtype=np.float64)
    sample = sample_spectra(spectra.reshape((len(spectra), *shape)), False)
    options = FitOptions(
        pre_edge,
        post_edge,
        pre_degree,
        post_degree,
        normalisation=normalisation,
        white_line_half_width_ev=WHITE_LINE_HALF_WIDTH_EV,
    )
    prepared = prepare(energy, options, lambda: sample, None)
    if edge_ev is None:
        # With both windows exactly determined there is no noise estimate; none is wanted here.
        edge = _core.fit_edges(
            energy, mean_spectrum(sample)[:, None], np.ones((energy.size, 1)) * 1e-12, False, [],
            prepared.edge_model(), prepared.estimator_model(), 1,
        ).edge_energy_ev[0]  # fmt: skip
        middle = 0.5 * (prepared.windows.pre_edge[1] + prepared.windows.post_edge[0])
        edge_ev = float(edge) if math.isfinite(edge) else middle
    raw = _core.normalise(energy, spectra, prepared.edge_model(), float(edge_ev), 0)
    return NormalisedSpectra(
        energy_ev=energy,
        norm=raw.norm.reshape((energy.size, *shape)),
        flat=raw.flat.reshape((energy.size, *shape)),
        edge_jump=raw.edge_jump.reshape(shape),
        edge_ev=float(edge_ev),
    )
