"""Sphinx configuration of the nmcx documentation."""

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(Path(__file__).parent))

project = "nmcx"
author = "The nmcx developers"
copyright = "2026, the nmcx developers"
version = release = installed_version("nmcx")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = [
    "examples",
    "benchmarks/asv_history.md",
    "benchmarks/cones_peers.md",
    "benchmarks/edge_fit_peers.md",
    "benchmarks/instruction_counts.md",
    "benchmarks/model_sensitivity.md",
    "**/sg_execution_times.rst",
]
nitpicky = False

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
# The docstrings' examples run in pytest, each with the names of its module; the pages' run here.
doctest_test_doctest_blocks = ""

# Examples on real measurements run where these are (NMCX_REAL_DATA, default ../shared/data); the
# others make their own.
real_data = Path(os.environ.get("NMCX_REAL_DATA", ROOT.parent / "shared" / "data")).resolve()
os.environ["NMCX_REAL_DATA"] = str(real_data)
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "image_scrapers": ("matplotlib", "gallery_figures.scrape"),
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"__init__\.py" if real_data.is_dir() else r"real_.*\.py",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "within_subsection_order": "FileNameSortKey",
    "min_reported_time": 1e9,
    "remove_config_comments": True,
    "ignore_repr_types": r"matplotlib\.",
}

html_theme = "pydata_sphinx_theme"
html_title = "nmcx"
html_static_path = ["_static"]
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
