"""
The fast path for the frames that nearly all traffic consists of: whole, masked, unfragmented texts, and the close frame
that ends nearly all connections.

Everything else goes to Autobahn untouched, from its first byte on: fragments, binary and other control frames, frames
that have not arrived whole, and every mistake, so that limits, close codes and answers are Autobahn's either way. This
leans on five of Autobahn's attributes (data, state, current_frame, inside_message, processData); fits() tries them out.

What is called for each frame is fetched into a variable first: CPython calls that faster than an attribute that is no
method of the class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from autobahn import websocket
from autobahn.websocket.protocol import WebSocketProtocol

from txsocketio.protocol import frames
from txsocketio.protocol.frames import answer_farewell
from txsocketio.support import slices
from txsocketio.support.slices import Slice

if TYPE_CHECKING:
    from txsocketio.transports.websocket.transport import WebSocketTransport

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


def choose_unmask(name: str = "_nvx_xormasker") -> Unmask:
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


_OPEN: Final = WebSocketProtocol.STATE_OPEN
_CLOSED: Final = WebSocketProtocol.STATE_CLOSED
_unmask: Final = choose_unmask()

#: The two bytes that begin a frame, and its mask where the length is in those two.
_head_and_mask: Final = Struct("!HI").unpack_from
#: The two bytes of a text that is whole, masked and empty; the length is added to it, or this.
_TEXT: Final = 0x8180
_LENGTH_FOLLOWS: Final = 126
_from_bytes: Final = int.from_bytes


def text_reader(limit: int) -> Callable[[WebSocketTransport, bytes], bytes]:
    """
    Make a function that reads texts.

    It takes a transport, of which only the receiver matters, and bytes that begin with a frame, and gives what is left.
    It stops before the first byte of anything else than whole, masked, unfragmented, uncompressed text frames: an
    incomplete frame, another opcode, a reserved bit, no mask, a length over the limit or written longer than it need
    be, a text that is not UTF-8. Autobahn takes it from there and knows the answer. And it cuts the reading when its
    slice is used up, or the receiver holds.

    :param limit: bytes that a payload may have.
    """
    # By the first two bytes of a frame: the length, what a mask is multiplied by to be repeated over so many bytes, and
    # how many bits of that are too many.
    heads = {
        _TEXT + length: (length, int.from_bytes(b"\0\0\0\1" * ((length + 3) >> 2)), -length % 4 * 8)
        for length in range(min(limit + 1, _LENGTH_FOLLOWS))
    }
    heads[_TEXT + _LENGTH_FOLLOWS] = (-1, 0, 0)

    def read(self: WebSocketTransport, data: bytes) -> bytes:
        position, end = 0, len(data)
        last = end - 6
        left, until = slices.PACKETS, 0.0
        while position <= last:
            head, mask = _head_and_mask(data, position)
            try:
                length, repeat, excess = heads[head]
            except KeyError:
                break
            start = position + 6
            if length >= 0:
                stop = start + length
                if stop > end:
                    break
                packet: bytes | bytearray = (_from_bytes(data[start:stop]) ^ (mask * repeat >> excess)).to_bytes(length)
            else:
                start += 2
                stop = start + (data[position + 2] << 8 | data[position + 3])
                if not _LENGTH_FOLLOWS <= stop - start <= limit or stop > end:
                    break
                packet = _unmask(data, start, stop)
            # Looked up each time: what one packet does may rebind it for the next.
            take: Callable[[bytes | bytearray], bool] = self.receiver.receive_raw  # type: ignore[assignment]
            if not take(packet) and not _taken_as_text(self, packet):
                break
            position = stop
            left -= 1
            if not left % slices.LOOK_EVERY and position < end:
                now = self._seconds()
                until = until or now + slices.SECONDS
                if not left or now > until:
                    self.cut()
                    break
        return data[position:] if position < end else b""

    return read


def _taken_as_text(self: WebSocketTransport, packet: bytes | bytearray) -> bool:
    # A receiver that holds takes nothing as it comes. Asked only here, that costs nothing where all is taken.
    if self._held:
        self.cut()
        return False
    try:
        text = packet.decode()
    except UnicodeDecodeError:
        return False
    self.receiver.receive_text(text)
    return True


def data_receiver(limit: int) -> Callable[[WebSocketTransport, bytes], None]:
    """
    Make what stands in for dataReceived() of transports without extensions.

    :param limit: bytes that a payload may have.
    """
    read = text_reader(limit)

    def data_received(self: WebSocketTransport, data: bytes) -> None:
        self.receiver.heard = True
        self._pieces.append(b"")
        apart, count = self._apart, len(data)
        if apart:
            data = read(self, data)
        if (data or not apart) and not self._cut:
            if len(data) <= 8 and apart and self.state == _OPEN and (answer := answer_farewell(data)):
                self.part(answer)
                return
            data = _read_mixed(self, data, read)
        if not self._apart or self.unfinished is not None:
            self.watch_message(count)
        self.flush()
        if self._stalled:
            self.end_read(data)

    return data_received


def _read_mixed(self: WebSocketTransport, data: bytes, read: Callable[[WebSocketTransport, bytes], bytes]) -> bytes:
    """
    Read what begins with anything else than a text for the fast path, or amid a message.

    :return: what neither has looked at; nothing when all is taken.
    """
    slice = Slice(self._seconds)
    while True:
        data = _parse(self, data, slice)
        if data and not self._cut:
            data = read(self, data)
        if not data or self._cut:
            return data
        if len(data) <= 8 and self._apart and self.state == _OPEN and (answer := answer_farewell(data)):
            self.part(answer)
            return b""


def _parse(self: WebSocketTransport, data: bytes, slice: Slice) -> bytes:
    """
    Let Autobahn parse until it is between two messages, or has to wait.

    :return: what it has not looked at; nothing when it has taken all.
    """
    if self.state == _CLOSED:
        return b""
    # Kept of a frame whose head has not come whole: it may still be one for the fast path.
    apart = bool(self.data) and _is_apart(self)
    self.data += data
    while not apart and self.processData() and self.state != _CLOSED:
        apart = _is_apart(self)
        if self._held or slice.used():
            self.cut()
            break
    rest = b""
    if apart:
        rest, self.data = self.data, b""
    self._apart = apart or (not self.data and _is_apart(self))
    return rest


def _is_apart(self: WebSocketTransport) -> bool:
    return self.current_frame is None and not self.inside_message and self.state == _OPEN


def fits(transport_class: type[WebSocketTransport]) -> bool:
    """
    Try out whether the installed Autobahn keeps its state where it is looked for here.

    :param transport_class: a subclass of WebSocketTransport with its options set.
    :return: whether data_receiver() can be used.
    """
    texts: list[str] = []
    try:
        steps = list(_walk(transport_class, texts))
    except Exception:
        # Whatever is wrong with it: then it is not what this was written for.
        return False
    return steps == _EXPECTED and texts == ["ab", "ab"]


class _Collector:
    """
    A receiver that keeps texts.
    """

    heard = False

    def __init__(self, texts: list[str]) -> None:
        """
        :param texts: gets them.
        """
        self.receive_text = texts.append


def _walk(transport_class: type[Any], texts: list[str]) -> Iterator[tuple[object, ...]]:
    """
    Feed Autobahn's parser with a text and a fragmented text in pieces, and give its state after each.
    """
    parser = transport_class(None, None)
    parser.receiver = _Collector(texts)
    parser.state = _OPEN
    for piece in (b"\x81", b"\x82\0\0\0\0a", b"b", b"\x01\x81\0\0\0\0a", b"\x80\x81\0\0\0", b"\0b"):
        parser.data += piece
        while parser.processData() and parser.state == _OPEN:
            pass
        yield parser.data, parser.current_frame is None, parser.inside_message, parser.state


_EXPECTED: Final = [
    (b"\x81", True, False, _OPEN),
    (b"", False, True, _OPEN),
    (b"", True, False, _OPEN),
    (b"", True, True, _OPEN),
    (b"\x80\x81\0\0\0", True, True, _OPEN),
    (b"", True, False, _OPEN),
]
