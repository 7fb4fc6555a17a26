"""
JSONP: polls answered with a script, posts that are forms; both revisions.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

from tests.integration import test_protocol_events
from tests.integration.protocol_case import ProtocolCase, rows
from tests.integration.raw_client import Answer
from tests.integration.raw_sessions import UNKNOWN, Poller, Revision3, Revision4

SCRIPT = "text/javascript; charset=UTF-8"
FORM = "application/x-www-form-urlencoded"


def form(payload: bytes) -> bytes:
    """
    Write a payload as clients do: a newline becomes the two characters of its escape, and such two get one more.
    """
    escaped = payload.decode().replace("\\n", "\\\\n").replace("\n", "\\n")
    return b"d=" + quote_plus(escaped).encode()


def argument(body: bytes, index: str = "0") -> bytes:
    """
    Read the argument of the script's call.
    """
    head, tail = f"___eio[{index}](", ");"
    text = body.decode()
    assert text.startswith(head) and text.endswith(tail), text
    payload = json.loads(text[len(head) : -len(tail)])
    assert isinstance(payload, str)
    return payload.encode()


class Shaped:
    """
    Write and read payloads inside scripts and forms; before a Revision among the bases.
    """

    text_type = SCRIPT
    post_type = FORM

    def join(self, *packets: str | bytes) -> bytes:
        return form(super().join(*packets))  # type: ignore[misc]

    def split(self, answer: Answer) -> list[str | bytes]:
        assert answer.headers["content-type"] == SCRIPT, answer.headers
        bare = Answer("HTTP/1.1 200 OK\r\ncontent-type: text/plain", argument(answer.body))
        return super().split(bare)  # type: ignore[misc, no-any-return]


class Shaped4(Shaped, Revision4):
    pass


class Shaped3(Shaped, Revision3):
    pass


class EventsOverJSONP(test_protocol_events.Events):
    revision = Shaped4()
    transport = "polling"
    extra = {"j": "0"}


class EventsOfProtocol4OverJSONP(test_protocol_events.Events):
    revision = Shaped3()
    transport = "polling"
    extra = {"j": "0", "b64": "1"}


#: What is sent as the number of the callback, and what is called.
INDEXES: dict[str, tuple[Any, ...]] = {
    "a_number": ("7", "7"),
    "a_long_number": ("1234567890", "1234567890"),
    "a_script": ("0](alert(1));//", "01"),
    "letters": ("abc", ""),
    "other_digits": ("\u0661", ""),
    "a_newline": ("1\n2", "12"),
    "nothing_but_brackets": ("</script><script>", ""),
}

#: Forms that hold no payload.
BROKEN: dict[str, tuple[Any, ...]] = {
    "no_form": (b"4hello",),
    "another_field": (b"e=4hello",),
    "nothing": (b"",),
    "an_empty_field": (b"d=",),
    "bytes_that_are_no_utf_8": (b"d=4%FF",),
    "a_packet_without_a_meaning": (b"d=abc",),
}


@rows(INDEXES, "check_index")
@rows(BROKEN, "check_broken")
class JSONP(ProtocolCase):
    async def open_jsonp(self) -> Poller:
        return await self.open_poller(self.serve_engine(), Shaped4(), j="0")

    async def check_index(self, given: str, called: str) -> None:
        peer = self.serve_engine()
        answer = await peer.request("GET", {"EIO": "4", "transport": "polling", "j": given})
        self.assertEqual((200, SCRIPT), (answer.status, answer.headers["content-type"]))
        self.assertEqual(b'0{"sid":', argument(answer.body, called)[:8])

    async def check_broken(self, body: bytes) -> None:
        poller = await self.open_jsonp()
        answer = await poller.post(body)
        self.assertEqual((400, b""), (answer.status, answer.body))
        self.assertEqual(UNKNOWN, (await poller.get()).body)
        self.assertEqual(1, len(self.lines()), self.lines())
        self.assert_nothing_left()

    async def echo(self, poller: Poller, payload: str) -> bytes:
        """
        Post a payload, and give what the poll is answered with.
        """
        answer = await poller.post(form(payload.encode()))
        self.assertEqual((200, b"ok"), (answer.status, answer.body))
        return await poller.packets()

    async def test_the_bytes(self) -> None:
        poller = await self.open_jsonp()
        answer = await poller.post(b"d=4say+%22h%C3%A9%22")
        self.assertEqual((200, b"ok", "text/html"), (answer.status, answer.body, answer.headers["content-type"]))
        answer = await poller.get()
        self.assertEqual('___eio[0]("4say \\"h\u00e9\\"");'.encode(), answer.body)
        self.assertEqual(SCRIPT, answer.headers["content-type"])

    async def test_newlines_and_what_looks_like_them(self) -> None:
        poller = await self.open_jsonp()
        for payload in ("4a\nb", "4a\\nb", "4\n\\n\n", "4\\", "4a\r\nb"):
            self.assertEqual(payload.encode(), argument(await self.echo(poller, payload)))

    async def test_line_separators_of_scripts(self) -> None:
        body = await self.echo(await self.open_jsonp(), "4\u2028\u2029")
        self.assertEqual(b'___eio[0]("4\\u2028\\u2029");', body)

    async def test_other_fields_are_passed_over(self) -> None:
        poller = await self.open_jsonp()
        answer = await poller.post(b"x=1&d=4hello&d=4two&&=")
        self.assertEqual(200, answer.status)
        self.assertEqual(b"4hello", argument(await poller.packets()))

    async def test_the_callback_of_the_handshake_is_kept(self) -> None:
        poller = await self.open_jsonp()
        poller.query["j"] = "5"
        self.assertEqual(b"4hello", argument(await self.echo(poller, "4hello"), "0"))
