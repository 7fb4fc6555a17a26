"""
The two shapes of a poll: XMLHttpRequest, and JSONP for pages that have nothing better.

They differ only in what is wrapped around the payload; the transport holds the one its handshake chose.
"""

from __future__ import annotations

from typing import Protocol

from txsocketio.protocol import jsonp


class Shape(Protocol):
    """
    Unwrap what is posted, wrap what is polled.
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

    def read(self, body: bytes) -> bytes:
        """
        See Shape.
        """
        return body

    def wrap(self, body: bytes, content_type: bytes) -> tuple[bytes, bytes]:
        """
        See Shape.
        """
        return body, content_type


class Script:
    """
    Send payloads as calls of a function of the page, and read them from the field ``d`` of a form.
    """

    def __init__(self, index: str) -> None:
        """
        :param index: what the client sent as ``j``; all but its digits is dropped.
        """
        self._index = jsonp.index(index)

    def read(self, body: bytes) -> bytes:
        """
        See Shape.
        """
        return jsonp.unescape(jsonp.read_form(body))

    def wrap(self, body: bytes, content_type: bytes) -> tuple[bytes, bytes]:
        """
        See Shape.
        """
        # The reference server says text/plain, which pages that obey nosniff refuse to run.
        return jsonp.wrap(self._index, body), b"text/javascript; charset=UTF-8"
