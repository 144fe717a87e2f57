"""
How grain boundaries come apart
===============================

Traction across a grain boundary against its opening, as Supplementary Fig. 7 of the paper sketches
it, drawn from the law that the model uses. The area is the toughness: with Table 1 a boundary is
broken only when its sides are 10 nm apart.
"""

import numpy as np

from nmcx import chemomechanics, materials, plot

law = chemomechanics.cohesive_law(materials.NMC811)
print(f"onset {law.onset * 1e9:.4f} nm, final opening {law.final_opening * 1e9:.1f} nm")
figure = plot.traction_separation(law).figure

# %%
# A tenth of the toughness at the same strength (`NMC811_BRITTLE`) is a tenth of the opening.
figure = plot.traction_separation(chemomechanics.cohesive_law(materials.NMC811_BRITTLE)).figure

# %%
# The area below the curve is the toughness, also where softening is exponential.
soft = chemomechanics.CohesiveLaw(
    stiffness=1.8e19, strength=200e6, fracture_energy=1.0, shape="exponential"
)
for name, each in (("bilinear", law), ("exponential", soft)):
    opening = np.append(0.0, np.linspace(each.onset, each.final_opening, 4001))
    traction, damage = chemomechanics.traction_separation(each, opening)
    print(f"{name}: {np.trapezoid(traction, opening):.6f} J/m²")
figure = plot.traction_separation(soft).figure
