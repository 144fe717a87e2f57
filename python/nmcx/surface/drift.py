"""Drift between the scans of one map."""

from __future__ import annotations

import numpy as np

from nmcx.errors import ConvergenceError
from nmcx.results import Shift
from nmcx.surface.noise import Image
from nmcx.surface.registration import register
from nmcx.surface.scans import Scan
from nmcx.surface.texture import common_field, compare_texture

#: Share of saturated pixels beyond which the shape of the image is not known (our default).
_MAX_SATURATED = 0.02
#: Structure smoother than this tells chemistry rather than drift [px] (our default).
_DETAIL_PX = 1.2
#: Least significance of a match that only outlines support [standard deviations]: two images of
#: noise reach 4.5 once in a hundred pairs, those of one particle 6.7 and more unless they have
#: little in common (5.2 at a drift of a quarter of the image, where texture then decides).
_OUTLINES_ALONE = 6.0


def find_drift(
    a: Scan,
    b: Scan,
    max_shift: float | tuple[float, float] | None,
    *,
    same_texture: bool,
) -> tuple[Shift, tuple[str, ...]]:
    """Drift of scan b against a, its error with what the choice of contrast changes, and notes.

    Chemistry varies from place to place, and a smooth change of brightness passes for a shift of
    the rim. The whole images find the drift to a fraction of a pixel; their finest structure, with
    all that is smoother than a few pixels taken off, then measures it. Scans of the `same_texture`
    whose outlines match but whose texture does not are of different fields; below the edge there is
    no nickel to see, and coatings show instead.
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
    shift, notes = _by_detail(a, b, whole)
    texture = compare_texture(a.even, b.even, shift)
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
    return shift, notes


def _by_detail(a: Scan, b: Scan, whole: Shift) -> tuple[Shift, tuple[str, ...]]:
    """Drift by the finest structure, near that of the whole images."""
    row, column = round(whole.dy), round(whole.dx)
    here, there = common_field(a.even.shape, row, column)
    try:
        fine = register(_detail(a.even)[here], _detail(b.even)[there], max_shift=2.0, variation=1)
    except ConvergenceError:
        return whole, (f"{b.name}: fine structure too weak, drift from the whole images",)
    dy, dx = row + fine.dy, column + fine.dx
    disagreement = np.hypot(dy - whole.dy, dx - whole.dx) / np.sqrt(2.0)
    std = float(np.hypot(fine.std, disagreement))
    return Shift(dy, dx, std, whole.significance), ()


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
