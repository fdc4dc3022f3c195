"""Configuration of the documentation site."""

import contextlib
import io
import sys
from importlib import metadata
from pathlib import Path

# Stable-Baselines3 and d3rlpy import old gym, which prints a notice to stderr the first time.
with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(ImportError):
    import gym  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "ILRec-Gym"
author = "ILRec-Gym contributors"
copyright = "2026, ILRec-Gym contributors"  # noqa: A001 - Sphinx's own name for it
version = release = metadata.version("ilrec-gym")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "house"]
exclude_patterns = ["_build", "_ext"]
# Two packages may each have a class of one short name; the link then goes to the first.
suppress_warnings = ["ref.python"]

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
# Written as in the source; spelled out they fill lines.
_ALIASES = ["ArrayLike", "NDArray", "Array", "Array32", "Index", "Infos", "Actions", "Observations"]
autodoc_type_aliases = {name: name for name in _ALIASES}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"{project} {version}"
html_static_path = ["_static"]
html_css_files = ["house.css"]
html_favicon = "_static/favicon.svg"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#2f6fb7", "color-brand-content": "#2f6fb7"},
    "dark_css_variables": {"color-brand-primary": "#6cb0f5", "color-brand-content": "#6cb0f5"},
}
