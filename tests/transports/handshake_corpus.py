"""
WebSocket handshakes, good ones and bad ones in every way.
"""

from __future__ import annotations

from typing import Any

from tests.transports.websocket_kit import handshake

TARGET = b"/socket.io/?EIO=4&transport=websocket"


def request(target: bytes = TARGET, **changes: Any) -> bytes:
    """
    Build a handshake, as websocket_kit's; FOLD in a value is a line that is continued.
    """
    return handshake(**changes).replace(TARGET, target, 1).replace(b"FOLD", b"\r\n ")


#: What each differs in from a good one.
CHANGES: list[dict[str, Any]] = [
    {},
    {"upgrade": b"WebSocket"},
    {"upgrade": b"h2c, websocket"},
    {"upgrade": b"h2c\nwebsocket"},
    {"upgrade": b"h2c"},
    {"upgrade": None},
    {"connection": b"Upgrade"},
    {"connection": b"keep-alive\nUPGRADE"},
    {"connection": b"Upgrade, close"},
    {"connection": b"close"},
    {"connection": None},
    {"version": b"HTTP/1.0"},
    {"version": b"HTTP/1.2"},
    {"method": b"POST"},
    {"method": b"OPTIONS"},
    {"method": b"get"},
    {"host": None},
    {"host": b"a\nb"},
    {"host": b""},
    {"sec_websocket_version": None},
    {"sec_websocket_version": b"8"},
    {"sec_websocket_version": b"13, 8"},
    {"sec_websocket_version": b"13\n13"},
    {"sec_websocket_key": None},
    {"sec_websocket_key": b"short"},
    {"sec_websocket_key": b"dGhlIHNhbXBsZSBub25jZQ==\ndGhlIHNhbXBsZSBub25jZQ=="},
    {"sec_websocket_key": b" \tdGhlIHNhbXBsZSBub25jZQ== \t"},
    {"sec_websocket_protocol": b"a, b"},
    {"sec_websocket_protocol": b"a\nb"},
    {"sec_websocket_protocol": b"a b"},
    {"sec_websocket_extensions": b"permessage-deflate; client_max_window_bits"},
    {"sec_websocket_extensions": b"permessage-deflate; nonsense=1"},
    {"origin": b"http://example.org"},
    {"origin": b"https://evil.example"},
    {"origin": b"null"},
    {"origin": b"http://example.org\nhttps://evil.example"},
    {"content_length": b"0"},
    {"content_length": b"5"},
    {"content_length": b"x"},
    {"transfer_encoding": b"chunked"},
    {"expect": b"100-continue"},
    {"cookie": b"a=b; c=d\ne=f"},
    {"x_empty": b""},
    {"x_bytes": b"caf\xe9 \xc3\xa9\ttab"},
    {"x_control": b"a\x01b"},
    {"x_nul": b"a\x00b"},
    {"x_return": b"a\rb"},
    {"x_folded": b"aFOLDb"},
    {"x_many": b"\n".join([b"x"] * 150)},
    {"x_too_many": b"\n".join([b"x"] * 600)},
    {"bad name": b"x"},
    {"user_agent": b"MSIE"},
    {"sec_websocket_version": b" 13 "},
    {"sec_websocket_version": b"25"},
    {"sec_websocket_version": b"0"},
    {"sec_websocket_key": b"dGhlIHNhbXBsZSBub25jZQ="},
    {"sec_websocket_key": b"dGhlIHNhbXBsZSBub25jZQ=-"},
    {"sec_websocket_key": b"dGhlIHNhbXBsZSBub25jZR=="},
    {"sec_websocket_key": b""},
    {"host": b"example.org:80"},
    {"host": b"example.org:x"},
    {"host": b"[::1]:80"},
    {"sec_websocket_protocol": b"a"},
    {"sec_websocket_protocol": b"a,a"},
    {"sec_websocket_protocol": b""},
    {"sec_websocket_extensions": b"x-unknown"},
    {"upgrade": b""},
    {"connection": b""},
    {"method": b"HEAD"},
    {"origin": b"file://"},
    {"origin": b"nonsense"},
]
