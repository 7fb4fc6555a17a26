"""
The table of states: each state by each input, and long random lives over both kinds of transport.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.engine.fakes import FakeListener, FakeStream, Kit
from txsocketio.engine.session import Session
from txsocketio.engine.states import TRANSITIONS, Input, State
from txsocketio.errors import PacketError

CLOSED_MARK = "closed"


def session_in(state):
    """
    Bring a polling session into a state by what really leads there.
    """
    kit = Kit(False)
    if state is State.OPENING:
        kit.session = Session(kit.engine, "sid", kit.generation, kit.transport, None)
        kit.session.start()
    elif state is State.UPGRADING:
        kit.websocket().get("2probe")
    elif state is not State.OPEN:
        kit.session.close("forced close")
        if state is State.CLOSED:
            kit.transport.lose()
    return kit


#: What a session is asked when an input comes.
CAUSES = {
    Input.OPENED: lambda kit: kit.session.opened(FakeListener()),
    Input.PROBED: lambda kit: kit.session.begin_upgrade(),
    Input.SWITCHED: lambda kit: kit.session.attach(FakeStream(kit.generation)),
    Input.PROBE_FAILED: lambda kit: kit.session.end_upgrade(),
    Input.ENDED: lambda kit: kit.session.close("forced close"),
    Input.GONE: lambda kit: kit.session.transport_closed(kit.transport, "transport close"),
}


class TransitionTests(SynchronousTestCase):
    """
    The table against what sessions do.
    """

    def test_every_state_by_every_input(self):
        self.assertEqual((set(TRANSITIONS), set(CAUSES)), (set(State), set(Input)))
        for state in State:
            for input, cause in CAUSES.items():
                kit = session_in(state)
                self.assertIs(kit.session.state, state)
                cause(kit)
                self.assertIs(kit.session.state, TRANSITIONS[state].get(input, state), (state, input))

    def test_every_state_can_end(self):
        for state, inputs in TRANSITIONS.items():
            self.assertEqual(inputs.get(Input.GONE), None if state is State.CLOSED else State.CLOSED)


class Life(RuleBasedStateMachine):
    """
    One session that everything happens to, in any order.
    """

    @initialize(streaming=st.booleans(), old=st.booleans())
    def open(self, streaming, old):
        generation = "eio3" if streaming and old else "eio4"
        self.failures = []
        globalLogPublisher.addObserver(self._logged)
        self.kit = Kit(streaming, generation, limit=3)
        self.session, self.listener = self.kit.session, self.kit.listener
        self.streams = [self.kit.transport] if streaming else []
        self.polls = None if streaming else self.kit.transport
        self.given, self.wanted = [], []
        self.reactions = []
        self.listener.react = self._react
        self.listener.react_closed = lambda reason: self._react(reason)

    def _logged(self, event):
        if "log_failure" in event:
            self.failures.append(event["log_failure"])

    def _react(self, message):
        if self.reactions:
            self.reactions.pop(0)()

    def _raise(self, error):
        raise error

    @rule(name=st.sampled_from(["close", "hold", "release", "both", "bad", "bug", "send", "lose"]))
    def react_next(self, name):
        session = self.session
        self.reactions.append(
            {
                "close": lambda: session.close("forced server close"),
                "hold": session.hold,
                "release": session.release,
                "both": lambda: (session.hold(), session.release()),
                "bad": lambda: self._raise(PacketError("bad")),
                "bug": lambda: self._raise(KeyError("bug")),
                "send": lambda: self._send(1),
                "lose": lambda: session.transport and session.transport.lose(),
            }[name]
        )

    @property
    def current(self):
        return self.session.transport

    @precondition(lambda self: self.current is not None and not self.current.held)
    @rule(count=st.integers(1, 4))
    def read(self, count):
        messages = [str(len(self.given) + number) for number in range(count)]
        if not self.session.closed:
            self.given.extend(messages)
        self.current.get(*["4" + message for message in messages])

    @precondition(lambda self: self.current is not None)
    @rule(packet=st.sampled_from(["1", "2", "3", "6", "junk", ""]))
    def read_other(self, packet):
        self.current.get(packet)

    def _send(self, count):
        for _ in range(count):
            if not self.session.closed:
                self.wanted.append(f"4{len(self.wanted)}")
            self.session.send(str(len(self.wanted) - 1))

    @rule(count=st.integers(1, 5))
    def send(self, count):
        self._send(count)

    @precondition(lambda self: self.current is not None and self.current.streaming)
    @rule(full=st.booleans())
    def fill_or_drain(self, full):
        self.current.fill() if full else self.current.drain()

    @precondition(lambda self: self.polls is self.current is not None and not self.polls.waiting)
    @rule()
    def poll(self):
        self.polls.poll()

    @rule(hold=st.booleans())
    def hold_or_release(self, hold):
        self.session.hold() if hold else self.session.release()

    @precondition(lambda self: not self.session.gone)
    @rule(packets=st.lists(st.sampled_from(["2probe", "5", "4x"]), max_size=3), good=st.booleans())
    def probe(self, packets, good):
        self.streams.append(self.kit.websocket())
        took_over = self.session.transport
        self.streams[-1].get(*(["2probe", "5"] if good else packets))
        if self.session.transport is not took_over and packets[2:] == ["4x"] and not good and not self.session.closed:
            self.given.append("x")

    @precondition(lambda self: self.streams)
    @rule(data=st.data())
    def lose_a_stream(self, data):
        data.draw(st.sampled_from(self.streams)).lose()

    @rule(seconds=st.sampled_from([0.1, 5.0, 11.0, 21.0, 31.0]))
    def wait(self, seconds):
        self.kit.clock.advance(seconds)

    @rule()
    def close(self):
        self.session.close("forced close")

    @invariant()
    def the_end_is_told_once(self):
        self.check_end()

    def check_end(self):
        if hasattr(self, "kit"):
            assert len(self.listener.ended) == int(self.session.closed)
            assert all(failure.check(KeyError, PacketError) for failure in self.failures), self.failures
            if self.session.gone:
                assert self.session.transport is None
                assert self.session.sid not in self.kit.engine.sessions

    @invariant()
    def messages_arrive_in_order_and_without_gaps(self):
        if hasattr(self, "kit"):
            told = [message for message in self.listener.told if not isinstance(message, tuple)]
            assert told == self.given[: len(told)], (told, self.given)
            if not self.session.closed and self.session._flow is None:
                assert told == self.given

    @invariant()
    def messages_leave_in_order_and_without_gaps(self):
        if hasattr(self, "kit"):
            left = [] if self.polls is None else [packet for packet in self.polls.got if packet[0] == "4"]
            left += [packet for stream in self.streams for packet in stream.sent if packet[0] == "4"]
            assert left == self.wanted[: len(left)], (left, self.wanted)
            if self.session.writable:
                assert left == self.wanted

    def teardown(self):
        if hasattr(self, "kit"):
            self.session.close("forced close")
            self.kit.clock.pump([31] * 3)
            globalLogPublisher.removeObserver(self._logged)
            self.check_end()
            assert self.kit.clock.getDelayedCalls() == []
            assert self.kit.engine.sessions == {} and self.kit.engine.probes == set()
            assert self.session.queued == 0


LIVES = settings(
    max_examples=100, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), print_blob=False
)


class LifeTests(SynchronousTestCase):
    """
    Many lives.
    """

    def test_any_life_keeps_order_and_leaves_nothing(self):
        try:
            run_state_machine_as_test(Life, settings=LIVES)
        finally:
            self.flushLoggedErrors()
