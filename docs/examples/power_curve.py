"""
How strong must a correlation be to be found?
=============================================

A surface map of 2,000 points (1,000 on one hemisphere) that shares a planted correlation with the
porosity below it is scanned at six opening angles, again and again: how often is the family-wise
p-value below 5 %? The smoother the surface, the fewer independent places it has, and the stronger a
correlation must be. The numbers are those of `make verify ISSUE=5`.
"""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

PLANTED = (0.3, 0.5, 0.7)
ROW = re.compile(r"power at planted r = [\d., ]*, (\d+)° on (.*?), (\d+) trials \| ([\d %,]*) \|")

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
colors = {"3": "#0072b2", "10": "#009e73", "30": "#d55e00"}
for length, where, trials, shares in ROW.findall(Path("../verification.md").read_text()):
    share = np.array([float(one.strip(" %")) for one in shares.split(",")]) / 100
    error = np.sqrt(share * (1 - share) / int(trials))
    ax = axes[0 if "full" in where else 1]
    ax.errorbar(PLANTED, share, error, fmt="o-", color=colors[length], label=f"{length}°")
    ax.set_title(where, fontsize=10)
    print(f"{where}, surface correlated over {length}°:", ", ".join(f"{s:.0%}" for s in share))
for ax in axes:
    ax.axhline(0.05, color="0.6", lw=0.8)
    ax.text(0.01, 0.06, "false alarms due", color="0.4", fontsize=8)
    ax.set(xlabel="planted correlation, point by point", xticks=(0, *PLANTED), xlim=(0, 0.75))
    ax.set(ylim=(0, 1.02))
axes[0].set_ylabel("found at the 5 % level")
axes[0].legend(title="surface correlated over")
