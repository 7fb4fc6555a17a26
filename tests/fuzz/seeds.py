"""
Where inputs come from: what real clients, servers and publishers sent, as the other tests have it.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path

from tests.kits.frames import BINARY, TEXT, frame
from tests.protocol.kit import captures
from tests.redis.kit import vectors

_TESTS = Path(__file__).resolve().parent.parent


@cache
def said(generation: str) -> list[list[str | bytes]]:
    """
    Give what a generation's clients and servers said: lists of a text and its attachments.

    :param generation: ``eio4``, ``eio3`` or ``legacy``.
    """
    found = json.loads((_TESTS / "hostile" / "vectors.json").read_text("utf-8"))[generation]
    return [[text, *map(base64.b64decode, attachments)] for text, *attachments in found]


def packets(generation: str) -> list[bytes]:
    """
    Give the Socket.IO packets among them, without the engine's type.

    :param generation: as for said().
    """
    start = 0 if generation == "legacy" else 1
    texts = [str(text) for text, *_ in said(generation)]
    return [text[start:].encode() for text in texts if generation == "legacy" or text[:1] == "4"]


def messages(generation: str) -> list[bytes]:
    """
    Give them with the engine's type.

    :param generation: as for said().
    """
    return [str(text).encode() for text, *_ in said(generation)]


def bodies(generation: str) -> list[bytes]:
    """
    Give captured bodies of polls and posts.

    :param generation: ``eio4``, ``eio3`` or ``legacy``.
    """
    forms = {
        entry["form"]
        for entry in json.loads((_TESTS / "protocol" / "vectors.json").read_text("utf-8"))
        if entry["form"] != "websocket"
    }
    return [capture.body for capture in captures(*forms) if capture.generation == generation]


def with_choices(inputs: list[bytes], count: int) -> list[bytes]:
    """
    Put each decision before each input.

    :param inputs: the inputs.
    :param count: see mutation.choice().
    """
    return [bytes([number]) + data for data in inputs for number in range(count)]


def streams(generation: str) -> list[bytes]:
    """
    Give what is said as frames of a client.

    :param generation: as for said().
    """
    return [
        b"".join(frame(TEXT, part.encode()) if isinstance(part, str) else frame(BINARY, part) for part in parts)
        for parts in said(generation)
    ]


def published(*kinds: str) -> list[bytes]:
    """
    Give what was published over Redis.

    :param kinds: see tests.redis.kit.
    """
    return [vector.payload for vector in vectors(*kinds)]


def requests() -> list[tuple[str, str, str]]:
    """
    Give captured requests: method, target, body.
    """
    found = json.loads((_TESTS / "transports" / "eio_errors.json").read_text("utf-8"))
    return [(entry["method"], entry["target"], entry["posted"]) for entry in found]


def legacy_lines() -> list[bytes]:
    """
    Give what clients of 0.9 and their server said over each transport.
    """
    found = json.loads((_TESTS / "transports" / "legacy" / "legacy_sessions.json").read_text("utf-8"))
    return [line[1].encode() for lines in found.values() for line in lines if isinstance(line, list)]
