"""
Requests to other servers end, whatever comes and whatever does not.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.errors import AdapterError, BroadcastTimeout, WireError
from txsocketio.redis.cluster.messages import (
    BroadcastAckMessage,
    ClientCount,
    Response,
    RoomsResponse,
    ServerSideAnswer,
)
from txsocketio.redis.cluster.requests import Acknowledgements, Gathering, PendingRequest, PendingRequests


class Asked:
    """
    Stand for clients that have been asked.
    """

    def __init__(self, asked: int) -> None:
        self.asked = asked
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


def values(response: Response) -> list[Any]:
    if not isinstance(response, ServerSideAnswer):
        raise WireError("an answer of another kind")
    return [response.value]


class RequestsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.requests = PendingRequests(2)

    def begin(self, request: PendingRequest[Any]) -> Deferred[Any]:
        return self.requests.begin(request, self.clock, 5)

    def ended(self) -> None:
        """
        Nothing is left behind.
        """
        self.assertEqual((len(self.requests), self.clock.getDelayedCalls()), (0, []))


class GatheringTests(RequestsCase):
    def setUp(self) -> None:
        super().setUp()
        self.request: Gathering[list[Any]] = Gathering(["here"], values, list)
        self.result = self.begin(self.request)

    def answer(self, value: Any) -> None:
        self.requests.take(ServerSideAnswer(self.request.id, value))

    def test_all_answers(self) -> None:
        self.request.expect(2)
        self.answer(1)
        self.assertNoResult(self.result)
        self.answer(2)
        self.assertEqual(self.successResultOf(self.result), ["here", 1, 2])
        self.answer(3)
        self.ended()

    def test_answers_may_be_faster_than_the_count(self) -> None:
        self.answer(1)
        self.assertNoResult(self.result)
        self.request.expect(1)
        self.assertEqual(self.successResultOf(self.result), ["here", 1])
        self.ended()

    def test_nobody_else_is_there(self) -> None:
        self.request.expect(0)
        self.assertEqual(self.successResultOf(self.result), ["here"])
        self.ended()

    def test_the_time_is_over(self) -> None:
        self.request.expect(3)
        self.answer(1)
        self.clock.advance(5)
        error = self.failureResultOf(self.result, AdapterError).value
        self.assertEqual(error.answers, ["here", 1])
        self.assertEqual(str(error), "1 of 3 other servers have answered within 5 seconds")
        self.ended()

    def test_the_number_of_servers_does_not_come(self) -> None:
        self.clock.advance(5)
        self.assertIn("how many", str(self.failureResultOf(self.result, AdapterError).value))
        self.ended()

    def test_the_link_is_lost(self) -> None:
        self.answer(1)
        self.requests.lose("it rains")
        error = self.failureResultOf(self.result, AdapterError).value
        self.assertEqual((str(error), error.answers), ("it rains", ["here", 1]))
        self.request.expect(1)
        self.request.lose("again")
        self.ended()

    def test_another_kind_of_answer_changes_nothing(self) -> None:
        self.request.expect(1)
        self.assertRaises(WireError, self.requests.take, RoomsResponse(self.request.id, ("r",)))
        self.assertNoResult(self.result)
        self.answer(1)
        self.assertEqual(self.successResultOf(self.result), ["here", 1])

    def test_it_is_given_up(self) -> None:
        self.result.addErrback(lambda _: None)
        self.result.cancel()
        self.answer(1)
        self.ended()

    def test_no_more_than_the_limit(self) -> None:
        self.requests.check_room_for_one()
        other = self.begin(Gathering((), values, list)).addErrback(lambda _: None)
        self.assertRaises(AdapterError, self.requests.check_room_for_one)
        other.cancel()
        self.requests.check_room_for_one()
        self.requests.end("over")
        self.failureResultOf(self.result, AdapterError)
        self.ended()


class AcknowledgementsTests(RequestsCase):
    def setUp(self) -> None:
        super().setUp()
        self.request = Acknowledgements()
        self.result = self.begin(self.request)

    def counted(self, count: int) -> None:
        self.requests.take(ClientCount(self.request.id, count))

    def acknowledged(self, value: Any) -> None:
        self.requests.take(BroadcastAckMessage(self.request.id, value))

    def test_all_have_acknowledged(self) -> None:
        asked = Asked(1)
        self.request.asked_here(asked)
        self.request.expect(2)
        self.counted(2)
        self.acknowledged("a")
        self.counted(0)
        self.request.answered_here("here")
        self.assertNoResult(self.result)
        self.acknowledged("b")
        self.assertEqual(self.successResultOf(self.result), ["a", "here", "b"])
        self.assertEqual(asked.cancelled, 1)
        self.ended()

    def test_clients_here_may_answer_while_they_are_asked(self) -> None:
        self.request.answered_here("early")
        self.request.expect(0)
        self.assertNoResult(self.result)
        self.request.asked_here(Asked(1))
        self.assertEqual(self.successResultOf(self.result), ["early"])

    def test_nobody_was_asked(self) -> None:
        self.request.expect(0)
        self.request.asked_here(Asked(0))
        self.assertEqual(self.successResultOf(self.result), [])

    def test_more_acknowledgements_than_clients_are_refused(self) -> None:
        self.request.asked_here(Asked(0))
        self.request.expect(2)
        self.assertRaises(WireError, self.acknowledged, "too early")
        self.counted(1)
        self.acknowledged("a")
        self.assertRaises(WireError, self.acknowledged, "too many")
        self.counted(0)
        self.assertEqual(self.successResultOf(self.result), ["a"])

    def test_clients_are_silent(self) -> None:
        self.request.asked_here(Asked(2))
        self.request.expect(1)
        self.counted(2)
        self.acknowledged("a")
        self.request.answered_here("here")
        self.clock.advance(5)
        error = self.failureResultOf(self.result, BroadcastTimeout).value
        self.assertEqual(error.answers, ["a", "here"])
        self.assertIn("2 of the clients", str(error))
        self.ended()

    def test_a_server_is_silent(self) -> None:
        self.request.asked_here(Asked(0))
        self.request.expect(2)
        self.counted(0)
        self.clock.advance(5)
        self.assertIn("1 of 2", str(self.failureResultOf(self.result, AdapterError).value))

    def test_clients_here_are_waited_for_when_the_link_is_lost(self) -> None:
        self.request.expect(1)
        self.request.asked_here(Asked(1))
        self.request.lose("it rains")
        self.request.lose("it pours")
        self.assertNoResult(self.result)
        self.request.answered_here("here")
        error = self.failureResultOf(self.result, AdapterError).value
        self.assertEqual((str(error), error.answers), ("it rains", ["here"]))
        self.ended()

    def test_the_link_is_lost_and_clients_here_are_silent(self) -> None:
        self.request.lose("it rains")
        self.request.asked_here(Asked(1))
        self.clock.advance(5)
        self.assertIn("it rains", str(self.failureResultOf(self.result, AdapterError).value))
        self.ended()

    def test_the_server_is_stopped(self) -> None:
        asked = Asked(1)
        self.request.asked_here(asked)
        self.requests.end("over")
        self.assertEqual(str(self.failureResultOf(self.result, AdapterError).value), "over")
        self.assertEqual(asked.cancelled, 1)
        self.ended()

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.lists(st.integers(), max_size=3), max_size=4), st.integers(0, 3), st.randoms())
    def test_whatever_the_order_is(self, servers: list[list[int]], here: int, order: Any) -> None:
        """
        Each server says how many clients it has before they answer; all else may come in any order.
        """
        clock, requests, request = Clock(), PendingRequests(1), Acknowledgements()
        result = requests.begin(request, clock, 5)
        queues: list[list[Any]] = [
            [ClientCount(request.id, len(answers)), *[BroadcastAckMessage(request.id, value) for value in answers]]
            for answers in servers
        ]
        queues.append([lambda: request.expect(len(servers))])
        queues.append([lambda: request.asked_here(Asked(here))])
        queues += [[lambda: request.answered_here("here")] for _ in range(here)]
        while queues:
            queue = order.choice(queues)
            self.assertNoResult(result)
            step = queue.pop(0)
            if callable(step):
                step()
            else:
                requests.take(step)
            queues = [queue for queue in queues if queue]
        wanted = [value for answers in servers for value in answers] + ["here"] * here
        self.assertEqual(sorted(map(str, self.successResultOf(result))), sorted(map(str, wanted)))
        self.assertEqual(clock.getDelayedCalls(), [])
