"""
Socket.IO protocol 5, spoken over Engine.IO 4: CONNECT carries a payload both ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zope.interface import implementer

from txsocketio.errors import PacketError
from txsocketio.interfaces import IRawParser
from txsocketio.protocol.socketio_text import TextParser

if TYPE_CHECKING:
    from txsocketio.support.types import Value


@implementer(IRawParser)
class ParserV5(TextParser):
    """
    Parse what clients 3.x and 4.x send, and write what they read.
    """

    def _encode_connect(self, data: Value) -> bytes:
        return b"" if data is None else self._value(data)

    def _encode_error(self, data: Value) -> bytes:
        return self._value(data)

    def _decode_connect(self, namespace: str, text: str) -> tuple[str, Value]:
        if not text:
            return namespace, None
        data = self._loads(text)
        if type(data) is not dict:
            raise PacketError("a connect whose payload is no object")
        return namespace, data
