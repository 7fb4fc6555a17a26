"""
The immutable copy of a handshake that applications see; the live request is never kept.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, AnyStr, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.interfaces import ISSLTransport
from twisted.web.http import parse_qs
from twisted.web.http_headers import Headers
from zope.interface import implementer

from txsocketio.interfaces import IHandshakeRequest


@implementer(IHandshakeRequest)
class HandshakeRequest:
    """
    Hold what a request said, with twisted.web's names and types; nothing of it can be assigned to.

    :ivar method: the method, bytes.
    :ivar uri: the whole target, bytes.
    :ivar path: the target without its query, still quoted, bytes.
    :ivar args: the query: a read-only mapping of bytes to tuples of bytes. Never the fields of a form.
    :ivar requestHeaders: a copy of the headers.
    """

    __slots__ = (
        "__weakref__",
        "_certificate",
        "_client",
        "_environ",
        "_host",
        "_protocol",
        "_secure",
        "args",
        "method",
        "path",
        "requestHeaders",
        "uri",
    )

    method: bytes
    uri: bytes
    path: bytes
    args: Mapping[bytes, tuple[bytes, ...]]
    requestHeaders: Headers
    _certificate: Any
    _client: Any
    _environ: dict[str, Any] | None
    _host: Any
    _protocol: bytes
    _secure: bool

    def __init__(
        self,
        method: bytes = b"GET",
        uri: bytes = b"/",
        headers: Headers | Mapping[Any, Sequence[Any]] | None = None,
        client: Any = None,
        secure: bool = False,
        certificate: Any = None,
        host: Any = None,
        protocol: bytes = b"HTTP/1.1",
    ) -> None:
        """
        :param method: the method.
        :param uri: path and query.
        :param headers: twisted.web Headers, which are copied, or what their constructor takes.
        :param client: the IAddress of the peer, or None.
        :param secure: whether the connection to this process is TLS.
        :param certificate: the peer's twisted.internet.ssl.Certificate, or None.
        :param host: the IAddress of this end, or None.
        :param protocol: the HTTP version as twisted.web names it.
        """
        path, _, query = uri.partition(b"?")
        copied = headers.copy() if isinstance(headers, Headers) else Headers(headers)
        args = {name: tuple(values) for name, values in parse_qs(query, 1).items()}
        values = (certificate, client, None, host, protocol, secure, MappingProxyType(args), method, path, copied, uri)
        for name, value in zip(self.__slots__[1:], values, strict=True):
            object.__setattr__(self, name, value)

    @classmethod
    def from_request(cls, request: Any) -> HandshakeRequest:
        """
        Copy a live request.

        :param request: twisted.web's.
        :return: the copy.
        """
        return cls(
            request.method,
            request.uri,
            request.requestHeaders,
            request.getClientAddress(),
            request.isSecure(),
            _peer_certificate(request),
            request.getHost(),
            request.clientproto,
        )

    def __setattr__(self, name: str, value: object) -> None:
        """
        :raises AttributeError: always.
        """
        raise AttributeError("a handshake request cannot be changed")

    def __delattr__(self, name: str) -> None:
        """
        :raises AttributeError: always.
        """
        raise AttributeError("a handshake request cannot be changed")

    def __repr__(self) -> str:
        """
        Show method and path; the query may hold secrets.
        """
        return f"<HandshakeRequest {self.method!r} {self.path!r}>"

    def getHeader(self, name: AnyStr) -> AnyStr | None:
        """
        Give the last value of a header, as it was asked for: str for str, bytes for bytes.

        :param name: the header, in any case.
        :return: the value, or None. What is not UTF-8 in it becomes U+FFFD where a str is asked for.
        """
        if isinstance(name, bytes):
            values = self.requestHeaders.getRawHeaders(name)
            return values[-1] if values else None
        raw = self.requestHeaders.getRawHeaders(name.encode("utf-8"))
        return raw[-1].decode("utf-8", "replace") if raw else None

    def getCookie(self, key: bytes) -> bytes | None:
        """
        Give the value of a cookie.

        :param key: its name.
        :return: the value, or None.
        """
        found = None
        for header in self.requestHeaders.getRawHeaders(b"cookie") or ():
            for pair in header.split(b";"):
                name, equals, value = pair.lstrip().partition(b"=")
                if equals and name == key:
                    found = value
        return found

    def getClientAddress(self) -> Any:
        """
        Give the IAddress of the peer.
        """
        return self._client

    def isSecure(self) -> bool:
        """
        Say whether the connection to this process is TLS.
        """
        return self._secure

    def getUser(self) -> bytes:
        """
        Give the user name of HTTP Basic, or ``b""``.
        """
        return self._basic()[0]

    def getPassword(self) -> bytes:
        """
        Give the password of HTTP Basic, or ``b""``.
        """
        return self._basic()[1]

    def getPeerCertificate(self) -> Any:
        """
        Give the TLS peer certificate as twisted.internet.ssl.Certificate, or None.
        """
        return self._certificate

    @property
    def environ(self) -> dict[str, Any]:
        """
        Give a WSGI-like dict (without the streams), built when first asked for.
        """
        if self._environ is None:
            object.__setattr__(self, "_environ", self._build_environ())
        return cast(dict[str, Any], self._environ)

    def _basic(self) -> tuple[bytes, bytes]:
        scheme, _, credentials = (self.getHeader(b"authorization") or b"").partition(b" ")
        if scheme.lower() != b"basic":
            return b"", b""
        try:
            user, _, password = b64decode(credentials.strip()).partition(b":")
        except binascii.Error:
            return b"", b""
        return user, password

    def _build_environ(self) -> dict[str, Any]:
        client, host = self._client, self._host
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method.decode("latin-1"),
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(self.path).decode("latin-1"),
            "QUERY_STRING": self.uri.partition(b"?")[2].decode("latin-1"),
            "REQUEST_URI": self.uri.decode("latin-1"),
            "SERVER_NAME": str(getattr(host, "host", "")),
            "SERVER_PORT": str(getattr(host, "port", "")),
            "SERVER_PROTOCOL": self._protocol.decode("latin-1"),
            "REMOTE_ADDR": str(getattr(client, "host", "")),
            "REMOTE_PORT": str(getattr(client, "port", "")),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if self._secure else "http",
        }
        for name, values in self.requestHeaders.getAllRawHeaders():
            key = name.decode("latin-1").upper().replace("-", "_")
            joiner = b"; " if key == "COOKIE" else b","
            prefix = "" if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_"
            environ[prefix + key] = joiner.join(values).decode("latin-1")
        return environ


def _peer_certificate(request: Any) -> Any:
    transport = request.transport
    if transport is None:
        # A stream of HTTP/2 shows no transport; its connection has one.
        connection = getattr(getattr(request, "channel", None), "_conn", None)
        transport = getattr(connection, "transport", None)
    secure = ISSLTransport(transport, None)
    if secure is None or secure.getPeerCertificate() is None:
        return None
    from twisted.internet.ssl import Certificate

    return Certificate.peerFromTransport(secure)
