"""
The short way for the frames that nearly all traffic consists of: whole, masked, unfragmented texts, and the close frame
that ends nearly all connections.

Everything else goes to Autobahn untouched, from its first byte on: fragments, binary and other control frames, frames
that have not arrived whole, and every mistake, so that limits, close codes and answers are Autobahn's either way. This
leans on five of Autobahn's attributes (data, state, current_frame, inside_message, processData); fits() tries them out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autobahn.websocket.protocol import WebSocketProtocol

from txsocketio.protocol.frames import is_farewell, read_text_frames

if TYPE_CHECKING:
    from txsocketio.transports.websocket import WebSocketTransport

_OPEN: Final = WebSocketProtocol.STATE_OPEN
_CLOSED: Final = WebSocketProtocol.STATE_CLOSED


def data_received(self: WebSocketTransport, data: bytes) -> None:
    """
    Take received bytes; stands in for dataReceived() of a transport without extensions.

    :param data: any part of the stream.
    """
    self.receiver.heard = True
    self._pieces.append(b"")
    while data:
        if self.current_frame is None and not self.inside_message and self.state == _OPEN:
            if self.data:
                data = self.data + data
                self.data = b""
            texts, used = read_text_frames(data, self.maxMessagePayloadSize)
            for text in texts:
                # Looked up each time: what one packet does may rebind it for the next.
                self.receiver.receive_text(text)
            data = data[used:]
            if not data:
                break
            if len(data) <= 8 and self.state == _OPEN and is_farewell(data):
                self.part()
                break
        data = _parse(self, data)
    self.flush()


def _parse(self: WebSocketTransport, data: bytes) -> bytes:
    """
    Let Autobahn parse until it is between two messages.

    :return: what it has not looked at; nothing when it has taken all.
    """
    if self.state == _CLOSED:
        return b""
    self.data += data
    while self.processData() and self.state != _CLOSED:
        if self.current_frame is None and not self.inside_message and self.state == _OPEN:
            rest: bytes = self.data
            self.data = b""
            return rest
    return b""


def fits(transport_class: type[Any]) -> bool:
    """
    Try out whether the installed Autobahn keeps its state where data_received() looks for it.

    :param transport_class: a subclass of WebSocketTransport with its options set.
    :return: whether data_received() can be used.
    """
    texts: list[str] = []
    try:
        steps = list(_walk(transport_class, texts))
    except Exception:
        # Whatever is wrong with it: then it is not what data_received() was written for.
        return False
    return steps == _EXPECTED and texts == ["ab", "ab"]


class _Collector:
    """
    A receiver that keeps texts.
    """

    heard = False

    def __init__(self, texts: list[str]) -> None:
        """
        :param texts: gets them.
        """
        self.receive_text = texts.append


def _walk(transport_class: type[Any], texts: list[str]) -> Any:
    """
    Feed Autobahn's parser with a text and a fragmented text in pieces, and give its state after each.
    """
    parser = transport_class(None, None)
    parser.receiver = _Collector(texts)
    parser.state = _OPEN
    for piece in (b"\x81", b"\x82\0\0\0\0a", b"b", b"\x01\x81\0\0\0\0a", b"\x80\x81\0\0\0", b"\0b"):
        parser.data += piece
        while parser.processData() and parser.state == _OPEN:
            pass
        yield parser.data, parser.current_frame is None, parser.inside_message, parser.state


_EXPECTED: Final = [
    (b"\x81", True, False, _OPEN),
    (b"", False, True, _OPEN),
    (b"", True, False, _OPEN),
    (b"", True, True, _OPEN),
    (b"\x80\x81\0\0\0", True, True, _OPEN),
    (b"", True, False, _OPEN),
]
