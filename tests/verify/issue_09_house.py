"""Issue 9: the user's house. Promises under fire, hostile files, and how well it is all tested."""

from __future__ import annotations

import issue_09_coverage
import issue_09_fuzz
import issue_09_mutants
import issue_09_promises

CHECKS = [
    *issue_09_promises.CHECKS,
    *issue_09_fuzz.CHECKS,
    *issue_09_mutants.CHECKS,
    *issue_09_coverage.CHECKS,
]
