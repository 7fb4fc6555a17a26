"""
JSON at the speed of orjson, with the standard library behind it for what JavaScript has and orjson refuses.
"""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring_ascii
from typing import Final

import orjson
from zope.interface import implementer

from txsocketio.errors import EncodeError, PacketError, UnencodableValue
from txsocketio.interfaces import IJSON
from txsocketio.support.types import Function, JSONFunctions, Value

_RECORD_SEPARATOR: Final = b"\x1e"

#: Characters of a text that is decoded with more care for what it may cost; loads() is what takes it.
LARGE: Final = 65_536
#: Quotes, white space between values, and last what stands for backslashes.
_PUT_BACK: Final = (('\\"', '"'), ("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t"), ("\\u0001", "\\"))
#: What holds no number that JSON has not.
_FLAT: Final = frozenset({str, int, bool, type(None)})

Default = Callable[[Value], Value]


@implementer(IJSON)
class JSONCodec:
    """
    Encode and decode as JavaScript does: NaN and the infinities become null, a lone surrogate its escape.

    A whole number beyond 64 bits is read as a float, or exactly beside what only the standard library reads.

    :cvar quick_dumps: encodes what needs nothing of the above, and raises TypeError for the rest.
    :cvar quick_loads: decodes likewise, and raises ValueError.
    """

    quick_dumps = staticmethod(orjson.dumps)
    quick_loads = staticmethod(orjson.loads)

    def dumps(self, value: Value, default: Default) -> bytes:
        """
        Encode a value as compact UTF-8 JSON. What orjson writes by itself (dataclasses, dates, UUIDs, enumerations) is
        written here too.
        """
        # Without default= first: most values hold nothing to extract, and a call of it that orjson then gives up on
        # (a big int after some bytes) could not be taken back.
        try:
            return orjson.dumps(value)
        except TypeError:
            return _dumps_slowly(value, default)

    def loads(self, text: str) -> Value:
        """
        Decode a JSON text.
        """
        if len(text) > LARGE:
            return _loads_large(text)
        try:
            return orjson.loads(text)
        except ValueError:
            return _loads_slowly(text)


@implementer(IJSON)
class ForeignJSON:
    """
    Hold somebody else's pair of dumps and loads to the contract of IJSON: ``json`` and its likes work as they are.
    """

    def __init__(self, json: JSONFunctions) -> None:
        """
        :param json: has ``dumps(value, default=...)``, giving bytes or str, and ``loads(text)``.
        """
        # By keyword, as the standard library takes it.
        self._dumps: Function = json.dumps
        self._loads = json.loads

    @staticmethod
    def quick_dumps(value: Value) -> bytes:
        """
        Leave every value to dumps(): what another codec does with bytes, nobody knows.

        :raises TypeError: always.
        """
        raise TypeError

    def quick_loads(self, text: str | bytes) -> Value:
        """
        Leave bytes to loads(), which gets them as a text.

        :raises ValueError: for bytes.
        """
        if isinstance(text, bytes):
            raise ValueError
        return self.loads(text)

    def dumps(self, value: Value, default: Default) -> bytes:
        """
        Encode a value as compact UTF-8 JSON.
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

    def loads(self, text: str) -> Value:
        """
        Decode a JSON text.
        """
        try:
            return self._loads(text)
        except PacketError:
            raise
        except Exception as error:
            raise PacketError("not JSON") from error


def json_codec(json: JSONFunctions | None = None) -> JSONCodec | ForeignJSON:
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


class _AskedOnce:
    """
    Ask default once for each value, however often encoding begins anew: an attachment keeps its number.
    """

    def __init__(self, default: Default) -> None:
        self._default = default
        self._given: list[Value] = []
        self._next = 0

    def begin(self) -> None:
        """
        Begin anew: what was given is given again, in the same order.
        """
        self._next = 0

    def __call__(self, item: Value) -> Value:
        """
        Give what default gives.
        """
        if self._next == len(self._given):
            self._given.append(self._default(item))
        self._next += 1
        return self._given[self._next - 1]

    def plain(self, item: Value) -> Value:
        """
        Give what orjson writes for a value that json.dumps does not know.
        """
        return orjson.loads(orjson.dumps(item, default=self))


def _dumps_slowly(value: Value, default: Default) -> bytes:
    once = _AskedOnce(default)
    try:
        return orjson.dumps(value, default=once)
    except (TypeError, ValueError, RecursionError) as error:
        # What default refuses for good no other encoder will write.
        if isinstance(error.__cause__, EncodeError):
            raise error.__cause__ from None
        once.begin()
    try:
        try:
            text = _dumps_standard(value, once)
        except EncodeError:
            raise
        except ValueError:
            # Not a number: rare enough to rebuild the value without it.
            once.begin()
            text = _dumps_standard(_finite(value), once)
        # In JSON only strings hold surrogates, and there Python's escape of one is JSON's.
        return text.encode("utf-8", "backslashreplace")
    except EncodeError:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise _unencodable(error) from error


def _dumps_standard(value: Value, once: _AskedOnce) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=once.plain)


def _finite(value: Value) -> Value:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_key(key): item if item.__class__ in _FLAT else _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [item if item.__class__ in _FLAT else _finite(item) for item in value]
    return value


def _key(key: Value) -> Value:
    return str(key) if isinstance(key, float) and not math.isfinite(key) else key


def _loads_large(text: str) -> Value:
    # Nothing that is being decoded is garbage, yet 1 MB of empty lists makes the collector look at all of them hundreds
    # of times, which costs ten times what decoding does.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return orjson.loads(text)
    except ValueError:
        return _loads_slowly(text)
    finally:
        if collecting:
            gc.enable()


def _loads_slowly(text: str) -> Value:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise PacketError("not JSON, too deep, or a number out of range") from None


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("out of range")
    return number


def _refuse_constant(name: str) -> Value:
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(parse_float=_parse_float, parse_constant=_refuse_constant)


def escape_json(text: bytes) -> bytes:
    """
    Write every character beyond ASCII as its escape.

    :param text: JSON, UTF-8.
    :return: the same value as JSON in ASCII.
    """
    # The encoder of strings, in C, escapes all that is there; what is not ours to escape is put back. Backslashes stand
    # aside meanwhile as a control character, which JSON never holds as it is.
    quoted = encode_basestring_ascii(text.decode().replace("\\", "\x01"))[1:-1]
    for escape, character in _PUT_BACK:
        quoted = quoted.replace(escape, character)
    return quoted.encode()


def whole_number(value: Value) -> int | None:
    """
    Give the integer that a decoded value is. JSON has one kind of number: ``1``, ``1.0`` and ``1e0`` are the same.

    :param value: anything that loads() gives.
    :return: the int; None for what is none, booleans among them.
    """
    kind = value.__class__
    if kind is int:
        return value  # type: ignore[no-any-return]
    return int(value) if kind is float and value.is_integer() else None


def pairs(value: Value) -> Iterator[tuple[Value, Value, Value]]:
    """
    Walk everything inside a decoded value, however deep, without recursion.

    :param value: a list or dict that loads() gave.
    :return: yields (container, key or index, item); the container may be assigned to at that place.
    """
    waiting = [value]
    while waiting:
        container = waiting.pop()
        for key, item in container.items() if isinstance(container, dict) else enumerate(container):
            yield container, key, item
            item = container[key]
            if item and isinstance(item, dict | list):
                waiting.append(item)
