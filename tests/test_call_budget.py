"""
How many calls of Python functions a message may cost: one of each more is a percent or two of what a server can do.

Counted through the whole server, on connections of Twisted's own over real TCP, where everything is on that is by
default. What Twisted itself does around it is not counted.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.transports.tcp_kit import Peer, Reactor
from tests.transports.websocket_kit import frames, handshake, text
from txsocketio import BaseNamespace, RoomsMixin, SocketIOServer

RECIPIENTS = 10


class Room(RoomsMixin, BaseNamespace):
    def recv_connect(self) -> None:
        self.join("room")

    def on_take(self, data: Any) -> None:
        pass

    def on_echo(self, data: Any) -> Any:
        return data

    def on_send(self, data: Any) -> None:
        self.emit("sent", data)

    def on_tell(self, data: Any) -> None:
        self.server.emit("told", data, room="room")

    def on_raise(self, data: Any) -> None:
        raise ValueError(data)


class Budget(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        server = SocketIOServer({"/": Room}, reactor=self.reactor)
        root = Resource()
        root.putChild(b"socket.io", server.resource())
        self.site = Site(root, reactor=self.reactor)
        self.peers = [self.connect() for _ in range(RECIPIENTS)]

    def connect(self) -> Peer:
        peer = Peer(self.reactor, self.site.buildProtocol(None))
        self.addCleanup(peer.end)
        peer.say(handshake())
        peer.read_on()
        peer.say(text("40"))
        self.assertIn(b'40{"sid"', peer.read_on())
        return peer

    def calls(self, *events: str) -> list[str]:
        """
        Give what is called when a client's events are read, and until what follows has been sent.
        """
        data = b"".join(map(text, events))
        called: list[str] = []

        def profile(running: FrameType, event: str, argument: object) -> None:
            if event == "call" and running.f_globals["__name__"].startswith("txsocketio."):
                called.append(running.f_code.co_qualname)

        for counting in (False, True):
            sys.setprofile(profile if counting else None)
            try:
                self.peers[0].protocol.dataReceived(data)
                self.reactor.advance(0)
            finally:
                sys.setprofile(None)
            self.received = [[payload.decode() for _, payload in frames(peer.read_on())] for peer in self.peers]
        return called

    def assertBudget(self, most: int, called: list[str]) -> None:
        self.assertLessEqual(len(called), most, "\n".join(called))

    def test_a_read_costs_three(self) -> None:
        """
        The reader of bytes, the loop over frames, and sending what has come of it, even if that is nothing.
        """
        self.assertBudget(3 + 2, self.calls('42["take",1]'))

    def test_an_event_costs_two(self) -> None:
        """
        From a frame to its handler: the packet is read, and the handler found, checked and called.
        """
        one, many = self.calls('42["take",1]'), self.calls(*['42["take",1]'] * 11)
        self.assertBudget(10 * 2, many[len(one) :])

    def test_an_acknowledgement_costs_five(self) -> None:
        """
        From a handler's result to the socket: the namespace, the packet, the session, the frame, and joining it.
        """
        events, echoes = self.calls(*['42["take",1]'] * 10), self.calls(*['427["echo",1]'] * 10)
        self.assertEqual(self.received[0], ["437[1]"] * 10)
        self.assertBudget(10 * 5, echoes[len(events) :])

    def test_an_event_to_one_client_costs_eleven(self) -> None:
        """
        From emit() to the socket: its name is checked, a packet made, encoded, framed, joined.
        """
        events, sent = self.calls(*['42["take",1]'] * 10), self.calls(*['42["send",1]'] * 10)
        self.assertEqual(self.received[0], ['42["sent",1]'] * 10)
        self.assertBudget(10 * 11, sent[len(events) :])

    def test_a_delivery_of_a_broadcast_costs_four_and_a_second_one_in_the_turn_three(self) -> None:
        """
        For each recipient: the namespace, the session, joining, and the first time being put down for the turn's end.
        """
        one, two, three = (self.calls(*['42["tell",1]'] * count) for count in (1, 2, 3))
        self.assertEqual(self.received, [['42["told",1]'] * 3] * RECIPIENTS)
        fixed = len(two) - len(one)
        self.assertEqual(fixed, len(three) - len(two))
        deliveries = [name for name in three[len(two) :] if name in DELIVERY]
        self.assertBudget(3 * RECIPIENTS, deliveries)
        self.assertBudget(4 * RECIPIENTS, [name for name in one if name in DELIVERY])
        self.assertBudget(30, [name for name in one if name not in DELIVERY])

    def assertErrors(self, event: str, answer: str, most: int) -> None:
        """
        Assert what ten events may cost that are answered with the event ``error``, when the log has had its line.
        """
        self.calls(event)
        self.flushLoggedErrors(ValueError)
        none, errors = self.calls(*['42["take",1]'] * 10), self.calls(*[event] * 10)
        self.assertEqual(self.received[0], [answer] * 10)
        self.assertEqual(self.flushLoggedErrors(ValueError), [])
        # The ten of "take" are two calls each, as the first two of these are.
        self.assertBudget(10 * (most - 2), errors[len(none) :])

    def test_a_handler_that_raises_costs_thirteen(self) -> None:
        """
        The event, what it raised, twice the question whether to log, and what is sent, which is encoded already: no
        Failure and no line.
        """
        self.assertErrors('42["raise",1]', '42["error","handler_error","an internal error occurred"]', 13)

    def test_an_event_that_nothing_takes_costs_sixteen(self) -> None:
        """
        The same without an exception, and looking for the method in the instance and along its classes.
        """
        answer = """42["error","no_such_method","nothing here takes the event 'none'"]"""
        self.assertErrors('42["none",1]', answer, 16)

    def test_arguments_that_do_not_fit_cost_thirteen(self) -> None:
        """
        The same with the handler found at once.
        """
        answer = """42["error","invalid_method_args","the event 'take' does not take 2 arguments"]"""
        self.assertErrors('42["take",1,2]', answer, 13)


#: What is called once for each recipient.
DELIVERY = {"Sending._deliver_now", "StreamSender._send", "Output._join", "Joint.add"}
