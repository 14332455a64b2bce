"""Sphinx: Markdown by MyST, reference from the docstrings, no network."""

from __future__ import annotations

from headless_discovery import __version__

project = "headless-discovery"
copyright = "the authors of headless-discovery"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"headless-discovery {__version__}"

default_role = "code"  # single backticks in docstrings
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
myst_heading_anchors = 3
# Two classes are called Endpoint (what a look found, what a test writes), and autodoc knows
# each by two names; which of them a type in a signature links to is a guess.
suppress_warnings = ["ref.python"]
