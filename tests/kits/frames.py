"""
WebSocket frames as bytes: a client's are written, the server's are read.
"""

from __future__ import annotations

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\x11\x92\x03\xf4",
    width: int | None = None,
) -> bytes:
    """
    Build a frame as a client sends it.

    :param mask: four bytes; None for a frame without one, as only servers may send.
    :param width: 16 or 64 writes the length longer than it need be.
    """
    length = len(payload)
    width = width or (7 if length < 126 else 16 if length < 65536 else 64)
    masked = 0 if mask is None else 0x80
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if width == 7:
        head += bytes([masked | length])
    else:
        head += bytes([masked | (126 if width == 16 else 127)]) + length.to_bytes(width // 8, "big")
    if mask is None:
        return head + payload
    if any(mask):
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return head + mask + payload


def client_frame(opcode: int, payload: bytes, fin: bool = True, rsv: int = 0) -> bytes:
    """
    Build a frame whose mask changes nothing: quickly, however long it is.
    """
    return frame(opcode, payload, fin=fin, rsv=rsv, mask=bytes(4))


def text(payload: str) -> bytes:
    return frame(TEXT, payload.encode())


def packet_frame(packet: str | bytes) -> bytes:
    """
    Build the frame that carries an engine packet: of text, or of bytes.
    """
    opcode, data = (TEXT, packet.encode()) if isinstance(packet, str) else (BINARY, packet)
    return client_frame(opcode, data)


def close_frame(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """
    Read the server's frames: first byte and payload of each; what does not fit is an error.
    """
    found = []
    while data:
        length, start = data[1], 2
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(data[2:10], "big"), 10
        assert len(data) >= start + length, "a frame that is not whole"
        found.append((data[0], data[start : start + length]))
        data = data[start + length :]
    return found


def close_codes(data: bytes) -> list[int]:
    """
    Read the codes of the server's close frames: 0 for none; words beside a code are an error.
    """
    found = [payload for first, payload in frames(data) if first == 0x88]
    assert all(len(payload) in (0, 2) for payload in found), found
    return [int.from_bytes(payload, "big") for payload in found]
