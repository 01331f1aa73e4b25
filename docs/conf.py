"""Sphinx: pages in Markdown, the reference from docstrings. Building fetches nothing, and reading loads nothing."""

import sys
from pathlib import Path

import relucvx

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "relucvx"
author = "The relucvx developers"
version = release = relucvx.__version__
exclude_patterns = ["build"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "numpydoc",
    "plain_docstrings",
    "mathml",
    "statements",
    "measured",
    "notebooks",
    "glossary",
]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the Parameters sections say it in words
numpydoc_show_class_members = False  # autodoc lists them
numpydoc_class_members_toctree = False

html_theme = "furo"
html_title = f"relucvx {release}"
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {
    # the theme's default fonts are already those of the system; nothing here names a host
    "sidebar_hide_name": False,
}
