"""
Small rules about text that every format needs.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from txsocketio.errors import PayloadError, UnencodableValue

#: The parts of one message: (opcode, payload), opcode TEXT or BINARY; the header first, then its attachments.
Parts: TypeAlias = tuple[tuple[int, bytes], ...]

TEXT: Final = 1
BINARY: Final = 2

_DIGITS: Final = frozenset("0123456789")
_STRAY: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
#: Percent signs that quote nothing: urlencoding has none, and each costs a step of its own.
_MOST_STRAYS: Final = 1000


def utf8(text: str) -> bytes:
    """
    Encode a text for the wire.

    :param text: any str.
    :return: its UTF-8.
    :raises UnencodableValue: for a lone surrogate, which has none.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UnencodableValue("a text holds half of a surrogate pair, which UTF-8 cannot carry") from None


def units(text: str) -> int:
    """
    Count the UTF-16 code units of a text: what JavaScript calls its length.

    :param text: any str.
    :return: its characters, those beyond the BMP counted twice.
    """
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) >> 1


def utf8_units(data: bytes) -> int:
    """
    Count the UTF-16 code units of a text that is UTF-8 already.

    :param data: valid UTF-8.
    :return: as units().
    """
    return len(data) if data.isascii() else units(data.decode())


def unquote(data: bytes) -> bytes:
    """
    Undo urlencoding, in a few passes over the whole whatever it holds.

    :param data: a field of a form or a query.
    :return: its bytes. A percent sign that quotes nothing stays, as in browsers.
    :raises PayloadError: for very many of those.
    """
    data = data.replace(b"+", b" ")
    if b"%" not in data:
        return data
    data, strays = _STRAY.subn(b"%25", data, _MOST_STRAYS)
    if strays == _MOST_STRAYS and _STRAY.search(data):
        raise PayloadError("a form that is not urlencoded")
    # Python's own escapes look nearly the same, and its reader of them is written in C.
    escaped = data.replace(b"\\", b"\\\\").replace(b"%", b"\\x")
    return escaped.decode("unicode_escape").encode("latin-1")


def digits_end(text: str, start: int, limit: int) -> int:
    """
    Find where a run of ASCII digits ends.

    :param text: what holds it.
    :param start: where it may begin.
    :param limit: digits to look at, at most; callers treat a longer run as malformed.
    :return: the index after its last digit; start when there is none.
    """
    end = start
    stop = min(len(text), start + limit)
    while end < stop and text[end] in _DIGITS:
        end += 1
    return end


class UnitReader:
    """
    Cut a text into pieces whose lengths are UTF-16 code units, each character being looked at once.

    :ivar position: the index after the last piece.
    """

    __slots__ = ("_text", "_unit", "_wide", "position")

    def __init__(self, text: str) -> None:
        """
        :param text: without lone surrogates.
        """
        wide = b"" if text.isascii() else text.encode("utf-16-le", "surrogatepass")
        self._text = text
        self._wide = wide if len(wide) > 2 * len(text) else b""
        self._unit = 0
        self.position = 0

    def take(self, start: int, length: int) -> str:
        """
        Cut the next piece.

        :param start: where it begins; no character beyond the BMP lies between the last piece and it.
        :param length: its UTF-16 code units.
        :return: the piece.
        :raises PayloadError: when the text ends earlier, or a surrogate pair would be cut.
        """
        if self._wide:
            first = self._unit + start - self.position
            self._unit = first + length
            try:
                piece = self._wide[2 * first : 2 * self._unit].decode("utf-16-le")
            except UnicodeDecodeError:
                raise PayloadError("a length that cuts a character") from None
            complete = 2 * self._unit <= len(self._wide)
        else:
            piece = self._text[start : start + length]
            complete = len(piece) == length
        if not complete:
            raise PayloadError("a length beyond the end of the body")
        self.position = start + len(piece)
        return piece
