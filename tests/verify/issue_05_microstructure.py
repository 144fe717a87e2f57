"""Issue 5: microstructure and the correlation. Every figure that must hold, by part."""

from __future__ import annotations

import issue_05_cones
import issue_05_correlation
import issue_05_pictures
import issue_05_placing
import issue_05_profiles
import issue_05_segmentation

CHECKS = [
    *issue_05_segmentation.CHECKS,
    *issue_05_profiles.CHECKS,
    *issue_05_cones.CHECKS,
    *issue_05_placing.CHECKS,
    *issue_05_correlation.CHECKS,
    *issue_05_pictures.CHECKS,
]
