"""
Texts inside scripts and forms: what JSONP, and 0.9's htmlfile, wrap around a payload.
"""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import unquote_to_bytes

import orjson

from txsocketio.errors import PayloadError

_NOT_DIGIT: Final = re.compile(r"[^0-9]")
_NEWLINE: Final = re.compile(rb"(\\)?\\n")
_LONGEST_INDEX: Final = 32


def index(value: str) -> str:
    """
    Strip what a client sent as ``j`` or ``i`` to its digits, so that it can name nothing but a callback.

    :param value: the query parameter, as untrusted as it comes.
    :return: ASCII digits, perhaps none.
    """
    return _NOT_DIGIT.sub("", value)[:_LONGEST_INDEX]


def script_string(body: bytes, slashes: bool = False) -> bytes:
    """
    Quote a payload as a JavaScript string that is safe in any script.

    :param body: UTF-8.
    :param slashes: whether to write ``/`` as ``\\/``, for scripts inside HTML.
    :return: the literal with its quotes.
    """
    quoted = orjson.dumps(body.decode()).replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return quoted.replace(b"/", b"\\/") if slashes else quoted


def wrap(index: str, body: bytes) -> bytes:
    """
    Make the script that answers a JSONP poll of Engine.IO 3 and 4.

    :param index: from index().
    :param body: the payload.
    :return: the call of the client's callback.
    """
    return b"___eio[%b](%b);" % (index.encode(), script_string(body))


def wrap_legacy(index: str, body: bytes) -> bytes:
    """
    Make the script that answers a JSONP poll, or the handshake, of 0.9.

    :param index: from index().
    :param body: the payload.
    :return: the call of the client's callback.
    """
    return b"io.j[%b](%b);" % (index.encode(), script_string(body))


def wrap_legacy_refusal(index: str, message: bytes) -> bytes:
    """
    Make the script that refuses a handshake of 0.9.

    :param index: from index().
    :param message: UTF-8, for the client's ``error`` event.
    :return: the call of the client's callback.
    """
    return b"io.j[%b](new Error(%b));" % (index.encode(), script_string(message))


def wrap_htmlfile(body: bytes) -> bytes:
    """
    Make the element that carries one payload of 0.9's htmlfile.

    :param body: the payload.
    :return: the script element.
    """
    return b"<script>_(%b);</script>" % script_string(body, slashes=True)


def read_form(body: bytes) -> bytes:
    """
    Take the field ``d`` out of an urlencoded form.

    :param body: the body of the POST.
    :return: its value; what wraps the payload inside it is still there.
    :raises PayloadError: when there is none.
    """
    for field in body.split(b"&"):
        name, _, value = field.partition(b"=")
        if name == b"d":
            return unquote_to_bytes(value.replace(b"+", b" "))
    raise PayloadError("a form without the field d")


def unescape(d: bytes) -> bytes:
    """
    Undo what clients of Engine.IO 3 and 4 do to newlines in the field ``d``.

    :param d: the value of the field.
    :return: the payload.
    """
    return _NEWLINE.sub(lambda found: found[0] if found[1] else b"\n", d).replace(b"\\\\n", b"\\n")


def unescape_legacy(d: bytes) -> bytes:
    """
    Read the field ``d`` as clients of 0.9 write it: a JSON string.

    :param d: the value of the field.
    :return: the payload.
    :raises PayloadError: when it is not one.
    """
    try:
        payload = json.loads(d)
        return payload.encode()  # type: ignore[no-any-return]
    except (ValueError, AttributeError, RecursionError):
        raise PayloadError("the field d is not a JSON string") from None
