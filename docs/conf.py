"""
Configure Sphinx.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from txsocketio import __version__  # noqa: E402

project = "txsocketio"
author = "the txsocketio contributors"
project_copyright = "2026, the txsocketio contributors"
version = release = __version__

extensions = ["generated", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "examples"]
default_role = "code"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"

html_static_path = ["_static"]
html_theme = "alabaster"
html_theme_options = {"description": "Socket.IO for Twisted", "fixed_sidebar": True, "page_width": "1100px"}
