"""The sections of particle, cones and correlation; `nmcx cones` takes their keys as flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nmcx.run_file.values import (
    as_choice,
    as_choices,
    as_direction,
    as_flag,
    as_integer,
    as_number,
    as_numbers,
    as_one_or_each,
    key,
    or_auto,
)

_AUTO = '"auto"'
_UP_RIGHT = ("UP", "RIGHT")


def _two(meaning: str, wording: str, default: tuple[float, float] = (0.0, 0.0)) -> Any:
    reader = as_numbers(2, as_number(), wording)
    return field(default=default, metadata=key(reader, meaning, "", 2, _UP_RIGHT))


@dataclass(frozen=True)
class Morphology:
    """Segmentation of the particle: options of `nmcx.morphology.segment`."""

    method: str = field(
        default="otsu",
        metadata=key(
            as_choice("otsu", "multi_otsu", "hysteresis"),
            'of the threshold: "otsu", "multi_otsu", or "hysteresis" between two',
        ),
    )
    n_classes: int = field(
        default=3, metadata=key(as_integer(2, 5), 'classes of "multi_otsu"; the highest is solid')
    )
    threshold: float | tuple[float, float] | None = field(
        default=None,
        metadata=key(
            or_auto(as_one_or_each(most=2, wording="a number, or [low, high] for hysteresis")),
            "solid from this value on; auto: by the method", _AUTO, "+",
        ),
    )  # fmt: skip
    envelope: str = field(
        default="closing",
        metadata=key(as_choice("closing", "rays"), 'closed by a ball, "closing", or hit by "rays"'),
    )
    closing_radius_um: float = field(
        default=0.5, metadata=key(as_number(0, 1e3), "cracks up to twice this wide are void [µm]")
    )
    min_rays: int = field(
        default=18,
        metadata=key(as_integer(1, 26), "least of 26 rays that hit solid within the envelope"),
    )
    rim_um: float | None = field(
        default=None,
        metadata=key(
            or_auto(as_number(0)), "soft voids are not counted so near the surface [µm]", _AUTO
        ),
    )  # fmt: skip
    connectivity: int = field(
        default=26,
        metadata=key(as_integer(6, 26), "of solid: faces, edges and corners, 26, or faces, 6"),
    )


@dataclass(frozen=True)
class Cones:
    """Cone porosity: options of `nmcx.cones.cone_porosity`."""

    n_directions: int = field(
        default=3000, metadata=key(as_integer(1, 10**6), "directions, evenly over the sphere")
    )
    grid: str = field(
        default="fibonacci",
        metadata=key(
            as_choice("fibonacci", "healpix"),
            '"fibonacci", or "healpix" of the number nearest to n_directions',
        ),
    )
    half_angle_deg: tuple[float, ...] = field(
        default=tuple(float(a) for a in range(5, 51, 5)),
        metadata=key(
            as_numbers(None, as_number(1e-3, 180), "a list of angles in degrees"),
            "half-opening angles [°]", "", "+",
        ),
    )  # fmt: skip
    apex_um: tuple[float, ...] | None = field(
        default=None,
        metadata=key(
            or_auto(as_numbers(3, as_number(), "three numbers (z, y, x) in µm")),
            "tip of the cones (z, y, x) [µm]; auto: centroid of the envelope", _AUTO, 3,
            ("Z", "Y", "X"),
        ),
    )  # fmt: skip
    weight: str = field(
        default="volume",
        metadata=key(
            as_choice("volume", "solid_angle"), 'of a voxel: "volume", or 1/r², "solid_angle"'
        ),
    )
    radial_gate_um: tuple[float, float] | None = field(
        default=None,
        metadata=key(
            or_auto(as_numbers(2, as_number(0), "two distances [from, to] in µm")),
            "only voxels at these distances from the apex [µm]; auto: all", _AUTO, 2,
            ("FROM", "TO"),
        ),
    )  # fmt: skip
    soft: bool = field(
        default=False, metadata=key(as_flag, "count void by the solid fraction of each voxel")
    )


@dataclass(frozen=True)
class Placing:
    """Where the map lies on the particle: options of `nmcx.correlation.place`, or of `fit_pose`."""

    view: tuple[float, float, float] = field(
        metadata=key(
            as_direction, "from particle towards beam (z, y, x)", "[0, 0, 1]", 3, ("Z", "Y", "X")
        )
    )
    tilt_deg: tuple[float, float] = _two(
        "of the view (up, right) [°]", "two angles [up, right] in degrees"
    )
    rotation_deg: float = field(
        default=0.0, metadata=key(as_number(-360, 360), "of the map about the view [°]")
    )
    offset_um: tuple[float, float] = _two(
        "of the map's middle from the particle's, (up, right) [µm]",
        "two numbers [up, right] in µm",
    )
    scale: float = field(
        default=1.0, metadata=key(as_number(0.1, 10), "true over stated pixel size of the map")
    )
    max_incidence_deg: float = field(
        default=60.0,
        metadata=key(as_number(1, 89), "pixels that see the surface more obliquely are out [°]"),
    )
    beam: tuple[float, float, float] | None = field(
        default=None,
        metadata=key(
            or_auto(as_direction), "where the light comes from (z, y, x); auto: along the view",
            _AUTO, 3, ("Z", "Y", "X"),
        ),
    )  # fmt: skip
    fit: bool = field(
        default=False,
        metadata=key(as_flag, "find tilt, rotation, offset and scale by reprojection of the shape"),
    )
    max_tilt_deg: float | None = field(
        default=None,
        metadata=key(or_auto(as_number(1e-3, 44)), "how far a fit may tilt the view [°]", _AUTO),
    )
    max_shift_um: float | None = field(
        default=None,
        metadata=key(or_auto(as_number(1e-6)), "how far a fit may move the map [µm]", _AUTO),
    )
    max_scale: float | None = field(
        default=None,
        metadata=key(
            or_auto(as_number(1e-6, 0.49)), "how wrong a fit may find the pixel size [1]", _AUTO
        ),
    )
    n_start: int = field(
        default=36, metadata=key(as_integer(1, 10**4), "rotations from which a fit starts")
    )
    robustness: bool = field(
        default=True,
        metadata=key(as_flag, "correlate again with the map turned a little"),
    )
    turns_deg: tuple[float, ...] = field(
        default=(5.0, 10.0),
        metadata=key(
            as_numbers(None, as_number(1e-3, 89), "a list of angles in degrees"),
            "by so much, either way, about each axis [°]", "", "+",
        ),
    )  # fmt: skip

    def conflict(self) -> str | None:
        """What does not go together, as "keys: reason"; None if all does.

        Returns
        -------
        str or None
        """
        given = [
            name
            for name in ("tilt_deg", "rotation_deg", "offset_um", "scale")
            if getattr(self, name) != self.__dataclass_fields__[name].default
        ]
        if self.fit and given:
            return ", ".join(given) + ": are found by the fit; leave them out"
        limits = [
            name
            for name in ("max_tilt_deg", "max_shift_um", "max_scale")
            if getattr(self, name) is not None
        ]
        if limits and not self.fit:
            return ", ".join(limits) + ": need fit = true"
        return None


@dataclass(frozen=True)
class Correlation:
    """Surface map against cone porosity: options of `nmcx.correlation.angle_scan`."""

    null: str = field(
        default="rotation",
        metadata=key(
            as_choice("rotation", "variogram", "moran"),
            'null model: "rotation", or random maps alike, "variogram" or "moran"',
        ),
    )
    n_null: int = field(default=999, metadata=key(as_integer(99, 10**6), "draws of the null"))
    matched: bool = field(
        default=True,
        metadata=key(as_flag, "average the map over the cap of the cone, or only at its direction"),
    )
    weighted: bool = field(
        default=False, metadata=key(as_flag, "count pairs by the weight of their map points")
    )
    covariates: tuple[str, ...] = field(
        default=(),
        metadata=key(
            as_choices("incidence", "thickness"),
            'control for "incidence" and "thickness"', "", "+",
        ),
    )  # fmt: skip
    n_bootstrap: int = field(
        default=500, metadata=key(as_integer(2, 10**6), "replicates behind the best angle")
    )
    min_points: int = field(
        default=3, metadata=key(as_integer(1, 10**6), "least map points for an average")
    )
    seed: int = field(default=1, metadata=key(as_integer(0), "of the random numbers"))
