"""Issue 7: stress and fracture. Every figure that must hold, by part."""

from __future__ import annotations

import issue_07_elasticity
import issue_07_fracture
import issue_07_fracture_space
import issue_07_peers

CHECKS = [
    *issue_07_elasticity.CHECKS,
    *issue_07_fracture.CHECKS,
    *issue_07_fracture_space.CHECKS,
    *issue_07_peers.CHECKS,
]
