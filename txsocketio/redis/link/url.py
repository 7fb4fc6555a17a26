"""
Where Redis is and how to get in, from a URL; what cannot work is refused in words.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from txsocketio.errors import UsageError

FORMS: Final = (
    "redis://[[user]:password@]host[:port][/db], rediss:// for TLS, unix://[[user]:password@]/path[?db=0], or"
    " redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/service-name[/db]"
)

_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_DB: Final = re.compile(r"[0-9]{1,9}\Z", re.ASCII)
_SCHEMES: Final = {
    "redis": "tcp",
    "valkey": "tcp",
    "rediss": "tls",
    "valkeys": "tls",
    "unix": "unix",
    "redis+sentinel": "sentinel",
    "valkey+sentinel": "sentinel",
}
_PARAMETERS: Final = {
    "tcp": frozenset[str](),
    "tls": frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs"}),
    "unix": frozenset({"db"}),
    "sentinel": frozenset({"sentinel_username", "sentinel_password"}),
}


@dataclass(frozen=True, slots=True)
class TLSSettings:
    """
    How a server's certificate is verified, and which one is shown to it.

    :ivar ca_file: a PEM file with the authorities to trust; None for those that the system trusts.
    :ivar certificate_file: a PEM file with a certificate of our own, or None.
    :ivar key_file: a PEM file with its key; None where the certificate's file has it.
    :ivar verify: False to believe any server.
    """

    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """
    Where Redis is and how to get in.

    :ivar addresses: pairs of host and port: one, or those of the sentinels; none for a unix socket.
    :ivar path: of the unix socket, or None.
    :ivar service: the name under which the sentinels know the master; None without sentinels.
    :ivar username: for AUTH, or None.
    :ivar password: for AUTH, or None.
    :ivar sentinel_username: for the sentinels' AUTH, or None.
    :ivar sentinel_password: for the sentinels' AUTH, or None.
    :ivar database: the number for SELECT. Messages do not care, but what may be selected must exist.
    :ivar tls: TLSSettings, or None for none.
    """

    addresses: tuple[tuple[str, int], ...] = ()
    path: str | None = None
    service: str | None = None
    username: str | None = None
    password: str | None = None
    sentinel_username: str | None = None
    sentinel_password: str | None = None
    database: int = 0
    tls: TLSSettings | None = None

    def __repr__(self) -> str:
        return f"<RedisSettings {self}>"

    def __str__(self) -> str:
        """
        Say where it is; passwords are left out.
        """
        if self.path is not None:
            return f"unix://{self.path}"
        places = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.addresses)
        if self.service is not None:
            return f"redis+sentinel://{places}/{self.service}"
        return f"{'redis' if self.tls is None else 'rediss'}://{places}"


def parse_url(url: object) -> RedisSettings:
    """
    Read a URL in the forms that redis-py and python-socketio take.

    ``redis://[[user]:password@]host[:port][/db]``; ``rediss://`` the same over TLS, with the parameters
    ``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile`` (PEM files) and ``ssl_cert_reqs`` (``required``, or ``none`` to
    verify nothing);
    ``unix://[[user]:password@]/path/of/socket[?db=0]``;
    ``redis+sentinel://[[user]:password@]host[:port][,...]/service-name[/db]``, or ``/db/service-name``, with the
    parameters ``sentinel_username`` and ``sentinel_password`` where the sentinels have their own. Special characters
    of names and passwords are percent-encoded.

    :param url: a str.
    :raises UsageError: when it is none of these, or asks for what cannot work.
    """
    if not isinstance(url, str):
        raise UsageError(f"a Redis URL is a str, not {type(url).__name__}")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UsageError(f"the Redis URL has something else in place of a host and a port: {FORMS}") from None
    kind = _SCHEMES.get(parts.scheme)
    if kind is None:
        raise UsageError(_why_not(parts.scheme))
    if parts.fragment:
        raise UsageError("a Redis URL has no #: percent-encode it as %23 in a password")
    parameters = _parameters(parts.query, kind)
    login, _, places = parts.netloc.rpartition("@")
    username, password = _login(login)
    read = {"tcp": _at_host, "tls": _at_host, "unix": _at_path, "sentinel": _at_sentinels}[kind]
    return RedisSettings(
        username=username,
        password=password,
        tls=_tls(parameters) if kind == "tls" else None,
        **read(places, unquote(parts.path), parameters),
    )


def _why_not(scheme: str) -> str:
    if scheme in ("rediss+sentinel", "valkeys+sentinel"):
        return (
            "TLS with Sentinel is not supported, because sentinels name a master by an address that certificates do not"
            " have: end TLS in a proxy on each machine, or use redis+sentinel://"
        )
    if "cluster" in scheme:
        return "Redis Cluster is not supported: use one Redis, or one with replicas behind Sentinel"
    return f"{scheme or 'nothing'} is no scheme of a Redis URL: use {FORMS}"


def _parameters(query: str, kind: str) -> dict[str, str]:
    given = parse_qsl(query, keep_blank_values=True)
    parameters = dict(given)
    unknown = parameters.keys() - _PARAMETERS[kind]
    if unknown:
        known = ", ".join(sorted(_PARAMETERS[kind])) or "none"
        raise UsageError(f"the Redis URL has unknown parameters {', '.join(sorted(unknown))}; known here: {known}")
    if len(given) != len(parameters):
        raise UsageError("the Redis URL has a parameter twice")
    return parameters


def _login(login: str) -> tuple[str | None, str | None]:
    if not login:
        return None, None
    username, colon, password = login.partition(":")
    if not colon or not password:
        raise UsageError("the Redis URL has a user but no password: write user:password@, or :password@ without a user")
    return unquote(username) or None, unquote(password)


def _at_host(places: str, path: str, parameters: dict[str, str]) -> dict[str, Any]:
    if "," in places:
        raise UsageError(
            "the Redis URL has several hosts, and Redis Cluster is not supported: use one, or redis+sentinel:// where"
            " these are sentinels"
        )
    return {"addresses": (_address(places, _PORT),), "database": _database(path.removeprefix("/"))}


def _at_path(places: str, path: str, parameters: dict[str, str]) -> dict[str, Any]:
    if places or not path.startswith("/") or path == "/":
        raise UsageError("the path of Redis's unix socket is absolute: unix:///run/redis/redis.sock")
    if len(os.fsencode(path)) > 107:
        raise UsageError(f"the path of Redis's unix socket has more than 107 bytes: {path}")
    return {"path": path, "database": _database(parameters.get("db", ""))}


def _at_sentinels(places: str, path: str, parameters: dict[str, str]) -> dict[str, Any]:
    names = [name for name in path.split("/") if name]
    numbers = [name for name in names if _DB.match(name)]
    services = [name for name in names if not _DB.match(name)]
    if len(services) != 1 or len(numbers) > 1:
        raise UsageError(
            f"the Redis URL for Sentinel names one service, and perhaps a database, which is a number: {FORMS}"
        )
    return {
        "addresses": tuple(_address(place, _SENTINEL_PORT) for place in places.split(",")),
        "service": services[0],
        "database": _database(*numbers),
        "sentinel_username": parameters.get("sentinel_username"),
        "sentinel_password": parameters.get("sentinel_password"),
    }


def _address(place: str, default: int) -> tuple[str, int]:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]/]*))(?::([0-9]{1,5}))?", place, re.ASCII)
    if match is None:
        # Not shown, here and elsewhere: where a password was not encoded, this is a part of it.
        raise UsageError(f"the Redis URL has something else in place of a host and a port: {FORMS}")
    port = int(match[3] or default)
    if not 0 < port < 65536:
        raise UsageError(f"the Redis URL has a port that cannot be: {port}")
    return match[1] or match[2] or "localhost", port


def _database(text: str = "") -> int:
    if not text:
        return 0
    if not _DB.match(text):
        raise UsageError(f"the database in the Redis URL is a number, and special characters are encoded: {FORMS}")
    return int(text)


def _tls(parameters: dict[str, str]) -> TLSSettings:
    verified = parameters.get("ssl_cert_reqs", "required")
    if verified not in ("required", "none"):
        raise UsageError(f"ssl_cert_reqs in the Redis URL is required or none, not {verified!r}")
    settings = TLSSettings(
        ca_file=parameters.get("ssl_ca_certs"),
        certificate_file=parameters.get("ssl_certfile"),
        key_file=parameters.get("ssl_keyfile"),
        verify=verified == "required",
    )
    if settings.key_file is not None and settings.certificate_file is None:
        raise UsageError("the Redis URL has ssl_keyfile without ssl_certfile")
    if settings.ca_file is not None and not settings.verify:
        raise UsageError("the Redis URL has ssl_ca_certs, but ssl_cert_reqs=none verifies nothing: leave one out")
    return settings
