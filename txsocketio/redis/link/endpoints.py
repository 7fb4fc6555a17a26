"""
The client endpoints that lead to Redis: TCP, TLS with the certificate verified, unix sockets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)

from txsocketio.errors import UsageError
from txsocketio.redis.link.url import RedisSettings, TLSSettings

_BEGIN = b"-----BEGIN CERTIFICATE-----"


def tls_options(settings: RedisSettings) -> Any:
    """
    Read the certificates that settings name.

    :return: what wraps an endpoint in TLS; None where there is none.
    :raises UsageError: when a file cannot be read or used.
    """
    tls = settings.tls
    if tls is None:
        return None
    own = _own_certificate(tls)
    if not tls.verify:
        return own.options() if own is not None else CertificateOptions()
    trusted = None if tls.ca_file is None else trustRootFromCertificates(_authorities(tls.ca_file))
    return optionsForClientTLS(settings.addresses[0][0], trusted, own)


def redis_endpoint(reactor: Any, settings: RedisSettings, address: tuple[str, int] | None, options: Any) -> Any:
    """
    Give the endpoint of a Redis server, or of a sentinel.

    :param reactor: that connects.
    :param settings: name a unix socket, or ask for TLS.
    :param address: host and port; None for a unix socket.
    :param options: what tls_options() gave.
    :return: an IStreamClientEndpoint.
    """
    if address is None:
        return UNIXClientEndpoint(reactor, settings.path)
    host, port = address
    endpoint = HostnameEndpoint(reactor, host, port)
    return endpoint if options is None else wrapClientTLS(options, endpoint)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"the file {path} that the Redis URL names cannot be read: {error}") from None


def _authorities(path: str) -> list[Certificate]:
    begun = _read(path).split(_BEGIN)[1:]
    if not begun:
        raise UsageError(f"the file {path} that the Redis URL names has no certificate in PEM form")
    try:
        return [Certificate.loadPEM(_BEGIN + text) for text in begun]
    except Exception as error:
        raise UsageError(f"the file {path} that the Redis URL names has an unreadable certificate: {error}") from None


def _own_certificate(tls: TLSSettings) -> PrivateCertificate | None:
    if tls.certificate_file is None:
        return None
    text = _read(tls.certificate_file)
    if tls.key_file is not None:
        text += b"\n" + _read(tls.key_file)
    try:
        own: PrivateCertificate = PrivateCertificate.loadPEM(text)
    except Exception as error:
        raise UsageError(f"{tls.certificate_file} is no certificate with its key: {error}") from None
    return own
