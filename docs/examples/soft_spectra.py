"""
Ni L3 and O K before and after cycling
======================================

Cycling reduces the outermost nanometres of these particles. Electron yield (about 7 nm) sees it,
fluorescence yield (about 70 nm) hardly does. The phantom knows how much.
"""

from nmcx import phantom, plot, spectra

made = phantom.soft_spectra(counts=3e4, seed=2)
pairs = {"electron yield": made.nickel_tey, "fluorescence yield": made.nickel_fy}

# %%
# The ratio of the two peaks of Ni L3, above a line and two arctan steps.
for k, (name, pair) in enumerate(pairs.items()):
    for state, scan, truth in zip(("first", "cycled"), pair, made.ratio[k], strict=True):
        normal = spectra.normalise_soft(scan)
        found = spectra.l3_ratio(normal.energy_ev, normal.mu, variance=normal.variance)
        print(f"{name}, {state}: {found.ratio:.3f} ± {found.ratio_std:.3f}, true {truth:.3f}")

# %%
# The area of the pre-edge of O K by two backgrounds. They differ by more than their errors, which
# are those of the noise alone.
for state, scan, truth in zip(
    ("first", "cycled"), made.oxygen_tey, made.pre_edge_area[0], strict=True
):
    normal = spectra.normalise_soft(scan)
    for background in ("step", "bridge"):
        peak = spectra.pre_edge_area(
            normal.energy_ev, normal.mu, variance=normal.variance, background=background
        )
        print(f"{state}, {background}: {peak.area:.3f} ± {peak.area_std:.3f} eV, true {truth:.3f}")

# %%
# So the interval of the suppression covers the choice of background and of its windows as well.
for name, pair, truth in zip(
    pairs, (made.oxygen_tey, made.oxygen_fy), made.suppression, strict=True
):
    found = spectra.suppression(*pair)
    low, high = found.interval_95
    print(f"{name}: {found.value:.3f}, 95 % from {low:.3f} to {high:.3f}, true {truth:.3f}")
    print(f"  noise ± {found.std:.3f}, choice of windows ± {found.systematic_std:.3f}")

# %%
# All of it in one figure.
plot.soft_spectra_figure(made.nickel_tey, made.nickel_fy, made.oxygen_tey, made.oxygen_fy)
