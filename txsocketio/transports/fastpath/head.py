"""
The one grammar of heads on the fast path, the strictest there is: polls and WebSocket handshakes share it.

What does not match it is no mistake: it goes to twisted.web from its first byte on, and is judged there.
"""

from __future__ import annotations

from typing import Final

#: Bytes of a head, and fields in it; well within what twisted.web takes.
LONGEST_HEAD: Final = 8192
_MOST_FIELDS: Final = 100
#: One field with its end, as a part of a regular expression.
FIELD: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n"
#: With one of these twisted.web has more to do than to hand over a body.
_UNUSUAL: Final = (b"transfer-encoding", b"expect")


class HeadFields(dict[bytes, list[bytes]]):
    """
    Hold a head's fields by their names in lower case, to be asked like twisted.web's Headers.
    """

    __slots__ = ()

    getRawHeaders = dict.get

    def last(self, name: bytes) -> bytes | None:
        """
        Give the last value of a field, or None.

        :param name: in lower case.
        """
        values = self.get(name)
        return None if values is None else values[-1]


class RequestHead:
    """
    Hold a request's head; checks of hosts, origins and handshakes ask it as they ask a Request of twisted.web.

    :ivar method: the method.
    :ivar requestHeaders: its fields.
    """

    __slots__ = ("_secure", "getHeader", "method", "requestHeaders")

    clientproto = b"HTTP/1.1"

    def __init__(self, method: bytes, fields: HeadFields, secure: bool) -> None:
        """
        :param method: see the class.
        :param fields: see the class.
        :param secure: whether the connection is TLS.
        """
        self.method = method
        self.requestHeaders = fields
        #: Gives the last value of a field, named in lower case, or None.
        self.getHeader = fields.last
        self._secure = secure

    def isSecure(self) -> bool:
        """
        Say whether the connection to this process is TLS.
        """
        return self._secure


def read_head(method: bytes, lines: bytes, secure: bool) -> RequestHead | None:
    """
    Read the fields of a head.

    :param method: of the request.
    :param lines: what FIELD matches one after the other, each with its end; nothing for a head without fields.
    :param secure: whether the connection is TLS.
    :return: the head; None where it has too many fields, or one with which twisted.web has more to do.
    """
    if lines.count(b"\n") > _MOST_FIELDS:
        return None
    fields = HeadFields()
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in fields:
            fields[name].append(value.strip(b" \t"))
        else:
            fields[name] = [value.strip(b" \t")]
    for name in _UNUSUAL:
        if name in fields:
            return None
    return RequestHead(method, fields, secure)
