"""
The packets of Engine.IO by their numbers, which are the same in every revision, and by what texts begin with.
"""

from __future__ import annotations

from typing import Final

OPEN: Final = 0
CLOSE: Final = 1
PING: Final = 2
PONG: Final = 3
MESSAGE: Final = 4
UPGRADE: Final = 5
NOOP: Final = 6

#: What a packet begins with that travels as text.
CLOSE_TEXT: Final = str(CLOSE)
PING_TEXT: Final = str(PING)
PONG_TEXT: Final = str(PONG)
MESSAGE_TEXT: Final = str(MESSAGE)
UPGRADE_TEXT: Final = str(UPGRADE)
NOOP_TEXT: Final = str(NOOP)
#: A binary message in base64, where a text stands for it.
BASE64_TEXT: Final = "b"

#: What goes before a message: the same as MESSAGE_TEXT, and as an octet where binary packets begin with one.
MESSAGE_BYTES: Final = MESSAGE_TEXT.encode()
MESSAGE_OCTET: Final = bytes([MESSAGE])

#: What a WebSocket that would take over from polls sends, and what it is answered.
PROBE: Final = "probe"
