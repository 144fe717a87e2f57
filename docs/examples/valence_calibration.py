"""
Relative or calibrated valence
==============================

Valence rises with ξ, but not along a straight line: a compound that yields more electrons per
nickel atom counts more in a mixture. Two compounds of known valence settle it.
"""

import matplotlib.pyplot as plt
import numpy as np

from nmcx import phantom, plot, surface
from nmcx.results import EndMember

made = phantom.pair_scans(seed=3, counts=2e4, shape=(90, 90), xi_spread=0.08)
xi = surface.xi_map(made.low, made.high, background=made.background)

# %%
# Yields per nickel atom at both energies, made up, each known to 1 to 2.5 %. At both energies
# together, the second compound yields half as much again as the first.
first = EndMember(valence=2.0, low=0.70, high=0.35, low_std=0.007, high_std=0.007)
second = EndMember(valence=4.0, low=0.40, high=1.20, low_std=0.01, high_std=0.01)
print(f"end members at ξ = {first.xi:.3f} and {second.xi:.3f}")
relative = surface.relative_valence(xi, end_members=(first.xi, second.xi))
calibrated = surface.calibrated_valence(xi, first, second)
print(*relative.notes, *calibrated.notes, sep="\n")

# %%
# The relative map says what is higher and what is lower. Read along a straight line as the valence
# between the same two compounds, it is too high everywhere between them.
line = first.valence + (second.valence - first.valence) * relative.valence
difference = line - calibrated.valence
width = xi.xi.shape[1] * xi.pixel_size_um[1]
field = {"origin": "lower", "interpolation": "nearest", "extent": (0, width, 0, width)}
both = np.nanpercentile(calibrated.valence, (2, 98))
figure, axes = plt.subplots(1, 3, figsize=(11, 3.3), layout="constrained")
pictures = {
    "relative, read along a line": (line, "valence of Ni, uncalibrated [1]", both, "both"),
    "calibrated": (calibrated.valence, "valence of Ni [1]", both, "both"),
    "line less calibrated": (
        difference, "difference in valence [1]", (0, np.nanmax(difference)), "neither",
    ),
}  # fmt: skip
for panel, (title, (values, label, limits, extend)) in zip(axes, pictures.items(), strict=True):
    drawn = panel.imshow(values, **field, cmap="cividis", vmin=limits[0], vmax=limits[1])
    panel.set(title=title, xticks=[], yticks=[], facecolor="0.88")
    plot.scale_bar(panel, width)
    bar = figure.colorbar(drawn, ax=panel, label=label, extend=extend)

# %%
# The same pixel by pixel, and the two errors: that of its counts, and that of the end members,
# which moves all pixels together.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
seen = calibrated.valid
order = np.argsort(xi.xi[seen])
ratio = xi.xi[seen][order]
valence, common = calibrated.valence[seen][order], calibrated.systematic_std[seen][order]
left.plot(ratio, line[seen][order], "--", color="#d55e00", label="straight line")
left.plot(ratio, valence, color="#0072b2", label="calibrated")
left.fill_between(
    ratio, valence - 2 * common, valence + 2 * common, color="#0072b2", alpha=0.25, lw=0,
    label="± 2 standard errors of the end members",
)  # fmt: skip
left.set(xlabel="ξ [1]", ylabel="valence of Ni [1]", title="pixels of the map")
left.legend(frameon=False, fontsize=8)
bins = np.linspace(0, 0.04, 41)
right.hist(calibrated.valence_std[seen], bins, alpha=0.7, color="#0072b2", label="counts")
right.hist(common, bins, alpha=0.7, color="#e69f00", label="end members")
right.set(xlabel="standard error of the valence [1]", ylabel="pixels", title="both errors")
ticks = right.set_xticks(np.arange(0, 0.05, 0.01))
legend = right.legend(frameon=False, fontsize=8)
