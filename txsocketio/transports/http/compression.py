"""
Compressed polling answers, for clients that take them.
"""

from __future__ import annotations

import zlib

#: What can be produced, the preferred first, with zlib's window bits: 31 makes gzip, 15 what HTTP calls deflate.
_WINDOW_BITS = {b"gzip": 31, b"deflate": 15}


def _quality(parameters: list[bytes]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip().lower() == b"q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def choose_coding(accept_encoding: bytes | None) -> bytes | None:
    """
    Choose the coding that a client likes best.

    :param accept_encoding: its Accept-Encoding header, or None.
    :return: ``gzip``, ``deflate``, or None; never what it gave ``q=0``.
    """
    if not accept_encoding:
        return None
    qualities: dict[bytes, float] = {}
    for item in accept_encoding.split(b","):
        name, *parameters = item.split(b";")
        qualities[name.strip().lower()] = _quality(parameters)
    others = qualities.get(b"*", 0.0)
    best = max(_WINDOW_BITS, key=lambda coding: qualities.get(coding, others))
    return best if qualities.get(best, others) > 0.0 else None


def compress(coding: bytes, body: bytes) -> bytes:
    """
    Compress a body.

    :param coding: what choose_coding() gave.
    :param body: the body.
    :return: the compressed body.
    """
    return zlib.compress(body, wbits=_WINDOW_BITS[coding])
