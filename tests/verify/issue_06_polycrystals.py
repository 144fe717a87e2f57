"""Issue 6: polycrystals and lithium. Every figure that must hold, by part."""

from __future__ import annotations

import issue_06_meshes
import issue_06_peers
import issue_06_transport

CHECKS = [*issue_06_meshes.CHECKS, *issue_06_transport.CHECKS, *issue_06_peers.CHECKS]
