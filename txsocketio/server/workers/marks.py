"""
Whose session it is: the first two characters of an id name the worker that has minted it.
"""

from __future__ import annotations

import re
from typing import Final

#: As many as two hexadecimal digits can name.
MAX_WORKERS: Final = 255

_MARKED = re.compile(r"[0-9a-f]{2}[-0-9A-Z_a-z]{22}", re.ASCII).fullmatch


def mark_of(number: int) -> str:
    """
    Give what the ids of a worker's sessions begin with.

    :param number: of the worker, from 1.
    """
    return f"{number:02x}"


def owner_of(sid: str) -> int:
    """
    Read an id.

    :param sid: what a client sent.
    :return: the number that a worker with that session has; 0 for what no worker has minted.
    """
    return int(sid[:2], 16) if _MARKED(sid) else 0
