"""Figures for the gallery: nmcx draws without pyplot, so the gallery cannot find them by itself."""

import shutil
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

#: What a block calls the figure or animation that it has made; "___" is where sphinx-gallery keeps
#: the value of a last expression.
NAMES = ("___", "figure", "animation")


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the figure and the animation that a code block has made, if any."""
    names = block_vars["example_globals"]
    shown = names.setdefault("__shown__", [])
    paths = []
    for name in NAMES:
        made = names.get(name)
        if isinstance(made, Axes):
            made = made.get_figure()
        # A figure of pyplot has a number and was found already.
        if hasattr(made, "number") or any(made is one for one in shown):
            continue
        if isinstance(made, Figure):
            paths.append(next(block_vars["image_path_iterator"]))
            made.savefig(paths[-1], dpi=110)
        elif isinstance(made, Path) and made.suffix == ".gif":
            paths.append(str(Path(next(block_vars["image_path_iterator"])).with_suffix(".gif")))
            shutil.copy(made, paths[-1])
        else:
            continue
        shown.append(made)
    return figure_rst(paths, gallery_conf["src_dir"])
