"""Drift between the scans of one map."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nmcx.errors import ConvergenceError
from nmcx.results import Affine, Shift
from nmcx.surface.noise import Image
from nmcx.surface.registration import register
from nmcx.surface.scans import Scan
from nmcx.surface.texture import common_field, compare_texture, noise_variance

#: Share of saturated pixels beyond which the shape of the image is not known (our default).
_MAX_SATURATED = 0.02
#: Structure smoother than this tells chemistry rather than drift [px] (our default).
_DETAIL_PX = 1.2
#: Where that structure, seen through a window of this width [px], has so many times the power of
#: noise in both scans, it tells how the drift grew; elsewhere only noise is compared.
_WINDOW_PX, _LEAST_POWER = 3.0, 2.0
_SEEN_PX = 0.8  # smoothing of `register`
#: Least significance of a match that only outlines support [standard deviations]: two images of
#: noise reach 4.5 once in a hundred pairs, those of one particle 6.7 and more unless they have
#: little in common (5.2 at a drift of a quarter of the image, where texture then decides).
_OUTLINES_ALONE = 6.0
#: Sum of the squares of both rates, in their errors, beyond which a drift grows: chance reaches it
#: once in 100,000 pairs (our default).
_GROWS = 23.0
#: Growth from the first row to the last that chemistry feigns: one standard deviation of phantoms
#: whose ratio varies by 0.05 over the particle [px].
_FEIGNED_PX = 0.2


@dataclass(frozen=True)
class Drift:
    """Where a scan lies against another."""

    shift: Shift  #: in the middle of the image
    motion: Affine | None  #: where the shift grows from row to row
    notes: tuple[str, ...]

    @property
    def removed(self) -> Shift | Affine:
        """What is to be taken out of the scan."""
        return self.shift if self.motion is None else self.motion


def find_drift(
    a: Scan,
    b: Scan,
    max_shift: float | tuple[float, float] | None,
    *,
    motion: str,
    same_texture: bool,
) -> Drift:
    """Drift of scan b against a, its error with what the choice of contrast changes, and notes.

    Chemistry varies from place to place, and a smooth change of brightness passes for a shift of
    the rim. The whole images find the drift to a fraction of a pixel; their finest structure, with
    all that is smoother than a few pixels taken off, then measures it, and whether it grew while
    the rows were scanned. Scans of the `same_texture` whose outlines match but whose texture does
    not are of different fields; below the edge there is no nickel to see, and coatings show
    instead.
    """
    for scan in (a, b):
        if scan.saturated > _MAX_SATURATED:
            raise ConvergenceError(
                f"{scan.name} cannot be registered and gives no map: {100 * scan.saturated:.1f} % "
                "of its pixels are saturated; measure again with less flux or gain"
            )
    try:
        whole = register(a.contrast, b.contrast, max_shift=max_shift, variation=1)
    except ConvergenceError as error:
        raise ConvergenceError(
            f"{a.name} and {b.name} cannot be registered and give no map: {error}"
        ) from error
    drift = _by_detail(a, b, whole, motion)
    texture = compare_texture(a.even, b.even, drift.shift, drift.motion)
    notes = drift.notes
    if texture is None or texture.is_weak:
        if whole.significance < _OUTLINES_ALONE:
            raise ConvergenceError(
                f"{a.name} and {b.name} cannot be registered and give no map: the match may be "
                f"chance ({whole.significance:.1f} standard deviations) and there is no texture to "
                "confirm it; is one of them blank? Count longer, or give shift="
            )
        notes += (
            f"{b.name}: too few counts, or too little texture, to tell by texture whether it shows "
            f"the field of {a.name}; outlines match",
        )
    elif texture.differs and not same_texture:
        notes += (f"{b.name}: its texture is not that of {a.name}; outlines match",)
    elif texture.differs:
        raise ConvergenceError(
            f"{a.name} and {b.name} cannot be registered and give no map: their outlines match but "
            f"the texture does not ({100 * texture.seen / texture.expected:.0f} % of the "
            "correlation expected): different particles or fields? If they are one, give shift="
        )
    return replace(drift, notes=notes)


def _by_detail(a: Scan, b: Scan, whole: Shift, motion: str) -> Drift:
    """Drift by the finest structure, near that of the whole images."""
    row, column = round(whole.dy), round(whole.dx)
    here, there = common_field(a.even.shape, row, column)
    first, second = _detail(a.even)[here], _detail(b.even)[there]
    try:
        fine = register(first, second, max_shift=2.0, variation=1)
    except ConvergenceError:
        note = f"{b.name}: fine structure too weak, drift from the whole images"
        return Drift(whole, None, (note,))
    dy, dx = row + fine.dy, column + fine.dx
    # Both are shifts of the same structure: no growth is mistaken for disagreement.
    disagreement = float(np.hypot(dy - whole.dy, dx - whole.dx) / np.sqrt(2.0))
    if motion != "translation":
        holds = np.minimum(_power(a.even[here], first), _power(b.even[there], second))
        try:
            grown = register(
                np.where(holds > _LEAST_POWER, first, np.nan),
                second,
                motion="drift",
                max_shift=2.0,
                variation=1,
            )
        except (ConvergenceError, ValueError) as error:
            if motion == "drift":
                raise ConvergenceError(
                    f"{b.name}: its fine structure does not tell how the drift grew ({error}); "
                    'take motion="translation"'
                ) from error
        else:
            spread = grown.matrix_std.copy()
            spread[:, 0] = np.hypot(spread[:, 0], _FEIGNED_PX / (a.even.shape[0] - 1))
            grown = replace(grown, matrix_std=spread)
            strength = float(np.sum(((grown.matrix - np.eye(2))[:, 0] / spread[:, 0]) ** 2))
            if motion == "drift" or strength > _GROWS:
                placed = _in_whole_image(grown, a.even.shape, here, there)
                return _grown(b, placed, whole.significance, disagreement)
    std = float(np.hypot(fine.std, disagreement))
    return Drift(Shift(dy, dx, std, whole.significance), None, ())


def _in_whole_image(
    found: Affine, shape: tuple[int, ...], here: tuple[slice, slice], there: tuple[slice, slice]
) -> Affine:
    """The motion found between two cuts, about the centre of the whole images."""
    size = np.array([part.stop - part.start for part in here])
    from_first = np.array([part.start for part in here], dtype=float) + (size - 1) / 2
    from_second = np.array([part.start for part in there], dtype=float) + (size - 1) / 2
    centre = (np.array(shape) - 1) / 2
    lever = centre - from_first
    offset = from_second - centre + found.matrix @ lever + found.offset
    std = np.hypot(found.offset_std, np.abs(found.matrix_std) @ np.abs(lever))
    return Affine(found.matrix, offset, found.matrix_std, std)


def _grown(b: Scan, motion: Affine, significance: float, disagreement: float) -> Drift:
    """A drift that grew, with the error that the disagreement with the whole images adds."""
    std = float(np.hypot(np.sqrt(np.mean(motion.offset_std**2)), disagreement))
    shift = Shift(float(motion.offset[0]), float(motion.offset[1]), std, significance)
    dy, dx = motion.growth(b.even.shape[0])
    note = f"{b.name}: its drift grew by ({dy:+.2f}, {dx:+.2f}) px from the first row to the last"
    return Drift(shift, motion, (note,))


def _power(image: Image, detail: Image) -> Image:
    """Mean square of the detail around each pixel, in units of what noise alone has there."""
    from scipy.ndimage import gaussian_filter

    impulse = np.zeros((41, 41))
    impulse[20, 20] = 1.0
    passed = float(np.sum(gaussian_filter(_detail(impulse), _SEEN_PX) ** 2))
    seen = gaussian_filter(np.nan_to_num(detail), _SEEN_PX)
    noise = passed * float(np.nanmean(noise_variance(image)))
    mean = gaussian_filter(seen**2, _WINDOW_PX)
    return np.asarray(mean / noise if noise > 0 else np.full(seen.shape, np.inf))


def _detail(image: Image) -> Image:
    """An image less what is smooth."""
    from scipy.ndimage import gaussian_filter

    hole = ~np.isfinite(image)
    if hole.all():
        return image
    filled = np.where(hole, np.nanmedian(image), image)
    return np.asarray(
        np.where(hole, np.nan, filled - gaussian_filter(filled, _DETAIL_PX, mode="nearest"))
    )
