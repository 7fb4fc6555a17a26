"""
The cookie of the option ``cookie``, set by the answer that opens a polling session.
"""

from __future__ import annotations

from collections.abc import Mapping

from txsocketio.errors import OptionError


class SessionCookie:
    """
    Write the Set-Cookie header for one server: only the session's id differs.
    """

    def __init__(self, cookie: Mapping[str, object]) -> None:
        """
        :param cookie: the validated option.
        :raises OptionError: for a ``max_age`` that is no number of seconds.
        """
        suffix = ""
        max_age = cookie.get("max_age")
        if max_age is not None:
            if isinstance(max_age, bool) or not isinstance(max_age, int):
                raise OptionError(f"cookie: max_age must be a whole number of seconds, not {max_age!r}")
            suffix += f"; Max-Age={max_age}"
        for name, field in (("Domain", "domain"), ("Path", "path")):
            if cookie.get(field):
                suffix += f"; {name}={cookie[field]}"
        for name, field in (("HttpOnly", "httponly"), ("Secure", "secure")):
            if cookie.get(field):
                suffix += f"; {name}"
        if cookie.get("samesite"):
            suffix += f"; SameSite={cookie['samesite']}"
        self._prefix: bytes = str(cookie["name"]).encode("ascii") + b"="
        self._suffix = suffix.encode("utf-8")

    def header(self, sid: str) -> bytes:
        """
        Give the value of the header.

        :param sid: the session's id.
        """
        return self._prefix + sid.encode("ascii") + self._suffix
