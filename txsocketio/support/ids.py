"""
Ids that nobody can guess.
"""

from __future__ import annotations

from binascii import b2a_base64
from os import urandom
from typing import Final

_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def new_id(size: int) -> str:
    """
    Make an id of random bytes of the system's, in the base64 that URLs take.

    :param size: how many bytes, a multiple of 3, so that there is no padding.
    :return: 4 characters for each 3 bytes.
    """
    return b2a_base64(urandom(size), newline=False).translate(_URL_SAFE).decode("ascii")
