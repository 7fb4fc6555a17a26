"""
Socket.IO protocol 4, spoken over Engine.IO 3: CONNECT carries a query, a refusal a bare value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from zope.interface import implementer

from txsocketio.errors import PacketError
from txsocketio.interfaces import IRawParser
from txsocketio.protocol.packet import CONNECT_ERROR
from txsocketio.protocol.socketio_text import TextParser, refuse_bytes
from txsocketio.protocol.text import unquote, utf8

if TYPE_CHECKING:
    from txsocketio.support.types import Value

#: Fields of a namespace's query.
_MOST_FIELDS: Final = 1000


@implementer(IRawParser)
class ParserV4(TextParser):
    """
    Parse what clients 1.x and 2.x send, and write what they read.
    """

    def encode_control(self, kind: int, namespace: str, content: Value) -> bytes:
        """
        Encode a CONNECT, DISCONNECT or CONNECT_ERROR; see IParser.
        """
        head = utf8(f"{kind}{namespace},") if namespace else b"%d" % kind
        if kind != CONNECT_ERROR:
            return head
        more = content.get("data")
        text: bytes = self.json.dumps(content["message"] if more is None else more, refuse_bytes)
        if len(text) > self._most:
            raise self._bounds.exceeded()
        return head + text

    def _decode_connect(self, namespace: str, text: str) -> tuple[str, Value]:
        if text:
            raise PacketError("a connect with a payload")
        return split_query(namespace)


def split_query(namespace: str) -> tuple[str, dict[str, Value] | None]:
    """
    Take the query off a namespace.

    :param namespace: as it came: ``/chat?room=1``.
    :return: the namespace, and what the application gets as ``auth``: texts by name, a list of them where a name
        occurs more than once; None without a query.
    :raises ProtocolError: for a query of too many fields, or one that is not urlencoded.
    """
    path, mark, query = namespace.partition("?")
    if not mark:
        return namespace, None
    if query.count("&") >= _MOST_FIELDS:
        raise PacketError(f"a namespace whose query has more than {_MOST_FIELDS} fields")
    fields: dict[str, Value] = {}
    for field in query.split("&"):
        if field:
            name, _, value = field.partition("=")
            fields.setdefault(_unquoted(name), []).append(_unquoted(value))
    return path, {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def _unquoted(text: str) -> str:
    return unquote(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")
