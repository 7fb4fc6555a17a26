"""
Texts inside scripts and forms: what JSONP, and 0.9's htmlfile, wrap around a payload.
"""

from __future__ import annotations

import json
import re
from typing import Final

import orjson

from txsocketio.errors import PayloadError
from txsocketio.protocol.text import unquote

_NOT_DIGITS: Final = re.compile(r"[^0-9]+")
_LONGEST_INDEX: Final = 32


def index(value: str) -> str:
    """
    Strip what a client sent as ``j`` or ``i`` to its digits, so that it can name nothing but a callback.

    :param value: the query parameter, as untrusted as it comes.
    :return: ASCII digits, perhaps none.
    """
    return _NOT_DIGITS.sub("", value)[:_LONGEST_INDEX]


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
    :raises PayloadError: when there is none, or it is not urlencoded.
    """
    start = 0 if body[:2] == b"d=" else body.find(b"&d=") + 1
    if not start and body[:2] != b"d=":
        raise PayloadError("a form without the field d")
    end = body.find(b"&", start)
    return unquote(body[start + 2 : end if end >= 0 else None])


def unescape(d: bytes) -> bytes:
    """
    Undo what clients of Engine.IO 3 and 4 do to newlines in the field ``d``.

    :param d: the value of the field.
    :return: the payload.
    """
    # Pairs of backslashes stand aside as FF 31 meanwhile, and FF, which UTF-8 never holds, as FF 30.
    aside = d.replace(b"\xff", b"\xff0").replace(b"\\\\n", b"\xff1")
    return aside.replace(b"\\n", b"\n").replace(b"\xff1", b"\\n").replace(b"\xff0", b"\xff")


def unescape_legacy(d: bytes) -> bytes:
    """
    Read the field ``d`` as clients of 0.9 write it: a JSON string.

    :param d: the value of the field.
    :return: the payload.
    :raises PayloadError: when it is not one.
    """
    # Looked at first: what is no string may be 300,000 lists.
    if d.lstrip()[:1] != b'"':
        raise PayloadError("the field d is not a JSON string")
    try:
        payload = json.loads(d)
        return payload.encode()  # type: ignore[no-any-return]
    except ValueError:
        raise PayloadError("the field d is not a JSON string") from None
