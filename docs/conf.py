"""Sphinx's settings. The source is the repository itself: links between pages work there and on the site.

make docs     sphinx-build -c docs . build/site
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from qgeo import __version__  # noqa: E402

logging.getLogger("qiskit").setLevel(logging.WARNING)  # Sphinx shows what its passes log for information

project = "qgeo"
author = "the qgeo developers"
release = version = __version__
html_title = f"qgeo {__version__}"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "docs.extensions.docstrings",
    "docs.extensions.api_pages",
    "docs.extensions.generated_text",
    "docs.extensions.navigation",
    "docs.extensions.mathml",
    "docs.extensions.plain_blocks",
    "docs.extensions.accessible",
]

root_doc = "README"
include_patterns = [
    "*.md",
    "docs/*.md",
    "docs/reference/*.md",
    "docs/start/*.md",
    "docs/reference/api/*.rst",
    "tutorials/*.md",
    "tutorials/*.ipynb",
    "benchmarks/*.md",
    "circuits/*.md",
    "results/**/*.md",
    "qgeo/tasks/texts/*.md",
    "tests/*.md",
    "tests/hardware/README.md",
]
exclude_patterns = [
    "benchmarks/by_hand.md",
    ".*",
    "build",
    "dist",
    "runs",
    "**/.ipynb_checkpoints",
    "*.egg-info",
]

# Pages of a code host: its heading anchors, its dollar maths.
smartquotes = False  # options keep their two dashes
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # cells with magics, such as %%writefile
nb_execution_mode = "off"  # make notebooks executes them; the site shows the outputs that are stored
nb_render_text_lexer = "none"

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
autodoc_type_aliases = {name: name for name in ("ArrayLike", "Floats", "Bits", "Interval")}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90
toc_object_entries = False  # thousands of names would stand in every sidebar

html_math_renderer = "mathml"
html_theme = "furo"
html_extra_path = ["site/index.html"]
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
