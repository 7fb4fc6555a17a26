"""
Where Chromium is.
"""

from __future__ import annotations

import os
import shutil

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "Chromium is not on PATH: install your system's package (chromium) to have browsers tested too"


def chromium() -> str | None:
    """
    Give the path of Chromium, or None where there is none.

    :raises AssertionError: where there is none under CI=true.
    """
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None and os.environ.get("CI") == "true":
        raise AssertionError(MISSING)
    return found
