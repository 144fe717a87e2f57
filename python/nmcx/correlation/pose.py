"""Finding where a surface map lies on the particle, and how surely."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.correlation.placing import view_frame
from nmcx.correlation.pose_noise import NoiseModel
from nmcx.correlation.pose_posterior import Mixture
from nmcx.correlation.pose_search import Prior, Problem
from nmcx.correlation.pose_stages import (
    COARSE_PX,
    FINE_PX,
    LEAST_ACROSS,
    SPOT_LOG_STD,
    SPOT_PX,
    bin_for,
    coarse_poses,
    difference,
    fine_posterior,
    look_at,
)
from nmcx.correlation.reprojection import Camera, Grid, signed_distance
from nmcx.results import Particle, Pose, XiMap

_Float = NDArray[np.float64]

#: A posterior share beyond this far in rotation makes the rotation ambiguous.
_FAR, _SHARE = np.deg2rad(20.0), 0.025
#: Draws from the posterior.
_N_SAMPLE = 1000


def fit_pose(
    image: XiMap | ArrayLike,
    particle: Particle,
    *,
    view: ArrayLike,
    pixel_size_um: float | tuple[float, float] | None = None,
    image_std: ArrayLike | None = None,
    max_tilt: float = 0.2,
    max_shift_um: float | None = None,
    max_scale: float = 0.03,
    n_start: int = 36,
    seed: int = 1,
    threads: int | None = None,
) -> Pose:
    """Pose of a surface map on the particle, by reprojection of the envelope.

    The envelope is looked at from trial poses and compared with the map: the silhouette, and the
    electron yield as a free function of the angle of incidence (linear between six knots in its
    cosine, solved for at each step), blurred by a spot of free width over a constant background.
    `n_start` rotations over the whole circle are followed on a coarse map, all distinct minima
    within reach on the fine one. What the reprojection cannot explain (counting noise, a texture of
    the yield, a wrong outline) is a correlated random field whose strengths and reach are
    estimated from the residuals, so that the spread of the pose knows how few independent pixels
    there are.

    Parameters
    ----------
    image : XiMap or (ny, nx) array_like
        Map whose ``low + high`` is taken, or an image of the total electron yield, in any unit. NaN
        pixels are not used: set needle, weld and neighbours to NaN.
    particle : Particle
        Envelope (nz, ny, nx) and centre [µm].
    view : (3,) array_like
        Nominal direction from the particle towards the beam or detector (z, y, x) (see
        `view_frame`).
    pixel_size_um : float or (float, float), optional
        (dy, dx) [µm]; needed for an array, known to an `XiMap`.
    image_std : (ny, nx) array_like or float, optional
        Standard deviation of independent noise, to a factor that is estimated; default: a constant
        and a part that grows as the image does, both estimated.
    max_tilt, max_scale : float
        How far the view may be tilted [rad] and the pixel size be wrong [1]. Prior: normal, with
        the variance of a uniform distribution over ± this.
    max_shift_um : float, optional
        The same for the distance of the particle's centroid from the middle of the map, along each
        axis [µm]; default half of the map's longer side.
    n_start : int
        Rotations, evenly over the circle, from which the search starts.
    seed : int
        Of ``numpy.random.default_rng``, for the samples and for the pixels whose residuals tell the
        noise.
    threads : int, optional
        Number of threads; default: all cores. The result does not depend on it.

    Returns
    -------
    Pose
        The best pose, its covariance and 1000 samples from the posterior: a mixture of normal
        distributions, one per minimum, weighted by their evidence (Laplace's approximation).
        ``ambiguous`` says that more than 2.5 % of it lies further than 20° away in rotation, as
        for a particle that is nearly round.

    Raises
    ------
    ValueError
        If an option is out of range, the pixel size is not known, the image is not two-dimensional
        or shows nothing that looks like the particle, or the particle is smaller than six pixels
        or voxels.

    References
    ----------
    .. [1] Our method. Yields solved for at each step: G. H. Golub, V. Pereyra, SIAM J. Numer. Anal.
       10, 413 (1973). Misfit as a random field: M. C. Kennedy, A. O'Hagan, J. R. Stat. Soc. B 63,
       425 (2001). Yield against incidence: J. Stöhr, "NEXAFS Spectroscopy" (1992), section 5.3.

    Examples
    --------
    >>> from nmcx import correlation, phantom
    >>> made = phantom.placed_map(3, shape=(40, 40, 40), voxel_size_um=0.3, map_shape=(32, 32))
    >>> pose = correlation.fit_pose(made.xi_map, made.particle, view=made.view)
    >>> bool(abs(pose.rotation - made.rotation) < 4 * pose.std[2]), pose.ambiguous
    (True, False)
    >>> on_surface = correlation.place(made.xi_map, made.particle, **pose.as_options())
    """
    if not (0 < max_tilt < np.pi / 4 and 0 < max_scale < 0.5):
        raise ValueError(
            f"max_tilt must lie in 0..pi/4 and max_scale in 0..0.5, not {max_tilt}, {max_scale}"
        )
    if max_shift_um is not None and not (np.isfinite(max_shift_um) and max_shift_um > 0):
        raise ValueError(f"max_shift_um must be positive, not {max_shift_um}")
    if n_start < 1:
        raise ValueError(f"n_start must be at least 1, not {n_start}")
    total, step_um = _image(image, pixel_size_um)
    direction, _, _ = view_frame(view)
    first = tuple(-0.5 * (n - 1) * s for n, s in zip(total.shape, step_um, strict=True))
    grid = Grid((total.shape[0], total.shape[1]), step_um, (first[0], first[1]))
    field = max(n * s for n, s in zip(total.shape, step_um, strict=True))
    reach = field / 2 if max_shift_um is None else float(max_shift_um)
    width = np.array([max_tilt, max_tilt, np.inf, reach, reach, max_scale]) / np.sqrt(3.0)
    prior = Prior(
        mean=np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, np.log(SPOT_PX)]),
        std=np.append(width, SPOT_LOG_STD),
    )
    scene = _scene(particle, grid, direction, FINE_PX, threads or 0)
    std = None if image_std is None else np.broadcast_to(_positive(image_std), total.shape)

    coarse = bin_for(total, scene, COARSE_PX)
    rough = _scene(particle, grid, direction, 2.0 * COARSE_PX, threads or 0)
    starts = coarse_poses(total, rough, coarse, prior, n_start)
    fine = bin_for(total, scene, FINE_PX)
    mixture, noise, problem = fine_posterior(starts, total, std, scene, fine, prior, seed)
    return _pose(
        mixture,
        noise,
        problem,
        scene,
        total,
        seed,
        {
            "max_tilt": max_tilt,
            "max_shift_um": reach,
            "max_scale": max_scale,
            "n_start": n_start,
            "seed": seed,
            "binning": fine,
        },
    )


def _image(
    image: XiMap | ArrayLike, pixel_size_um: float | tuple[float, float] | None
) -> tuple[_Float, tuple[float, float]]:
    """Image (ny, nx) with NaN where nothing is known, and (dy, dx)."""
    if isinstance(image, XiMap):
        if image.low is None or image.high is None:
            raise ValueError("image: the XiMap has no intensities low and high; pass their sum")
        values = np.asarray(image.low, dtype=np.float64) + np.asarray(image.high, np.float64)
        size: Any = image.pixel_size_um if pixel_size_um is None else pixel_size_um
    else:
        values, size = np.asarray(image, dtype=np.float64), pixel_size_um
    if values.ndim != 2:
        raise ValueError(f"image must have two axes (ny, nx), not {values.ndim}")
    steps = np.broadcast_to(np.asarray(np.nan if size is None else size, dtype=np.float64), (2,))
    if not np.all(np.isfinite(steps) & (steps > 0)):
        raise ValueError(f"pixel_size_um must be known and positive, not {size}")
    values = np.where(np.isfinite(values), values, np.nan)
    if np.count_nonzero(np.isfinite(values)) < 64 or np.nanmin(values) == np.nanmax(values):
        raise ValueError(
            "image has fewer than 64 finite pixels or is constant: there is nothing to place"
        )
    return values, (float(steps[0]), float(steps[1]))


def _positive(image_std: ArrayLike) -> _Float:
    std = np.asarray(image_std, dtype=np.float64)
    if np.any(std[np.isfinite(std)] <= 0) or not np.any(np.isfinite(std)):
        raise ValueError("image_std must be positive where it is finite")
    return std


def _scene(particle: Particle, grid: Grid, view: _Float, across_px: float, threads: int) -> Camera:
    """The camera for the unbinned map, if the particle is large enough for it.

    Voxels need be no finer than half a pixel of a map on which it is `across_px` across.
    """
    pixel = float(np.sqrt(np.prod(grid.step_um)))
    n_voxel = np.count_nonzero(particle.envelope)
    if n_voxel == 0:
        raise ValueError("particle: the envelope is empty; check how it was segmented")
    across = 2.0 * (0.75 * n_voxel / np.pi) ** (1.0 / 3.0)
    diameter = across * float(np.prod(particle.voxel_size_um)) ** (1.0 / 3.0)
    if min(across, diameter / pixel) < LEAST_ACROSS:
        raise ValueError(
            f"particle is {across:.1f} voxels and {diameter / pixel:.1f} pixels across: its pose "
            f"cannot be told from fewer than {LEAST_ACROSS:.0f}; check voxel_size_um and "
            "pixel_size_um"
        )
    finest = 0.5 * max(pixel, diameter / across_px)
    return Camera(signed_distance(particle, finest), grid, view, threads)


def _pose(
    mixture: Mixture,
    noise: NoiseModel,
    problem: Problem,
    camera: Camera,
    total: _Float,
    seed: int,
    settings: dict[str, Any],
) -> Pose:
    """The posterior of the modes, and the best of them in the words of `place`."""
    random = np.random.default_rng(seed)
    poses = mixture.draw(_N_SAMPLE, random)
    costs = [problem.cost(mean) for mean in mixture.mean]
    best = mixture.mean[int(np.argmax(mixture.weight))]
    poses = best + difference(poses, best)
    best_options = camera.options(best[None])[0]
    turns = 2.0 * np.pi * np.round(best_options[2] / (2.0 * np.pi))
    best_options[2] -= turns
    samples = camera.options(poses)
    samples[:, 2] -= turns
    away = samples - best_options
    far = float(np.mean(np.abs(away[:, 2]) > _FAR))

    spot = best.copy()
    spot[6] += np.log(settings["binning"])
    covered = camera.silhouette(spot) > 0.5
    finite = np.isfinite(total)
    bright = look_at(total, camera, 1).mask
    overlap = np.count_nonzero(covered & bright)
    either = int(np.count_nonzero(covered & finite) + np.count_nonzero(bright))
    dice = 2.0 * overlap / max(1, either)
    settings = {
        **settings,
        "white": noise.white,
        "texture": noise.texture,
        "rotations": tuple(float(mean[2]) for mean in mixture.mean),
        "weights": tuple(float(w) for w in mixture.weight),
        "spot_px": float(np.exp(spot[6])),
    }
    k = camera.view
    return Pose(
        view=(float(k[0]), float(k[1]), float(k[2])),
        tilt=(float(best_options[0]), float(best_options[1])),
        rotation=float(best_options[2]),
        offset_um=(float(best_options[3]), float(best_options[4])),
        scale=float(best_options[5]),
        covariance=away.T @ away / len(away),
        samples=samples,
        dice=float(dice),
        log_likelihood=-0.5 * min(costs),
        ambiguous=far > _SHARE,
        image=camera.image(spot, problem.solved(best)),
        settings=settings,
        notes=(),
    )
