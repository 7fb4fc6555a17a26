"""
Socket.IO protocol 5, spoken over Engine.IO 4: CONNECT carries a payload both ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zope.interface import implementer

from txsocketio.errors import PacketError
from txsocketio.interfaces import IRawParser
from txsocketio.protocol.packet import CONNECT_ERROR
from txsocketio.protocol.socketio_text import TextParser, refuse_bytes
from txsocketio.protocol.text import utf8

if TYPE_CHECKING:
    from txsocketio.support.types import Value


@implementer(IRawParser)
class ParserV5(TextParser):
    """
    Parse what clients 3.x and 4.x send, and write what they read.
    """

    def encode_control(self, kind: int, namespace: str, content: Value) -> bytes:
        """
        Encode a CONNECT, DISCONNECT or CONNECT_ERROR; see IParser.
        """
        head = utf8(f"{kind}{namespace},") if namespace else b"%d" % kind
        if content is None and kind != CONNECT_ERROR:
            return head
        text: bytes = self.json.dumps(content, refuse_bytes)
        if len(text) > self._most:
            raise self._bounds.exceeded()
        return head + text

    def _decode_connect(self, namespace: str, text: str) -> tuple[str, Value]:
        if not text:
            return namespace, None
        data = self._loads(text)
        if type(data) is not dict:
            raise PacketError("a connect whose payload is no object")
        return namespace, data
