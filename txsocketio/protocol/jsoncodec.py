"""
JSON at the speed of orjson, with the standard library behind it for what JavaScript has and orjson refuses.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson
from zope.interface import implementer

from txsocketio.errors import EncodeError, PacketError, UnencodableValue
from txsocketio.interfaces import IJSON

_RECORD_SEPARATOR: Final = b"\x1e"
_INT_LEAST: Final = -(1 << 63)
_INT_MOST: Final = (1 << 64) - 1

Default = Callable[[Any], Any]


@implementer(IJSON)
class JSONCodec:
    """
    Encode and decode as JavaScript does: NaN and the infinities become null, a lone surrogate its escape, and a whole
    number beyond 64 bits is read as a float.
    """

    def dumps(self, value: Any, default: Default) -> bytes:
        """
        See IJSON. What orjson writes by itself (dataclasses, dates, UUIDs, enumerations) is written here too.
        """
        # Without default= first: most values hold nothing to extract, and a call of it that orjson then gives up on
        # (a big int after some bytes) could not be taken back.
        try:
            return orjson.dumps(value)
        except TypeError:
            return _dumps_slowly(value, default)

    def loads(self, text: str) -> Any:
        """
        See IJSON.
        """
        try:
            return orjson.loads(text)
        except ValueError:
            return _loads_slowly(text)


@implementer(IJSON)
class ForeignJSON:
    """
    Hold somebody else's pair of dumps and loads to the contract of IJSON: ``json`` and its likes work as they are.
    """

    def __init__(self, json: Any) -> None:
        """
        :param json: has ``dumps(value, default=...)``, giving bytes or str, and ``loads(text)``.
        """
        self._dumps = json.dumps
        self._loads = json.loads

    def dumps(self, value: Any, default: Default) -> bytes:
        """
        See IJSON.
        """
        try:
            result = self._dumps(value, default=default)
            data = result.encode() if isinstance(result, str) else bytes(result)
        except EncodeError:
            raise
        except Exception as error:
            raise _unencodable(error) from error
        if _RECORD_SEPARATOR in data:
            raise UnencodableValue("the option json wrote a raw 0x1E, which separates packets on the wire")
        return data

    def loads(self, text: str) -> Any:
        """
        See IJSON.
        """
        try:
            return self._loads(text)
        except PacketError:
            raise
        except Exception as error:
            raise PacketError("not JSON") from error


def json_codec(json: Any = None) -> JSONCodec | ForeignJSON:
    """
    Give the IJSON for the option ``json``.

    :param json: the option: None for the built-in codec.
    :return: what the parsers use.
    """
    return JSONCodec() if json is None else ForeignJSON(json)


def _unencodable(error: Exception) -> EncodeError:
    if isinstance(error.__cause__, EncodeError):
        return error.__cause__
    if isinstance(error, RecursionError):
        return UnencodableValue("a value is nested too deeply, or holds itself")
    return UnencodableValue(f"a value cannot be written as JSON: {error}")


def _dumps_slowly(value: Any, default: Default) -> bytes:
    given: list[Any] = []

    def recording(item: Any) -> Any:
        result = default(item)
        given.append(result)
        return result

    try:
        return orjson.dumps(value, default=recording)
    except (TypeError, ValueError, RecursionError):
        pass
    # What default has given already is given again in the same order, so that an attachment keeps its number.
    earlier = iter(given)

    def replaying(item: Any) -> Any:
        for result in earlier:
            return result
        return default(item)

    try:
        text = json.dumps(_plain(value, replaying), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        # In JSON only strings hold surrogates, and there Python's escape of one is JSON's.
        return text.encode("utf-8", "backslashreplace")
    except EncodeError:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise _unencodable(error) from error


def _plain(value: Any, default: Default) -> Any:
    """
    Rebuild a value from what json.dumps writes as JavaScript would.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_key(key): _plain(item, default) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, default) for item in value]
    return orjson.loads(orjson.dumps(value, default=default))


def _key(key: Any) -> Any:
    # json.dumps writes True, None and floats as keys itself, but the last as NaN where allow_nan forbids it.
    return str(key) if isinstance(key, float) and not math.isfinite(key) else key


def _loads_slowly(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise PacketError("not JSON, too deep, or a number out of range") from None


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("out of range")
    return number


def _parse_int(text: str) -> int | float:
    if len(text) <= 20:
        number = int(text)
        if _INT_LEAST <= number <= _INT_MOST:
            return number
    return _parse_float(text)


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(parse_float=_parse_float, parse_int=_parse_int, parse_constant=_refuse_constant)


def pairs(value: Any) -> Iterator[tuple[Any, Any, Any]]:
    """
    Walk everything inside a decoded value, however deep, without recursion.

    :param value: what loads() gave.
    :return: yields (container, key or index, item); the container may be assigned to at that place.
    """
    waiting = [value]
    while waiting:
        container = waiting.pop()
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, item in list(items):
            yield container, key, item
            if isinstance(container[key], dict | list):
                waiting.append(container[key])
