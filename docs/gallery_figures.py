"""Figures for the gallery: nmcx draws without pyplot, so the gallery cannot find them by itself."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the figure that the last expression of a code block gave, if it gave one."""
    # "___" is where sphinx-gallery keeps the value of the last expression.
    names = block_vars["example_globals"]
    figure = names.get("___")
    if isinstance(figure, Axes):
        figure = figure.get_figure()
    # A figure of pyplot has a number and was found already.
    if hasattr(figure, "number"):
        return ""
    if not isinstance(figure, Figure) or figure is names.get("__shown__"):
        return ""
    names["__shown__"] = figure
    path = next(block_vars["image_path_iterator"])
    figure.savefig(path, dpi=110)
    return figure_rst([path], gallery_conf["src_dir"])
