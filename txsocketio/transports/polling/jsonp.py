"""
How the payload of a poll is wrapped: XMLHttpRequest, and JSONP for pages that have nothing better.

They differ only in what is wrapped around the payload; the transport holds the one its handshake chose.
"""

from __future__ import annotations

from typing import Protocol

from txsocketio.protocol import jsonp


class PollEncoding(Protocol):
    """
    Unwrap what is posted, wrap what is polled.

    :ivar readable: whether any page can read what is polled, whatever CORS says: it is a script.
    """

    @property
    def readable(self) -> bool:
        """
        Whether any page can read what is polled.
        """

    def read(self, body: bytes) -> bytes:
        """
        Take the payload out of the body of a POST.

        :raises PayloadError: when there is none.
        """

    def wrap(self, body: bytes, content_type: bytes) -> tuple[bytes, bytes]:
        """
        Give body and Content-Type of a poll's answer.
        """


class Bare:
    """
    Leave payloads as they are.
    """

    readable = False

    def read(self, body: bytes) -> bytes:
        """
        Return the payload that the body of a POST holds.
        """
        return body

    def wrap(self, body: bytes, content_type: bytes) -> tuple[bytes, bytes]:
        """
        Return body and Content-Type of the answer to a poll.
        """
        return body, content_type


class Script:
    """
    Send payloads as calls of a function of the page, and read them from the field ``d`` of a form.
    """

    readable = True

    _unescape = staticmethod(jsonp.unescape)
    _wrap = staticmethod(jsonp.wrap)

    def __init__(self, index: str) -> None:
        """
        :param index: what the client sent to tell its functions apart; all but its digits is dropped.
        """
        self._index = jsonp.index(index)

    def read(self, body: bytes) -> bytes:
        """
        Return the payload that the body of a POST holds.
        """
        return self._unescape(jsonp.read_form(body))

    def wrap(self, body: bytes, content_type: bytes) -> tuple[bytes, bytes]:
        """
        Return body and Content-Type of the answer to a poll.
        """
        # The reference server says text/plain, which pages that obey nosniff refuse to run.
        return self._wrap(self._index, body), b"text/javascript; charset=UTF-8"


class LegacyScript(Script):
    """
    Wrap and unwrap payloads as 0.9 does: the function is one of ``io.j``, the field a JSON string.
    """

    _unescape = staticmethod(jsonp.unescape_legacy)
    _wrap = staticmethod(jsonp.wrap_legacy)
