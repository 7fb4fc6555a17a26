"""
Unmasking in native code, where Autobahn has brought it along.

Autobahn's own way to it makes three objects for each frame. Here its functions are called directly; they are tried out
first, and where they are not what they were, or not there, Python's long integers do it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from autobahn import websocket

from txsocketio.protocol import frames

Unmask = Callable[[bytes, int, int], bytes | bytearray]

_LENGTHS: Final = (0, 1, 15, 16, 17, 126, 1000)


def native_unmask(library: Any) -> Unmask:
    """
    Make a function like frames.unmask() of Autobahn's compiled module.

    :param library: the module, with cffi's ``ffi`` and ``lib``.
    :return: the function, not tried out yet.
    """
    new, process, free = (getattr(library.lib, f"nvx_xormask_{name}") for name in ("new", "process", "free"))
    view = library.ffi.from_buffer

    def unmask(data: bytes, start: int, stop: int) -> bytearray:
        payload = bytearray(data[start:stop])
        masker = new(data[start - 4 : start])
        process(masker, view(payload), stop - start)
        free(masker)
        return payload

    return unmask


def choose(name: str = "_nvx_xormasker") -> Unmask:
    """
    Choose how long payloads are unmasked.

    :param name: of Autobahn's compiled module.
    :return: the native function if it can be used; it gives the same as frames.unmask().
    """
    try:
        native = native_unmask(import_module(name))
        data = bytes(range(256)) * 5
        same = all(native(data, 9, 9 + length) == frames.unmask(data, 9, 9 + length) for length in _LENGTHS)
    except Exception:
        # Whatever it lacks: it is somebody else's, and undocumented.
        return frames.unmask
    return native if same and getattr(websocket, "USES_NVX", False) else frames.unmask
