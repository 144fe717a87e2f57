"""Stages of finding a pose: all rotations on a coarse map, then the posterior on a fine one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmcx.correlation.pose_noise import REACHES, NoiseModel, Terms, fit_noise, texture_response
from nmcx.correlation.pose_posterior import Mixture, explore
from nmcx.correlation.pose_search import Fit, Prior, Problem
from nmcx.correlation.reprojection import Camera, binned_image

_Float = NDArray[np.float64]

#: Pixels across the particle in the multi-start search and in the final fit; finer maps are binned.
COARSE_PX, FINE_PX = 13.0, 52.0
#: Pixels of that map that are joined to one after the spot.
_JOINED = 2
#: Least pixels and voxels across the particle of which a pose can be told.
LEAST_ACROSS = 6.0
#: Standard deviation of the spot: typical value [px], and of its logarithm.
SPOT_PX, SPOT_LOG_STD = 0.7, 0.5
#: Modes that are followed to the end, at most.
_N_MODE = 8
#: Rise of the coarse search's cost, in units of its effective noise, up to which a mode is kept.
_COARSE_RISE = 40.0
#: Neighbouring pixels of the coarse map whose residuals repeat each other.
_REPEATED = 6.0
#: Power of the likelihood in the posterior: what no term describes (the voxels' staircase, the
#: shape of the spot, a noise model fitted to the same residuals) makes it too sharp. Set
#: between 1/2, too wide on phantoms 1001 to 1015, and 1, too narrow on 1 to 5. See J. W. Miller,
#: D. B. Dunson, "Robust Bayesian inference via coarsening", J. Am. Stat. Assoc. 114, 1113 (2019).
_POWER = 0.75
#: Factor on the texture's estimated strengths. The residuals they come from have lost what the
#: yields and the pose took up, and one value stands for all that are likely. On phantoms 1001 to
#: 1040 errors over spreads were up to 1.10 (rms, tilt to the right) without it, and up to 0.91 with
#: it: the smaller of the two factors tried, 1 and 3/2, that left no parameter's spread too narrow.
_TEXTURE = 1.5
#: Rise of the fine map's cost up to which a minimum is kept.
_FINE_RISE = 30.0
#: Widening of the covariances that the exploration of the posterior starts from.
_WIDENING = 4.0
#: Modes around which other tilts are tried.
_N_TILTED = 1
#: Prior standard deviation of the yield's bend at a knot [mean yield]; that of 1/cos, capped where
#: the escape depth ends its growth, is about this.
_BEND = 0.15
#: Least error of an outline that is known by its voxels [voxels].
_OUTLINE = 1.0 / 3.0


def bin_for(total: _Float, scene: Camera, across_px: float) -> int:
    """Binning that leaves the particle about this many pixels across."""
    pixel = float(np.sqrt(np.prod(scene.grid.step_um)))
    factor = int(np.rint(2.0 * scene.body.radius_um / pixel / across_px))
    return int(max(1, min(factor, min(total.shape) // 8)))


@dataclass(frozen=True)
class Look:
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


def look_at(total: _Float, scene: Camera, factor: int, joined: int = 1) -> Look:
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
    return Look(image, camera, factor * joined, smooth, level, mask, finite)


def coarse_poses(
    total: _Float, scene: Camera, factor: int, prior: Prior, n_start: int
) -> list[Fit]:
    """Distinct poses within reach of the best one, from all rotations on a coarse map."""
    look = look_at(total, scene, factor)
    std = np.hypot(0.03 * look.level, 0.12 * look.smooth)[look.finite]

    def whiten(values: _Float) -> _Float:
        return np.asarray((values.T / std).T)

    problem = Problem(look.camera, look.image, look.finite, whiten, prior, _BEND * look.level)
    up, right = look.camera.grid.positions()
    weight = np.where(look.mask, 1.0, 0.0)
    centre = [float(np.sum(weight * axis) / weight.sum()) for axis in (up, right)]
    spot = float(np.log(SPOT_PX / factor + 0.2))
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
        away = [difference(fit.pose, other.pose) / (2.0 * steps) for other in kept]
        if all(np.max(np.abs(a[:6])) > 1.0 for a in away):
            kept.append(fit)
    return kept


def difference(pose: _Float, other: _Float) -> _Float:
    """Pose - other, with the shorter way round in rotation."""
    difference = pose - other
    difference[..., 2] = (difference[..., 2] + np.pi) % (2.0 * np.pi) - np.pi
    return np.asarray(difference)


def fine_posterior(
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
    joined = _JOINED if across / (factor * _JOINED) > 2.0 * LEAST_ACROSS else 1
    look = look_at(total, scene, factor, joined)
    used = look.finite & _near(look.mask, 0.15 * scene.body.radius_um, look.pixel_um)
    independent = np.hypot(0.03 * look.level, 0.12 * look.smooth)[used]

    def unmixed(values: _Float) -> _Float:
        return np.asarray((values.T / independent).T)

    problem = Problem(look.camera, look.image, used, unmixed, prior, _BEND * look.level)
    poses = np.array([fit.pose for fit in starts])
    poses[:, 6] = np.log(SPOT_PX)
    best = problem.minimise(poses[0], 6, 0.5)
    terms, noise = _terms(look, used, std, best)
    noise = fit_noise(best.residual, best.fixed, terms, noise, seed).rougher(_TEXTURE)
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


def _local_noise(look: Look) -> tuple[float, float]:
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
    look: Look, used: NDArray[np.bool_], std: _Float | None, fit: Fit
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
    least = tuple(0.1 * f for f in first)
    # Texture finer than the mesh; and where the image is steep, the outline that voxels blur.
    outline = (_OUTLINE * float(look.camera.body.spacing.max()) / look.pixel_um) ** 2
    white, first = (*white, smooth**2, slope**2), (*first, 1e-4, outline)
    least = (*least, 1e-7, outline)
    response, points = texture_response(look.camera, fit.pose, fit.coefficients, used)
    return Terms(white, least, response, points), NoiseModel(first, texture=(0.03,) * len(REACHES))
