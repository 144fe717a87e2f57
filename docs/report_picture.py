"""Make docs/report.png from the figures of a demo's report.

usage: python docs/report_picture.py nmcx-demo/report.html
"""

import base64
import io
import re
import sys
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.image import imread

#: Ratio map, edge energies, depth profile, correlation, by their place in the report.
FIGURES = (
    "</b> Ratio",
    "</b> Edge energy (half jump)",
    "</b> Edge energy against depth",
    "</b> (a) Correlation against",
)


def main() -> None:
    text = Path(sys.argv[1]).read_text()
    found = []
    for caption in FIGURES:
        block = next(b for b in re.findall(r"<figure>.*?</figure>", text, re.S) if caption in b)
        code = re.search(r"data:image/png;base64,([A-Za-z0-9+/=]+)", block)
        assert code
        found.append(imread(io.BytesIO(base64.b64decode(code[1]))))
    figure = Figure(figsize=(13, 7.4), layout="constrained")
    axes = figure.subplots(2, 2, width_ratios=[1.45, 1])
    for ax, image in zip(axes.T.ravel(), found, strict=True):
        ax.imshow(image, interpolation="antialiased")
        ax.set_axis_off()
    figure.savefig(Path(__file__).parent / "report.png", dpi=75, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
