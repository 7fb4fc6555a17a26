"""
Hostile packets over real connections: each costs its sender the session, us one line, and nobody else anything.
"""

from __future__ import annotations

from typing import Any

from tests.integration.protocol_case import TalkCase, rows
from tests.integration.raw_sessions import Revision3, Revision4, Talk

#: In every payload that must not get into the log.
SECRET = "hush-hush"
DEEP = "[" * 200 + "]" * 200
ONE = '{"_placeholder":true,"num":0}'


def placed(number: str) -> tuple[str, bytes]:
    """
    A binary event with one attachment and a placeholder that has a certain number.
    """
    return f'451-["{SECRET}",{{"_placeholder":true,"num":{number}}}]', SECRET.encode()


#: Packets of a client in the main namespace that close its connection.
HOSTILE: dict[str, tuple[Any, ...]] = {
    "letters": (f"4{SECRET}",),
    "an_empty_message": ("4",),
    "a_type_without_a_meaning": (f'47["{SECRET}"]',),
    "a_type_in_other_digits": (f'4\u0662["{SECRET}"]',),
    "a_negative_type": (f'4-2["{SECRET}"]',),
    "a_type_with_a_dot": (f'42.5["{SECRET}"]',),
    # Events.
    "an_event_without_data": ("42",),
    "an_event_that_is_an_object": (f'42{{"{SECRET}":1}}',),
    "an_event_that_is_a_text": (f'42"{SECRET}"',),
    "an_event_that_is_null": ("42null",),
    "an_event_without_a_name": ("42[]",),
    "an_event_whose_name_is_null": (f'42[null,"{SECRET}"]',),
    "an_event_whose_name_is_true": (f'42[true,"{SECRET}"]',),
    "an_event_whose_name_is_an_object": (f'42[{{"toString":"{SECRET}"}}]',),
    "an_event_whose_name_is_a_list": (f'42[["{SECRET}"]]',),
    "an_event_whose_name_is_binary": (f"451-[{ONE}]", SECRET.encode()),
    "an_event_cut_short": (f'42["{SECRET}"',),
    "an_event_with_something_behind": (f'42["message"]{SECRET}',),
    "an_event_with_a_comma_too_many": (f'42["message","{SECRET}",]',),
    "an_event_in_single_quotes": (f"42['{SECRET}']",),
    "an_event_with_a_raw_newline_in_a_text": (f'42["{SECRET}\n"]',),
    "an_event_behind_a_byte_order_mark": (f'42\ufeff["{SECRET}"]',),
    "an_event_with_a_number_that_is_none": (f'42["message","{SECRET}",NaN]',),
    "an_event_with_an_infinite_number": (f'42["message","{SECRET}",-Infinity]',),
    "an_event_with_a_number_beyond_all_bounds": (f'42["message","{SECRET}",1e999]',),
    "an_event_with_very_many_digits": (f'42["message","{SECRET}",{"9" * 10_000}]',),
    "an_event_of_very_deep_lists": (f'42["message","{SECRET}",' + "[" * 100_000,),
    "an_event_of_very_deep_lists_that_end": ('42["message",' + "[" * 50_000 + "]" * 50_001,),
    "an_event_of_very_deep_objects": (f'42["message","{SECRET}",' + '{"a":' * 50_000,),
    "an_event_with_an_id_that_is_too_long": (f'4212345678901234567["message","{SECRET}"]',),
    "an_event_with_a_negative_id": (f'42-1["message","{SECRET}"]',),
    "an_event_with_a_number_of_attachments": (f'421-["message",{ONE}]', SECRET.encode()),
    "an_event_for_a_namespace_without_a_slash": (f'42custom,["{SECRET}"]',),
    # Acknowledgements and the rest.
    "an_acknowledgement_that_is_an_object": (f'431{{"{SECRET}":1}}',),
    "an_acknowledgement_that_is_a_text": (f'431"{SECRET}"',),
    "an_acknowledgement_cut_short": (f'431["{SECRET}"',),
    "a_disconnect_with_data": (f'41["{SECRET}"]',),
    # Namespaces.
    "an_event_for_a_namespace_not_joined": (f'42/custom,["message","{SECRET}"]',),
    "an_event_for_an_unknown_namespace": (f'42/{SECRET},["message"]',),
    "a_disconnect_from_an_unknown_namespace": (f"41/{SECRET},",),
    "an_acknowledgement_for_an_unknown_namespace": (f"43/{SECRET},1[]",),
    "an_event_for_a_very_long_namespace": ("42/" + SECRET * 10_000 + ',["message"]',),
    # Attachments.
    "binary_that_nobody_announced": (SECRET.encode(),),
    "empty_binary_that_nobody_announced": (b"",),
    "no_attachments": (f'450-["message","{SECRET}"]',),
    "no_attachments_in_an_acknowledgement": (f'460-1["{SECRET}"]',),
    "eleven_attachments": (f'4511-["message",{ONE},"{SECRET}"]',),
    "very_many_attachments": (f'45999999999-["message",{ONE},"{SECRET}"]',),
    "more_attachments_than_can_be_counted": ("45" + "9" * 5000 + f'-["message",{ONE},"{SECRET}"]',),
    "a_binary_event_without_a_number": (f'45["message",{ONE},"{SECRET}"]',),
    "a_binary_event_with_a_dash_alone": (f'45-["message",{ONE},"{SECRET}"]',),
    "a_binary_event_without_the_dash": (f'451["message",{ONE},"{SECRET}"]',),
    "a_negative_number_of_attachments": (f'45-1-["message",{ONE},"{SECRET}"]',),
    "a_fractional_number_of_attachments": (f'451.5-["message",{ONE},"{SECRET}"]',),
    "an_event_where_an_attachment_is_due": (f'451-["message",{ONE}]', f'42["message","{SECRET}"]'),
    "an_acknowledgement_where_an_attachment_is_due": (f'452-["message",{ONE}]', b"\1", f'431["{SECRET}"]'),
    "a_binary_event_where_an_attachment_is_due": (f'451-["message",{ONE}]', f'451-["message",{ONE}]'),
    "an_attachment_too_many": (f'451-["nothing",{ONE}]', b"\1", SECRET.encode()),
    "a_placeholder_beyond_the_attachments": placed("1"),
    "an_attachment_in_two_places": (f'451-["{SECRET}",{ONE},{ONE}]', b"\1"),
    "an_attachment_without_a_place": (f'452-["{SECRET}",{ONE}]', b"\1", b"\2"),
    "a_placeholder_below_zero": placed("-1"),
    "a_placeholder_that_is_true": placed("true"),
    "a_placeholder_that_is_false": placed("false"),
    "a_placeholder_that_is_null": placed("null"),
    "a_placeholder_with_a_fraction": placed("0.5"),
    "a_placeholder_in_quotes": placed('"0"'),
    "a_placeholder_from_a_prototype": placed('"__proto__"'),
    "a_placeholder_that_is_a_list": placed("[0]"),
    "a_placeholder_with_very_many_digits": placed("9" * 5000),
    "a_placeholder_without_a_number": (f'451-["{SECRET}",{{"_placeholder":true}}]', b"\1"),
    # Events that only a server may have.
    **{f"the_event_{name}": (f'42["{name}","{SECRET}"]',) for name in ("connect", "connect_error", "disconnect")},
    "the_event_disconnecting": (f'421["disconnecting","{SECRET}"]',),
    "the_event_newListener": (f'42["newListener","{SECRET}"]',),
    "the_event_removeListener": (f'451-["removeListener",{ONE}]', SECRET.encode()),
}

#: Only protocol 5 minds these.
HOSTILE_TO_5: dict[str, tuple[Any, ...]] = {
    "a_refusal": (f'44{{"message":"{SECRET}"}}',),
    "a_second_connect": ("40",),
    "a_connect_whose_payload_is_a_list": (f'40/custom,["{SECRET}"]',),
    "a_connect_whose_payload_is_a_text": (f'40/custom,"{SECRET}"',),
    "a_connect_whose_payload_is_cut_short": (f'40/custom,{{"{SECRET}"',),
}

#: What looks as bad, and is not: sent, and the answer if there is one.
HARMLESS: dict[str, tuple[Any, ...]] = {
    "a_name_that_is_a_number": ("42[1,2]", '42["error","unallowed_event_name","1 cannot be the name of an event"]'),
    "the_event_error": ('42["error",1]', '42["error","no_such_method","nothing here takes the event \'error\'"]'),
    "keys_that_come_twice": ('42["message",{"a":1,"a":2}]', '42["message-back",{"a":2}]'),
    "a_noop": ("6",),
    "an_acknowledgement_without_an_id": ("43[]",),
    "a_list_inside_many": (f'42["message",{DEEP}]', f'42["message-back",{DEEP}]'),
}


class HostileCase(TalkCase):
    """
    See what hostile packets cost.
    """

    revision: Any = Revision4()

    async def check(self, *packets: str | bytes) -> None:
        peer = self.serve()
        bystander = await self.connect(self.peer())
        talk = await self.connect(peer)
        await talk.send_in_vain(*packets)
        self.assertEqual([("left", "", "parse error")], self.journal_of_ends())
        await self.assert_cost(bystander)

    def journal_of_ends(self) -> list[tuple[Any, ...]]:
        return [entry for entry in self.journal if entry[0] in ("left", "closed")]

    async def assert_cost(self, bystander: Talk) -> None:
        """
        See what was logged, what is left, and that somebody else has not noticed.
        """
        # That the client was then told its session is unknown is another line.
        said = [line for line in self.said() if not line.startswith("refused a request")]
        self.assertEqual((said, 1), (self.lines(), len(said)))
        self.assert_unsaid(SECRET)
        self.assertEqual(1, len(self.engine.sessions))
        self.assertEqual(1, len(self.server.sockets))
        self.assertEqual([1, 0, 0], [len(mount.adapter.members) for mount in self.server.mounts.values()])
        await self.assert_alive(bystander)
        await self.assert_alive(await self.connect(self.peer()))

    async def check_harmless(self, sent: str, *expected: str) -> None:
        talk = await self.connect()
        await talk.send(sent)
        for packet in expected:
            self.assertEqual(packet, await talk.receive())
        await self.assert_alive(talk)


@rows(HOSTILE, "check")
@rows(HARMLESS, "check_harmless")
class Hostile(HostileCase):
    pass


class HostileOverPolling(Hostile):
    transport = "polling"


class HostileOfProtocol4(Hostile):
    revision = Revision3()


class HostileOfProtocol4OverPolling(Hostile):
    revision = Revision3()
    transport = "polling"


@rows(HOSTILE_TO_5, "check")
class HostileTo5(HostileCase):
    """
    What only protocol 5 minds, and limits.
    """

    async def test_what_closes_nothing_is_one_line_too(self) -> None:
        talk = await self.connect()
        for count, (sent, answer) in enumerate(
            [
                (f"40/{SECRET},", f'44/{SECRET},{{"message":"Invalid namespace"}}'),
                (f'42["{SECRET}"]', '42["error","no_such_method",'),
                (f'42["null","{SECRET}"]', '42["error","invalid_method_args",'),
                ("42[1]", '42["error","unallowed_event_name",'),
            ],
            1,
        ):
            await talk.send(sent)
            received = await talk.receive()
            assert isinstance(received, str)
            self.assertEqual(answer, received[: len(answer)])
            self.assertEqual(count, len(self.said()), self.said())
        self.assert_unsaid(SECRET)
        await self.assert_alive(talk)

    async def test_more_bytes_in_attachments_than_allowed(self) -> None:
        peer = self.serve(max_attachment_bytes=100)
        bystander = await self.connect(self.peer())
        talk = await self.connect(peer)
        head = '452-["nothing",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
        await talk.send(head, bytes(50), bytes(50))
        await self.assert_alive(talk)
        await talk.send_in_vain(head, bytes(50), bytes(51))
        await self.assert_cost(bystander)

    async def test_more_events_than_a_joining_namespace_keeps(self) -> None:
        talk = await self.connect(max_held_packets=10)
        await talk.send("40/patient,", *['42/patient,["message",1]'] * 11)
        answer = '44/patient,{"message":"more than 10 packets before the connection was accepted"}'
        self.assertEqual(answer, await talk.receive())
        await self.assert_alive(talk)
        await self.until_told("cancelled", "/patient")

    async def test_handlers_that_do_not_finish(self) -> None:
        """
        At the limit nothing more is read; a client that is not read for too long is let go.
        """
        peer = self.serve(max_unfinished_handlers=5, hold_timeout=0.2)
        bystander = await self.connect(self.peer())
        talk = await self.connect(peer)
        await talk.send(*['42["stuck"]'] * 5, '42["message",1]')
        self.assertEqual([], await talk.rest())
        self.assertEqual([("left", "", "forced close")], self.journal_of_ends())
        await self.until_told("cancelled", "")
        await self.assert_alive(bystander)

    async def test_acknowledgements_that_a_client_owes(self) -> None:
        talk = await self.connect(max_pending_acks=2)
        await talk.send(*['42["emit-with-ack"]'] * 3)
        asked = [f'42{number}["emit-with-ack"]' for number in (1, 2)]
        failed = '42["error","handler_error","an internal error occurred"]'
        self.assertEqual([*asked, failed], [await talk.receive() for _ in range(3)])
        await self.assert_alive(talk)
        self.assertEqual(1, len(self.flushLoggedErrors()))


class HostileTo5OverPolling(HostileTo5):
    transport = "polling"
