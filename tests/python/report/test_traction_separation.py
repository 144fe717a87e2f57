"""The picture of the cohesive law: what is drawn is the law in use."""

from __future__ import annotations

import numpy as np
import pytest

from nmcx import chemomechanics as cm
from nmcx import materials, plot


def test_the_shaded_area_is_the_toughness_and_the_marks_are_the_laws() -> None:
    for law in (
        cm.cohesive_law(materials.NMC811),
        cm.cohesive_law(materials.NMC811_BRITTLE),
        cm.CohesiveLaw(1e18, 200e6, 1.0, shape="exponential"),
    ):
        ax = plot.traction_separation(law)
        shaded = ax.collections[0].get_paths()[0].vertices
        x, y = shaded.T
        # Nanometres times megapascals are 1e-3 J/m²; 400 straight pieces.
        area = 0.5e-3 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
        assert area == pytest.approx(law.fracture_energy, rel=1e-4)
        marks = [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "o"]
        np.testing.assert_allclose(
            marks, [[law.onset * 1e9, law.strength * 1e-6], [law.final_opening * 1e9, 0.0]]
        )


def test_unloading_leads_from_the_curve_to_the_origin() -> None:
    law = cm.CohesiveLaw(1e18, 200e6, 1.0)
    ax = plot.traction_separation(law, unloading_from=5e-9)
    back = next(line for line in ax.lines if line.get_linestyle() == "--")
    np.testing.assert_allclose(back.get_xydata(), [[0, 0], [5, 102.040816]], rtol=1e-7)
    with pytest.raises(ValueError, match="unloading_from"):
        plot.traction_separation(law, unloading_from=2e-8)
