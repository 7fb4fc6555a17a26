"""
Things to send, each encoded at most once for each parser and rendered at most once for each wire.
"""

from __future__ import annotations

from zope.interface import implementer

from txsocketio.interfaces import IEncoded, IParser, IWire
from txsocketio.protocol.packet import Packet
from txsocketio.protocol.text import BINARY, TEXT, Parts, utf8
from txsocketio.support.types import Rendered


class _Renderings(dict[IWire | IParser, Rendered]):
    """
    Cache renderings by wire and parts by parser: a dict, so that a broadcast's second recipient costs no call.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        """
        Hold also while nothing is rendered.
        """
        return True

    def __repr__(self) -> str:
        """
        Show no payload: it may end up in a log.
        """
        return f"<{type(self).__name__}>"


@implementer(IEncoded)
class EncodedPacket(_Renderings):
    """
    Hold a Socket.IO packet on its way out.

    :ivar packet: the packet.
    """

    __slots__ = ("packet",)

    def __init__(self, packet: Packet) -> None:
        """
        :param packet: what to send; not changed afterwards.
        """
        self.packet = packet

    def __missing__(self, wire: IWire) -> Rendered:
        """
        Render for a wire that has not asked before; spelt out, since every emit and every ack comes by.
        """
        parser = wire.parser
        parts = self.get(parser)
        if parts is None:
            parts = self[parser] = parser.encode(self.packet)
        rendered = self[wire] = wire.message(parts)
        return rendered

    def parts(self, parser: IParser) -> Parts:
        """
        Give what a parser makes of the packet.
        """
        parts: Parts | None = self.get(parser)
        if parts is None:
            parts = self[parser] = parser.encode(self.packet)
        return parts

    def size(self, parser: IParser) -> int:
        """
        Give the bytes of what a parser makes of it.
        """
        parts = self.parts(parser)
        return len(parts[0][1]) if len(parts) == 1 else sum([len(data) for _, data in parts])


@implementer(IEncoded)
class EncodedParts(_Renderings):
    """
    Hold a message that is encoded already, whatever the parser.
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: Parts) -> None:
        """
        :param parts: the header first, then its attachments.
        """
        self._parts = parts

    def __missing__(self, wire: IWire) -> Rendered:
        """
        Render for a wire that has not asked before.
        """
        rendered = self[wire] = wire.message(self.parts(wire.parser))
        return rendered

    def parts(self, parser: IParser) -> Parts:
        """
        Give the parts, which are the same for every parser.
        """
        return self._parts

    def size(self, parser: IParser) -> int:
        """
        Give the bytes of the parts.
        """
        parts = self.parts(parser)
        return len(parts[0][1]) if len(parts) == 1 else sum([len(data) for _, data in parts])


class EncodedMessage(EncodedParts):
    """
    Hold one message of an application that uses the engine without Socket.IO.
    """

    __slots__ = ()

    def __init__(self, data: str | bytes) -> None:
        """
        :param data: a text or a binary message.
        :raises UnencodableValue: for a text with half of a surrogate pair.
        """
        super().__init__(((TEXT, utf8(data)),) if isinstance(data, str) else ((BINARY, bytes(data)),))


class EncodedControl(EncodedParts):
    """
    Hold an engine packet that is no message.
    """

    __slots__ = ("data", "type")

    def __init__(self, type: int, data: bytes = b"") -> None:
        """
        :param type: OPEN 0, CLOSE 1, PING 2, PONG 3, UPGRADE 5, NOOP 6.
        :param data: its UTF-8 data.
        """
        super().__init__(((TEXT, b"%d%b" % (type, data)),))
        self.type = type
        self.data = data

    def __missing__(self, wire: IWire) -> Rendered:
        """
        Render for a wire that has not asked before.
        """
        rendered = self[wire] = wire.control(self.type, self.data)
        return rendered
