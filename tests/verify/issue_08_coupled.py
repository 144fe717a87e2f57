"""Issue 8: lithium, stress and cracks together. Every figure that must hold, by part."""

from __future__ import annotations

import issue_08_checkpoints
import issue_08_cost
import issue_08_ensembles
import issue_08_limits
import issue_08_petsc
import issue_08_planted

CHECKS = [
    *issue_08_limits.CHECKS,
    *issue_08_checkpoints.CHECKS,
    *issue_08_planted.CHECKS,
    *issue_08_cost.CHECKS,
    *issue_08_ensembles.CHECKS,
    *issue_08_petsc.CHECKS,
]
