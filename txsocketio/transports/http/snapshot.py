"""
The immutable copy of a handshake that applications see; the live request is never kept.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, AnyStr, Final
from urllib.parse import unquote_to_bytes

from twisted.internet.interfaces import ISSLTransport
from twisted.web.http import parse_qs
from twisted.web.http_headers import Headers
from zope.interface import implementer

from txsocketio.interfaces import IHandshakeRequest

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress
    from twisted.internet.ssl import Certificate
    from twisted.web.server import Request

_set: Final = object.__setattr__


@implementer(IHandshakeRequest)
class HandshakeRequest:
    """
    Hold what a request said, with twisted.web's names and types; nothing of it can be assigned to.

    Of the headers there are only the lines until they are asked for: an idle connection keeps little, and most
    applications never look.
    """

    __slots__ = ("__weakref__", "_args", "_environ", "_headers", "_said")

    #: What __init__() was given; the rest is made of it when it is first asked for, and unset until then.
    _said: tuple[bytes, bytes, bytes, IAddress | None, bool, Certificate | None, IAddress | None, bytes]
    _args: Mapping[bytes, tuple[bytes, ...]]
    _environ: dict[str, object]
    _headers: Headers

    def __init__(
        self,
        method: bytes = b"GET",
        uri: bytes = b"/",
        headers: Headers | Mapping[Any, Sequence[Any]] | bytes | None = None,
        client: IAddress | None = None,
        secure: bool = False,
        certificate: Certificate | None = None,
        host: IAddress | None = None,
        protocol: bytes = b"HTTP/1.1",
    ) -> None:
        """
        :param method: the method.
        :param uri: path and query.
        :param headers: twisted.web Headers, which are copied, or what their constructor takes; or the lines of a
            request that has been found to be sound.
        :param client: the IAddress of the peer, or None.
        :param secure: whether the connection to this process is TLS.
        :param certificate: the peer's twisted.internet.ssl.Certificate, or None.
        :param host: the IAddress of this end, or None.
        :param protocol: the HTTP version as twisted.web names it.
        """
        if not isinstance(headers, bytes):
            headers = _lines(headers if isinstance(headers, Headers) else Headers(headers))
        _set(self, "_said", (method, uri, headers, client, secure, certificate, host, protocol))

    @classmethod
    def from_request(cls, request: Request) -> HandshakeRequest:
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
            peer_certificate(_transport_of(request)),
            request.getHost(),
            request.clientproto,
        )

    @property
    def method(self) -> bytes:
        """
        The method.
        """
        return self._said[0]

    @property
    def uri(self) -> bytes:
        """
        The whole target.
        """
        return self._said[1]

    @property
    def path(self) -> bytes:
        """
        The target without its query, still quoted.
        """
        return self._said[1].partition(b"?")[0]

    @property
    def args(self) -> Mapping[bytes, tuple[bytes, ...]]:
        """
        The query: a read-only mapping. Never the fields of a form.
        """
        try:
            return self._args
        except AttributeError:
            found = parse_qs(self.uri.partition(b"?")[2], 1)
            _set(self, "_args", MappingProxyType({name: tuple(values) for name, values in found.items()}))
            return self._args

    @property
    def requestHeaders(self) -> Headers:
        """
        The headers, in a copy.
        """
        try:
            return self._headers
        except AttributeError:
            headers = Headers()
            for line in self._said[2].split(b"\r\n"):
                name, colon, value = line.partition(b":")
                if colon:
                    headers.addRawHeader(name, value.strip(b" \t"))
            _set(self, "_headers", headers)
            return headers

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

    def getClientAddress(self) -> IAddress | None:
        """
        Give the IAddress of the peer.
        """
        return self._said[3]

    def isSecure(self) -> bool:
        """
        Say whether the connection to this process is TLS.
        """
        return self._said[4]

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

    def getPeerCertificate(self) -> Certificate | None:
        """
        Give the TLS peer certificate as twisted.internet.ssl.Certificate, or None.
        """
        return self._said[5]

    @property
    def environ(self) -> dict[str, object]:
        """
        Give a WSGI-like dict (without the streams), built when first asked for.
        """
        try:
            return self._environ
        except AttributeError:
            _set(self, "_environ", self._build_environ())
            return self._environ

    def _basic(self) -> tuple[bytes, bytes]:
        scheme, _, credentials = (self.getHeader(b"authorization") or b"").partition(b" ")
        if scheme.lower() != b"basic":
            return b"", b""
        try:
            user, _, password = b64decode(credentials.strip()).partition(b":")
        except binascii.Error:
            return b"", b""
        return user, password

    def _build_environ(self) -> dict[str, object]:
        _, _, _, client, secure, _, host, protocol = self._said
        environ: dict[str, object] = {
            "REQUEST_METHOD": self.method.decode("latin-1"),
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(self.path).decode("latin-1"),
            "QUERY_STRING": self.uri.partition(b"?")[2].decode("latin-1"),
            "REQUEST_URI": self.uri.decode("latin-1"),
            "SERVER_NAME": str(getattr(host, "host", "")),
            "SERVER_PORT": str(getattr(host, "port", "")),
            "SERVER_PROTOCOL": protocol.decode("latin-1"),
            "REMOTE_ADDR": str(getattr(client, "host", "")),
            "REMOTE_PORT": str(getattr(client, "port", "")),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if secure else "http",
        }
        for name, values in self.requestHeaders.getAllRawHeaders():
            key = name.decode("latin-1").upper().replace("-", "_")
            joiner = b"; " if key == "COOKIE" else b","
            prefix = "" if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_"
            environ[prefix + key] = joiner.join(values).decode("latin-1")
        return environ


def _lines(headers: Headers) -> bytes:
    return b"\r\n".join([name + b":" + value for name, values in headers.getAllRawHeaders() for value in values])


def _transport_of(request: Request) -> object:
    if request.transport is not None:
        return request.transport
    # A stream of HTTP/2 shows no transport; its connection has one.
    connection = getattr(getattr(request, "channel", None), "_conn", None)
    return getattr(connection, "transport", None)


def peer_certificate(transport: object) -> Certificate | None:
    """
    Give the certificate that the other end has shown.

    :param transport: of a connection, or None.
    :return: a twisted.internet.ssl.Certificate, or None.
    """
    if not ISSLTransport.providedBy(transport) or transport.getPeerCertificate() is None:
        return None
    from twisted.internet.ssl import Certificate

    certificate: Certificate = Certificate.peerFromTransport(transport)
    return certificate
