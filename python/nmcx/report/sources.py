"""Which works a result rests on: those of the steps that really ran."""

from __future__ import annotations

import tomllib
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from nmcx.report.source_list import SOFTWARE, SOURCES, Source
from nmcx.results import Result

#: Of the null of a correlation, by its name.
NULLS = {"rotation": "alexanderbloch2018", "variogram": "burt2020", "moran": "wagner2015"}
#: Of the threshold of a particle, by the name of the method.
_THRESHOLDS = {"otsu": "otsu1979", "multi_otsu": "liao2001", "hysteresis": "canny1986"}

#: What each kind of result rests on; the paper is added to all.
_OF: Mapping[str, tuple[str, ...]] = {
    "Shift": ("thevenaz1998",),
    "Affine": ("thevenaz1998",),
    "AlignedStxm": ("thevenaz1998",),
    "XiMap": ("thevenaz1998", "clifford1989"),
    "PeakRatio": ("stohr1992",),
    "Suppression": ("stohr1992", "efron1993"),
    "OpticalDensity": ("janesick2007",),
    "AlignedStack": ("thevenaz2000",),
    "EdgeMap": ("newville2013",),
    "NormalisedSpectra": ("newville2013",),
    "ReferenceFit": ("lawson1974",),
    "Calibration": ("bearden1967",),
    "DepthProfile": ("felzenszwalb2012", "woodruff1952", "clifford1989"),
    "DepthTrend": ("sen1968",),
    "SurfaceValues": ("amanatides1987",),
    "Pose": ("golub1973", "kennedy2001", "stohr1992"),
    "AngleScan": ("clifford1989", "dutilleul1993", "nichols2002"),
    "LayerMap": ("rasmussen2006",),
    "Equilibrium": ("camanho2002", "benzeggagh1996", "turon2006"),
    "LoadSteps": ("camanho2002", "benzeggagh1996", "turon2006"),
    "History": ("camanho2002", "benzeggagh1996", "turon2006"),
    "Comparison": ("myllymaki2017",),
}


def sources(results: Iterable[Result] | None = None, configuration: str = "") -> tuple[Source, ...]:
    """The works to cite beside nmcx itself, which comes first.

    Parameters
    ----------
    results : iterable of Result, optional
        What was found; default: all that nmcx can do.
    configuration : str
        TOML of the run, as the result file keeps it: tells the choices that results do not.

    Returns
    -------
    tuple of Source
        In the order of the chain, each once.

    Examples
    --------
    >>> from nmcx.results import Shift
    >>> [source.key for source in sources([Shift(dy=1.5, dx=-0.25, std=0.02)])]
    ['nmcx', 'li2020', 'thevenaz1998']
    """
    if results is None:
        return (SOFTWARE, *SOURCES.values())
    keys = {"li2020"}
    kinds = set()
    for result in results:
        kinds.add(type(result).__name__)
        keys.update(_OF.get(type(result).__name__, ()))
        keys.update(_by_settings(result))
    if configuration:
        keys.update(_by_configuration(tomllib.loads(configuration), kinds))
    return (SOFTWARE, *(source for key, source in SOURCES.items() if key in keys))


def _by_configuration(tables: Mapping[str, Any], kinds: Container[str]) -> Iterator[str]:
    """What depends on choices that the results themselves do not tell."""
    segmentation = tables.get("morphology", {})
    if "Particle" in kinds and segmentation.get("threshold", "auto") == "auto":
        yield _THRESHOLDS[segmentation.get("method", "otsu")]
    if "ConePorosity" in kinds:
        healpix = tables.get("cones", {}).get("grid") == "healpix"
        yield "gorski2005" if healpix else "swinbank2006"


def _by_settings(result: Result) -> tuple[str, ...]:
    """What depends on how a result was made."""
    settings: Mapping[str, Any] = getattr(result, "settings", {})
    kind = type(result).__name__
    if kind == "AngleScan":
        return (NULLS.get(str(settings.get("null")), NULLS["rotation"]),)
    if kind == "Comparison":
        return _by_settings(result.measured)  # type: ignore[attr-defined]
    if kind == "EdgeMap" and settings.get("estimator") == "integral":
        return "capehart1995", "dau2003"
    if kind == "PreEdge" and settings.get("background") == "step":
        return ("stohr1992",)
    if kind == "Mesh" and "n_seed" in settings:
        return ("lloyd1982",)
    return ()
