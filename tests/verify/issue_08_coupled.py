"""Issue 8: lithium, cracks and the imaged particle together. Every figure, by part."""

from __future__ import annotations

import issue_08_planted

CHECKS = [
    *issue_08_planted.CHECKS,
]
