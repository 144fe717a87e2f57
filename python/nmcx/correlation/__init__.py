"""Surface chemistry against bulk porosity: placing the map, and a correlation with an honest p.

Both fields are smooth, so neighbouring directions repeat each other and the textbook p-value of a
correlation is far too small. The null model here turns the surface map over the porosity of the
whole sphere, which keeps the smoothness of both.
"""

from nmcx.correlation.placing import place, view_frame
from nmcx.correlation.pose import fit_pose
from nmcx.correlation.robustness import robustness
from nmcx.correlation.scan import angle_scan, observed_correlation

__all__ = [
    "angle_scan",
    "fit_pose",
    "observed_correlation",
    "place",
    "robustness",
    "view_frame",
]
