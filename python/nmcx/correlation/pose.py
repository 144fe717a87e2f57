"""Finding where a surface map lies on the particle, and how surely."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.correlation.placing import view_frame
from nmcx.correlation.pose_noise import REACHES, NoiseModel, Terms, fit_noise, texture_response
from nmcx.correlation.pose_posterior import Mixture, explore
from nmcx.correlation.pose_search import Fit, Prior, Problem
from nmcx.correlation.reprojection import Camera, Grid, binned_image, signed_distance
from nmcx.results import Particle, Pose, XiMap

_Float = NDArray[np.float64]

#: Pixels across the particle in the multi-start search and in the final fit; finer maps are binned.
_COARSE_PX, _FINE_PX = 13.0, 52.0
#: Pixels of that map that are joined to one after the spot.
_JOINED = 2
#: Least pixels and voxels across the particle of which a pose can be told.
_LEAST_ACROSS = 6.0
#: Standard deviation of the spot: typical value [px], and of its logarithm.
_SPOT_PX, _SPOT_LOG_STD = 0.7, 0.5
#: Modes that are followed to the end, at most.
_N_MODE = 8
#: Rise of the coarse search's cost, in units of its effective noise, up to which a mode is kept.
_COARSE_RISE = 40.0
#: Neighbouring pixels of the coarse map whose residuals repeat each other.
_REPEATED = 6.0
#: Power of the likelihood in the posterior: what no term describes (the voxels' staircase, the
#: shape of the spot, a noise model fitted to the same residuals) makes it too sharp. Set on
#: phantoms with other seeds than those the coverage is verified on. See J. W. Miller, D. B. Dunson,
#: "Robust Bayesian inference via coarsening", J. Am. Stat. Assoc. 114, 1113 (2019).
_POWER = 0.75
#: Rise of the fine map's cost up to which a minimum is kept.
_FINE_RISE = 30.0
#: Widening of the covariances that the exploration of the posterior starts from.
_WIDENING = 4.0
#: Modes around which other tilts are tried.
_N_TILTED = 1
#: A posterior share beyond this far in rotation makes the rotation ambiguous.
_FAR, _SHARE = np.deg2rad(20.0), 0.025
#: Prior standard deviation of the yield's bend at a knot [mean yield]; that of 1/cos, capped where
#: the escape depth ends its growth, is about this.
_BEND = 0.15
#: Least error of an outline that is known by its voxels [voxels].
_OUTLINE = 1.0 / 3.0
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
        mean=np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, np.log(_SPOT_PX)]),
        std=np.append(width, _SPOT_LOG_STD),
    )
    scene = _scene(particle, grid, direction, threads or 0)
    std = None if image_std is None else np.broadcast_to(_positive(image_std), total.shape)

    coarse = _bin_for(total, scene, _COARSE_PX)
    starts = _starts(total, scene, coarse, prior, n_start)
    fine = _bin_for(total, scene, _FINE_PX)
    mixture, noise, problem = _refined(starts, total, std, scene, fine, prior, seed)
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


def _scene(particle: Particle, grid: Grid, view: _Float, threads: int) -> Camera:
    """The camera for the unbinned map, if the particle is large enough for it."""
    pixel = float(np.sqrt(np.prod(grid.step_um)))
    n_voxel = np.count_nonzero(particle.envelope)
    if n_voxel == 0:
        raise ValueError("particle: the envelope is empty; check how it was segmented")
    across = 2.0 * (0.75 * n_voxel / np.pi) ** (1.0 / 3.0)
    diameter = across * float(np.prod(particle.voxel_size_um)) ** (1.0 / 3.0)
    if min(across, diameter / pixel) < _LEAST_ACROSS:
        raise ValueError(
            f"particle is {across:.1f} voxels and {diameter / pixel:.1f} pixels across: its pose "
            f"cannot be told from fewer than {_LEAST_ACROSS:.0f}; check voxel_size_um and "
            "pixel_size_um"
        )
    # Voxels need be no finer than half a pixel of the finest map that is fitted.
    finest = 0.5 * max(pixel, diameter / _FINE_PX)
    return Camera(signed_distance(particle, finest), grid, view, threads)


def _bin_for(total: _Float, scene: Camera, across_px: float) -> int:
    """Binning that leaves the particle about this many pixels across."""
    pixel = float(np.sqrt(np.prod(scene.grid.step_um)))
    factor = round(2.0 * scene.body.radius_um / pixel / across_px)
    return max(1, min(factor, int(min(total.shape)) // 8))


@dataclass(frozen=True)
class _Look:
    """What the image alone says."""

    image: _Float  #: (ny, nx) binned
    camera: Camera
    factor: int  #: pixels per side of the unbinned map in one of these
    smooth: _Float  #: (ny, nx) image after a little smoothing, background removed, not negative
    level: float  #: mean of the bright pixels above background
    mask: NDArray[np.bool_]  #: (ny, nx) bright pixels
    finite: NDArray[np.bool_]  #: (ny, nx)

    @property
    def pixel_um(self) -> float:
        """Size of the pixels, those of the grid joined [µm]."""
        return self.camera.binning * float(np.sqrt(np.prod(self.camera.grid.step_um)))


def _look(total: _Float, scene: Camera, factor: int, joined: int = 1) -> _Look:
    """Bright and dark pixels, separated at the middle of their means (Ridler and Calvard 1978)."""
    from scipy.ndimage import gaussian_filter

    image = binned_image(total, factor * joined)
    finite = np.isfinite(image)
    values = image[finite]
    threshold = 0.5 * float(values.min() + values.max())
    for _ in range(50):
        dark, bright = values[values <= threshold], values[values > threshold]
        if dark.size == 0 or bright.size == 0:
            break
        middle = 0.5 * float(dark.mean() + bright.mean())
        if middle == threshold:
            break
        threshold = middle
    background = float(np.median(values[values <= threshold]))
    level = float(values[values > threshold].mean()) - background
    weight = gaussian_filter(finite.astype(np.float64), 1.0)
    raised = gaussian_filter(np.where(finite, image - background, 0.0), 1.0)
    smooth = np.maximum(raised / np.maximum(weight, 1e-3), 0.0)
    grid = scene.grid.binned(factor)
    camera = Camera(scene.body, grid, scene.view, scene.threads, joined)
    mask = finite & (np.where(finite, image, -np.inf) > threshold)
    return _Look(image, camera, factor * joined, smooth, level, mask, finite)


def _starts(total: _Float, scene: Camera, factor: int, prior: Prior, n_start: int) -> list[Fit]:
    """Distinct poses within reach of the best one, from all rotations on a coarse map."""
    look = _look(total, scene, factor)
    std = np.hypot(0.03 * look.level, 0.12 * look.smooth)[look.finite]

    def whiten(values: _Float) -> _Float:
        return np.asarray((values.T / std).T)

    problem = Problem(look.camera, look.image, look.finite, whiten, prior, _BEND * look.level)
    up, right = look.camera.grid.positions()
    weight = np.where(look.mask, 1.0, 0.0)
    centre = [float(np.sum(weight * axis) / weight.sum()) for axis in (up, right)]
    spot = float(np.log(_SPOT_PX / factor + 0.2))
    poses = [
        np.array([0.0, 0.0, rotation, *centre, 1.0, spot])
        for rotation in 2.0 * np.pi * np.arange(n_start) / n_start - np.pi
    ]
    fits = _distinct([problem.minimise(pose, 3, 1.0) for pose in poses], problem.steps())
    fits = _distinct(
        [problem.minimise(fit.pose, 8, 1.0) for fit in fits[:_N_MODE]], problem.steps()
    )
    best = fits[0]
    values = look.image[look.finite]
    unexplained = float(np.var(best.residual) / np.var(values))
    if not unexplained < 0.6:
        raise ValueError(
            f"image shows nothing like the particle: {unexplained:.0%} of its variance is left at "
            "the best pose; check view, pixel size, voxel size, and that the map holds the particle"
        )
    # Neighbouring residuals repeat each other: some six pixels make one.
    unit = _REPEATED * best.cost / values.size
    near = [fit for fit in fits if fit.cost <= best.cost + _COARSE_RISE * unit]
    near += [problem.minimise(pose, 8, 1.0) for pose in _tilted(near[:_N_TILTED], prior)]
    near = [fit for fit in near if fit.cost <= best.cost + _COARSE_RISE * unit]
    return _distinct(near, problem.steps())[:_N_MODE]


def _tilted(fits: list[Fit], prior: Prior) -> list[_Float]:
    """Poses a typical tilt away from each fit, on four sides."""
    poses = []
    for fit in fits:
        for i, side in ((0, -1.0), (0, 1.0), (1, -1.0), (1, 1.0)):
            pose = fit.pose.copy()
            pose[i] += side * prior.std[i]
            poses.append(pose)
    return poses


def _distinct(fits: list[Fit], steps: _Float) -> list[Fit]:
    """The fits, best first, without those that ended within half a pixel of a better one."""
    kept: list[Fit] = []
    for fit in sorted(fits, key=lambda one: one.cost):
        away = [_difference(fit.pose, other.pose) / (2.0 * steps) for other in kept]
        if all(np.max(np.abs(a[:6])) > 1.0 for a in away):
            kept.append(fit)
    return kept


def _difference(pose: _Float, other: _Float) -> _Float:
    """Pose - other, with the shorter way round in rotation."""
    difference = pose - other
    difference[..., 2] = (difference[..., 2] + np.pi) % (2.0 * np.pi) - np.pi
    return np.asarray(difference)


def _refined(
    starts: list[Fit],
    total: _Float,
    std: _Float | None,
    scene: Camera,
    factor: int,
    prior: Prior,
    seed: int,
) -> tuple[Mixture, NoiseModel, Problem]:
    """The posterior on the fine map, weighted by the noise that the best pose leaves."""
    from scipy.linalg import cholesky, solve_triangular

    across = 2.0 * scene.body.radius_um / float(np.sqrt(np.prod(scene.grid.step_um)))
    joined = _JOINED if across / (factor * _JOINED) > 2.0 * _LEAST_ACROSS else 1
    look = _look(total, scene, factor, joined)
    used = look.finite & _near(look.mask, 0.15 * scene.body.radius_um, look.pixel_um)
    independent = np.hypot(0.03 * look.level, 0.12 * look.smooth)[used]

    def unmixed(values: _Float) -> _Float:
        return np.asarray((values.T / independent).T)

    problem = Problem(look.camera, look.image, used, unmixed, prior, _BEND * look.level)
    poses = np.array([fit.pose for fit in starts])
    poses[:, 6] = np.log(_SPOT_PX)
    best = problem.minimise(poses[0], 6, 0.5)
    terms, noise = _terms(look, used, std, best)
    noise = fit_noise(best.residual, best.fixed, terms, noise, seed)
    root = cholesky(noise.covariance(terms), lower=True, overwrite_a=True, check_finite=False)
    problem = replace(
        problem, whiten=lambda v: solve_triangular(root, v, lower=True, check_finite=False)
    )
    poses[:, 6] = best.pose[6]
    fits = _distinct([problem.minimise(pose, 8, 0.2) for pose in poses], problem.steps())
    others = [problem.minimise(pose, 8, 0.2) for pose in _tilted(fits[:1], prior)]
    fits = _distinct([*fits, *others], problem.steps())
    fits = [fit for fit in fits if fit.cost < fits[0].cost + _FINE_RISE][:_N_MODE]
    covariances = np.array([_WIDENING * np.linalg.inv(fit.normal) for fit in fits])
    evidence = np.array([-0.5 * _POWER * fit.cost for fit in fits])
    evidence += 0.5 * np.linalg.slogdet(covariances)[1]
    weight = np.exp(evidence - evidence.max()) + 0.02
    start = Mixture(weight / weight.sum(), np.array([fit.pose for fit in fits]), covariances)
    mixture = explore(lambda pose: _POWER * problem.cost(pose), start, np.random.default_rng(seed))
    return mixture, noise, problem


def _near(mask: NDArray[np.bool_], reach_um: float, pixel_um: float) -> NDArray[np.bool_]:
    """Pixels within reach of the bright ones; single bright pixels of the background are none."""
    from scipy.ndimage import binary_dilation, binary_opening

    opened = binary_opening(mask)
    core = opened if opened.any() else mask
    n = max(2, int(np.ceil(reach_um / pixel_um)))
    return np.asarray(binary_dilation(core, iterations=n))


def _local_noise(look: _Look) -> tuple[float, float]:
    """Variance of dark pixels over level squared, and what it grows by per level of signal.

    From the second differences of three pixels in a row, which neither a slope nor a texture of
    some pixels' reach adds much to (their median square, as for normal noise).
    """
    bend = look.image[:, 1:-1] - 0.5 * (look.image[:, :-2] + look.image[:, 2:])
    bend = bend**2 / (1.5 * 0.455)
    signal = look.smooth[:, 1:-1]
    whole = np.isfinite(bend)
    dark = bend[whole & (signal < 0.02 * look.level)]
    bright = bend[whole & (signal > 0.5 * look.level)]
    constant = float(np.median(dark)) / look.level**2 if dark.size > 20 else 0.0
    growing = float(np.median(bright)) / look.level**2 - constant if bright.size > 20 else 0.0
    return max(constant, 1e-8), max(growing, 1e-7)


def _terms(
    look: _Look, used: NDArray[np.bool_], std: _Float | None, fit: Fit
) -> tuple[Terms, NoiseModel]:
    """Shapes of the noise terms on the pixels used, and where their strengths start."""
    smooth, slope = look.smooth[used], np.hypot(*np.gradient(look.smooth))[used]
    white: tuple[_Float, ...]
    first: tuple[float, ...]
    if std is None:
        # Detector noise, and counting noise that grows with the signal.
        white = (np.full(smooth.size, look.level**2), look.level * smooth)
        first = _local_noise(look)
    else:
        variance = binned_image(std**2, look.factor)[used] / look.factor**2
        worst = float(np.nanmax(variance))
        white, first = (np.where(np.isfinite(variance), variance, worst),), (1.0,)
    least: tuple[float, ...] = tuple(0.1 * f for f in first)
    # Texture finer than the mesh; and where the image is steep, the outline that voxels blur.
    outline = (_OUTLINE * float(look.camera.body.spacing.max()) / look.pixel_um) ** 2
    white, first = (*white, smooth**2, slope**2), (*first, 1e-4, outline)
    least = (*least, 1e-7, outline)
    response, points = texture_response(look.camera, fit.pose, fit.coefficients, used)
    return Terms(white, least, response, points), NoiseModel(first, texture=(0.03,) * len(REACHES))


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
    poses = best + _difference(poses, best)
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
    bright = _look(total, camera, 1).mask
    overlap = np.count_nonzero(covered & bright)
    dice = (
        2.0 * overlap / max(1, int(np.count_nonzero(covered & finite) + np.count_nonzero(bright)))
    )
    settings = {
        **settings,
        "noise": noise,
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
