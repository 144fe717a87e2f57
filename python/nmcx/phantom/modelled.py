"""A particle that the model has cracked under a layer that is known, measured like a real one."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from nmcx import chemomechanics, comparison, cones, correlation
from nmcx.materials import NMC811, Parameters
from nmcx.mesh import from_particle, image_position
from nmcx.phantom.files import write_modelled
from nmcx.phantom.geometry import (
    Array,
    SmoothField,
    fibonacci_sphere,
    random_body,
    smooth_field,
    view_frame,
)
from nmcx.phantom.measurement import SOFT_ENERGIES_EV
from nmcx.phantom.placed import ratio_map
from nmcx.phantom.soft import Scene, SphereTable, render
from nmcx.results import (
    ConePorosity,
    History,
    Mesh,
    Particle,
    Result,
    StxmStack,
    SurfaceValues,
    XiMap,
)
from nmcx.results.base import Float, quantity

#: ξ of bare surface, and how much lower it is under the thickest layer.
_XI_BARE, _XI_DROP = 0.62, 0.15
_N_CELL = 4000
#: Time per pixel of the scans.
_DWELL_S = 0.004


@dataclass(frozen=True)
class ModelledParticle(Result):
    """What was measured of a particle out of the model, and what is true of it."""

    particle: Particle = quantity("")  #: as the tomogram shows it, noise and all
    xi_map: XiMap = quantity("")  #: of the side that `view` sees
    view: tuple[float, float, float] = quantity("1")  #: towards the beam (z, y, x)
    cracked: Particle = quantity("")  #: true: the share of each voxel that is still solid
    true_xi: Float = quantity("1", "cell")  #: (n,) true ξ at `fibonacci_sphere(n)`
    layer: Float = quantity("m", "facet")  #: (s,) layer that acted on each surface facet [m]
    mesh: Mesh = quantity("")
    history: History = quantity("")
    background: float = quantity("1")  #: counts per pixel and energy without a particle

    def scans(self) -> tuple[StxmStack, StxmStack]:
        """The two soft scans as a beamline would give them, counts with their background.

        Returns
        -------
        tuple of StxmStack
            At the lower and at the higher energy.
        """
        found = self.xi_map
        assert found.low is not None and found.high is not None
        return (
            _scan(
                np.asarray(found.low) + self.background, SOFT_ENERGIES_EV[0], found.pixel_size_um
            ),
            _scan(
                np.asarray(found.high) + self.background, SOFT_ENERGIES_EV[1], found.pixel_size_um
            ),
        )

    def write(self, folder: str | PathLike[str], *, overwrite: bool = False) -> dict[str, Path]:
        """Write what was measured as files, and a run file for them.

        The run file has no model in it: add ``[model]`` and ``[compare]``.

        Parameters
        ----------
        folder : path
            Made if missing.
        overwrite : bool
            Whether files that exist are replaced.

        Returns
        -------
        dict
            Paths by name: ``a_scan``, ``b_scan`` (.hdr with .xim beside), ``tomogram`` (.tif),
            ``run`` (.toml).

        Raises
        ------
        nmcx.errors.OutputError
            If a file exists and `overwrite` is false, or cannot be written.
        """
        low, high = self.scans()
        return write_modelled(
            low, high, self.particle, folder, view=self.view, background=self.background,
            overwrite=overwrite,
        )  # fmt: skip

    def true_correlation(self, seen: SurfaceValues, measured: ConePorosity) -> Array:
        """(n_angle,) r of true ξ and true porosity where the map was seen, without any noise."""
        truth = SphereTable(np.asarray(self.true_xi, dtype=np.float64))(
            np.asarray(seen.directions, dtype=np.float64)
        )
        flat = np.ones(truth.size)
        perfect = SurfaceValues(
            truth, flat, seen.directions, seen.incidence, seen.points_um, seen.area_um2, seen.view
        )
        porosity = cones.cone_porosity(
            self.cracked, measured.directions, measured.half_angle, soft=True
        )
        return correlation.observed_correlation(perfect, porosity)


def modelled_particle(
    seed: int = 1,
    *,
    coupled: bool = True,
    radius_um: float = 5.0,
    voxel_size_um: float = 0.2,
    n_grains: int = 150,
    size: float = 0.66e-6,
    largest_layer: float = 500e-9,
    patch: float = 0.3,
    contrast: float = 2.0,
    texture: Literal["random", "radial"] = "random",
    parameters: Parameters = NMC811,
    protocol: chemomechanics.Charge | None = None,
    coupling: chemomechanics.Coupling | None = None,
    states: int = 2,
    max_step: float = 0.2,
    voxel_noise: float = 0.005,
    counts: float = 1000.0,
    map_shape: tuple[int, int] = (48, 48),
    view: tuple[float, float, float] = (0.0, 0.0, 1.0),
    threads: int = 1,
) -> ModelledParticle:
    """Particle cracked by the model under a patchy layer, then imaged: soft map and tomogram.

    The layer of a direction is h_max · clip(½ + b f, 0, 1) with a smooth random field f, and ξ
    falls by 0.15 from bare surface to the thickest layer. With `coupled` false the simulation knows
    nothing of f: another such field is its layer.

    Parameters
    ----------
    seed : int
        Of everything random.
    coupled : bool
        Whether the layer that acted is the one that ξ shows.
    radius_um : float
        Mean radius of an irregular body [µm].
    voxel_size_um : float
        Edge of the voxels [µm].
    n_grains, size
        See `nmcx.mesh.from_particle`; edges [m].
    largest_layer : float
        h_max [m].
    patch : float
        Correlation length of f, a chord of the unit sphere [1].
    contrast : float
        b: from 2 on, surface is bare or fully covered almost everywhere [1].
    texture : {"random", "radial"}
        See `nmcx.mesh.from_particle`.
    parameters : Parameters
        Of the material.
    protocol : Charge, optional
        Default: 2C to a mean c / C_max of 0.9: lithium has left the bare surface mostly.
    coupling : Coupling, optional
        Default: one way, as in the paper.
    states, max_step, threads
        See `nmcx.chemomechanics.simulate`.
    voxel_noise : float
        Standard deviation of the solid share of each voxel in the tomogram [1]. The default is 7 %
        of voxels of 33 nm, averaged over voxels of 200.
    counts : float
        Counts per pixel and energy on flat surface [1].
    map_shape : (int, int)
        Pixels (ny, nx); the shorter side spans 2.4 radii.
    view : (float, float, float)
        From the particle towards the beam (z, y, x).

    Returns
    -------
    ModelledParticle
        Measured and true.

    Raises
    ------
    ValueError
        If an option is out of range.
    nmcx.errors.ConvergenceError
        If the layer is too thick for the current.

    References
    ----------
    Our default.

    Examples
    --------
    >>> made = modelled_particle(1, n_grains=8, size=1.0e-6, voxel_size_um=0.25, states=1,
    ...                          protocol=chemomechanics.Charge(1.0, until=0.8))
    >>> bool(made.cracked.soft_porosity > 0), made.xi_map.xi.shape
    (True, (48, 48))
    """
    if not (voxel_noise >= 0 and counts > 0 and largest_layer > 0):
        raise ValueError("voxel_noise must not be negative; counts and largest_layer be positive")
    streams = np.random.SeedSequence(seed).spawn(6)
    shaping, chemistry, relief, counting, tomography, other = map(np.random.default_rng, streams)
    n = int(np.ceil(1.1 * radius_um / voxel_size_um)) + 2
    middle = np.full(3, n * voxel_size_um)
    body = random_body(shaping, middle, radius_um)
    axis = np.arange(2 * n + 1) * voxel_size_um
    envelope = body.depth(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)) >= 0.0
    whole = Particle(envelope, envelope, (voxel_size_um,) * 3)
    centre = np.asarray(whole.centre_um)

    shown = smooth_field(chemistry, patch)
    acting = shown if coupled else smooth_field(other, patch)

    def share(field: SmoothField, directions: Array) -> Array:
        return np.clip(0.5 + contrast * field(directions), 0.0, 1.0)

    mesh = from_particle(
        whole, n_grains=n_grains, size=size, seed=seed, texture=texture, threads=threads
    )
    way = image_position(mesh.points[mesh.surface].mean(axis=1)) - centre
    layer = largest_layer * share(acting, way / np.linalg.norm(way, axis=1)[:, None])
    with np.errstate(divide="ignore"):
        conductance = parameters.diffusivity_layer / layer
    history = chemomechanics.simulate(
        mesh,
        parameters,
        protocol=protocol or chemomechanics.Charge(2.0, until=0.9),
        surface=chemomechanics.ButlerVolmer(layer_conductance=conductance),
        coupling=coupling or chemomechanics.Coupling.one_way(),
        states=states,
        max_step=max_step,
        threads=threads,
    )
    cracked = comparison.cracked_particle(mesh, history.opening[-1], whole)
    assert cracked.solid_fraction is not None
    noisy = cracked.solid_fraction + voxel_noise * tomography.standard_normal(envelope.shape)
    xi = SphereTable(_XI_BARE - _XI_DROP * share(shown, fibonacci_sphere(_N_CELL)))
    frame = view_frame(view, 0.0, (0.0, 0.0))
    scene = Scene(body, None, frame, centre, smooth_field(relief, 0.12 * radius_um))
    pixel_um = 2.4 * radius_um / min(map_shape)
    image = render(scene, xi, map_shape, (pixel_um, pixel_um))
    both = 2.0 * counts * image.total
    background = 0.004 * counts
    low = counting.poisson(both * (1.0 - image.ratio) + background).astype(np.float64)
    high = counting.poisson(both * image.ratio + background).astype(np.float64)
    return ModelledParticle(
        particle=Particle(
            envelope, envelope, (voxel_size_um,) * 3, solid_fraction=noisy.astype(np.float32)
        ),
        xi_map=ratio_map(low - background, high - background, background, pixel_um),
        view=view,
        cracked=cracked,
        true_xi=xi.values,
        layer=layer,
        mesh=mesh,
        history=history,
        background=background,
    )


def _scan(counts: ArrayLike, energy_ev: float, pixel_size_um: tuple[float, float]) -> StxmStack:
    image = np.asarray(counts, dtype=np.float64)
    ny, nx = image.shape
    dy, dx = pixel_size_um
    return StxmStack(
        counts=image[None],
        energy_ev=np.array([energy_ev]),
        x_um=(np.arange(nx) - (nx - 1) / 2) * dx,
        y_um=(np.arange(ny) - (ny - 1) / 2) * dy,
        dwell_s=_DWELL_S,
    )


__all__ = ["ModelledParticle", "modelled_particle"]
