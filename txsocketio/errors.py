"""
Every exception of txsocketio, in one tree::

    SocketIOError
    +-- ProtocolError           the peer broke the protocol (has .reason)
    |   +-- PacketError             a packet that cannot be read
    |   +-- PayloadError            a polling payload that cannot be read
    |   +-- PayloadTooLarge         a body, message or frame over its limit
    |   +-- AttachmentError         binary attachments that do not fit their packet
    +-- HandshakeError          a request refused before a session (has .code and .status)
    +-- UsageError              the application asked for what cannot be done
    |   +-- OptionError             an option with a wrong name or value
    |   +-- ReservedEvent           an event name that the protocol keeps for itself
    |   +-- EncodeError             a value that cannot be put on the wire
    |       +-- UnsupportedByGeneration     this client's protocol cannot carry it
    |       +-- UnencodableValue            no protocol can carry it
    |       +-- OutgoingTooLarge            it has more attachments or bytes than an option allows
    +-- ConnectionRefused       raised by applications to refuse a namespace
    +-- AccessDenied            a method that the access list does not allow
    +-- NoSuchMethod            an event that no handler takes
    +-- AckError                an acknowledgement that will not come
    |   +-- AckTimeout              not within the time given
    |   |   +-- BroadcastTimeout        not by all who were asked (has .answers)
    |   +-- AckDisconnected         the namespace was closed first
    |   +-- TooManyAcks             the client owes more answers than allowed
    +-- AdapterError            another process could not be reached (has .answers)
        +-- WireError               what another process sent cannot be read

Pure codecs raise only ``ProtocolError`` and ``EncodeError``; each edge maps them once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class SocketIOError(Exception):
    """
    The base of everything that txsocketio raises.
    """


class ProtocolError(SocketIOError):
    """
    The peer sent what its protocol does not allow.

    :ivar reason: the disconnect reason that the session is closed with.
    """

    reason = "parse error"


class PacketError(ProtocolError):
    """
    A packet cannot be read.
    """


class PayloadError(ProtocolError):
    """
    A polling payload cannot be split into packets.
    """


class PayloadTooLarge(ProtocolError):
    """
    A body, message, frame or number of packets is over its limit.
    """


class AttachmentError(ProtocolError):
    """
    Binary attachments do not fit the packet that announced them.
    """


#: Engine.IO error codes with the messages of the reference server.
HANDSHAKE_MESSAGES = {
    0: "Transport unknown",
    1: "Session ID unknown",
    2: "Bad handshake method",
    3: "Bad request",
    4: "Forbidden",
    5: "Unsupported protocol version",
}


class HandshakeError(SocketIOError):
    """
    A request is refused before it reaches a session.

    :ivar code: the Engine.IO error code, 0 to 5.
    :ivar message: the text for the client.
    :ivar status: the HTTP status, 403 for code 4, else 400.
    """

    def __init__(self, code: int, message: str | None = None) -> None:
        """
        :param code: the Engine.IO error code, 0 to 5.
        :param message: replaces the reference server's text.
        """
        self.code = code
        self.message = HANDSHAKE_MESSAGES[code] if message is None else message
        self.status = 403 if code == 4 else 400
        super().__init__(f"{self.message} (code {code})")


class UsageError(SocketIOError, ValueError):
    """
    The application asked for what cannot be done; the text says what to do instead.
    """


class OptionError(UsageError, TypeError):
    """
    An option has a name or a value that does not exist.

    It is a ValueError and, for an unknown keyword, what Python itself would raise: a TypeError.
    """


class ReservedEvent(UsageError):
    """
    An event name is one that the protocol keeps for itself.
    """


class EncodeError(UsageError):
    """
    A value cannot be put on the wire.
    """


class UnsupportedByGeneration(EncodeError):
    """
    This client's protocol generation cannot carry the value; other clients' may.
    """


class UnencodableValue(EncodeError):
    """
    The value cannot be written as JSON with attachments, for no client.
    """


class OutgoingTooLarge(EncodeError):
    """
    A packet has more attachments than ``max_outgoing_attachments``, or more bytes than ``max_outgoing_bytes``.

    Nothing of it has been sent, and the connection stays. Send less at a time, or raise the option.
    """


class ConnectionRefused(SocketIOError):
    """
    Refuse a client's connection to a namespace.

    Raise it from ``initialize`` or ``recv_connect``; the client gets a CONNECT_ERROR with the message and the data.

    :ivar message: the text for the client.
    :ivar data: any JSON value for the client, or None.
    """

    def __init__(self, message: str = "not authorized", data: Any = None) -> None:
        """
        :param message: the text for the client.
        :param data: any JSON value for the client.
        """
        super().__init__(message)
        self.message = message
        self.data = data


class AccessDenied(SocketIOError):
    """
    The access list of a namespace does not allow a method.
    """


class NoSuchMethod(SocketIOError):
    """
    No handler takes an event.
    """


class AckError(SocketIOError):
    """
    An acknowledgement will not come.
    """


class AckTimeout(AckError):
    """
    The client did not acknowledge within the time given.
    """


class BroadcastTimeout(AckTimeout):
    """
    Not all the clients that were asked have acknowledged.

    :ivar answers: the acknowledgements that have come, in that order.
    """

    def __init__(self, message: str, answers: Sequence[Any] = ()) -> None:
        """
        :param message: what happened.
        :param answers: the acknowledgements that have come.
        """
        super().__init__(message)
        self.answers = list(answers)


class AckDisconnected(AckError):
    """
    The namespace was closed before the client acknowledged.
    """


class TooManyAcks(AckError):
    """
    The client already owes as many acknowledgements as the option ``max_pending_acks`` allows.
    """


class AdapterError(SocketIOError):
    """
    The adapter could not reach the other processes of a cluster, or not all of them have answered in time.

    :ivar answers: what those that have answered gave: acknowledgements, answers of servers, or RemoteSockets.
    """

    def __init__(self, message: str, answers: Sequence[Any] = ()) -> None:
        """
        :param message: what happened.
        :param answers: what has come.
        """
        super().__init__(message)
        self.answers = list(answers)


class WireError(AdapterError, ValueError):
    """
    A message of another process cannot be read; it is dropped.
    """
